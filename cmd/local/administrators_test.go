package main

import (
	"os"
	"testing"
)

// TestAdministratorsPage pastes the shell lines of docs/administrators.md as they stand
// there, save for the port.
func TestAdministratorsPage(t *testing.T) {
	text, err := os.ReadFile(root + "docs/administrators.md")
	if err != nil {
		t.Fatal(err)
	}
	if checked := pasteBlocks(t, string(text), 3, "grep"); checked < 27 {
		t.Errorf("only %d lines say what they print", checked)
	}
}
