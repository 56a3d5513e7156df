package seats_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// all is the text of the files that the patterns match.
func all(t *testing.T, patterns ...string) string {
	t.Helper()
	var text strings.Builder
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
	}
	return text.String()
}

// quoted are the words of a form between backticks in README.md.
func quoted(t *testing.T, form string, least int) [][]string {
	t.Helper()
	found := regexp.MustCompile("`"+form+"`").FindAllStringSubmatch(all(t, "README.md"), -1)
	if len(found) < least {
		t.Fatalf("only %d of form %s in README.md", len(found), form)
	}
	return found
}

// TestReadmeNamesWhatIsThere: a guard whose test was renamed or lost would stand
// in the table with nothing to hold it.
func TestReadmeNamesWhatIsThere(t *testing.T) {
	tests := all(t, "*_test.go", "../ledger/*_test.go", "../token/*_test.go")
	suite := all(t, "../ledger/ledgertest/suite*.go")
	for _, m := range quoted(t, `(Test\w+)(?:/(\w+)/([^`+"`"+`]+))?`, 30) {
		if !strings.Contains(tests, "\nfunc "+m[1]+"(") {
			t.Errorf("there is no test %s", m[1])
		}
		if m[2] != "" && (!strings.Contains(suite, `"`+m[2]+`": `) || !strings.Contains(suite, "\t\""+m[3]+`":`)) {
			t.Errorf("the ledger's contract has no case %s/%s", m[2], m[3])
		}
	}
	protocol := all(t, "*.go")
	for _, m := range quoted(t, `Protocol\.(\w+)`, 10) {
		if !strings.Contains(protocol, "\nfunc (p *Protocol) "+m[1]+"(") {
			t.Errorf("the protocol has no %s", m[1])
		}
	}
	for _, m := range quoted(t, `(\w+\.lua)`, 10) {
		if _, err := os.Stat(filepath.Join("..", "ledger", m[1])); err != nil {
			t.Error(err)
		}
	}
}
