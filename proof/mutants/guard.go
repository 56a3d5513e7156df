package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// guard is one rule that keeps a promise of the seat protocol.
type guard struct {
	name string
	// keeps is the rule, without what goes wrong if it is not kept.
	keeps, without string
	mutants        []mutant
}

// title names one of the guard's mutants.
func (g guard) title(m mutant) string {
	if m.name == "" {
		return g.name
	}
	return g.name + "/" + m.name
}

// mutant breaks a guard in one place.
type mutant struct {
	// name tells a guard's mutants apart; empty where there is one.
	name  string
	edits []edit
	// test must fail.
	test test
}

// open says that the mutant changes scripts alone.
func (m mutant) open() bool {
	return !slices.ContainsFunc(m.edits, func(e edit) bool { return !strings.HasPrefix(e.file, scripts) })
}

// bench builds the mutant's test on the module as it is.
func (m mutant) bench() bench { return bench{m.test.pkg, m.open()} }

// edit replaces old, which occurs exactly once in file, by its replacement.
type edit struct{ file, old, replacement string }

// test is one test, or one of its subtests, of one package.
type test struct {
	// pkg is the package's folder.
	pkg string
	// name is what the test is called in its source, subtests after slashes.
	name string
}

// printed is the name as the testing package prints it.
func (t test) printed() string { return strings.ReplaceAll(t.name, " ", "_") }

// pattern matches this test alone.
func (t test) pattern() string {
	parts := strings.Split(t.printed(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// mutated are the changed files' new contents, by name.
func mutated(root string, edits []edit) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range edits {
		text, read := files[e.file]
		if !read {
			b, err := os.ReadFile(filepath.Join(root, e.file)) //nolint:gosec // a file of this module, named in the table
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("%s has this %d times, not once: %q", e.file, n, e.old)
		}
		files[e.file] = strings.Replace(text, e.old, e.replacement, 1)
	}
	return files, nil
}
