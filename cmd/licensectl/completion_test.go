package main

import (
	"strings"
	"testing"
)

// TestCompletions: what can stand where a line ends, a word on each line.
func TestCompletions(t *testing.T) {
	for line, want := range map[string]string{
		"licensectl lic": "license",
		"licensectl --endpoint http://127.0.0.1 license re": "renew resume",
		"licensectl license list acme --out":                "--output",
		"licensectl license list acme -o ":                  "table json yaml csv name",
		"licensectl license update acme/pro --dry-run --s":  "--seats",
		"licensectl completion z":                           "zsh",
		"licensectl apply -f ":                              "",
	} {
		t.Setenv(completionVariable, line)
		var out strings.Builder
		status := run(t.Context(), nil, terminal{out: &out, err: &out})
		if got := strings.Fields(out.String()); status != 0 || strings.Join(got, " ") != want {
			t.Errorf("%q: status %d, %q, want %s", line, status, got, want)
		}
	}
}
