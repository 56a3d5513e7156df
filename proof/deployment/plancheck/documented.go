package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// planRow is a row of the document's table of what a plan makes:
// | `google_kms_crypto_key` | 1 | … |.
var planRow = regexp.MustCompile("(?m)^\\| `(google_[a-z0-9_]+)` \\| ([0-9]+) \\|")

// documented: the document's table counts the plan's resources by type, and it
// explains every variable and output of the module.
func (p *plan) documented(path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // the file that was named on the command line
	if err != nil {
		return err
	}
	written := map[string]int{}
	for _, row := range planRow.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(row[2])
		if err != nil {
			return err
		}
		written[row[1]] += n
	}
	planned := map[string]int{}
	for _, r := range p.Resources {
		planned[r.Type]++
	}
	var errs []error
	for _, kind := range slices.Sorted(maps.Keys(joined(written, planned))) {
		if written[kind] != planned[kind] {
			errs = append(errs, fmt.Errorf("%s says %d of %s, the plan has %d", path, written[kind], kind, planned[kind]))
		}
	}
	module, ok := p.Config.Root.Calls["licenses"]
	if !ok {
		return errors.Join(append(errs, errors.New("the plan calls no module licenses"))...)
	}
	for what, names := range map[string]map[string]described{"variable": module.Module.Variables, "output": module.Module.Outputs} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if !strings.Contains(string(text), "| `"+name+"` |") {
				errs = append(errs, fmt.Errorf("%s has no row for the %s %s", path, what, name))
			}
			if names[name].Description == "" {
				errs = append(errs, fmt.Errorf("the %s %s has no description", what, name))
			}
		}
	}
	return errors.Join(errs...)
}

func joined(a, b map[string]int) map[string]int {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
