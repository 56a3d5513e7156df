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
	blocks := strings.Split(string(text), "```sh\n")[1:]
	if len(blocks) != 2 {
		t.Errorf("%d blocks of shell, want the license token's and the ID token's", len(blocks))
	}
	t.Setenv("TMPDIR", t.TempDir()) // for the files that the lines make
	checked := 0
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		server := serveLocal(t)
		bash := newShell(t, "openssl", "od", "grep")
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
	if checked < 14 {
		t.Errorf("only %d lines say what they print", checked)
	}
}
