package main

import (
	"os"
	"strings"
	"testing"
)

// prints is how a line of docs/security.md says what it must print.
const prints = "  # prints "

// TestSecurityRunbook pastes the shell lines of docs/security.md as they stand
// there, save for the port: a genuine license token, a changed one that must not
// verify, and ID tokens that must be refused.
func TestSecurityRunbook(t *testing.T) {
	text, err := os.ReadFile(root + "docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir()) // for the files that the lines make
	if checked := pasteBlocks(t, string(text), 2, "openssl", "od", "grep"); checked < 14 {
		t.Errorf("only %d lines say what they print", checked)
	}
}

// pasteBlocks pastes the blocks of shell of a document, each into a shell and a server of
// its own, and counts the lines that say what they print. tools are what the lines need.
func pasteBlocks(t *testing.T, text string, want int, tools ...string) (checked int) {
	t.Helper()
	blocks := strings.Split(text, "```sh\n")[1:]
	if len(blocks) != want {
		t.Errorf("%d blocks of shell, want %d", len(blocks), want)
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		server := serveLocal(t)
		bash := newShell(t, tools...)
		block = strings.ReplaceAll(block, "http://127.0.0.1:8080", server.base)
		for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
			line, want, says := strings.Cut(strings.TrimSuffix(line, "\n"), prints)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			printed := bash.paste(line)
			if !says {
				if printed != "" {
					t.Errorf("%s\nprinted %q, and the document does not say so", line, printed)
				}
				continue
			}
			checked++
			if !strings.Contains(printed, want) {
				t.Errorf("%s\nprinted %q, want %q", line, printed, want)
			}
		}
	}
	return checked
}
