package observability

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// playbookPages are the playbooks by name, the index aside.
func playbookPages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(deploytest.Path(t, "docs/playbooks/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".md")] = string(text)
	}
	if out["README"] == "" {
		t.Fatal("the playbooks have no index")
	}
	return out
}

// alertsHavePlaybooks, and playbooks alerts; each page has what somebody who was
// woken needs, and the index has each page.
func alertsHavePlaybooks(t *testing.T, module locals) {
	all := playbookPages(t)
	index := all["README"]
	delete(all, "README")
	linked := map[string]bool{}
	for key, alert := range module.object(t, "alerts") {
		page := textOf(alert, "page")
		linked[page] = true
		if all[page] == "" {
			t.Errorf("alert %s has no page docs/playbooks/%s.md", key, page)
		}
		if !strings.Contains(all[page], "`"+key+"`") {
			t.Errorf("docs/playbooks/%s.md does not name its alert %s", page, key)
		}
		if row := regexp.MustCompile("(?m)^.*`" + regexp.QuoteMeta(key) + "`.*$").FindString(index); !strings.Contains(row, "("+page+".md)") || !strings.Contains(row, textOf(alert, "urgency")) {
			t.Errorf("the index does not say that %s is a %s and has page %s.md", key, textOf(alert, "urgency"), page)
		}
	}
	// The page is a part of the notification, below what the alert says itself; Cloud
	// Monitoring takes 8,192 characters
	// (https://cloud.google.com/monitoring/alerts/doc-alerts).
	const longest = 8192 - 1500
	for page, text := range all {
		if n := utf8.RuneCountInString(text); n > longest {
			t.Errorf("docs/playbooks/%s.md has %d characters: an alert carries %d", page, n, longest)
		}
		if !linked[page] {
			t.Errorf("docs/playbooks/%s.md is no alert's", page)
		}
		for _, heading := range []string{"## What it means", "## How bad it is", "## Look", "## Do", "## Over when"} {
			if !strings.Contains(text, "\n"+heading+"\n") {
				t.Errorf("docs/playbooks/%s.md has no %q", page, heading)
			}
		}
	}
}

// playbooksNameRealFields: whatever a page tells to search for, a line has; values
// in capitals stand for somebody's own. Of others' lines, and of a process that
// ends before it serves, a whole day shows nothing.
func playbooksNameRealFields(t *testing.T, lines []entry) {
	elsewhere := map[string]string{
		`jsonPayload.statusDetails`:                       "the load balancer's",
		`jsonPayload.message="the function cannot start"`: "shared/boot",
	}
	if !strings.Contains(deploytest.Sources(t, false, "shared/boot"), `"the function cannot start"`) {
		t.Error("a process that cannot start says something else")
	}
	for page, text := range playbookPages(t) {
		for _, m := range regexp.MustCompile(`jsonPayload\.([A-Za-z_]+)(?:="([^"]+)")?`).FindAllStringSubmatch(text, -1) {
			if elsewhere[m[0]] == "" && !slices.ContainsFunc(lines, func(e entry) bool {
				v, ok := e.fields["jsonPayload."+m[1]]
				return ok && (v == m[2] || strings.ToUpper(m[2]) == m[2])
			}) {
				t.Errorf("docs/playbooks/%s.md searches %s, which no line has", page, m[0])
			}
		}
	}
}

// tablesAreWhole: the module's page lists every metric and every alert.
func tablesAreWhole(t *testing.T, module locals) {
	text := deploytest.Text(t, moduleFolder+"/README.md")
	for _, of := range []string{"metrics", "alerts", "exclusions"} {
		for key := range module.object(t, of) {
			if !strings.Contains(text, "`"+key+"`") {
				t.Errorf("README.md does not list %s of the %s", key, of)
			}
		}
	}
}
