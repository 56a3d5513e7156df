package history

import (
	"cmp"
	"slices"
)

// life is everything that was seen of one session.
type life struct {
	session string
	holder  Holder
	// told are the answers that told of it alive, by the server's time.
	told []Op
	// opens are requests of its holder that may have extended it unseen.
	opens []Op
	// blurred says that a request which was answered may have been repeated, and
	// its first copy may have extended the session after the answer.
	blurred bool
	// givenUp is the call of the first request to end it.
	givenUp Instant
	// announced is when its end was first announced: a 410, or a release
	// acknowledged; endCall is the call of that request, late if it was a 410.
	announced, endCall Instant
}

// lives sorts the operations by session.
func (h *History) lives() map[string]*life {
	lives := map[string]*life{}
	opens := map[Holder][]Op{}
	for _, op := range h.Ops {
		if op.Kind == Acquire && op.open() {
			opens[op.Holder] = append(opens[op.Holder], op)
		}
		if op.Session == "" || op.Kind == Intrude {
			continue
		}
		l := lives[op.Session]
		if l == nil {
			l = &life{session: op.Session, holder: op.Holder, givenUp: Never, announced: Never, endCall: Never}
			lives[op.Session] = l
		}
		l.add(op)
	}
	for _, l := range lives {
		l.opens = append(l.opens, opens[l.holder]...)
		l.blurred = slices.ContainsFunc(l.told, h.repeated)
		slices.SortFunc(l.told, func(a, b Op) int { return cmp.Compare(a.Server, b.Server) })
	}
	return lives
}

func (l *life) add(op Op) {
	switch {
	case op.holds():
		l.told = append(l.told, op)
	case op.Kind == Heartbeat && op.open():
		l.opens = append(l.opens, op)
	}
	if (op.Kind == Release || op.Kind == Revoke) && op.Result != NotSent {
		l.givenUp = min(l.givenUp, op.Call)
	}
	if op.Result == Ended || op.Result == Released {
		l.announced = min(l.announced, op.Return)
		l.endCall = min(l.endCall, op.Call)
	}
}

// until is the expiry that had been told by the moment at; 0 when none had.
func (l *life) until(at Instant) Instant {
	var latest Instant
	for _, op := range l.told {
		if op.Return <= at {
			latest = max(latest, op.Expires)
		}
	}
	return latest
}

// last is the latest expiry ever told.
func (l *life) last() Instant { return l.until(Never - 1) }

// extendedUnseen says that a request called by the moment at may have extended
// the session without our knowing until when.
func (l *life) extendedUnseen(at Instant) bool {
	return l.blurred || slices.ContainsFunc(l.opens, func(op Op) bool { return op.Call <= at })
}

// span is when a seat was certainly held, from inclusive, to exclusive.
type span struct {
	from, to Instant
	life     *life
}

// spans are the times for which the session was certainly alive. Two answers
// make one span if the second was given before the first one's expiry: the
// service extends none but the living.
func (l *life) spans() []span {
	end := min(l.givenUp, l.endCall)
	var out []span
	for _, op := range l.told {
		if n := len(out); n > 0 && op.Server < out[n-1].to {
			out[n-1].from = min(out[n-1].from, op.Return)
			out[n-1].to = max(out[n-1].to, op.Expires)
			continue
		}
		out = append(out, span{op.Return, op.Expires, l})
	}
	for i := range out {
		out[i].to = min(out[i].to, end)
	}
	return slices.DeleteFunc(out, func(s span) bool { return s.from >= s.to })
}

// repeated says that the request may have been sent to Redis more than once.
func (h *History) repeated(op Op) bool {
	return op.Return >= op.Call.After(h.Retry) || slices.ContainsFunc(h.Faults, func(f Fault) bool {
		return f.Delays && f.Begin <= op.Return && f.End >= op.Call
	})
}

// lossBetween says that Redis lost data at some time from a to b.
func (h *History) lossBetween(a, b Instant) bool {
	return slices.ContainsFunc(h.Faults, func(f Fault) bool { return f.Loses && f.Begin <= b && f.End >= a })
}

// undoable says that the session's acknowledged release may have been undone by
// the time at: its end was pending, and Redis was lost since.
func (h *History) undoable(l *life, at Instant) bool {
	return h.Pending[l.session] && h.lossBetween(l.givenUp, at)
}
