package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// workshop builds the module's tests, changed or as they are, and runs them.
type workshop struct {
	root, tmp string
	timeout   time.Duration
	// unmutated are the test binaries of packages as they are.
	unmutated map[string]string
}

// verdict is what became of a mutant.
type verdict string

const (
	caughtIt verdict = "caught"
	survived verdict = "SURVIVED"
	hung     verdict = "HUNG"
	// unfit: it does not apply or compile, or the test ended without a word on why.
	unfit verdict = "UNFIT"
)

// result is a verdict and its reasons.
type result struct {
	verdict verdict
	// by is the test that failed, as deep as its subtests tell.
	by     string
	output string
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// try makes a mutant and runs its test.
func (w *workshop) try(ctx context.Context, m mutant) result {
	binary, err := w.build(ctx, m.test.pkg, m.edits)
	if err != nil {
		return result{verdict: unfit, output: err.Error()}
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(binary)) }()
	output, err := w.run(ctx, binary, m.test)
	return judge(output, err)
}

// sound reports why a test proves nothing: it fails, or it does not run at all.
func (w *workshop) sound(ctx context.Context, t test) error {
	binary, ok := w.unmutated[t.pkg]
	if !ok {
		var err error
		if binary, err = w.build(ctx, t.pkg, nil); err != nil {
			return err
		}
		if w.unmutated == nil {
			w.unmutated = map[string]string{}
		}
		w.unmutated[t.pkg] = binary
	}
	output, err := w.run(ctx, binary, t)
	if err != nil {
		return fmt.Errorf("%s fails unmutated: %w\n%s", t.name, err, indented(output))
	}
	if !strings.Contains(output, "--- PASS: "+t.printed()+" (") {
		return fmt.Errorf("%s has no test %s that runs\n%s", t.pkg, t.name, indented(output))
	}
	return nil
}

// build compiles a package's test binary with the edits applied.
func (w *workshop) build(ctx context.Context, pkg string, edits []edit) (string, error) {
	dir, err := os.MkdirTemp(w.tmp, "build-*")
	if err != nil {
		return "", err
	}
	overlay, err := w.overlay(dir, edits)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "test")
	//nolint:gosec // the go command, on packages named in the table
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-ldflags=-w", "-overlay", overlay, "-o", binary, "./"+pkg)
	cmd.Dir = w.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return binary, nil
}

// overlay writes the changed files and tells go build where they are.
func (w *workshop) overlay(dir string, edits []edit) (string, error) {
	files, err := mutated(w.root, edits)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		changed := filepath.Join(dir, fmt.Sprint(len(replace), filepath.Ext(name)))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(w.root, name)] = changed
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}

// run runs one test, where a missing server is a failure and not a skip.
func (w *workshop) run(ctx context.Context, binary string, t test) (string, error) {
	// Beyond the test's own limit, for one that does not even end by that.
	ctx, cancel := context.WithTimeout(ctx, w.timeout+30*time.Second)
	defer cancel()
	args := append([]string{
		"-test.v", "-test.failfast", "-test.run=" + t.pattern(), "-test.timeout=" + w.timeout.String(),
	}, t.args...)
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // a binary made a moment ago
	cmd.Dir = filepath.Join(w.root, t.pkg)
	cmd.Env = append(os.Environ(), "CI=1")
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

const timedOut = "panic: test timed out after"

// judge tells from how a mutant's test ended what that proves.
func judge(output string, err error) result {
	r := result{by: failed(output), output: output}
	var exit *exec.ExitError
	switch {
	case err == nil:
		r.verdict = survived
	case strings.Contains(output, timedOut):
		r.verdict = hung
	case !errors.As(err, &exit) || r.by == "":
		r.verdict = unfit
	default:
		r.verdict = caughtIt
	}
	return r
}

var failLine = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+) \(`)

// failed is the first test that failed, and of its subtests the first.
func failed(output string) string {
	name := ""
	for _, found := range failLine.FindAllStringSubmatch(output, -1) {
		if name == "" || strings.HasPrefix(found[1], name+"/") {
			name = found[1]
		}
	}
	return name
}

// indented shows another program's output below a line of our own.
func indented(output string) string {
	const longest = 60
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	if left := len(lines) - longest; left > 0 {
		lines = append([]string{fmt.Sprintf("(%d more lines)", left)}, lines[left:]...)
	}
	return "    " + strings.Join(lines, "\n    ") + "\n"
}
