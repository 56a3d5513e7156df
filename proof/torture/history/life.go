package history

import (
	"cmp"
	"slices"
	"time"
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
	// lost is when a rebuild may first have lost it, from a record restored without it.
	lost Instant
	time *timeline
}

// view is what follows from a history before anything is judged.
type view struct {
	lives map[string]*life
	time  *timeline
}

// seen is the history's view, made once: nothing is added after the first look.
func (h *History) seen() *view {
	if h.view == nil {
		h.view = &view{time: newTimeline(h)}
		h.view.lives = h.sortLives(h.view.time)
	}
	return h.view
}

func (h *History) lives() map[string]*life { return h.seen().lives }

// sortLives sorts the operations by session.
func (h *History) sortLives(time *timeline) map[string]*life {
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
			l = &life{session: op.Session, holder: op.Holder, givenUp: Never, announced: Never, endCall: Never, lost: Never, time: time}
			lives[op.Session] = l
		}
		l.add(op)
		if h.mayRevoke(op) {
			l.givenUp = min(l.givenUp, op.Call)
		}
	}
	for _, l := range lives {
		l.opens = append(l.opens, opens[l.holder]...)
		l.blurred = slices.ContainsFunc(l.told, h.repeated)
		slices.SortFunc(l.told, func(a, b Op) int { return cmp.Compare(a.Server, b.Server) })
		if len(h.Steps) > 0 { // no two times of the servers can be compared
			slices.SortFunc(l.told, func(a, b Op) int { return cmp.Compare(a.Return, b.Return) })
		}
		l.lost = h.lostWith(l)
	}
	return lives
}

// mayRevoke says that the operation may have ended its session because the license
// was out of use: the heartbeat that finds it so does.
func (h *History) mayRevoke(op Op) bool {
	return op.Kind == Heartbeat && (op.Result == Inactive || op.open() && h.mayRefuse(op, op.Call))
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
	if op.Result == Ended || op.Result == Released || op.Kind == Heartbeat && op.Result == Inactive {
		l.announced = min(l.announced, op.Return)
		l.endCall = min(l.endCall, op.Call)
	}
}

// until is the moment until which it certainly lived by what had been told by the
// moment at: the first at which a clock may show the expiry. 0 when nothing had.
func (l *life) until(at Instant) Instant {
	if !l.time.steady(0, Never) {
		return l.untilBySteps(at)
	}
	var latest Instant
	for _, op := range l.told {
		if op.Return <= at {
			latest = max(latest, l.time.reached(op.Expires, op.Call))
		}
	}
	return latest
}

// untilBySteps goes by what was told last, which may be less than before if a
// clock was set back meanwhile; by what was told later, which may be less as well; and
// by what may have been told last, since the answer to a request that is still open
// would be newer.
func (l *life) untilBySteps(at Instant) Instant {
	var newest Instant
	for _, op := range l.told {
		if op.Return <= at {
			newest = max(newest, op.Call)
		}
	}
	if newest == 0 {
		return 0
	}
	until := Never
	for _, op := range l.told {
		if op.Return <= at && op.Return >= newest {
			until = min(until, l.time.reached(op.Expires, op.Call))
		}
	}
	for _, op := range l.told {
		if op.Return > at && op.Call < until {
			until = min(until, l.time.reached(op.Expires, op.Call))
		}
	}
	for _, op := range l.opens {
		if op.Answered >= newest && op.Call < until {
			until = min(until, l.time.reached(l.time.least(op.Call, op.Answered)+l.lasts(), op.Call))
		}
	}
	return until
}

// lasts is how long an answer gives the session, by the ledger's clock.
func (l *life) lasts() Instant { return l.told[0].Expires - l.told[0].Server }

// last is the moment until which it certainly lived by all that was ever told.
func (l *life) last() Instant { return l.until(Never - 1) }

// passed is the moment at which all clocks show the latest expiry that it can have been
// given: the one told, or a later one where the clocks may have differed, for then the
// later of the two counts (shared/ledger, organization.lua: end_after).
func (l *life) passed(h *History) Instant {
	var latest Instant
	for _, op := range l.told {
		expires := op.Expires
		if h.disputed(op) {
			_, ahead := h.skewsOf(op)
			expires = max(expires, min(op.until()+ahead, op.Server+(atMost-1)*l.lasts())+l.lasts())
		}
		latest = max(latest, l.time.passed(expires, op.Call))
	}
	return latest
}

// end is when it may have ended other than by its time.
func (l *life) end() Instant { return min(l.givenUp, l.endCall, l.lost) }

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
	var out []span
	var told Instant // the latest expiry of the last span, by the ledger's clock
	for _, op := range l.told {
		to := l.until(op.Return)
		if n := len(out); n > 0 && (op.Server < told || op.Call < out[n-1].to) {
			out[n-1].from, out[n-1].to = min(out[n-1].from, op.Return), to
			told = max(told, op.Expires)
			continue
		}
		out = append(out, span{op.Return, to, l})
		told = op.Expires
	}
	for i := range out {
		out[i].to = min(out[i].to, l.end())
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

// rebuilds says that ledgers are loaded anew from the record afterwards, which may
// give also the dead another life.
func (f Fault) rebuilds() bool { return f.Loses || f.Rebuilds }

// rebuildBetween says that a ledger may have had to be rebuilt from a to b.
func (h *History) rebuildBetween(a, b Instant) bool {
	return slices.ContainsFunc(h.Faults, func(f Fault) bool { return f.rebuilds() && f.Begin <= b && f.End >= a }) ||
		slices.ContainsFunc(h.Restores, func(r Restore) bool { return !r.SameEpoch && r.Begin <= b })
}

// atMost is the longest life that one answer gives, in session TTLs: a caller's
// later clock counts for ten of them (shared/ledger, organization.lua: end_after).
const atMost = 11

// longest is the life that a session can have been given at once.
func (l *life) longest() time.Duration {
	grant := l.told[0]
	return atMost * time.Duration(grant.Expires-grant.Server) * time.Microsecond
}

// mayHaveLoaded says that the organization's ledger may have been loaded from the
// record so that the session lives at the time at: some process had an epoch opened
// for it. What it loads was recorded before the epoch was opened. One whose clock is
// ahead gives all sessions a longer life, also those granted after it.
func (h *History) mayHaveLoaded(l *life, at Instant) bool {
	grant := l.told[0]
	return slices.ContainsFunc(h.Opened, func(o Opening) bool {
		switch {
		case o.Org != grant.Holder.Org || o.Begin > at:
			return false
		case o.End >= grant.Call:
			return true
		}
		return at <= grant.Return.After(l.longest()) && h.disputed(Op{Worker: o.Worker, Call: o.Begin, Return: o.End})
	})
}

// undoable says that the session's acknowledged release may have been undone by
// the time at: its end was pending, and Redis was lost since.
func (h *History) undoable(l *life, at Instant) bool {
	return h.Pending[l.session] && h.lossBetween(l.givenUp, at)
}
