package history

import (
	"cmp"
	"slices"
	"time"
)

// Step is a step of one Redis server's clock. From is how far it was ahead of the
// machine's before, To afterwards; between Begin and End it may be either. A server
// that is not named has the machine's.
type Step struct {
	Server     string
	Begin, End Instant
	From, To   time.Duration
}

// Skew is how far ahead a function process's clock is while it runs. End is Never
// while it still does.
type Skew struct {
	Worker     int
	Begin, End Instant
	Ahead      time.Duration
}

// lateness is above what a request can take from its look at the function's clock
// to the look at the server's.
const lateness = 10 * time.Second

// timeline is what all servers' clocks can have shown. Which server an answer came
// from is not known, so a moment counts by whichever clock is worst for it.
type timeline struct {
	segments []segment
}

// segment is a time in which no clock is stepped.
type segment struct {
	from, to Instant
	// least and most are the offsets there were; acting is the largest by which a life
	// can have been shortened: a server whose clock is further from a function's than
	// the tolerance grants it nothing, and ends nothing.
	least, most, acting time.Duration
}

func newTimeline(h *History) *timeline {
	t := &timeline{}
	cuts := h.cuts()
	for i, from := range cuts {
		s := segment{from: from, to: Never}
		if i+1 < len(cuts) {
			s.to = cuts[i+1]
		}
		for j, o := range h.offsets(from, s.to) {
			acting := o
			if !h.actsAt(o, from, s.to) {
				acting = min(o, h.Tolerance)
			}
			if j == 0 {
				s.least, s.most, s.acting = o, o, acting
			}
			s.least, s.most, s.acting = min(s.least, o), max(s.most, o), max(s.acting, acting)
		}
		t.segments = append(t.segments, s)
	}
	return t
}

// cuts are the moments at which something about a clock changes.
func (h *History) cuts() []Instant {
	cuts := []Instant{0}
	for _, s := range h.Steps {
		cuts = append(cuts, s.Begin, s.End)
	}
	if len(h.Steps) > 0 && h.Tolerance > 0 {
		for _, s := range h.Skews {
			cuts = append(cuts, s.Begin, s.End)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	if cuts[len(cuts)-1] == Never {
		cuts = cuts[:len(cuts)-1]
	}
	return cuts
}

// offsets are those that any server's clock can have had somewhere from from to to,
// between which none changes.
func (h *History) offsets(from, to Instant) []time.Duration {
	byServer := map[string][]Step{}
	for _, s := range h.Steps {
		byServer[s.Server] = append(byServer[s.Server], s)
	}
	if len(byServer) == 0 {
		return []time.Duration{0}
	}
	var out []time.Duration
	for _, steps := range byServer {
		slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.Begin, b.Begin) })
		now := steps[0].From
		for _, s := range steps {
			switch {
			case s.End <= from:
				now = s.To
			case s.Begin < to:
				out = append(out, s.From, s.To)
			}
		}
		out = append(out, now)
	}
	return out
}

// actsAt says that a server with this offset can have granted or ended something.
func (h *History) actsAt(offset time.Duration, from, to Instant) bool {
	if h.Tolerance == 0 || len(h.Skews) == 0 {
		return true
	}
	return slices.ContainsFunc(h.Skews, func(s Skew) bool {
		apart := offset - s.Ahead
		return s.Begin < to && s.End > from && apart <= h.Tolerance && apart >= -h.Tolerance-lateness
	})
}

// disputed says that the clocks of the function and of the server may have been
// further apart for the operation than the tolerance: by how they go, and by how long
// it was on its way.
func (h *History) disputed(op Op) bool {
	if h.Tolerance == 0 {
		return false
	}
	behind, ahead := h.skewsOf(op)
	took := op.Return - op.Call
	for _, s := range h.seen().time.segments {
		if s.from > op.Return || s.to < op.Call {
			continue
		}
		least, most := Instant(0).After(s.least), Instant(0).After(s.most)
		if limit := Instant(0).After(h.Tolerance); most-behind+took > limit || ahead-least > limit {
			return true
		}
	}
	return false
}

// reached is the first moment, from from on, at which what lives until the stamp
// may have ended.
func (t *timeline) reached(stamp, from Instant) Instant {
	for _, s := range t.segments {
		if s.to <= from {
			continue
		}
		if at := max(from, s.from, stamp.After(-s.acting)); at < s.to {
			return at
		}
	}
	return Never
}

// least is the earliest time that a clock can have shown somewhere from from to to.
func (t *timeline) least(from, to Instant) Instant {
	earliest := Never
	for _, s := range t.segments {
		if s.from <= to && s.to > from {
			earliest = min(earliest, max(s.from, from).After(s.least))
		}
	}
	return earliest
}

// passed is the last moment, from from on, at which some server's clock does not
// yet show the stamp.
func (t *timeline) passed(stamp, from Instant) Instant {
	for _, s := range slices.Backward(t.segments) {
		at := stamp.After(-s.least)
		if s.to > from && at > max(s.from, from) {
			return min(at, s.to)
		}
	}
	return from
}

// made are the moments at which some server's clock can have shown the stamp.
func (t *timeline) made(stamp Instant) (from, to Instant) {
	from, to = Never, 0
	for _, s := range t.segments {
		first, last := max(s.from, stamp.After(-s.most)), min(s.to, stamp.After(-s.least))
		if first <= last {
			from, to = min(from, first), max(to, last)
		}
	}
	if from > to { // a clock stepped over it
		return t.passed(stamp, 0), t.passed(stamp, 0)
	}
	return from, to
}

// steady says that all clocks agree with each other from a to b, and none steps.
func (t *timeline) steady(a, b Instant) bool {
	var seen []time.Duration
	for _, s := range t.segments {
		if s.from <= b && s.to >= a {
			seen = append(seen, s.least, s.most)
		}
	}
	return len(slices.Compact(seen)) == 1
}

// ahead is the most by which a clock was ahead.
func (t *timeline) ahead() Instant {
	var most time.Duration
	for _, s := range t.segments {
		most = max(most, s.most)
	}
	return Instant(0).After(most)
}

// spread is the most by which a clock was set back.
func (t *timeline) spread() time.Duration {
	var least, most time.Duration
	for i, s := range t.segments {
		if i == 0 {
			least, most = s.least, s.most
		}
		least, most = min(least, s.least), max(most, s.most)
	}
	return most - least
}
