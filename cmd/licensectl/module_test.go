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
		"github.com/alecthomas/kong",
		"github.com/coditect-ai/coditect-licenses/client",
		"github.com/coditect-ai/coditect-licenses/cmd/licensectl",
		"github.com/google/uuid",
		"go.yaml.in/yaml/v3",
		"golang.org/x/sys",
		"golang.org/x/term",
	}
	if got := slices.Compact(linked); !slices.Equal(got, want) {
		t.Errorf("linked: %v, want %v", got, want)
	}
}
