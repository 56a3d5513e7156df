package pipeline

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// TestScriptsAreClean: shellcheck finds nothing in any script.
func TestScriptsAreClean(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("shellcheck is not installed, and CI runs every test")
		}
		t.Skip("shellcheck is not installed: run scripts/install-test-tools.sh")
	}
	scripts := []string{deploytest.Path(t, ".ci/run"), deploytest.Path(t, "proof/model/check.sh")}
	for _, pattern := range []string{"scripts/*.sh", "scripts/release/*.sh"} {
		found, err := filepath.Glob(deploytest.Path(t, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		scripts = append(scripts, found...)
	}
	if out, err := exec.CommandContext(t.Context(), shellcheck, scripts...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
