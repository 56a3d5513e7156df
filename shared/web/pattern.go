package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// pattern is a path in which a segment may hold a parameter: {name}, alone or
// between literal text. It is compared with the path as sent: percent-encoded
// spellings of it are other paths.
type pattern struct {
	template string
	segments []segment
}

// segment is what stands between two slashes. Without a parameter its prefix is
// all of it.
type segment struct {
	prefix, suffix string
	param          *Param
	valid          func(string) bool
}

// newPattern panics on a template whose parameters are not those of params.
func newPattern(template string, params []Param) pattern {
	p := pattern{template: template}
	for text := range strings.SplitSeq(template, "/") {
		p.segments = append(p.segments, newSegment(template, text, params))
	}
	return p
}

func newSegment(template, text string, params []Param) segment {
	prefix, rest, found := strings.Cut(text, "{")
	if !found {
		return segment{prefix: text}
	}
	name, suffix, closed := strings.Cut(rest, "}")
	i := slices.IndexFunc(params, func(p Param) bool { return p.Name == name })
	if !closed || i < 0 || strings.Contains(suffix, "{") {
		panic(fmt.Sprintf("web: %s: declare one parameter for each {name}, and write one at most in a segment", template))
	}
	return segment{prefix: prefix, suffix: suffix, param: &params[i], valid: params[i].form()}
}

// names are the pattern's parameters.
func (p pattern) names() []string {
	var names []string
	for _, s := range p.segments {
		if s.param != nil {
			names = append(names, s.param.Name)
		}
	}
	return names
}

// fits reports whether path has the pattern's form. It does not judge the values.
func (p pattern) fits(path string) bool {
	if len(p.segments) != strings.Count(path, "/")+1 {
		return false
	}
	for _, s := range p.segments {
		var part string
		part, path, _ = strings.Cut(path, "/")
		if _, ok := s.match(part); !ok {
			return false
		}
	}
	return true
}

// values are what a path that fits has in each segment; a segment without a
// parameter has none.
func (p pattern) values(path string) []string {
	values := make([]string, len(p.segments))
	for i, s := range p.segments {
		var part string
		part, path, _ = strings.Cut(path, "/")
		values[i], _ = s.match(part)
	}
	return values
}

func (s segment) match(part string) (value string, ok bool) {
	if s.param == nil {
		return "", part == s.prefix
	}
	part, begins := strings.CutPrefix(part, s.prefix)
	value, ends := strings.CutSuffix(part, s.suffix)
	return value, begins && ends && value != ""
}

// missing is the first parameter whose value cannot exist; nil is none.
func (p pattern) missing(values []string) *Param {
	for i, s := range p.segments {
		if s.param != nil && !s.valid(values[i]) {
			return s.param
		}
	}
	return nil
}

// public is the path for the log: without what names a person.
func (p pattern) public(values []string) string {
	parts := make([]string, len(p.segments))
	for i, s := range p.segments {
		switch {
		case s.param == nil:
			parts[i] = s.prefix
		case s.param.Personal:
			parts[i] = s.prefix + "{" + s.param.Name + "}" + s.suffix
		default:
			parts[i] = s.prefix + values[i] + s.suffix
		}
	}
	return strings.Join(parts, "/")
}

// params are the values by name. A UUID is the same in any case; handlers get
// it in lower case.
func (p pattern) params(values []string) map[string]string {
	var params map[string]string
	for i, s := range p.segments {
		if s.param == nil {
			continue
		}
		if params == nil {
			params = map[string]string{}
		}
		value := values[i]
		if s.param.Format == formatUUID {
			value = strings.ToLower(value)
		}
		params[s.param.Name] = value
	}
	return params
}

// shape is the template without the parameters' names: two of one shape fit the
// same paths.
func (p pattern) shape() string {
	shape := p.template
	for _, name := range p.names() {
		shape = strings.Replace(shape, "{"+name+"}", "{}", 1)
	}
	return shape
}

// compare orders patterns from the special to the general, segment by segment,
// so that of those that fit a path the first is the one it means: a literal
// segment before one with a parameter, and more literal text before less. Patterns of
// different lengths fit no path in common; sorted apart, they leave the order total.
func (p pattern) compare(other pattern) int {
	if c := cmp.Compare(len(p.segments), len(other.segments)); c != 0 {
		return c
	}
	for i := range p.segments {
		a, b := p.segments[i], other.segments[i]
		if c := cmp.Or(
			cmp.Compare(a.generality(), b.generality()), cmp.Compare(b.literal(), a.literal()),
			cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.suffix, b.suffix),
		); c != 0 {
			return c
		}
	}
	return 0
}

func (s segment) generality() int {
	if s.param == nil {
		return 0
	}
	return 1
}

func (s segment) literal() int {
	if s.param == nil {
		return 0 // literal segments that differ fit no path in common
	}
	return len(s.prefix) + len(s.suffix)
}
