package history

import "slices"

// Change is another state of what an organization has bought: of a license, or,
// without one, of the organization itself. It was written between Begin and End.
type Change struct {
	Org, License string
	Begin, End   Instant
	Seats        int
	// Inactive is suspended; Expires, if not 0, is when a license ends by the clock
	// of the function process that is asked.
	Inactive bool
	Expires  Instant
}

// Read is one reading of what an organization has bought, by a function process
// that may go by it until it has read anew.
type Read struct {
	Worker     int
	Org        string
	Begin, End Instant
}

// versions are the states that were in force at some time from from to to: each
// from the begin of its writing to the end of the next one's.
func (h *History) versions(org, license string, from, to Instant) []Change {
	first := Change{Org: org, License: license, Seats: h.Orgs[org].Cap}
	if license != "" {
		first.Seats = h.Orgs[org].Licenses[license]
	}
	all := []Change{first}
	for _, c := range h.Changes {
		if c.Org == org && c.License == license {
			all = append(all, c)
		}
	}
	var out []Change
	for i, c := range all {
		if c.Begin <= to && (i+1 == len(all) || all[i+1].End >= from) {
			out = append(out, c)
		}
	}
	return out
}

// goesBy is the earliest time of which an answer to the operation may tell: when
// the reading began that its process went by. One that began later replaces it, so
// it is the newest that had ended by the call, or one that began beside that.
func (h *History) goesBy(op Op) Instant {
	var newest Read
	for _, r := range h.Reads {
		if r.Worker == op.Worker && r.Org == op.Holder.Org && r.End <= op.Call && r.Begin > newest.Begin {
			newest = r
		}
	}
	began := newest.Begin
	for _, r := range h.Reads {
		if r.Worker == op.Worker && r.Org == op.Holder.Org && r.Begin < newest.Begin && r.End >= newest.Begin {
			began = min(began, r.Begin)
		}
	}
	return began
}

// until is the latest time of which an answer to the operation may tell.
func (o Op) until() Instant {
	if o.Return == Never {
		return o.Answered
	}
	return o.Return
}

// limits are the smallest and the largest limit by which the operation may have
// been judged, of a license or of the whole organization.
func (h *History) limits(op Op, license string) (least, most int) {
	for i, c := range h.versions(op.Holder.Org, license, h.goesBy(op), op.until()) {
		if i == 0 {
			least, most = c.Seats, c.Seats
		}
		least, most = min(least, c.Seats), max(most, c.Seats)
	}
	return least, most
}

// mayRefuse says that the license may have been out of use for the operation by
// what was in force since that time, mayAllow that it may have been in use.
func (h *History) mayRefuse(op Op, since Instant) bool {
	_, ahead := h.skewsOf(op)
	ahead = max(ahead, h.seen().time.ahead()) // no token is signed either that Redis's time has passed
	return slices.ContainsFunc(h.states(op, since), func(c Change) bool {
		ended := c.Expires != 0 && (op.until() == Never || op.until()+ahead >= c.Expires)
		return c.Inactive || ended
	})
}

func (h *History) mayAllow(op Op, since Instant) bool {
	behind, _ := h.skewsOf(op)
	organization, license := false, false
	for _, c := range h.states(op, since) {
		usable := !c.Inactive && (c.Expires == 0 || op.Call+behind < c.Expires)
		organization = organization || usable && c.License == ""
		license = license || usable && c.License != ""
	}
	return organization && license
}

// states are those of the organization and of the license that the operation may
// have been judged by.
func (h *History) states(op Op, since Instant) []Change {
	org := h.versions(op.Holder.Org, "", since, op.until())
	return append(org, h.versions(op.Holder.Org, op.Holder.License, since, op.until())...)
}

// skewsOf are the bounds of the clock of the process that worked on it.
func (h *History) skewsOf(op Op) (least, most Instant) {
	first := true
	for _, s := range h.Skews {
		if s.Worker != op.Worker || s.Begin > op.until() || s.End < op.Call {
			continue
		}
		ahead := Instant(0).After(s.Ahead)
		if first {
			least, most, first = ahead, ahead, false
		}
		least, most = min(least, ahead), max(most, ahead)
	}
	return least, most
}

// inUse finds holders that were given, or left, a seat of what was certainly not
// to be used, or were refused what certainly was.
func (h *History) inUse() []Violation {
	var out []Violation
	for _, op := range h.Ops {
		since := h.goesBy(op)
		switch {
		case op.Kind == Intrude: // it is told of its own organization; see foreign
		case op.holds() && !h.mayAllow(op, since):
			out = append(out, op.violation("sold out of use", "%s was %s by worker %d, by what it had read at %s", op.Session, op.Result, op.Worker, since))
		case op.Result != Inactive:
		case op.Kind == Heartbeat && !h.mayRefuse(op, op.Call) || !h.mayRefuse(op, since):
			// Before a heartbeat is refused its function reads anew.
			out = append(out, op.violation("refused in use", "%s was refused (%s) by worker %d, by what it had read at %s", op.Kind, op.Detail, op.Worker, since))
		}
	}
	return out
}
