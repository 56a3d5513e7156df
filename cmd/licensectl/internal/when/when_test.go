package when_test

import (
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/when"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestEnd(t *testing.T) {
	for _, tt := range []struct{ text, now, want string }{
		{"never", "2026-12-01T17:00:00Z", "never"},
		// A day alone is the last one, in UTC.
		{"2027-01-31", "2026-12-01T17:00:00Z", "2027-02-01T00:00:00.000Z"},
		{"2026-12-31", "2026-12-01T17:00:00Z", "2027-01-01T00:00:00.000Z"},
		{"2028-02-28", "2026-12-01T17:00:00Z", "2028-02-29T00:00:00.000Z"},
		// A moment is that moment.
		{"2027-01-31T17:00:00Z", "2026-12-01T17:00:00Z", "2027-01-31T17:00:00.000Z"},
		{"2027-01-31T17:00:00+01:00", "2026-12-01T17:00:00Z", "2027-01-31T16:00:00.000Z"},
		// A span ends with the day that it reaches, in UTC whatever the clock's zone.
		{"+1y", "2026-12-01T17:00:00Z", "2027-12-02T00:00:00.000Z"},
		{"+1y", "2028-02-29T12:00:00Z", "2029-03-01T00:00:00.000Z"},
		{"+1mo", "2027-01-31T12:00:00Z", "2027-03-01T00:00:00.000Z"},
		{"+2w", "2026-12-01T00:00:00Z", "2026-12-16T00:00:00.000Z"},
		{"+90d", "2026-12-01T23:59:59Z", "2027-03-02T00:00:00.000Z"},
		{"+0d", "2026-12-01T17:00:00Z", "2026-12-02T00:00:00.000Z"},
		{"+1d", "2026-12-01T23:30:00-02:00", "2026-12-04T00:00:00.000Z"},
	} {
		if got, err := when.End(tt.text, at(t, tt.now)); err != nil || got != tt.want {
			t.Errorf("%s at %s: %s, %v; want %s", tt.text, tt.now, got, err, tt.want)
		}
	}
}

func TestWhatIsNoEnd(t *testing.T) {
	for _, text := range []string{
		"", "Never", "tomorrow", "2027-02-30", "2027-1-31", "31.01.2027", "2027-01-31 17:00", "2027-01-31T17:00:00", "1y", "+y", "+1", "+1h", "+1m", "+-1d", "+10000d", "-1d",
	} {
		if got, err := when.End(text, time.Time{}); err == nil || !strings.Contains(err.Error(), "+1y") {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	// What depends on the day it is read has no place in a file.
	if got, err := when.Fixed("+1y"); err == nil {
		t.Errorf("a span is fixed: %s", got)
	}
}

func TestRenewed(t *testing.T) {
	const now = "2026-12-01T17:00:00Z"
	for _, tt := range []struct{ end, span, want string }{
		// From the present end, whose time of day stays.
		{"2027-02-01T00:00:00.000Z", "+1y", "2028-02-01T00:00:00.000Z"},
		{"2027-01-31T17:00:00.000Z", "+90d", "2027-05-01T17:00:00.000Z"},
		{"2028-02-29T12:00:00.000Z", "+1y", "2029-02-28T12:00:00.000Z"},
		// By its last day: February 28 to February 28, the 29th to the 28th.
		{"2028-02-29T00:00:00.000Z", "+1y", "2029-03-01T00:00:00.000Z"},
		{"2028-03-01T00:00:00.000Z", "+1y", "2029-03-01T00:00:00.000Z"},
		{"2027-03-01T00:00:00.000Z", "+1y", "2028-02-29T00:00:00.000Z"},
		// From now where that is over, to the end of a day.
		{"2026-11-30T00:00:00.000Z", "+1y", "2027-12-02T00:00:00.000Z"},
		// This very moment is not over yet.
		{"2026-12-01T17:00:00.000Z", "+1d", "2026-12-02T17:00:00.000Z"},
	} {
		if got, err := when.Renewed(tt.end, tt.span, at(t, now)); err != nil || got != tt.want {
			t.Errorf("%s %s: %s, %v; want %s", tt.end, tt.span, got, err, tt.want)
		}
	}
	for end, want := range map[string]string{"never": "nothing to renew", "": "--expires", "soon": "cannot be read"} {
		if got, err := when.Renewed(end, "+1y", at(t, now)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v; want %q", end, got, err, want)
		}
	}
	for _, end := range []string{"2025-01-01T00:00:00Z", "2030-01-01T00:00:00Z"} {
		if got, err := when.Renewed(end, "1y", at(t, now)); err == nil {
			t.Errorf("a span without its sign: %s", got)
		}
	}
}

// TestShownEndsCanBeTyped: what is shown is read as the same end.
func TestShownEndsCanBeTyped(t *testing.T) {
	for end, want := range map[string]string{
		"2027-02-01T00:00:00.000Z": "2027-01-31",
		"2027-01-31T17:00:00.000Z": "2027-01-31T17:00:00.000Z",
		"2027-02-01T00:00:00.001Z": "2027-02-01T00:00:00.001Z",
		"never":                    "never",
	} {
		shown := when.Show(end)
		if back, err := when.Fixed(shown); shown != want || err != nil || back != end {
			t.Errorf("%s is shown as %s, which is %s, %v; want %s", end, shown, back, err, want)
		}
	}
	if got := when.Show(""); got != "" {
		t.Errorf("no end is shown as %q", got)
	}
}

// TestLengths are shown as they are typed.
func TestLengths(t *testing.T) {
	for text, want := range map[string]int64{"0s": 0, "45s": 45, "30m": 1_800, "12h": 43_200, "7d": 604_800, "90s": 90} {
		got, err := when.Seconds(text)
		if err != nil || got != want || when.Length(got) != text {
			t.Errorf("%s: %d, %v, shown as %s; want %d", text, got, err, when.Length(got), want)
		}
	}
	for text, want := range map[string]int64{"0": 0, "2w": 1_209_600, "1h30m": 5_400} {
		if got, err := when.Seconds(text); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "7", "d", "-1d", "-1h", "1.5d", "500ms", "1y", "99999d"} {
		if got, err := when.Seconds(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
