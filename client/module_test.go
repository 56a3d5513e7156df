// Package client_test holds the module to what its documents show and to what
// its users may resolve.
package client_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

const module = "github.com/coditect-ai/coditect-licenses/client"

// golang runs the go command in this module, and returns the words it printed.
func golang(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, &stderr)
	}
	return strings.Fields(string(out))
}

func set(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// TestUsersLinkGoJoseAlone beside the standard library.
func TestUsersLinkGoJoseAlone(t *testing.T) {
	got := set(golang(t, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./api", "./licensejwt", "./pace"))
	if want := []string{module, "github.com/go-jose/go-jose/v4"}; !slices.Equal(got, want) {
		t.Errorf("linked: %v, want %v", got, want)
	}
}

// TestUsersResolveGoJoseAlone: no cloud client enters a user's module graph, in
// which `go get` chooses versions.
func TestUsersResolveGoJoseAlone(t *testing.T) {
	var modules []string
	for _, word := range golang(t, "mod", "graph") {
		path, _, _ := strings.Cut(word, "@")
		if path != "go" && path != "toolchain" { // the language, not a module
			modules = append(modules, path)
		}
	}
	want := []string{module, "github.com/go-jose/go-jose/v4"}
	if got := set(modules); !slices.Equal(got, want) {
		t.Errorf("resolved: %v, want %v", got, want)
	}
}

// TestDocumentsShowWhatRuns: each Go snippet stands in an example, which the
// tests compile and run, to the letter.
func TestDocumentsShowWhatRuns(t *testing.T) {
	var examples strings.Builder
	for _, file := range []string{"example_test.go", "example_offline_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples.Write(text)
	}
	for document, want := range map[string]int{"README.md": 1, "../docs/clients.md": 2} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		snippets := strings.Split(string(text), "```go\n")[1:]
		if len(snippets) != want {
			t.Errorf("%s has %d snippets of Go, want %d", document, len(snippets), want)
		}
		for _, snippet := range snippets {
			snippet, _, _ = strings.Cut(snippet, "```")
			if !strings.Contains(examples.String(), snippet) {
				t.Errorf("%s shows what no example has:\n%s", document, snippet)
			}
		}
	}
}

// TestTheDocumentNamesTheDelegationsUsage as programs in other languages must have it.
func TestTheDocumentNamesTheDelegationsUsage(t *testing.T) {
	text, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "`" + licensejwt.DelegationUsage.String() + "`"; !strings.Contains(string(text), want) {
		t.Errorf("docs/clients.md does not name %s", want)
	}
}
