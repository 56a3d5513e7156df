package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// maxSeats bounds the sessions that may hold a seat of one history at the same
// time; a state is a set of them.
const maxSeats = 256

// expiryWithin is how long after its expiry a session may count as living: the
// ledger cuts its clock to milliseconds and reads it once per script. An expired
// session that keeps longer from being granted again is a violation.
const expiryWithin = 20 * time.Millisecond

// Requests of unknown outcome weaken the check of the refusals beside them: a
// history should have so many at most, or this part of all.
const (
	maxOpen   = 100
	maxOpenIn = 4
)

// Linear is the verdict about one pool: a license, or a whole organization.
type Linear struct {
	Org, License string // License is empty for the organization's cap
	Ops, Open    int
	Verdict      porcupine.CheckResult
	// Skipped says why nothing was checked.
	Skipped string
	// stuck are the moves that the longest order found has no place for, the first to
	// have been over first.
	stuck []porcupine.Operation
}

// Linearize checks that every pool behaves like a set of seats: each grant took a
// free one, each refusal met a full pool, each seat came free once. It is for
// stretches in which no data was lost: afterwards a rebuild gives also the dead
// another life. An organization whose record was put back is left out: its records
// are those of another time.
//
// The records tell of the seats that a request of unknown outcome took: whatever
// the ledger held leaves a record, if only of its end, unless the request itself
// took it back.
func (h *History) Linearize(records []Record, limit time.Duration) (out []Linear, violations []Violation) {
	for _, pool := range h.pools() {
		if h.isRestored(pool.org) {
			continue
		}
		l := h.linearize(pool, records, limit)
		if l.Verdict == porcupine.Illegal {
			violations = append(violations, Violation{
				Check: "not linearizable", Org: l.Org, License: l.License, At: Instant(l.stuck[0].Call),
				Text: fmt.Sprintf("no order of %d operations explains their answers (%d of unknown outcome): %s", l.Ops, l.Open, told(l.stuck)),
			})
		}
		out = append(out, l)
	}
	return out, violations
}

// pool is what one cap is about.
type pool struct{ org, license, limit string }

func (p pool) concerns(h Holder) bool {
	return h.Org == p.org && (p.license == "" || h.License == p.license)
}

func (h *History) pools() []pool {
	var out []pool
	for id, org := range h.Orgs {
		out = append(out, pool{org: id, limit: "organization"})
		for lic := range org.Licenses {
			out = append(out, pool{org: id, license: lic, limit: "license"})
		}
	}
	slices.SortFunc(out, func(a, b pool) int { return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.license, b.license)) })
	return out
}

func (h *History) linearize(p pool, records []Record, limit time.Duration) Linear {
	b := &poolHistory{history: h, pool: p, moves: map[string][]moved{}}
	b.build(records)
	l := Linear{Org: p.org, License: p.license, Ops: len(b.ops), Open: len(b.phantoms), Verdict: porcupine.Unknown}
	switch {
	case l.Open > max(maxOpen, l.Ops/maxOpenIn):
		l.Skipped = fmt.Sprintf("%d operations of unknown outcome", l.Open)
	case b.seats > maxSeats:
		l.Skipped = fmt.Sprintf("%d sessions at once", b.seats)
	default:
		var info porcupine.LinearizationInfo
		l.Verdict, info = porcupine.CheckOperationsVerbose(model(), b.ops, limit)
		if l.Verdict == porcupine.Illegal {
			l.stuck = stuck(b.ops, info.PartialLinearizations())
		}
	}
	return l
}

// stuck are the moves that the longest of the orders has no place for.
func stuck(ops []porcupine.Operation, orders [][][]int) []porcupine.Operation {
	var longest []int
	for _, order := range slices.Concat(orders...) {
		if len(order) > len(longest) {
			longest = order
		}
	}
	var out []porcupine.Operation
	for i, op := range ops {
		if !slices.Contains(longest, i) {
			out = append(out, op)
		}
	}
	slices.SortFunc(out, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	return out
}

// told are a few of the moves.
func told(moves []porcupine.Operation) string {
	var out []string
	for _, m := range moves[:min(len(moves), 4)] {
		out = append(out, fmt.Sprintf("%s → %s %s", Instant(m.Call), Instant(m.Return), m.Input))
	}
	return strings.Join(out, "; ")
}
