package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// workshop builds a repository's tests, changed or as they are, and runs them: one
// at a time, in a folder of its own.
type workshop struct {
	root, tmp string
	timeout   time.Duration
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

// try makes a mutant and runs its test.
func (w workshop) try(ctx context.Context, m mutant) result {
	binary := ""
	copies, err := w.apply(ctx, m)
	if err == nil {
		binary, err = w.build(ctx, m.test.pkg, copies)
	}
	if err != nil {
		return result{verdict: unfit, output: err.Error()}
	}
	output, err := w.run(ctx, binary, m.test)
	return judge(output, err)
}

// sound reports why tests of a package prove nothing: they fail on the tree as it
// is, or do not run at all.
func (w workshop) sound(ctx context.Context, pkg string, tests []test) error {
	binary, err := w.build(ctx, pkg, nil)
	if err != nil {
		return fmt.Errorf("%s unmutated: %w", pkg, err)
	}
	output, err := w.run(ctx, binary, tests...)
	if err != nil {
		return fmt.Errorf("%s fails unmutated: %w\n%s", pkg, err, indented(output))
	}
	for _, t := range tests {
		if !strings.Contains(output, "--- PASS: "+t.printed()+" (") {
			return fmt.Errorf("%s has no test %s that runs\n%s", pkg, t.name, indented(output))
		}
	}
	return nil
}

// fits reports why a mutant is not fit for the tree, as far as that is seen
// without a compiler.
func (w workshop) fits(ctx context.Context, m mutant) error {
	_, err := w.apply(ctx, m)
	return errors.Join(err, w.has(m.test))
}

// has reports that a test's package does not declare it.
func (w workshop) has(t test) error {
	function, _, _ := strings.Cut(t.name, "/")
	files, err := filepath.Glob(filepath.Join(w.root, t.pkg, "*_test.go"))
	for _, file := range files {
		text, failed := os.ReadFile(file) //nolint:gosec // a file of this repository, named in a patch
		if strings.Contains(string(text), "\nfunc "+function+"(t *testing.T)") {
			return nil
		}
		err = errors.Join(err, failed)
	}
	return errors.Join(err, fmt.Errorf("%s has no test %s", t.pkg, function))
}

// apply makes changed copies, and tells of each file where its copy is.
func (w workshop) apply(ctx context.Context, m mutant) (map[string]string, error) {
	dir, copies := filepath.Join(w.tmp, "tree"), map[string]string{}
	for _, name := range m.files {
		text, err := os.ReadFile(filepath.Join(w.root, name)) //nolint:gosec // a file of this repository, named in a patch
		if err != nil {
			return nil, err
		}
		changed := filepath.Join(dir, name)
		copies[filepath.Join(w.root, name)] = changed
		//nolint:gosec // into a folder of our own, under a name that does not leave it
		if err := errors.Join(os.MkdirAll(filepath.Dir(changed), 0o700), os.WriteFile(changed, text, 0o600)); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, "git", "apply", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(m.diff)
	// No repository above the folder, and no settings of the user, which may allow
	// a patch that fits roughly.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") }),
		"GIT_CEILING_DIRECTORIES="+w.tmp, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("it does not apply: %w\n%s", err, out)
	}
	for file, changed := range copies {
		before, err1 := os.ReadFile(file)   //nolint:gosec // as above
		after, err2 := os.ReadFile(changed) //nolint:gosec // as above
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if bytes.Equal(before, after) {
			return nil, fmt.Errorf("it does not change %s", file)
		}
	}
	return copies, nil
}

// build compiles a package's tests in the module it belongs to, with copies in the
// place of files.
func (w workshop) build(ctx context.Context, pkg string, copies map[string]string) (string, error) {
	module := w.module(pkg)
	replace, err := json.Marshal(map[string]any{"Replace": copies})
	if err != nil {
		return "", err
	}
	overlay, binary := filepath.Join(w.tmp, "overlay.json"), filepath.Join(w.tmp, "test")
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return "", err
	}
	//nolint:gosec // the go command, on a package named in a patch
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off",
		"-gcflags=-l", "-ldflags=-s -w", // quick to build, not to run
		"-overlay", overlay, "-o", binary, "./"+strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/"))
	cmd.Dir = filepath.Join(w.root, module)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return binary, nil
}

// module is the folder of the module that a package belongs to.
func (w workshop) module(pkg string) string {
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if _, err := os.Stat(filepath.Join(w.root, dir, "go.mod")); err == nil {
			return dir
		}
	}
	return "."
}

// run runs tests of one package, where a missing server is a failure and not a skip.
func (w workshop) run(ctx context.Context, binary string, tests ...test) (string, error) {
	limit := w.timeout * time.Duration(len(tests))
	// Beyond the tests' own limit, for one that does not even end by that.
	ctx, cancel := context.WithTimeout(ctx, limit+30*time.Second)
	defer cancel()
	patterns := make([]string, len(tests))
	for i, t := range tests {
		patterns[i] = t.pattern()
	}
	//nolint:gosec // a binary made a moment ago
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.failfast",
		"-test.run="+strings.Join(patterns, "|"), "-test.timeout="+limit.String())
	cmd.Dir = filepath.Join(w.root, tests[0].pkg)
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
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	if left := len(lines) - 60; left > 0 {
		lines = append([]string{fmt.Sprintf("(%d more lines)", left)}, lines[left:]...)
	}
	return "    " + strings.Join(lines, "\n    ") + "\n"
}
