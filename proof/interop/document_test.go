package interop

import (
	"os"
	"strings"
	"testing"
)

// TestTheDocumentShowsWhatRuns: what docs/clients.md shows of Python and Node stands
// in the programs here, to the letter.
func TestTheDocumentShowsWhatRuns(t *testing.T) {
	document, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	for language, file := range map[string]string{"python": "python/verify.py", "js": "node/verify.js"} {
		program, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for _, snippet := range strings.Split(string(document), "```"+language+"\n")[1:] {
			snippet, _, _ = strings.Cut(snippet, "```")
			if !strings.Contains(snippet, "verified") { // what a page sends, which proof/browser plays
				continue
			}
			if shown++; !strings.Contains(string(program), snippet) {
				t.Errorf("the document shows what %s does not have:\n%s", file, snippet)
			}
		}
		if shown != 1 {
			t.Errorf("%d snippets of %s, want one", shown, language)
		}
	}
}
