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
	// built are test binaries that serve more than one run, by package, and
	// whether they read their scripts at run time.
	built map[bench]string
}

// bench is one way to build a package's tests.
type bench struct {
	pkg string
	// open binaries read the ledger's scripts from a folder and not from
	// themselves, so that one serves all mutants that change nothing else.
	open bool
}

const (
	scripts = "shared/seats/scripts/"
	// scriptsVariable names the folder to an open binary.
	scriptsVariable = "MUTANT_SCRIPTS"
)

func reading() []edit {
	return []edit{
		pool("redis", `"math/rand/v2"`, "\"math/rand/v2\"\n\t\"os\""),
		pool("redis", `scriptFiles.ReadFile("scripts/" +`, `os.ReadFile(os.Getenv("`+scriptsVariable+`") + "/" +`),
	}
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
	dir, err := os.MkdirTemp(w.tmp, "mutant-*")
	if err != nil {
		return result{verdict: unfit, output: err.Error()}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	files, err := mutated(w.root, m.edits)
	if err != nil {
		return result{verdict: unfit, output: err.Error()}
	}
	binary := filepath.Join(dir, "test")
	if m.open() {
		binary, err = w.shared(ctx, m.bench())
	} else {
		err = w.build(ctx, m.test.pkg, files, binary)
	}
	if err == nil {
		err = w.script(dir, files)
	}
	if err != nil {
		return result{verdict: unfit, output: err.Error()}
	}
	output, err := w.run(ctx, binary, dir, m.test)
	return judge(output, err)
}

// sound reports why tests prove nothing: they fail on the module as it is, or do
// not run at all.
func (w *workshop) sound(ctx context.Context, b bench, tests []test) error {
	binary, err := w.shared(ctx, b)
	if err != nil {
		return err
	}
	dir := filepath.Dir(binary)
	if err := w.script(dir, nil); err != nil {
		return err
	}
	output, err := w.run(ctx, binary, dir, tests...)
	if err != nil {
		return fmt.Errorf("%s fails unmutated: %w\n%s", b.pkg, err, indented(output))
	}
	for _, t := range tests {
		if !strings.Contains(output, "--- PASS: "+t.printed()+" (") {
			return fmt.Errorf("%s has no test %s that runs\n%s", b.pkg, t.name, indented(output))
		}
	}
	return nil
}

// shared is a binary of the module as it is, built for the first who asks.
func (w *workshop) shared(ctx context.Context, b bench) (string, error) {
	if binary, ok := w.built[b]; ok {
		return binary, nil
	}
	dir, err := os.MkdirTemp(w.tmp, "shared-*")
	if err != nil {
		return "", err
	}
	var files map[string]string
	if b.open {
		if files, err = mutated(w.root, reading()); err != nil {
			return "", err
		}
	}
	binary := filepath.Join(dir, "test")
	if err := w.build(ctx, b.pkg, files, binary); err != nil {
		return "", err
	}
	if w.built == nil {
		w.built = map[bench]string{}
	}
	w.built[b] = binary
	return binary, nil
}

// script fills a folder with the ledger's scripts, some of them changed.
func (w *workshop) script(dir string, files map[string]string) error {
	all, err := filepath.Glob(filepath.Join(w.root, scripts, "*.lua"))
	if err != nil {
		return err
	}
	for _, path := range all {
		text, changed := files[scripts+filepath.Base(path)]
		if !changed {
			b, err := os.ReadFile(path) //nolint:gosec // one of the module's scripts
			if err != nil {
				return err
			}
			text = string(b)
		}
		//nolint:gosec // into a folder of our own
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// build compiles a package's tests with these files in the place of its own.
func (w *workshop) build(ctx context.Context, pkg string, files map[string]string, binary string) error {
	overlay, err := w.overlay(filepath.Dir(binary), files)
	if err != nil {
		return err
	}
	//nolint:gosec // the go command, on packages named in the table
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off",
		"-gcflags=-l", "-ldflags=-s -w", // quick to build, not to run
		"-overlay", overlay, "-o", binary, "./"+pkg)
	cmd.Dir = w.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return nil
}

// overlay writes the changed files and tells go build where they are.
func (w *workshop) overlay(dir string, files map[string]string) (string, error) {
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

// run runs tests of one package, where a missing server is a failure and not a skip.
func (w *workshop) run(ctx context.Context, binary, scripts string, tests ...test) (string, error) {
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
	cmd.Env = append(os.Environ(), "CI=1", scriptsVariable+"="+scripts)
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
