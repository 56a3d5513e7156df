package history

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// maxSeats bounds the sessions of one history; a state is a set of them.
const maxSeats = 512

// expiryWithin is how long after its expiry a session may count as living: the
// ledger cuts its clock to milliseconds and reads it once per script. An expired
// session that keeps longer from being granted again is a violation.
const expiryWithin = 20 * time.Millisecond

// maxOpen is how many requests of unknown outcome one history should have: each
// weakens the check of the refusals beside it.
const maxOpen = 100

// Linear is the verdict about one pool: a license, or a whole organization.
type Linear struct {
	Org, License string // License is empty for the organization's cap
	Ops, Open    int
	Verdict      porcupine.CheckResult
	// Skipped says why nothing was checked.
	Skipped string
}

// Linearize checks that every pool behaves like a set of seats: each grant took a
// free one, each refusal met a full pool, each seat came free once. It is for
// stretches in which no data was lost: afterwards a rebuild gives also the dead
// another life.
//
// The records tell of the seats that a request of unknown outcome took: whatever
// the ledger held leaves a record, if only of its end, unless the request itself
// took it back.
func (h *History) Linearize(records []Record, limit time.Duration) (out []Linear, violations []Violation) {
	for _, pool := range h.pools() {
		l := h.linearize(pool, records, limit)
		if l.Verdict == porcupine.Illegal {
			violations = append(violations, Violation{
				Check: "not linearizable", Org: l.Org, License: l.License, At: h.Ops[len(h.Ops)-1].Call,
				Text: fmt.Sprintf("no order of %d operations explains their answers (%d of unknown outcome)", l.Ops, l.Open),
			})
		}
		out = append(out, l)
	}
	return out, violations
}

// pool is what one cap is about.
type pool struct {
	org, license, limit string
	max                 int
}

func (p pool) concerns(h Holder) bool {
	return h.Org == p.org && (p.license == "" || h.License == p.license)
}

func (h *History) pools() []pool {
	var out []pool
	for id, org := range h.Orgs {
		out = append(out, pool{org: id, limit: "organization", max: org.Cap})
		for lic, n := range org.Licenses {
			out = append(out, pool{org: id, license: lic, limit: "license", max: n})
		}
	}
	slices.SortFunc(out, func(a, b pool) int { return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.license, b.license)) })
	return out
}

func (h *History) linearize(p pool, records []Record, limit time.Duration) Linear {
	b := &poolHistory{history: h, pool: p, index: map[string]int{}}
	b.build(records)
	l := Linear{Org: p.org, License: p.license, Ops: len(b.ops), Open: len(b.phantoms), Verdict: porcupine.Unknown}
	switch {
	case l.Open > maxOpen:
		l.Skipped = fmt.Sprintf("%d operations of unknown outcome", l.Open)
	case len(b.index) > maxSeats:
		l.Skipped = fmt.Sprintf("%d sessions", len(b.index))
	default:
		l.Verdict = porcupine.CheckOperationsTimeout(model(p.max), b.ops, limit)
	}
	return l
}

// move is an operation on a pool of seats.
type move int

const (
	take   move = iota // a session takes a seat
	keep               // a session is found to have one
	refuse             // all are held
	free               // a session's seat comes free
)

// input is a move of one session. phantoms are seats that may be held without
// anybody's knowledge: taken, and taken back, by requests of unknown outcome.
type input struct {
	move     move
	seat     int
	phantoms int
}

// seatSet is a set of sessions.
type seatSet [maxSeats / 64]uint64

func (s seatSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s seatSet) with(i int) seatSet    { s[i/64] |= 1 << (i % 64); return s }
func (s seatSet) without(i int) seatSet { s[i/64] &^= 1 << (i % 64); return s }

func (s seatSet) size() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// model is a pool of so many seats.
func model(limit int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return seatSet{} },
		Step: func(state, in, _ any) (bool, any) {
			s, i := state.(seatSet), in.(input) //nolint:errcheck // what build makes
			return step(s, i, limit)
		},
	}
}

func step(s seatSet, i input, limit int) (bool, seatSet) {
	switch i.move {
	case take:
		return s.size() < limit && !s.has(i.seat), s.with(i.seat)
	case keep:
		return s.has(i.seat), s
	case refuse:
		return s.size()+i.phantoms >= limit, s
	default:
		return s.has(i.seat), s.without(i.seat)
	}
}

// poolHistory translates a history into operations on one pool.
type poolHistory struct {
	history *History
	pool    pool
	ops     []porcupine.Operation
	index   map[string]int
	// phantoms are requests that may have held a seat which left no record.
	phantoms []Op
}

func (b *poolHistory) build(records []Record) {
	recorded := map[string]Record{}
	for _, r := range records {
		if b.pool.concerns(Holder{Org: r.Org, License: r.License}) {
			recorded[r.Session] = r
		}
	}
	taken := map[string]bool{}
	for _, op := range b.history.Ops {
		if op.Kind != Acquire || !b.pool.concerns(op.Holder) {
			continue
		}
		switch {
		case op.Result == Granted:
			taken[op.Session] = true
			b.add(take, op.Session, op.Call, op.Return)
		case op.Result == Found:
			b.add(keep, op.Session, op.Call, op.Return)
		case op.open():
			b.phantoms = append(b.phantoms, op)
		}
	}
	b.refusals()
	lives := b.history.lives()
	for id, r := range recorded {
		if !taken[id] {
			b.add(take, id, r.Acquired, b.history.within(r.Acquired))
		}
		from, to := r.EndedAt, b.history.within(r.EndedAt)
		if r.EndedAt == 0 {
			from, to = r.Acquired, Never // wrong, and found elsewhere
		}
		if l := lives[id]; l != nil && len(l.told) > 0 {
			from, to = l.freed(b.history, to)
		}
		b.add(free, id, from, to)
	}
}

// refusals come last, when all phantoms are known.
func (b *poolHistory) refusals() {
	for _, op := range b.history.Ops {
		if op.Kind != Acquire || !b.pool.concerns(op.Holder) || op.Result != Full || op.Limit != b.pool.limit {
			continue
		}
		n := 0
		for _, p := range b.phantoms {
			if p.Call <= op.Return && p.Answered >= op.Call {
				n++
			}
		}
		b.put(input{move: refuse, phantoms: n}, op.Call, op.Return)
	}
}

func (b *poolHistory) add(m move, session string, from, to Instant) {
	seat, ok := b.index[session]
	if !ok {
		seat = len(b.index)
		b.index[session] = seat
	}
	if seat < maxSeats {
		b.put(input{move: m, seat: seat}, from, to)
	}
}

func (b *poolHistory) put(i input, from, to Instant) {
	b.ops = append(b.ops, porcupine.Operation{Input: i, Call: int64(from), Return: int64(to)})
}

// within is until when something may have happened that the ledger did at this
// time by its clock, which it reads at the start of a script: it may be stopped
// in the middle of one.
func (h *History) within(at Instant) Instant {
	to := at.After(expiryWithin)
	for _, f := range h.Faults {
		if f.Delays && f.Begin <= to && f.End >= at {
			to = max(to, f.End.After(expiryWithin))
		}
	}
	return to
}

// freed is when the session's seat came free: not before somebody asked for its
// end or its time ran out, not after that was announced, or recorded.
func (l *life) freed(h *History, recorded Instant) (from, to Instant) {
	last := l.last()
	to = min(l.announced, recorded)
	if !l.extendedUnseen(last) {
		to = min(to, h.within(last))
	}
	return min(l.givenUp, last, to), to
}
