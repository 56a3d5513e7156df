package deployment_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shippingRoot is the module's folder.
const shippingRoot = "../.."

// shippingText is a file of the module.
func shippingText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shippingRoot, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shippingScript is the absolute path of a file in scripts/release.
func shippingScript(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(shippingRoot, "scripts", "release", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// shippingCommand runs a file of scripts/release with a changed environment.
func shippingCommand(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shippingScript(t, name))
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// shippingProgram writes an executable.
func shippingProgram(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// shippingLines is a file's lines, none if there is no file.
func shippingLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// TestScriptsAreClean: shellcheck finds nothing in any script.
func TestScriptsAreClean(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("shellcheck is not installed, and CI runs every test")
		}
		t.Skip("shellcheck is not installed: run scripts/install-test-tools.sh")
	}
	scripts := []string{filepath.Join(shippingRoot, ".ci", "run")}
	for _, pattern := range []string{"scripts/*.sh", "scripts/release/*.sh"} {
		found, err := filepath.Glob(filepath.Join(shippingRoot, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		scripts = append(scripts, found...)
	}
	if out, err := exec.CommandContext(t.Context(), shellcheck, scripts...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
