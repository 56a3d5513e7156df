package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// urlMap is the load balancer's routes, with the tests that Google runs at every
// change of them.
type urlMap struct {
	Test []struct {
		Path string `json:"path"`
	} `json:"test"`
	Matchers []struct {
		Rules []struct {
			Priority int `json:"priority"`
			Matches  []struct {
				Template string `json:"path_template_match"`
			} `json:"match_rules"`
		} `json:"route_rules"`
	} `json:"path_matcher"`
}

// routes: every path that the functions declare has a test of its route, or goes
// by a rule that one has. A path without a rule of its own, which the default
// service gets, needs a test of its own: nothing else tells that it was forgotten.
func (p *plan) routes(functions ...web.Served) error {
	_, err := each(p, "google_compute_url_map", func(address string, m urlMap) error {
		var errs []error
		for _, path := range slices.Sorted(maps.Keys(web.OpenAPI(functions...).Paths)) {
			if !m.tested(path) {
				errs = append(errs, fmt.Errorf("%s: no test of a route for %s", address, path))
			}
		}
		return errors.Join(errs...)
	})
	return err
}

// templates are those of the rules, in the order in which they are tried.
func (m urlMap) templates() []string {
	byPriority := map[int][]string{}
	for _, matcher := range m.Matchers {
		for _, rule := range matcher.Rules {
			for _, match := range rule.Matches {
				byPriority[rule.Priority] = append(byPriority[rule.Priority], match.Template)
			}
		}
	}
	var all []string
	for _, priority := range slices.Sorted(maps.Keys(byPriority)) {
		all = append(all, byPriority[priority]...)
	}
	return all
}

// tested reports whether a test asks for a declared path, or goes by its rule.
func (m urlMap) tested(path string) bool {
	templates := m.templates()
	own := regexp.MustCompile("^" + escaped.ReplaceAllString(regexp.QuoteMeta(path), `[0-9a-f-]{36}`) + "$")
	rule := ruleOf(parameter.ReplaceAllString(path, "0199aaaa-0000-7000-8000-000000000000"), templates)
	for _, t := range m.Test {
		if own.MatchString(t.Path) || rule != "" && ruleOf(t.Path, templates) == rule {
			return true
		}
	}
	return false
}

var (
	parameter = regexp.MustCompile(`\{[a-z_]+\}`)
	escaped   = regexp.MustCompile(`\\\{[a-z_]+\\\}`)
)

// ruleOf is the first rule that takes a path; empty when the default service gets it.
func ruleOf(path string, templates []string) string {
	for _, template := range templates {
		if wildcards(template).MatchString(path) {
			return template
		}
	}
	return ""
}

// wildcards are the paths of a rule: * is a segment or a part of one, ** is
// whatever follows
// (https://cloud.google.com/load-balancing/docs/url-map-concepts#wildcards-regx-dynamic).
func wildcards(template string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(template)
	quoted = strings.ReplaceAll(quoted, `\*\*`, `.+`)
	return regexp.MustCompile("^" + strings.ReplaceAll(quoted, `\*`, `[^/]+`) + "$")
}
