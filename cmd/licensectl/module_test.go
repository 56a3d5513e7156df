package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTheCommandLinksNoService: it is a client of the API, and asks neither Firestore
// nor Redis nor KMS.
func TestTheCommandLinksNoService(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	slices.Sort(linked)
	want := []string{
		"charm.land/bubbles/v2",
		"charm.land/bubbletea/v2",
		"charm.land/lipgloss/v2",
		"github.com/alecthomas/kong",
		"github.com/charmbracelet/colorprofile",
		"github.com/charmbracelet/ultraviolet",
		"github.com/charmbracelet/x/ansi",
		"github.com/charmbracelet/x/term",
		"github.com/charmbracelet/x/termios",
		"github.com/charmbracelet/x/windows",
		"github.com/clipperhouse/displaywidth",
		"github.com/clipperhouse/uax29/v2",
		"github.com/coditect-ai/coditect-licenses/client",
		"github.com/coditect-ai/coditect-licenses/cmd/licensectl",
		"github.com/dustin/go-humanize",
		"github.com/go-analyze/bulk",
		"github.com/go-analyze/charts",
		"github.com/golang/freetype",
		"github.com/google/uuid",
		"github.com/lucasb-eyer/go-colorful",
		"github.com/mattn/go-runewidth",
		"github.com/muesli/cancelreader",
		"github.com/rivo/uniseg",
		"github.com/xo/terminfo",
		"go.yaml.in/yaml/v3",
		"golang.org/x/image",
		"golang.org/x/sync",
		"golang.org/x/sys",
		"golang.org/x/term",
	}
	if got := slices.Compact(linked); !slices.Equal(got, want) {
		t.Errorf("linked: %v, want %v", got, want)
	}
}
