package acquire

import (
	"strings"
	"testing"
	"unicode"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func TestTextsArePresentable(t *testing.T) {
	long := strings.Repeat("é", api.MaxClientText)
	for in, want := range map[string]string{
		"":                         "",
		"Studio 4":                 "Studio 4",
		"a\x00\x1b[31mb":           "a[31mb",
		"a\r\nSet-Cookie: b\t\x7f": "aSet-Cookie: b",
		"\u0080\u0085\u009fa":      "a",
		"\u202egnp.exe":            "gnp.exe",
		"a\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069b": "ab",
		"a\u2028b\u2029c":                   "abc",
		"a\u200bb\u2060c\ufeffd":            "abcd",
		"می\u200cخواهم":                     "می\u200cخواهم",
		"👩\u200d💻":                          "👩\u200d💻",
		"\ufffd<script>'\"":                 "\ufffd<script>'\"",
		long + "x":                          long,
		"\x00" + long:                       long,
		strings.Repeat("\u202e", 500) + "a": "a",
		long[:len(long)-2] + "👩👩":           long[:len(long)-2] + "👩",
	} {
		got := tidy(api.AcquireRequest{Client: api.ClientInfo{Name: in, Version: in, Hostname: in}}).Client
		if got.Name != want || got.Version != want || got.Hostname != want {
			t.Errorf("%q became %+v, want %q", in, got, want)
		}
	}
}

// TestAProjectHasOneName: usage is added up by it.
func TestAProjectHasOneName(t *testing.T) {
	long := strings.Repeat("é", api.MaxProject)
	for in, want := range map[string]string{
		"": "", "  ": "", "bridge 7": "bridge 7", " bridge 7\t": "bridge 7", "\u00a0bridge\u202e 7\u200b ": "bridge 7",
		long + "x": long, " " + long + "x": long, long[:len(long)-2] + " x": long[:len(long)-2],
	} {
		if got := tidy(api.AcquireRequest{Client: api.ClientInfo{Project: in}}).Client.Project; got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestTheClassIsWhatIsSaid: of every character, by Unicode's own categories.
func TestTheClassIsWhatIsSaid(t *testing.T) {
	for r := range rune(unicode.MaxRune) {
		want := unicode.IsControl(r) || strings.ContainsRune("\u061c\u200e\u200f\u200b\u2028\u2029\u2060\ufeff", r) ||
			'\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
		if got := license.Unpresentable(r); got != want {
			t.Errorf("%U is dropped: %t", r, got)
		}
	}
}
