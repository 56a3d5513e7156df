package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const root = "../.."

// rows are the seat protocol's own guards: each has to be broken by a mutant.
var rows = []string{
	"one-script", "living-only", "redis-time", "no-eviction-inside", "server-identity", "replication-id",
	"record-before-answer", "create-fenced", "forget-on-a-moved-epoch", "nonce", "tombstone", "one-document-per-grant",
	"ends-fenced", "own-session-first", "token-life", "only-if-still-ending", "release-by-session", "compensation",
}

func patches(t *testing.T) []mutant {
	t.Helper()
	all, err := read(os.DirFS("patches"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryGuardHasAMutant(t *testing.T) {
	have := map[string]bool{}
	for _, m := range patches(t) {
		guard, _, _ := strings.Cut(m.name, ".")
		have[guard] = true
	}
	for _, row := range rows {
		if !have[row] {
			t.Errorf("no mutant breaks %s", row)
		}
	}
}

// TestEveryPatchFits: code that has moved on takes its mutants with it.
func TestEveryPatchFits(t *testing.T) {
	w := workshop{root: root, tmp: t.TempDir()}
	for _, m := range patches(t) {
		if err := w.fits(t.Context(), m); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

const (
	goodHead = "Guard: two is two\nWithout it: it is not\nTest: pkg TestTwo/is two\nFile: a.go, b/c.lua\n\n"
	goodDiff = "diff --git a/a.go b/a.go\n--- a/a.go\n+++ b/a.go\n@@ -1 +1 @@\n-a\n+b\n" +
		"diff --git a/b/c.lua b/b/c.lua\n--- a/b/c.lua\n+++ b/b/c.lua\n@@ -1 +1 @@\n-c\n+d\n"
)

func TestAHeadIsRead(t *testing.T) {
	m, err := parse("two.plus-one.patch", goodHead+goodDiff)
	if err != nil {
		t.Fatal(err)
	}
	if m.name != "two.plus-one" || m.guard != "two is two" || m.without != "it is not" || m.diff != goodDiff {
		t.Errorf("%+v", m)
	}
	if m.test != (test{"pkg", "TestTwo/is two"}) || strings.Join(m.files, "|") != "a.go|b/c.lua" {
		t.Errorf("%+v", m)
	}
}

func TestAHeadIsStrict(t *testing.T) {
	for _, tt := range []struct{ name, old, replacement, want string }{
		{"no guard", "Guard: two is two\n", "", "does not begin"},
		{"an empty guard", "Guard: two is two", "Guard: ", "does not begin"},
		{"no consequence", "Without it: it is not\n", "", "does not begin"},
		{"an empty consequence", "it is not", " ", "does not begin"},
		{"no test", "Test: pkg TestTwo/is two\n", "", "does not begin"},
		{"a test without its package", "pkg TestTwo", "TestTwo", "does not begin"},
		{"no name of a test", "TestTwo/is two", "two", "does not begin"},
		{"no file", "File: a.go, b/c.lua\n", "", "does not begin"},
		{"another order", "Guard: two is two\nWithout it: it is not", "Without it: it is not\nGuard: two is two", "does not begin"},
		{"a fifth line", "\n\n", "\nWhy: because\n\n", "does not begin"},
		{"no empty line", "\n\n", "\n", "does not begin"},
		{"no diff", goodDiff, "", "does not begin"},
		{"one file too few", "File: a.go, b/c.lua", "File: a.go", "its diff changes"},
		{"one file too many", "File: a.go", "File: a.go, a2.go", "its diff changes"},
		{"another file", "File: a.go", "File: a2.go", "its diff changes"},
		{"a file renamed", "b/a.go", "b/a2.go", "renames"},
		{"a file elsewhere", "a.go", "../a.go", "not a path"},
		{"a package elsewhere", "Test: pkg", "Test: ../pkg", "not a path"},
	} {
		text := strings.ReplaceAll(goodHead+goodDiff, tt.old, tt.replacement)
		if _, err := parse("two.patch", text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestFilesAreNamedByTheirGuard(t *testing.T) {
	for _, name := range []string{"two", "two.diff", "Two.patch", "two three.patch", "two.three.four.patch", ".patch", "two..patch"} {
		if _, err := parse(name, goodHead+goodDiff); err == nil {
			t.Errorf("%q is a good name", name)
		}
	}
}

func TestMutantsOfAGuardTellTheSame(t *testing.T) {
	patch := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	folder := fstest.MapFS{
		"one.patch":   patch(goodHead + goodDiff),
		"two.a.patch": patch(strings.Replace(goodHead, "two is two", "one is one", 1) + goodDiff),
		"two.b.patch": patch(strings.Replace(goodHead, "two is two", "one is one", 1) + goodDiff),
	}
	if all, err := read(folder); len(all) != 3 || err != nil {
		t.Errorf("%+v, %v", all, err)
	}
	for file, text := range map[string]string{
		"two.c.patch": strings.Replace(goodHead, "it is not", "it is one", 1) + goodDiff,
		"two.d.patch": goodHead + goodDiff,
		"two.e.patch": "",
		"README.md":   goodHead + goodDiff,
	} {
		folder[file] = patch(text)
		if _, err := read(folder); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
		delete(folder, file)
	}
}
