package admin

import "testing"

// TestOpenMetrics: no text ends its quotes or its line, and the page has its end.
func TestOpenMetrics(t *testing.T) {
	m := &openMetrics{}
	m.family("a_seconds", "gauge", "seconds", "One\nand \"two\" and \\three.")
	for i, value := range []string{"plain", `back\slash`, `quo"te`, "new\nline", "\xff", `\n`, "", "ä#{} ,="} {
		m.sample("a_seconds", value, int64(i-1))
	}
	m.family("b", "counter", "", "B.")
	const want = `# TYPE a_seconds gauge
# UNIT a_seconds seconds
# HELP a_seconds One\nand \"two\" and \\three.
a_seconds{license="plain"} -1
a_seconds{license="back\\slash"} 0
a_seconds{license="quo\"te"} 1
a_seconds{license="new\nline"} 2
a_seconds{license="` + "\uFFFD" + `"} 3
a_seconds{license="\\n"} 4
a_seconds{license=""} 5
a_seconds{license="ä#{} ,="} 6
# TYPE b counter
# HELP b B.
# EOF
`
	if got := string(m.bytes()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
