package license

import (
	"fmt"
	"strconv"
	"strings"
)

// Epoch names one filling of an organization's seat ledger: what was decided
// under an older one is fenced. It is a pair, because a record restored from a
// backup may count to the same number twice; the nonce of the rebuild tells the
// two apart. The zero value is no epoch, and equals none that was ever opened.
type Epoch struct {
	// Number counts the organization's rebuilds, from 1.
	Number int64
	// Nonce is a piece of the nonce of the rebuild that opened the epoch.
	Nonce string
}

// noncePiece is how much of a nonce an epoch keeps: 32 random bits, which only
// have to differ between two rebuilds that got the same number.
const noncePiece = 8

// NewEpoch takes the whole nonce of the rebuild. What stands before its last
// colon names the server, and is the same for all rebuilds there.
func NewEpoch(number int64, nonce string) Epoch {
	nonce = nonce[strings.LastIndexByte(nonce, ':')+1:]
	return Epoch{Number: number, Nonce: nonce[:min(noncePiece, len(nonce))]}
}

// String is the form that [ParseEpoch] reads: 17.3fa8b2c1, and nothing for the
// zero value.
func (e Epoch) String() string {
	if e == (Epoch{}) {
		return ""
	}
	return strconv.FormatInt(e.Number, 10) + "." + e.Nonce
}

// ParseEpoch reads what [Epoch.String] wrote.
func ParseEpoch(s string) (Epoch, error) {
	if s == "" {
		return Epoch{}, nil
	}
	digits, nonce, ok := strings.Cut(s, ".")
	number, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || number < 1 {
		return Epoch{}, fmt.Errorf("%.40q is not an epoch: a number from 1, a point, a piece of a nonce", s)
	}
	return Epoch{Number: number, Nonce: nonce}, nil
}
