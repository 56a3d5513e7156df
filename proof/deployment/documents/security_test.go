package documents

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
	"github.com/coditect-ai/coditect-licenses/shared/config"
)

const securityDocument = "docs/security.md"

// pageText is docs/security.md, taken apart.
type pageText struct {
	// prose is the text without its code blocks.
	prose string
	// quoted is what stands between backticks in it.
	quoted []string
}

func readPage(t *testing.T) pageText {
	t.Helper()
	text := deploytest.Text(t, securityDocument)
	page := pageText{prose: regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(page.prose, -1) {
		page.quoted = append(page.quoted, m[1])
	}
	if len(page.quoted) < 300 {
		t.Fatalf("only %d quoted words: is this the page?", len(page.quoted))
	}
	return page
}

// matching are the quoted words of a form; there must be at least so many, or the
// form is not what the page has.
func (p pageText) matching(t *testing.T, form string, least int) []string {
	t.Helper()
	re := regexp.MustCompile("^(?:" + form + ")$")
	found := map[string]bool{}
	for _, q := range p.quoted {
		if re.MatchString(q) {
			found[q] = true
		}
	}
	if len(found) < least {
		t.Errorf("only %d of form %s: %v", len(found), form, slices.Sorted(maps.Keys(found)))
	}
	return slices.Sorted(maps.Keys(found))
}

// section is what stands below a heading, up to the next of its level or above.
func (p pageText) section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(p.prose, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("no heading %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	for line := range strings.Lines(rest) {
		if mark, _, isHeading := strings.Cut(line, " "); isHeading && strings.Trim(mark, "#") == "" && mark != "" && len(mark) <= len(level) {
			rest, _, _ = strings.Cut(rest, "\n"+line)
		}
	}
	return rest
}

// tableRows are the rows of a section's tables, as cells.
func tableRows(section string) [][]string {
	var rows [][]string
	for line := range strings.Lines(section) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// TestSecurityNamesWhatIsThere: tests, files, variables, targets and fields that
// the page names exist.
func TestSecurityNamesWhatIsThere(t *testing.T) {
	page := readPage(t)
	tests := deploytest.Sources(t, true, "client", "cmd", "functions", "internal", "proof", "shared")
	for _, name := range page.matching(t, `(?:Test|Fuzz)\w+`, 70) {
		if !strings.Contains(tests, "\nfunc "+name+"(") {
			t.Errorf("there is no test %s", name)
		}
	}
	for _, name := range page.matching(t, `(?:functions|shared|internal|cmd|client|proof|docs|terraform)(?:/[\w.*-]+)*|Makefile|project\.toml|go\.sum|\.gitignore|\.gcloudignore`, 40) {
		if _, err := os.Stat(deploytest.Path(t, name)); err != nil {
			t.Error(err)
		}
	}
	sources := deploytest.Sources(t, false, "cmd", "functions", "shared")
	for _, name := range page.matching(t, `[A-Z]+(?:_[A-Z]+)+`, 15) {
		if !strings.Contains(sources, `"`+name+`"`) {
			t.Errorf("no code knows the variable %s", name)
		}
	}
	makefile := deploytest.Text(t, "Makefile")
	for _, target := range page.matching(t, `make \w+`, 2) {
		if !strings.Contains(makefile, "\n"+strings.TrimPrefix(target, "make ")+":") {
			t.Errorf("there is no %s", target)
		}
	}
}

// TestSecurityTellsEveryCode of the contract, with its status, and no others.
func TestSecurityTellsEveryCode(t *testing.T) {
	section := readPage(t).section(t, "### For programmers")
	told := map[string]bool{}
	for _, row := range tableRows(section) {
		m := regexp.MustCompile("^(\\d{3}) `(\\w+)`").FindStringSubmatch(row[0])
		if m == nil {
			continue
		}
		told[m[2]] = true
		if info := api.Code(m[2]).Info(); string(info.Code) != m[2] || strconv.Itoa(info.Status) != m[1] {
			t.Errorf("%s: the contract has no such code with this status", row[0])
		}
		if len(row) != 4 || slices.Contains(row, "") {
			t.Errorf("%s: not a full row", row[0])
		}
	}
	for _, code := range api.Codes() {
		if !told[string(code.Code)] {
			t.Errorf("nothing is said about %s", code.Code)
		}
	}
}

// TestSecurityQuotesTheLog: the texts to search for are the code's own.
func TestSecurityQuotesTheLog(t *testing.T) {
	page := readPage(t)
	sources := deploytest.Sources(t, false, "client", "functions", "shared")
	others := []string{ // servers' and libraries' own words, and ours with a part put in
		"redis unavailable:", "WRONGPASS", "NOAUTH", "OOM", "Script attempted to access a non local key", "i/o timeout", "connection refused", "PermissionDenied",
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	count := 0
	check := func(section string, column int) {
		for _, row := range tableRows(section)[1:] {
			if column >= len(row) {
				t.Errorf("a row without the column: %v", row)
				continue
			}
			for _, m := range quoted.FindAllStringSubmatch(row[column], -1) {
				count++
				if !slices.Contains(others, m[1]) && !strings.Contains(sources, m[1]) {
					t.Errorf("no code says %q", m[1])
				}
			}
		}
	}
	check(page.section(t, "### For operators"), 0)
	check(page.section(t, "## When an ID token is refused"), 2)
	if count < 40 {
		t.Errorf("only %d texts are quoted", count)
	}
	for _, text := range []string{
		"license token has expired", "license token is not valid yet", "license token is signed by a key that is not in the key set", "license token is invalid",
	} {
		if !strings.Contains(page.prose, "| `"+text+"` |") || !strings.Contains(sources, `"`+text+`"`) {
			t.Errorf("%q is not told, or not said", text)
		}
	}
}

// TestSecurityNamesEveryCall: the table of calls and permissions has the RPCs that
// the code makes, and no others. KMS's and Memorystore's requests are built in one
// place each; of Firestore's, the client library's methods tell.
func TestSecurityNamesEveryCall(t *testing.T) {
	section := readPage(t).section(t, "### What each function calls, and what that needs")
	told := map[string]bool{}
	for _, row := range tableRows(section) {
		for _, m := range regexp.MustCompile("`([A-Z][A-Za-z]+)`").FindAllStringSubmatch(row[0], -1) {
			told[m[1]] = true
		}
	}
	delete(told, "AUTH") // Redis's own command
	production := []string{
		"functions", "shared/boot", "shared/identity", "shared/ledger", "shared/redisconn", "shared/seats", "shared/record", "shared/token", "shared/web",
	}
	sources := deploytest.Sources(t, false, production...)
	made := map[string]bool{}
	for _, m := range regexp.MustCompile(`&(?:kmspb|memorystorepb)\.(\w+)Request\{`).FindAllStringSubmatch(sources, -1) {
		made[m[1]] = true
	}
	for method, rpcs := range map[string][]string{
		`f\.client\.RunTransaction\(`: {"BeginTransaction", "Commit", "Rollback"},
		`\.GetAll\(\[\]`:              {"BatchGetDocuments"},
		`query\.Documents\(ctx\)`:     {"RunQuery"},
		`\.NewAggregationQuery\(\)`:   {"RunAggregationQuery"},
	} {
		if regexp.MustCompile(method).MatchString(sources) {
			for _, rpc := range rpcs {
				made[rpc] = true
			}
		}
	}
	if !maps.Equal(told, made) {
		t.Errorf("told:  %v\nmade: %v", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(made)))
	}
	// The vendor's door, which has an account of its own, deletes licenses at one place,
	// and at the others what is below an organization that is purged, and that itself.
	record := deploytest.Sources(t, false, "shared/record")
	for _, known := range []string{
		"tx.Delete(a.ref)", "tx.Delete(ref)", "tx.Delete(t.ledger())", "tx.Delete(t.organization)", "tx.Delete(slug)",
	} {
		record = strings.Replace(record, known, "", 1)
	}
	if m := regexp.MustCompile(`(?:ref|tx|client|batch|writer)\w*\.(?:Delete|BulkWriter|Batch|Collections|Listen|Snapshots)\(`).FindString(record); m != "" {
		t.Errorf("the record calls %s, which the table does not have", m)
	}
}

// TestFunctionsWriteNoEntitlements: what an organization has bought is changed by
// the vendor, never by a request.
func TestFunctionsWriteNoEntitlements(t *testing.T) {
	for _, dir := range []string{"functions", "shared/seats", "shared/ledger", "shared/boot", "shared/web", "shared/identity", "shared/token"} {
		if m := regexp.MustCompile(`\.Put(?:Organization|License)\(`).FindString(deploytest.Sources(t, false, dir)); m != "" {
			t.Errorf("%s calls %s", dir, m)
		}
	}
}

// TestSecurityFigures: numbers that the page repeats.
func TestSecurityFigures(t *testing.T) {
	page := readPage(t)
	for _, want := range []string{
		fmt.Sprintf("%d KiB", api.MaxBody>>10),
		fmt.Sprintf("%d s of `Cache-Control` plus a minute", int(config.KeySetMaxAge.Seconds())-60),
		"400 days after the end", "five minutes from memory",
	} {
		if !strings.Contains(page.prose, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	sources := regexp.MustCompile(` +`).ReplaceAllString(deploytest.Sources(t, false, "client", "functions", "shared"), " ")
	for _, want := range []string{
		"RetainEnded = 400 * 24 * time.Hour", "trustFor = 5 * time.Minute", "maxStale = 24 * time.Hour",
		"maxConnectionAge = 45 * time.Minute", "StaleFor = 15 * time.Minute", "drainLimit = 8 * time.Second", "maxClockAhead = time.Minute",
		"max-age=300", "Failures = 5", "KeySetLife = time.Minute", "NotBeforeMargin = 60 * time.Second",
	} {
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(want) + `\b`).MatchString(sources) {
			t.Errorf("no code says %q any more: the page does", want)
		}
	}
}

// TestSecurityNamesEveryField of the documents in Firestore, in the table of data kept.
func TestSecurityNamesEveryField(t *testing.T) {
	section := readPage(t).section(t, "## Data kept")
	fields := regexp.MustCompile("`firestore:\"(\\w+)").FindAllStringSubmatch(deploytest.Text(t, "shared/record/docs.go"), -1)
	if len(fields) < 25 {
		t.Fatalf("only %d fields found", len(fields))
	}
	for _, f := range fields {
		inClient := slices.Contains([]string{"version", "hostname", "project"}, f[1]) // told as a whole
		if !inClient && !strings.Contains(section, "`"+f[1]+"`") {
			t.Errorf("nothing is said about the field %s", f[1])
		}
	}
}

// TestSecurityLinks lead to a file that is there, and to a heading in it.
func TestSecurityLinks(t *testing.T) {
	for _, name := range []string{securityDocument, "SECURITY.md"} {
		links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(deploytest.Text(t, name), -1)
		if len(links) == 0 {
			t.Errorf("%s has no links", name)
		}
		for _, m := range links {
			path, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			text := deploytest.Text(t, target)
			if anchor != "" && !slices.Contains(headingAnchors(text), anchor) {
				t.Errorf("%s: no heading for %s", name, m[1])
			}
		}
	}
}

// headingAnchors are a page's headings as GitHub makes anchors of them.
func headingAnchors(text string) []string {
	var anchors []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		anchors = append(anchors, strings.ReplaceAll(plain, " ", "-"))
	}
	return anchors
}

// TestEveryFaultIsHeld: each number under which a fault was reported has a row, whose last
// cell names what holds it; that the tests are there is another test's. Two became a design.
func TestEveryFaultIsHeld(t *testing.T) {
	page := readPage(t)
	held := map[int]bool{}
	for _, heading := range []string{"## What outsiders broke", "## Secure development"} {
		for _, row := range tableRows(page.section(t, heading)) {
			n, err := strconv.Atoi(row[0])
			if err != nil {
				continue
			}
			if !regexp.MustCompile("`Test\\w+|`terraform/(?:tests|policy)/\\w+|`make terraform`").MatchString(row[len(row)-1]) {
				t.Errorf("nothing holds %d: %v", n, row)
			}
			held[n] = true
		}
	}
	for n := 1; n <= 43; n++ {
		if designed := n == 21 || n == 22; held[n] == designed {
			t.Errorf("%d: has a row is %v", n, held[n])
		}
	}
}
