package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	document = "../../docs/operators.md"
	// some in an output stands for what differs from run to run.
	some = "…"
)

// TestTheDocumentShowsWhatRuns: each command of docs/operators.md is run in order, on a
// fresh local stack, and prints what stands there.
func TestTheDocumentShowsWhatRuns(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LICENSECTL_LOCAL", "true")
	t.Setenv("LICENSECTL_ENDPOINT", startLocal(t))
	t.Chdir(t.TempDir())
	writeFiles(t, string(text))
	done := 0
	for _, block := range blocks(string(text), "console") {
		for _, command := range strings.Split("\n"+block, "\n$ ")[1:] {
			line, want, _ := strings.Cut(command, "\n")
			out := printed(t, line)
			if done++; !pattern(want).Match(tidy(out)) {
				t.Errorf("%s\nprints\n%s\nwant\n%s", line, out, want)
			}
		}
	}
	if done < 15 {
		t.Errorf("only %d commands were run", done)
	}
}

// plain is a line of words and of quoted text, which no shell need read.
var plain = regexp.MustCompile(`^licensectl( (?:[\w@.,:/+=-]|'[^']*')+)+$`)

// printed is what a line of the document prints; its refusals are shown, too. A plain one
// runs in this process, which starts none.
func printed(t *testing.T, line string) string {
	t.Helper()
	if !plain.MatchString(line) {
		out, _ := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
		return string(out)
	}
	var out strings.Builder
	run(t.Context(), words(line)[1:], terminal{in: strings.NewReader(""), out: &out, err: &out})
	return out.String()
}

// words are those of a plain line, without the quotes.
func words(line string) []string {
	list := regexp.MustCompile(`(?:[^ ']|'[^']*')+`).FindAllString(line, -1)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "'", "")
	}
	return list
}

// blocks are the fenced blocks of a language.
func blocks(text, language string) (list []string) {
	for _, part := range strings.Split(text, "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		list = append(list, block)
	}
	return list
}

// writeFiles makes the files that the document shows: their first line has the name.
func writeFiles(t *testing.T, text string) {
	t.Helper()
	for _, block := range slices.Concat(blocks(text, "yaml"), blocks(text, "csv")) {
		first, _, _ := strings.Cut(block, "\n")
		if err := os.WriteFile(filepath.Base(strings.TrimPrefix(first, "# ")), []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tidy is an output without the blanks that end lines, which no reader sees.
func tidy(out string) []byte {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return []byte(strings.Join(lines, "\n"))
}

// pattern is an output as the document shows it. A line of nothing but [some] stands for
// several.
func pattern(want string) *regexp.Regexp {
	text := regexp.QuoteMeta(string(tidy(want)))
	text = regexp.MustCompile(`(?m)^ *`+some+`$`).ReplaceAllString(text, `(?s:.+?)`)
	return regexp.MustCompile(`^` + strings.ReplaceAll(text, some, `[^\n]+`) + `$`)
}
