// Package deploytest is what the tests of the deployment have in common: the
// repository's files, and programs that stand in for gcloud, docker and curl.
package deploytest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Functions are the names of the services where there are events, without what they begin with.
func Functions() []string {
	return []string{"acquire", "heartbeat", "release", "reaper", "control", "admin", "deliver"}
}

// Targets are what FUNCTION_TARGET may be.
func Targets() []string {
	return []string{"Acquire", "Heartbeat", "Release", "Reaper", "Control", "Admin", "Deliver"}
}

// Path is the absolute path of a file of the repository, whose root is the
// folder above the test's with openapi.yaml in it.
func Path(t testing.TB, name string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "openapi.yaml")); err == nil {
			return filepath.Join(root, filepath.FromSlash(name))
		}
		above := filepath.Dir(root)
		if above == root {
			t.Fatal("the test does not run inside the repository")
		}
		root = above
	}
}

// Text is a file of the repository.
func Text(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Sources is the text of all Go files below folders of the repository, tests or
// the others.
func Sources(t testing.TB, tests bool, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(Path(t, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") != tests {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// ModuleSource is the text of the Go files of a folder of a module that go.mod
// names, which is downloaded if it is not there.
func ModuleSource(t testing.TB, module, folder string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	cmd.Dir = Path(t, "proof")
	out, err := cmd.Output()
	var downloaded struct{ Dir string }
	if err := errors.Join(err, json.Unmarshal(out, &downloaded)); err != nil {
		t.Fatalf("%s: %v\n%s", module, err, out)
	}
	files, err := filepath.Glob(filepath.Join(downloaded.Dir, filepath.FromSlash(folder), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no folder %s (%v)", module, folder, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// Program writes an executable.
func Program(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// Lines are a file's lines that are not empty; none if there is no file.
func Lines(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// Entries are a list's lines that are neither empty nor comments.
func Entries(text string) []string {
	var entries []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			entries = append(entries, line)
		}
	}
	return entries
}
