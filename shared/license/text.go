package license

import "unicode"

// Unpresentable reports whether a text should not have the character, for what it
// could do to those who read it in a terminal, a log or a page: controls (Unicode's
// Cc: C0, DEL, C1), the controls of bidirectional text (its property
// Bidi_Control: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), line
// and paragraph separators (Zl, Zp), and three that cannot be seen and shape nothing
// (zero width space, word joiner, byte order mark). The joiners U+200C and U+200D
// stay: scripts and emoji are written with them.
func Unpresentable(r rune) bool {
	switch r {
	case '\u200b', '\u2060', '\ufeff':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}
