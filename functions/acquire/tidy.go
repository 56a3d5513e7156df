package acquire

import (
	"strings"
	"unicode"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// tidy makes one spelling of what means the same, before anything is compared or
// kept: "id" and "id  " are one machine, and the texts about the program are fit to
// be shown.
func tidy(in api.AcquireRequest) api.AcquireRequest {
	in.HardwareID, in.InstanceID = strings.Trim(in.HardwareID, " "), strings.Trim(in.InstanceID, " ")
	in.Client = api.ClientInfo{
		Name: presentable(in.Client.Name), Version: presentable(in.Client.Version), Hostname: presentable(in.Client.Hostname),
	}
	return in
}

// presentable drops what a text could do to those who read it in a terminal, a log
// or a page, and cuts it at [api.MaxClientText] characters. It refuses nothing: the
// text decides nothing, and no seat must be lost for it.
func presentable(s string) string {
	kept, n := strings.Builder{}, 0
	for _, r := range s {
		if n == api.MaxClientText {
			break
		}
		if !unpresentable(r) {
			kept.WriteRune(r)
			n++
		}
	}
	return kept.String()
}

// unpresentable is the class of characters that are dropped: controls (Unicode's
// Cc: C0, DEL, C1), the controls of bidirectional text (its property
// Bidi_Control: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), line
// and paragraph separators (Zl, Zp), and three that cannot be seen and shape nothing
// (zero width space, word joiner, byte order mark). The joiners U+200C and U+200D
// stay: scripts and emoji are written with them.
func unpresentable(r rune) bool {
	switch r {
	case '\u200b', '\u2060', '\ufeff':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}
