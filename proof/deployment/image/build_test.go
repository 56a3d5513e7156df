package image

import (
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// TestDockerfileBuilds does without Docker what `docker build` would: what
// .dockerignore lets through is copied, the Dockerfile's own build command is run
// there, and the program it makes is run as the image would be.
func TestDockerfileBuilds(t *testing.T) {
	t.Parallel()
	context := buildContext(t, deploytest.Entries(deploytest.Text(t, ".dockerignore")))
	wantContext(t, context)
	t.Run("modules alone", func(t *testing.T) {
		t.Parallel()
		modulesFirst(t, context)
	})
	program := dockerBuild(t, context)
	checkStatic(t, program)
	checkImage(t, program)
}

// TestBuildpackBuilds does without pack what Google's buildpack does to the
// upload: it writes a main into a folder of the module, tidies the module and
// builds that main
// (https://github.com/GoogleCloudPlatform/buildpacks, cmd/go/functions_framework).
// Tidying reads every package that is left in the module; that it works shows
// that nothing left out (proof, cmd, tests) is needed, and that client is there.
func TestBuildpackBuilds(t *testing.T) {
	t.Parallel()
	var patterns []string
	for _, pattern := range deploytest.Entries(deploytest.Text(t, ".gcloudignore")) {
		patterns = append(patterns, inDockersWords(pattern))
	}
	context := buildContext(t, patterns)
	wantContext(t, context)
	main := filepath.Join(context, "functions.local", "app")
	if err := os.MkdirAll(main, 0o700); err != nil {
		t.Fatal(err)
	}
	// cmd/function is the buildpack's main, word for word.
	if err := os.WriteFile(filepath.Join(main, "main.go"), []byte(deploytest.Text(t, "cmd/function/main.go")), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "function")
	inContext(t, context, "go mod tidy")
	inContext(t, context, "go build -o "+program+" ./functions.local/app")
	checkImage(t, program)
}

// wantContext: a build is sent the two modules that it links, and neither the
// proof nor what only this repository's checks need.
func wantContext(t *testing.T, context string) {
	t.Helper()
	for _, path := range []string{
		".git", "Makefile", "Dockerfile", "proof", "functions/flow_test.go", "cmd/local/main.go", "docs/architecture.md", "terraform/edge.tf",
	} {
		if _, err := os.Stat(filepath.Join(context, path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is sent to the build (%v)", path, err)
		}
	}
	for _, path := range []string{"go.mod", "go.sum", "functions.go", "client/go.mod", "client/go.sum", "client/api/api.go"} {
		if _, err := os.Stat(filepath.Join(context, path)); err != nil {
			t.Errorf("the build lacks %s: %v", path, err)
		}
	}
}

// buildContext is a copy of the repository without what these patterns, in the
// words of .dockerignore, leave out.
func buildContext(t *testing.T, patterns []string) string {
	t.Helper()
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	root, to := deploytest.Path(t, "."), t.TempDir()
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		if name == ".git" && entry.IsDir() {
			return filepath.SkipDir // only to save time: it is matched below
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil || ignored || !entry.Type().IsRegular() {
			return err
		}
		return copyFile(path, filepath.Join(to, name))
	})
	if err != nil {
		t.Fatal(err)
	}
	if ignored, err := matcher.MatchesOrParentMatches(".git"); err != nil || !ignored {
		t.Errorf(".git is not ignored: %v", err)
	}
	return to
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

// modulesFirst: the Dockerfile asks for modules before it has the code. What it
// has copied until then must be all that go needs to know which ones.
func modulesFirst(t *testing.T, context string) {
	t.Helper()
	copied := t.TempDir()
	for _, step := range parseDockerfile(deploytest.Text(t, "Dockerfile")) {
		if step.instruction == "RUN" {
			if step.arguments != "go mod download" {
				t.Fatalf("the first command is %q", step.arguments)
			}
			break
		}
		if step.instruction != "COPY" {
			continue
		}
		files := strings.Fields(step.arguments)
		folder := files[len(files)-1]
		for _, file := range files[:len(files)-1] {
			if err := copyFile(filepath.Join(context, file), filepath.Join(copied, folder, filepath.Base(file))); err != nil {
				t.Fatal(err)
			}
		}
	}
	inContext(t, copied, "go list -m all") // what download would fetch
}

// dockerBuild runs the Dockerfile's `go build` in a copy of its context.
func dockerBuild(t *testing.T, context string) string {
	t.Helper()
	var command string
	for _, run := range dockerfileArguments(parseDockerfile(deploytest.Text(t, "Dockerfile")), "RUN") {
		if strings.Contains(run, "go build") {
			command = run
		}
	}
	program := filepath.Join(t.TempDir(), "function")
	if !strings.Contains(command, " -o /function ") {
		t.Fatalf("no `go build -o /function` in the Dockerfile: %q", command)
	}
	inContext(t, context, strings.Replace(command, " -o /function ", " -o "+program+" ", 1))
	return program
}

func inContext(t *testing.T, folder, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// checkStatic: the image has no loader and no libraries.
func checkStatic(t *testing.T, program string) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Logf("not a Linux program, not looked at: %v", err)
		return
	}
	defer func() { _ = file.Close() }()
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) > 0 || file.Section(".interp") != nil {
		t.Errorf("the program is not static: %q, %v", libraries, err)
	}
}
