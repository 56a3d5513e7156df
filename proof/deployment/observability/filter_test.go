package observability

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// entry is a log entry as Cloud Logging has it once Cloud Run has
// taken the special fields out of a line.
type entry struct {
	// fields are by path: resource.type, severity, httpRequest.status, jsonPayload.code …
	fields map[string]any
	logID  string
}

// severities are in order
// (https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity).
func severities() []string {
	return []string{"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"}
}

// matches evaluates a filter of the form the module uses, comparisons joined by
// AND, as the logging query language does
// (https://cloud.google.com/logging/docs/view/logging-query-language). What it
// does not know is an error, not a guess; so is a number compared with a field
// that is none.
func (e entry) matches(filter string) (bool, error) {
	for comparison := range strings.SplitSeq(filter, "\nAND ") {
		want := true
		if rest, negated := strings.CutPrefix(comparison, "NOT "); negated {
			comparison, want = rest, false
		}
		got, err := e.compare(comparison)
		if err != nil {
			return false, fmt.Errorf("%s: %w", comparison, err)
		}
		if got != want {
			return false, nil
		}
	}
	return true, nil
}

func (e entry) compare(comparison string) (bool, error) {
	if m := regexp.MustCompile(`^log_id\("([^"]+)"\)$`).FindStringSubmatch(comparison); m != nil {
		return e.logID == m[1], nil
	}
	m := regexp.MustCompile(`^([A-Za-z_.]+)(:\*|>=|<=|=~|=|>|<)(.*)$`).FindStringSubmatch(comparison)
	if m == nil {
		return false, fmt.Errorf("is no comparison")
	}
	path, operator, operand := m[1], m[2], m[3]
	value, present := e.fields[path]
	switch {
	case operator == ":*":
		return present, nil
	case !present:
		return false, nil
	case path == "severity":
		return ordered(slices.Index(severities(), value.(string)), operator, slices.Index(severities(), operand))
	case operator == "=" && strings.HasPrefix(operand, "("):
		for choice := range strings.SplitSeq(strings.Trim(operand, "()"), " OR ") {
			if fmt.Sprintf("%q", value) == choice {
				return true, nil
			}
		}
		return false, nil
	case operator == "=~":
		pattern, err := strconv.Unquote(operand)
		if err != nil {
			return false, err
		}
		return regexp.MustCompile(pattern).MatchString(value.(string)), nil
	case strings.HasPrefix(operand, `"`):
		if operator != "=" {
			return false, fmt.Errorf("texts are compared by =")
		}
		return fmt.Sprintf("%q", value) == operand, nil
	}
	limit, err := strconv.ParseFloat(operand, 64)
	if err != nil {
		return false, err
	}
	number, ok := value.(float64)
	if !ok {
		return false, fmt.Errorf("the field is a %T in a real line", value)
	}
	return ordered(number, operator, limit)
}

func ordered[N int | float64](a N, operator string, b N) (bool, error) {
	switch operator {
	case ">=":
		return a >= b, nil
	case "<=":
		return a <= b, nil
	case ">":
		return a > b, nil
	case "<":
		return a < b, nil
	case "=":
		return a == b, nil
	}
	return false, fmt.Errorf("%s does not compare", operator)
}

// extract evaluates EXTRACT(path) and REGEXP_EXTRACT(path, "…")
// (https://cloud.google.com/logging/docs/logs-based-metrics/labels).
func (e entry) extract(extractor string) (any, error) {
	if m := regexp.MustCompile(`^EXTRACT\(([A-Za-z_.]+)\)$`).FindStringSubmatch(extractor); m != nil {
		return e.fields[m[1]], nil
	}
	m := regexp.MustCompile(`^REGEXP_EXTRACT\(([A-Za-z_.]+), "(.*)"\)$`).FindStringSubmatch(extractor)
	if m == nil {
		return nil, fmt.Errorf("%s is no extractor", extractor)
	}
	text, _ := e.fields[m[1]].(string)
	if found := regexp.MustCompile(m[2]).FindStringSubmatch(text); found != nil {
		return found[1], nil
	}
	return nil, nil //nolint:nilnil // nothing extracted is no failure: the label is empty
}
