package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// toy is a repository of two modules whose every fate is known.
var toy = map[string]string{
	"go.mod":    "module toy\n\ngo 1.26\n",
	"pkg/p.go":  "package pkg\n\nimport _ \"embed\"\n\n//go:embed q.lua\nvar Script string\n\n" + functions,
	"pkg/q.lua": "one\ntwo\nthree\n",
	"pkg/p_test.go": `package pkg

import "testing"

func TestTwo(t *testing.T) {
	t.Run("is two", func(t *testing.T) {
		if n := Two(); n != 2 {
			t.Errorf("it is %d", n)
		}
	})
}

func TestScript(t *testing.T) {
	if Script != "one\ntwo\nthree\n" {
		t.Error(Script)
	}
}

func TestWait(t *testing.T) { Wait(nil) }

func TestSound(*testing.T) {}

func TestBad(t *testing.T) { t.Error("always") }

func TestSkipped(t *testing.T) { t.Skip() }
`,
	"inner/go.mod": "module toy/inner\n\ngo 1.26\n\nrequire toy v0.0.0\n\nreplace toy => ../\n",
	"inner/p_test.go": `package inner

import (
	"testing"

	"toy/pkg"
)

func TestTwo(t *testing.T) {
	if pkg.Two() != 2 || pkg.Script != "one\ntwo\nthree\n" {
		t.Error("changed")
	}
}
`,
}

// functions are the end of the toy's program, which its mutants change.
const functions = `func Two() int { return 2 }

func Wait(c chan int) int { return 1 }
`

func newToy(t *testing.T) workshop {
	t.Helper()
	dir := t.TempDir()
	for name, text := range toy {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return workshop{root: dir, tmp: t.TempDir(), timeout: time.Minute}
}

// toyMutant changes lines of the toy's functions.
func toyMutant(old, replacement string, must test) mutant {
	return toyPatch("pkg/p.go", 8, functions, strings.ReplaceAll(functions, old, replacement), must)
}

// toyPatch says that a file has some lines from line at on, and has others instead.
func toyPatch(file string, at int, before, after string, must test) mutant {
	signed := func(sign, lines string) string {
		return sign + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+sign) + "\n"
	}
	return mutant{
		name: "two", guard: "two is two", without: "it is not", test: must, files: []string{file},
		diff: fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n@@ -%[2]d,%[3]d +%[2]d,%[4]d @@\n", file, at,
			strings.Count(before, "\n"), strings.Count(after, "\n")) + signed("-", before) + signed("+", after),
	}
}

func TestVerdictsOfAToy(t *testing.T) {
	w := newToy(t)
	isTwo, script, inner := test{"pkg", "TestTwo/is two"}, test{"pkg", "TestScript"}, test{"inner", "TestTwo"}
	for _, tt := range []struct {
		name string
		m    mutant
		want verdict
		by   string
	}{
		{"noticed", toyMutant("return 2", "return 3", isTwo), caughtIt, "TestTwo/is_two"},
		{"not noticed", toyMutant("return 1", "return 0", isTwo), survived, ""},
		{"an embedded file", toyPatch("pkg/q.lua", 1, "one\ntwo\nthree\n", "one\n", script), caughtIt, "TestScript"},
		{"from another module", toyMutant("return 2", "return 3", inner), caughtIt, "TestTwo"},
		{"embedded in another module", toyPatch("pkg/q.lua", 1, "one\ntwo\nthree\n", "one\n", inner), caughtIt, "TestTwo"},
		{"hangs", toyMutant("return 1", "return <-c", test{"pkg", "TestWait"}), hung, ""},
		{"does not compile", toyMutant("return 2", "return two", isTwo), unfit, ""},
		{"does not apply", toyPatch("pkg/p.go", 8, "func Four() int { return 4 }\n", "", isTwo), unfit, ""},
		{"ends without a word", toyMutant("return 2 }", "panic(2) }\n\nfunc init() { panic(1) }", isTwo), unfit, ""},
	} {
		w.timeout = time.Minute
		if tt.want == hung {
			w.timeout = time.Second
		}
		if r := w.try(t.Context(), tt.m); r.verdict != tt.want || r.by != tt.by {
			t.Errorf("%s: %s by %q, want %s by %q\n%s", tt.name, r.verdict, r.by, tt.want, tt.by, r.output)
		}
	}
	for name, text := range toy {
		if b, err := os.ReadFile(filepath.Join(w.root, name)); err != nil || string(b) != text {
			t.Errorf("%s was touched: %v", name, err)
		}
	}
}

// TestWhatFits: lines may have moved, but not changed.
func TestWhatFits(t *testing.T) {
	w := newToy(t)
	must := test{"pkg", "TestTwo/is two"}
	good := toyMutant("return 2", "return 3", must)
	gone := toyMutant("return 2", "return 3", test{"pkg", "TestThree"})
	near := good
	near.diff = strings.Replace(near.diff, "@@ -8,", "@@ -3,", 1)
	fuzzy := good
	fuzzy.diff = strings.Replace(fuzzy.diff, "-func Wait(c chan int)", "-func Wait(d chan int)", 1)
	spaced := good
	spaced.diff = strings.Replace(spaced.diff, "-func Wait(c chan int)", "-func Wait(c  chan int)", 1)
	same := good
	same.diff = "diff --git a/pkg/p.go b/pkg/p.go\nold mode 100644\nnew mode 100755\n"
	missing := good
	missing.files = []string{"pkg/none.go"}
	missing.diff = strings.ReplaceAll(missing.diff, "p.go", "none.go")
	for _, tt := range []struct {
		name string
		m    mutant
		want string
	}{
		{"as it is", good, ""},
		{"moved", near, ""},
		{"another line", fuzzy, "does not apply"},
		{"another space", spaced, "does not apply"},
		{"no change", same, "does not change"},
		{"no file", missing, "none.go"},
		{"no test", gone, "no test TestThree"},
		{"no package", toyMutant("return 2", "return 3", test{"none", "TestTwo"}), "none has no test"},
	} {
		err := w.fits(t.Context(), tt.m)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestATestMustPassUnmutated, and run.
func TestATestMustPassUnmutated(t *testing.T) {
	w := newToy(t)
	for names, want := range map[string]string{
		"TestTwo/is two": "", "TestTwo/is two,TestSound": "", "TestTwo/is two,TestBad": "fails unmutated",
		"TestTwo/is three": "no test TestTwo/is three", "TestSkipped": "no test", "TestSound,TestNone": "no test TestNone",
	} {
		var tests []test
		for name := range strings.SplitSeq(names, ",") {
			tests = append(tests, test{pkg: "pkg", name: name})
		}
		err := w.sound(t.Context(), "pkg", tests)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", names, err, want)
		}
	}
}

func TestTally(t *testing.T) {
	w := newToy(t)
	must := test{"pkg", "TestTwo/is two"}
	all := []mutant{toyMutant("return 2", "return 3", must), toyMutant("return 1", "return 0", must)}
	var out strings.Builder
	if err := (tally{w, &out, true}).all(t.Context(), all); err == nil {
		t.Error("a surviving mutant is no error")
	}
	if text := out.String(); !strings.Contains(text, "1 tests pass unmutated") || !strings.Contains(text, "caught 1 / 2") {
		t.Error(text)
	}
	if err := (tally{w, &out, false}).all(t.Context(), all[:1]); err != nil {
		t.Error(err)
	}
	if err := (tally{w, &out, false}).all(t.Context(), nil); err == nil {
		t.Error("no mutant at all is no error")
	}
}

func TestCheck(t *testing.T) {
	w := newToy(t)
	must := test{"pkg", "TestTwo/is two"}
	all := []mutant{toyMutant("return 1", "return 0", must), toyPatch("pkg/p.go", 8, "not there\n", "\n", must)}
	var out strings.Builder
	if err := (tally{w, &out, false}).check(t.Context(), all); err == nil {
		t.Error("a patch that does not apply is no error")
	}
	if text := out.String(); !strings.Contains(text, "UNFIT") || !strings.Contains(text, "1 / 2 patches fit") {
		t.Error(text)
	}
	if err := (tally{w, &out, false}).check(t.Context(), all[:1]); err != nil {
		t.Error(err)
	}
}

// TestTheProgram finds the repository, and of its patches those that are asked for.
func TestTheProgram(t *testing.T) {
	for pick, want := range map[string]string{`^tombstone\.twin$`: "1 / 1 patches fit", "^no such$": "0 / 0"} {
		var out strings.Builder
		err := program(t.Context(), []string{"-check", "-run", pick}, &out)
		if text := out.String(); !strings.Contains(text, want) || (err == nil) != strings.HasPrefix(want, "1") {
			t.Errorf("%s: %s (%v)", pick, text, err)
		}
	}
}

func TestFailed(t *testing.T) {
	for output, want := range map[string]string{
		"PASS\n": "",
		"--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/b (0.1s)\n        --- FAIL: TestA/b/c_d (0.1s)\n    --- FAIL: TestA/e (0s)\n--- FAIL: TestB (0s)\n": "TestA/b/c_d",
		"panic: boom\n": "",
	} {
		if got := failed(output); got != want {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}
