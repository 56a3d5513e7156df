package admin

import (
	"bytes"
	"strconv"
	"strings"
)

// openMetrics writes the text form of OpenMetrics 1.0
// (https://prometheus.io/docs/specs/om/open_metrics_spec/#text-format). The library that
// writes it is no direct requirement of the service, and what is written here is a page.
type openMetrics struct{ out bytes.Buffer }

// family begins a family of metrics: all its samples follow. A unit is the end of the name;
// empty is none.
func (m *openMetrics) family(name, kind, unit, help string) {
	m.line("# TYPE ", name, " ", kind)
	if unit != "" {
		m.line("# UNIT ", name, " ", unit)
	}
	m.line("# HELP ", name, " ", escaped(help))
}

// sample is one number of a license.
func (m *openMetrics) sample(name, licenseID string, value int64) {
	m.line(name, `{license="`, escaped(licenseID), `"} `, strconv.FormatInt(value, 10))
}

// bytes are the whole page: whoever reads it knows by its end that nothing is missing.
func (m *openMetrics) bytes() []byte {
	m.line("# EOF")
	return m.out.Bytes()
}

func (m *openMetrics) line(parts ...string) {
	for _, part := range parts {
		m.out.WriteString(part)
	}
	m.out.WriteByte('\n')
}

// escaped is a text that ends neither its quotes nor its line. What is not UTF-8 is replaced,
// as the form takes nothing else.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(text, "\uFFFD"))
}
