package documents

import (
	"regexp"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
	"github.com/coditect-ai/coditect-licenses/shared/config"
)

// TestContainersPage: what the page gives a container is a configuration that
// each of the functions it runs starts with.
func TestContainersPage(t *testing.T) {
	t.Parallel()
	page, sources := deploytest.Text(t, "docs/containers.md"), deploytest.Sources(t, false, "shared/config")
	_, rest, _ := strings.Cut(page, "<<'EOF'\n")
	file, _, found := strings.Cut(rest, "EOF\n")
	if !found {
		t.Fatal("no environment file on the page")
	}
	for _, target := range deploytest.Targets() {
		if !regexp.MustCompile(`(?m)^docker run .*--env-file licenses\.env .*--env FUNCTION_TARGET=` + target + ` `).MatchString(page) {
			t.Errorf("the page does not run %s", target)
		}
		environment := map[string]string{"FUNCTION_TARGET": target}
		for _, line := range deploytest.Entries(file) {
			name, value, _ := strings.Cut(line, "=")
			environment[name] = value
			if !strings.Contains(sources, `"`+name+`"`) {
				t.Errorf("the program reads no %s", name)
			}
		}
		if _, err := config.Load(target, environment); err != nil {
			t.Error(err)
		}
	}
}
