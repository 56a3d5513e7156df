package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const root = "../../"

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(root + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmeExample runs the README's example as it stands there, save for the
// port, which is free in a test: the vendor's command sells what a program then uses.
func TestReadmeExample(t *testing.T) {
	_, rest, ok := strings.Cut(readme(t), "## Try it")
	_, rest, ok2 := strings.Cut(rest, "```sh\n")
	example, _, ok3 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatal("the README has no example under Try it")
	}
	server := serveLocal(t)
	example = strings.ReplaceAll(example, "http://127.0.0.1:8080", server.base)
	bash := newShell(t, "go")
	bash.paste("cd " + root + " && export LICENSECTL_ENDPOINT=" + server.base)
	var printed []string
	for line := range strings.Lines(strings.ReplaceAll(example, "\\\n", " ")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			printed = append(printed, bash.paste(line))
		}
	}
	want := []string{"organization initech created", "license initech/pro created", "", `"seats_used":1,"seats_max":3`, " pro "}
	if len(printed) != len(want) {
		t.Fatalf("%d lines, want %d", len(printed), len(want))
	}
	for i := range want {
		if !strings.Contains(printed[i], want[i]) {
			t.Errorf("line %d prints %q, want %s", i+1, printed[i], want[i])
		}
	}
}

// TestReadmeNamesWhatIsThere: its commands, targets and files.
func TestReadmeNamesWhatIsThere(t *testing.T) {
	text := readme(t)
	for _, m := range regexp.MustCompile(`go run ./cmd/local((?: --?[a-z-]+(?: [0-9a-z]+)?)*)`).FindAllStringSubmatch(text, -1) {
		if _, err := parseFlags(strings.Fields(m[1]), noEnv); err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
	}
	makefile, err := os.ReadFile(root + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\bmake ([a-z]+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("%s: no such target", m[0])
		}
	}
	paths := regexp.MustCompile(`\x60((?:client|cmd|docs|functions|internal|proof|shared)[a-z/.]*)[\x60{]|\]\(([a-zA-Z/.]+)\)`)
	found := paths.FindAllStringSubmatch(text, -1)
	for _, m := range found {
		if _, err := os.Stat(root + m[1] + m[2]); err != nil {
			t.Error(err)
		}
	}
	if len(found) < 10 {
		t.Errorf("only %d files named: %v", len(found), found)
	}
}
