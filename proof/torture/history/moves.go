package history

import (
	"cmp"
	"slices"

	"github.com/anishathalye/porcupine"
)

// poolHistory translates a history into operations on one pool.
type poolHistory struct {
	history *History
	pool    pool
	ops     []porcupine.Operation
	// moves are those of each session, and seats is how many of them a state may
	// have to tell apart.
	moves map[string][]moved
	seats int
	// phantoms are requests that may have held a seat which left no record.
	phantoms []Op
}

// moved is a move of a session that happened at some moment from from to to.
type moved struct {
	input
	from, to Instant
}

func (b *poolHistory) build(records []Record) {
	for _, op := range b.history.Ops {
		if op.Kind != Acquire || !b.pool.concerns(op.Holder) {
			continue
		}
		switch {
		case op.Result == Granted:
			_, limit := b.history.limits(op, b.pool.license)
			b.add(op.Session, input{move: take, limit: limit}, op.Call, op.Return)
		case op.Result == Found:
			b.add(op.Session, input{move: keep}, op.Call, op.Return)
		case op.open():
			b.phantoms = append(b.phantoms, op)
		}
	}
	for _, r := range records {
		if b.pool.concerns(Holder{Org: r.Org, License: r.License}) {
			b.addRecord(r)
		}
	}
	b.seat()
	b.refusals()
}

// addRecord adds what the record tells: the end of a session, and its begin if
// nobody was told.
func (b *poolHistory) addRecord(r Record) {
	h := b.history
	if !slices.ContainsFunc(b.moves[r.Session], func(m moved) bool { return m.move == take }) {
		from, to := h.seen().time.made(r.Acquired)
		b.add(r.Session, input{move: take, limit: h.largest(b.pool)}, from, h.within(to))
	}
	from, to := h.seen().time.made(r.EndedAt)
	to = h.within(to)
	if r.EndedAt == 0 {
		from, to = r.Acquired, Never // wrong, and found elsewhere
	}
	if l := h.lives()[r.Session]; l != nil && len(l.told) > 0 {
		from, to = l.freed(h, to)
	}
	b.add(r.Session, input{move: free}, from, to)
}

// largest is the largest limit that the pool ever had.
func (h *History) largest(p pool) int {
	most := 0
	for _, c := range h.versions(p.org, p.license, 0, Never) {
		most = max(most, c.Seats)
	}
	return most
}

func (b *poolHistory) add(session string, i input, from, to Instant) {
	i.session = session
	b.moves[session] = append(b.moves[session], moved{i, from, to})
}

// seat numbers the sessions, as small as can be: one whose moves come after all of
// another's takes the other's number.
func (b *poolHistory) seat() {
	type stay struct {
		moves    []moved
		from, to Instant
	}
	var stays []stay
	for _, moves := range b.moves {
		s := stay{moves: moves, from: Never}
		for _, m := range moves {
			s.from, s.to = min(s.from, m.from), max(s.to, m.to)
		}
		if !slices.ContainsFunc(moves, func(m moved) bool { return m.move == free }) {
			s.to = Never
		}
		stays = append(stays, s)
	}
	slices.SortFunc(stays, func(a, b stay) int { return cmp.Compare(a.from, b.from) })
	var until []Instant // by number
	for _, s := range stays {
		seat := slices.IndexFunc(until, func(t Instant) bool { return t < s.from })
		if seat < 0 {
			seat, until = len(until), append(until, 0)
		}
		until[seat] = s.to
		for _, m := range s.moves {
			m.seat = min(seat, maxSeats-1)
			b.put(m)
		}
	}
	b.seats = len(until)
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
		limit, _ := b.history.limits(op, b.pool.license)
		b.put(moved{input{session: op.Holder.User, move: refuse, limit: limit, phantoms: n}, op.Call, op.Return})
	}
}

func (b *poolHistory) put(m moved) {
	b.ops = append(b.ops, porcupine.Operation{Input: m.input, Call: int64(m.from), Return: int64(m.to)})
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
		to = min(to, h.within(l.passed(h)))
	}
	return min(l.givenUp, last, to), to
}
