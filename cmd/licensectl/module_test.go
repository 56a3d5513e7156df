package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTheCommandLinksNoService: it is a client of the API, and asks neither Firestore
// nor Redis nor KMS. What cloud.google.com/go/auth needs to find credentials and to make
// ID tokens of them is all that it has of Google's libraries.
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
		"cloud.google.com/go/auth",
		"cloud.google.com/go/compute/metadata",
		"github.com/alecthomas/kong",
		"github.com/cespare/xxhash/v2",
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
		"github.com/felixge/httpsnoop",
		"github.com/go-analyze/bulk",
		"github.com/go-analyze/charts",
		"github.com/go-logr/logr",
		"github.com/go-logr/stdr",
		"github.com/golang/freetype",
		"github.com/google/s2a-go",
		"github.com/google/uuid",
		"github.com/googleapis/enterprise-certificate-proxy",
		"github.com/googleapis/gax-go/v2",
		"github.com/lucasb-eyer/go-colorful",
		"github.com/mattn/go-runewidth",
		"github.com/muesli/cancelreader",
		"github.com/rivo/uniseg",
		"github.com/xo/terminfo",
		"go.opentelemetry.io/auto/sdk",
		"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
		"go.opentelemetry.io/otel",
		"go.opentelemetry.io/otel/log",
		"go.opentelemetry.io/otel/metric",
		"go.opentelemetry.io/otel/trace",
		"go.yaml.in/yaml/v3",
		"golang.org/x/crypto",
		"golang.org/x/image",
		"golang.org/x/net",
		"golang.org/x/sync",
		"golang.org/x/sys",
		"golang.org/x/term",
		"golang.org/x/text",
		"google.golang.org/api",
		"google.golang.org/genproto/googleapis/rpc",
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
	}
	if got := slices.Compact(linked); !slices.Equal(got, want) {
		t.Errorf("linked: %v, want %v", got, want)
	}
}
