package main

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// mutant is a patch that breaks a guard in one place.
type mutant struct {
	// name is the file's name: the guard, and what tells its mutants apart.
	name string
	// guard is the rule, without what goes wrong if it is not kept.
	guard, without string
	// test must fail.
	test test
	// files are what the diff changes, from the repository's root.
	files []string
	diff  string
}

// test is one test, or one of its subtests, of one package.
type test struct {
	// pkg is the package's folder, from the repository's root.
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

var (
	named = regexp.MustCompile(`^([a-z]+(?:-[a-z]+)*)(\.[a-z]+(?:-[a-z]+)*)?\.patch$`)
	form  = regexp.MustCompile(`\AGuard: (\S|\S.*\S)\nWithout it: (\S|\S.*\S)\nTest: (\S+) (Test\w*|Test\w*/.*\S)\n` +
		`File: (\S|\S.*\S)\n\n(diff --git (?s:.*))\z`)
	changed = regexp.MustCompile(`(?m)^diff --git a/(\S+) b/(\S+)$`)
)

// read reads all patches, and reports every one whose head is not right.
func read(patches fs.FS) ([]mutant, error) {
	entries, err := fs.ReadDir(patches, ".")
	if err != nil {
		return nil, err
	}
	var mutants []mutant
	var faults []error
	first := map[string]mutant{}
	for _, e := range entries {
		text, err := fs.ReadFile(patches, e.Name())
		if err != nil {
			return nil, err
		}
		m, err := parse(e.Name(), string(text))
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", e.Name(), err))
			continue
		}
		guard, _, _ := strings.Cut(m.name, ".")
		if f, ok := first[guard]; ok && (f.guard != m.guard || f.without != m.without) {
			faults = append(faults, fmt.Errorf("%s: it tells another guard than %s", e.Name(), f.name))
		} else if !ok {
			first[guard] = m
		}
		mutants = append(mutants, m)
	}
	return mutants, errors.Join(faults...)
}

// parse reads one patch.
func parse(file, text string) (mutant, error) {
	if !named.MatchString(file) {
		return mutant{}, errors.New("the name is not GUARD.patch or GUARD.VARIANT.patch, in small letters and hyphens")
	}
	f := form.FindStringSubmatch(text)
	if f == nil {
		return mutant{}, errors.New("it does not begin with the lines Guard, Without it, Test, File, an empty one, and a git diff")
	}
	m := mutant{
		name: strings.TrimSuffix(file, ".patch"), guard: f[1], without: f[2],
		test: test{pkg: f[3], name: f[4]}, files: strings.Split(f[5], ", "), diff: f[6],
	}
	var patched []string
	for _, names := range changed.FindAllStringSubmatch(m.diff, -1) {
		if names[1] != names[2] {
			return mutant{}, fmt.Errorf("it renames %s", names[1])
		}
		patched = append(patched, names[1])
	}
	if !slices.Equal(patched, m.files) {
		return mutant{}, fmt.Errorf("its head names %s, and its diff changes %s", f[5], strings.Join(patched, ", "))
	}
	for _, name := range append(patched, m.test.pkg) {
		if !fs.ValidPath(name) {
			return mutant{}, fmt.Errorf("%s is not a path from the repository's root", name)
		}
	}
	return m, nil
}
