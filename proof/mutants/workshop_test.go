package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// toy is a module whose every fate is known.
var toy = map[string]string{
	"go.mod":    "module toy\n\ngo 1.26\n",
	"pkg/p.go":  "package pkg\n\nfunc Two() int { return 2 }\n\nfunc Wait(c chan int) int { return 1 }\n",
	"pkg/q.lua": "",
	"pkg/p_test.go": `package pkg

import "testing"

func TestTwo(t *testing.T) {
	t.Run("is two", func(t *testing.T) {
		if n := Two(); n != 2 {
			t.Errorf("it is %d", n)
		}
	})
}

func TestWait(t *testing.T) { Wait(nil) }

func TestSound(*testing.T) {}

func TestBad(t *testing.T) { t.Error("always") }

func TestSkipped(t *testing.T) { t.Skip() }
`,
}

func newToy(t *testing.T) *workshop {
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
	return &workshop{root: dir, tmp: t.TempDir(), timeout: time.Minute}
}

func toyMutant(old, replacement, name string) mutant {
	return mutant{edits: []edit{{"pkg/p.go", old, replacement}}, test: test{pkg: "pkg", name: name}}
}

func TestVerdictsOfAToy(t *testing.T) {
	w := newToy(t)
	for _, tt := range []struct {
		name string
		m    mutant
		want verdict
		by   string
	}{
		{"noticed", toyMutant("return 2", "return 3", "TestTwo/is two"), caughtIt, "TestTwo/is_two"},
		{"not noticed", toyMutant("return 1", "return 0", "TestTwo/is two"), survived, ""},
		{"hangs", toyMutant("return 1", "return <-c", "TestWait"), hung, ""},
		{"does not compile", toyMutant("return 2", "return two", "TestTwo/is two"), unfit, ""},
		{"does not apply", toyMutant("return 4", "return 3", "TestTwo/is two"), unfit, ""},
		{"ends without a word", toyMutant("return 2 }", "panic(2) }\n\nfunc init() { panic(1) }", "TestTwo/is two"), unfit, ""},
	} {
		w.timeout = time.Minute
		if tt.want == hung {
			w.timeout = time.Second
		}
		if r := w.try(t.Context(), tt.m); r.verdict != tt.want || r.by != tt.by {
			t.Errorf("%s: %s by %q, want %s by %q\n%s", tt.name, r.verdict, r.by, tt.want, tt.by, r.output)
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
		err := w.sound(t.Context(), bench{pkg: "pkg"}, tests)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", names, err, want)
		}
	}
}

func TestTally(t *testing.T) {
	w := newToy(t)
	all := []guard{{name: "two", mutants: []mutant{
		toyMutant("return 2", "return 3", "TestTwo/is two"), toyMutant("return 1", "return 0", "TestTwo/is two"),
	}}}
	var out strings.Builder
	if err := (tally{out: &out, verbose: true}).all(t.Context(), w, all); err == nil {
		t.Error("a surviving mutant is no error")
	}
	if text := out.String(); !strings.Contains(text, "1 tests pass unmutated") || !strings.Contains(text, "caught 1 / 2") {
		t.Error(text)
	}
	all[0].mutants = all[0].mutants[:1]
	if err := (tally{out: &out}).all(t.Context(), w, all); err != nil {
		t.Error(err)
	}
	if err := (tally{out: &out}).all(t.Context(), w, nil); err == nil {
		t.Error("no mutant at all is no error")
	}
}

func TestChosen(t *testing.T) {
	for pick, want := range map[string]int{"": len(guards()), "^tombstone/twin$": 1, "^tombstone": 1, "no such": 0} {
		if got := chosen(guards(), regexp.MustCompile(pick)); len(got) != want {
			t.Errorf("%q: %d guards, want %d", pick, len(got), want)
		}
	}
	if got := chosen(guards(), regexp.MustCompile("^tombstone/twin$")); len(got[0].mutants) != 1 {
		t.Errorf("%d mutants", len(got[0].mutants))
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
