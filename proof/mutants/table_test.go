package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// rows are the seat protocol's own guards: each has to be broken by a mutant.
var rows = []string{
	"one-script", "living-only", "redis-time", "no-eviction-inside", "server-identity", "replication-id",
	"record-before-answer", "create-fenced", "forget-on-a-moved-epoch", "nonce", "tombstone", "one-document-per-grant",
	"ends-fenced", "own-session-first", "token-life", "only-if-still-expired", "release-by-session", "compensation",
}

func TestEveryGuardHasAMutant(t *testing.T) {
	have := map[string]bool{}
	for _, g := range protocol() {
		have[g.name] = len(g.mutants) > 0
	}
	for _, row := range rows {
		if !have[row] {
			t.Errorf("no mutant breaks %s", row)
		}
	}
	if len(have) != len(rows) {
		t.Errorf("%d guards of the protocol, want %d", len(have), len(rows))
	}
}

// TestEveryMutantApplies: code that has moved on takes its mutants with it.
func TestEveryMutantApplies(t *testing.T) {
	for _, g := range guards() {
		for _, m := range g.mutants {
			files, err := mutated(root, m.edits)
			if err != nil {
				t.Errorf("%s: %v", g.title(m), err)
			}
			for name, text := range files {
				if b, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(b) == text {
					t.Errorf("%s does not change %s (%v)", g.title(m), name, err)
				}
			}
		}
	}
	if _, err := mutated(root, reading()); err != nil {
		t.Error(err)
	}
}

func TestTheTableIsComplete(t *testing.T) {
	sources, titles := map[string]string{}, map[string]bool{}
	slug := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, g := range guards() {
		if !slug.MatchString(g.name) || g.keeps == "" || g.without == "" || len(g.mutants) == 0 {
			t.Errorf("%s: %+v", g.name, g)
		}
		for _, m := range g.mutants {
			if titles[g.title(m)] {
				t.Errorf("two mutants are called %s", g.title(m))
			}
			titles[g.title(m)] = true
			if len(m.edits) == 0 {
				t.Errorf("%s changes nothing", g.title(m))
			}
			function, _, _ := strings.Cut(m.test.name, "/")
			if !strings.Contains(tests(t, sources, m.test.pkg), "func "+function+"(t *testing.T)") {
				t.Errorf("%s: %s has no %s", g.title(m), m.test.pkg, function)
			}
		}
	}
}

// tests is the text of a package's tests.
func tests(t *testing.T, sources map[string]string, pkg string) string {
	t.Helper()
	if text, ok := sources[pkg]; ok {
		return text
	}
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	sources[pkg] = all.String()
	return sources[pkg]
}

func TestEditsFitExactlyOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("one two two"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		edits []edit
		want  string
	}{
		{[]edit{{"a.go", "one", "1"}}, "1 two two"},
		{[]edit{{"a.go", "one", "1"}, {"a.go", "1 two", "2"}}, "2 two"},
		{[]edit{{"a.go", "two", "2"}}, ""},
		{[]edit{{"a.go", "three", "3"}}, ""},
		{[]edit{{"b.go", "one", "1"}}, ""},
	} {
		files, err := mutated(dir, tt.edits)
		if files["a.go"] != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%v: %q, %v", tt.edits, files["a.go"], err)
		}
	}
}
