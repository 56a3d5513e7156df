package licensejwt_test

import (
	"strings"
	"testing"
)

func TestOtherSpellings(t *testing.T) {
	good := sign(t, ours(), goodHeader(), goodClaims())
	parts := strings.Split(good, ".")
	for name, compact := range map[string]string{
		"empty":               "",
		"only dots":           "..",
		"space before":        " " + good,
		"line break after":    good + "\n",
		"line break inside":   parts[0] + "." + parts[1] + "." + parts[2][:9] + "\r\n" + parts[2][9:],
		"padding":             good + "==",
		"two segments":        parts[0] + "." + parts[1],
		"four segments":       good + ".",
		"five segments":       good + ".e30.e30",
		"no signature":        parts[0] + "." + parts[1] + ".",
		"detached payload":    parts[0] + ".." + parts[2],
		"JSON serialization":  `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"signature repeated":  good + parts[2],
		"zero before the sig": parts[0] + "." + parts[1] + "." + "AA" + parts[2],
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, compact, keySet(signingKey())) })
	}
}

func TestTooLongIsRefusedUnread(t *testing.T) {
	claims := goodClaims()
	claims.Entitlements = []string{strings.Repeat("x", 16<<10)}
	wantInvalid(t, sign(t, ours(), goodHeader(), claims), keySet(signingKey()))
}

// TestEveryChangedByteIsNoticed changes each byte of a token to several others,
// among them every character that differs only in a segment's stray bits.
func TestEveryChangedByteIsNoticed(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	good := sign(t, ours(), goodHeader(), goodClaims())
	keys := keySet(signingKey())
	for at := range len(good) {
		last := at+1 == len(good) || good[at+1] == '.'
		for i, c := range []byte(alphabet + "=.+/ \n\x00\xff") {
			// All characters at the ends of segments, a sample elsewhere.
			if c == good[at] || !last && i%8 != at%8 {
				continue
			}
			changed := good[:at] + string([]byte{c}) + good[at+1:]
			if _, err := verify(changed, keys); err == nil {
				t.Fatalf("byte %d (%q) may be %q", at, good[at], c)
			}
		}
	}
}
