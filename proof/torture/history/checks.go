package history

import (
	"fmt"
	"slices"
)

// Check runs every checker that needs nothing but the history. exempted counts
// what was let pass because of [History.Pending].
func (h *History) Check() (found []Violation, exempted int) {
	resurrected, exempted := h.resurrected()
	return slices.Concat(
		h.oversold(), resurrected, h.revived(), h.unexplained(), h.forgotten(), h.displaced(), h.foreign(), h.unexpected(), h.inUse(), h.unsold(), h.oversigned(),
	), exempted
}

// resurrected finds sessions that lived after their end was announced.
func (h *History) resurrected() (out []Violation, exempted int) {
	for _, l := range h.lives() {
		for _, op := range l.told {
			if op.Call <= l.announced {
				continue
			}
			if h.revivedBy(l, op.Return) {
				break
			}
			if h.undoable(l, op.Return) {
				exempted++
				break
			}
			out = append(out, l.violation("resurrected", op,
				"%s to an %s of %s, whose end had been announced at %s", op.Result, op.Kind, l.session, l.announced))
			break
		}
	}
	return out, exempted
}

// revived finds sessions that were extended after they had expired. Only a
// rebuild may give an expired session another life; and a heartbeat whose function
// disagrees with the server about the time, since none of the two ends anything then.
func (h *History) revived() []Violation {
	var out []Violation
	for _, l := range h.lives() {
		var until, passed Instant
		for _, op := range l.told {
			// Stamps of clocks that differ, or step, say less than the moments of the answers.
			late := op.Call >= passed
			if h.seen().time.steady(l.told[0].Call, op.Return) {
				late = op.Server >= until
			}
			if until != 0 && late && !l.extendedUnseen(op.Return) && !h.mayHaveLoaded(l, op.Return) && !h.disputed(op) {
				out = append(out, l.violation("revived", op, "%s was %s at %s, after it had expired at %s", l.session, op.Result, op.Server, until))
				break
			}
			ends := op.Expires
			if h.disputed(op) {
				ends = op.Server.After(l.longest())
			}
			until, passed = max(until, ends), max(passed, l.time.passed(ends, op.Call))
		}
	}
	return out
}

// unexplained finds holders who were told that their session is over, or
// unknown, although it certainly was alive all the while they asked: told so,
// in time, and nobody had asked to end it.
func (h *History) unexplained() []Violation {
	var out []Violation
	for _, op := range h.Ops {
		l := h.lives()[op.Session]
		switch {
		case op.Kind != Heartbeat || op.Result != Ended:
		case op.Return < min(l.until(op.Call), l.givenUp, l.lost):
			out = append(out, l.violation("unexplained end", op,
				"%s was to live until %s, and its heartbeat at %s was told %s", op.Session, l.until(op.Call), op.Call, op.Reason))
		}
	}
	return out
}

// forgotten finds sessions that somebody was told of, and that are not found.
func (h *History) forgotten() []Violation {
	var out []Violation
	for _, op := range h.Ops {
		if l := h.lives()[op.Session]; op.Kind != Intrude && op.Result == NotFound && l != nil && len(l.told) > 0 && !h.withoutRecord(l) {
			out = append(out, l.violation("forgotten", op, "%s, which its holder was told of, is not found", op.Session))
		}
	}
	return out
}

// displaced finds holders who certainly held a seat and were refused it, or
// given another one.
func (h *History) displaced() []Violation {
	byHolder := map[Holder][]*life{}
	for _, l := range h.lives() {
		byHolder[l.holder] = append(byHolder[l.holder], l)
	}
	var out []Violation
	for _, op := range h.Ops {
		if op.Kind != Acquire || op.Result != Granted && op.Result != Found && op.Result != Full {
			continue
		}
		for _, l := range byHolder[op.Holder] {
			if l.session == op.Session || op.Return >= l.until(op.Call) || l.end() <= op.Return {
				continue
			}
			out = append(out, l.violation("displaced", op, "the holder of %s (until %s) was answered %s %s", l.session, l.until(op.Call), op.Result, op.Session))
		}
	}
	return out
}

// foreign finds requests about somebody else's session or license that were
// not refused as they must be.
func (h *History) foreign() []Violation {
	var out []Violation
	for _, op := range h.Ops {
		l := h.lives()[op.Session]
		if op.Kind == Intrude && op.Result == NotFound && l != nil && h.withoutRecord(l) {
			continue // a restore took the session away
		}
		if op.Kind == Intrude && op.Result == Inactive && h.suspended(op.Intruder, op) {
			continue // it is told of itself alone
		}
		if op.Kind == Intrude && op.Result != op.Want && !op.open() && op.Result != NotSent {
			out = append(out, op.violation("cross-tenant", "%s asked for %s of %s and was answered %q, not %q", op.By, op.Session, op.Holder.Org, op.Result, op.Want))
		}
	}
	return out
}

// suspended says that the organization may have been out of use for the operation.
func (h *History) suspended(org string, op Op) bool {
	op.Holder = Holder{Org: org}
	return slices.ContainsFunc(h.versions(org, "", h.goesBy(op), op.until()), func(c Change) bool { return c.Inactive })
}

// unexpected finds answers that no fault explains.
func (h *History) unexpected() []Violation {
	var out []Violation
	for _, op := range h.Ops {
		if op.Result == Unexpected {
			out = append(out, op.violation("unexpected answer", "%s: %s", op.Kind, op.Detail))
		}
	}
	return out
}

func (l *life) violation(check string, op Op, format string, args ...any) Violation {
	v := op.violation(check, format, args...)
	v.Session = l.session
	return v
}

func (o Op) violation(check, format string, args ...any) Violation {
	at := o.Return
	if at == Never {
		at = o.Call
	}
	return Violation{
		Check: check, Text: fmt.Sprintf(format, args...), At: at,
		Org: o.Holder.Org, License: o.Holder.License, Session: o.Session,
	}
}
