package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Check runs every checker that needs nothing but the history. exempted counts
// what was let pass because of [History.Pending].
func (h *History) Check() (found []Violation, exempted int) {
	resurrected, exempted := h.resurrected()
	return slices.Concat(
		h.oversold(), resurrected, h.revived(), h.unexplained(), h.displaced(), h.foreign(), h.unexpected(), h.unsold(),
	), exempted
}

// oversold finds moments at which more seats of a license, or of an
// organization, were certainly held than there are.
func (h *History) oversold() []Violation {
	pools := map[[2]string][]span{}
	for _, l := range h.lives() {
		for _, s := range l.spans() {
			for _, lic := range []string{"", l.holder.License} {
				key := [2]string{l.holder.Org, lic}
				pools[key] = append(pools[key], s)
			}
		}
	}
	var out []Violation
	for key, spans := range pools {
		limit := h.Orgs[key[0]].Cap
		if key[1] != "" {
			limit = h.Orgs[key[0]].Licenses[key[1]]
		}
		if at, held := crowded(spans, limit); len(held) > 0 {
			out = append(out, Violation{
				Check: "oversold", Org: key[0], License: key[1], Session: held[len(held)-1], At: at,
				Text: fmt.Sprintf("%d seats of %d are held at %s: %v", len(held), limit, at, held),
			})
		}
	}
	return out
}

// crowded is the first moment at which more than limit spans overlap, and whose
// they are.
func crowded(spans []span, limit int) (Instant, []string) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var open []span
	for _, s := range spans {
		open = slices.DeleteFunc(open, func(o span) bool { return o.to <= s.from })
		open = append(open, s)
		if len(open) > limit {
			held := make([]string, len(open))
			for i, o := range open {
				held[i] = o.life.session
			}
			return s.from, held
		}
	}
	return 0, nil
}

// resurrected finds sessions that lived after their end was announced.
func (h *History) resurrected() (out []Violation, exempted int) {
	for _, l := range h.lives() {
		for _, op := range l.told {
			if op.Call <= l.announced {
				continue
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
// rebuild, after a loss, may give an expired session another life.
func (h *History) revived() []Violation {
	var out []Violation
	for _, l := range h.lives() {
		var until Instant
		for _, op := range l.told {
			if until != 0 && op.Server >= until && !l.extendedUnseen(op.Return) && !h.lossBetween(l.told[0].Call, op.Return) {
				out = append(out, l.violation("revived", op, "%s was %s at %s, after it had expired at %s", l.session, op.Result, op.Server, until))
				break
			}
			until = max(until, op.Expires)
		}
	}
	return out
}

// unexplained finds holders who were told that their session is over, or
// unknown, although it certainly was alive all the while they asked: told so,
// in time, and nobody had asked to end it.
func (h *History) unexplained() []Violation {
	lives := h.lives()
	var out []Violation
	for _, op := range h.Ops {
		if op.Kind != Heartbeat || op.Result != Ended && op.Result != NotFound {
			continue
		}
		l := lives[op.Session]
		switch {
		case op.Result == NotFound && len(l.told) > 0:
			out = append(out, l.violation("forgotten", op, "%s, which its holder was told of, is not found", op.Session))
		case op.Return < l.until(op.Call) && l.givenUp > op.Return:
			out = append(out, l.violation("unexplained end", op,
				"%s was to live until %s, and its heartbeat at %s was told %s", op.Session, l.until(op.Call), op.Call, op.Reason))
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
			if l.session == op.Session || op.Return >= l.until(op.Call) || min(l.givenUp, l.endCall) <= op.Return {
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
		if op.Kind == Intrude && op.Result != op.Want && !op.open() && op.Result != NotSent {
			out = append(out, op.violation("cross-tenant", "%s asked for %s of %s and was answered %q, not %q", op.By, op.Session, op.Holder.Org, op.Result, op.Want))
		}
	}
	return out
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
