package history

import (
	"fmt"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// unsold finds seats that could not be had although everyone had gone. A refusal
// for lack of seats is judged by the ledger's own time to be in order. Who was not
// served while strangers were, was not: the demand was upheld for that. That the
// one too many is refused is not asked for, since its seat may be free by rights,
// if all others are too slow to keep theirs; that it is answered, is.
func (h *History) unsold() []Violation {
	var out []Violation
	for _, f := range h.Fills {
		deadline, crowded := h.firstAnswer(f).After(f.Within+h.seen().time.spread()+h.overextended(f)), h.firstTurned(f)
		served, turned := map[string]bool{}, f.Turned == ""
		for _, op := range h.Ops {
			if op.Kind != Acquire || op.Holder.Org != f.Org || op.Holder.License != f.License || op.Call < f.From {
				continue
			}
			ours := slices.Contains(f.Users, op.Holder.User)
			switch {
			case ours && (op.Result == Granted || op.Result == Found):
				served[op.Holder.User] = true
			case ours && op.Result == Full && op.Limit != string(license.LimitHandover) && op.Call > deadline && op.Return < crowded && h.roomFor(f, op):
				out = append(out, op.violation("lost seat", "%s was refused (%s) at %s, though only %d holders were left for all seats at %s",
					op.Holder.User, op.Limit, op.Call, len(f.Users), f.From))
			case op.Holder.User == f.Turned && (op.Result == Full || op.Result == Granted || op.Result == Found):
				turned = true
			}
		}
		if len(served) < len(f.Users) || !turned {
			out = append(out, Violation{
				Check: "not served", Org: f.Org, License: f.License, At: f.Until,
				Text: fmt.Sprintf("%d of %d holders of %s were served from %s to %s, %d others since the last of them; the one too many was answered: %t",
					len(served), len(f.Users), f.License, f.From, f.Until, f.Others, turned),
			})
		}
	}
	return out
}

// overextended is how much longer than usual a seat may be kept by a program that
// is gone: under a wrong clock the later of two counts, for ten lives at most.
func (h *History) overextended(f Fill) time.Duration {
	if slices.ContainsFunc(h.Skews, func(s Skew) bool { return s.Ahead > h.Tolerance }) ||
		slices.ContainsFunc(h.Steps, func(s Step) bool { return max(s.From.Abs(), s.To.Abs()) > h.Tolerance }) {
		return 10 * f.Within
	}
	return 0
}

// roomFor says that, by all that its process can have gone by, the limits had room
// for all of the demand.
func (h *History) roomFor(f Fill, op Op) bool {
	seats, _ := h.limits(op, f.License)
	all, _ := h.limits(op, "")
	wanted := 0
	for _, other := range h.Fills {
		if other.Org == f.Org {
			wanted += len(other.Users)
		}
	}
	return seats >= len(f.Users) && all >= wanted
}

// firstTurned is when the first of those who are one too many asked: a holder that
// was slow to keep its seat may have lost it to that one.
func (h *History) firstTurned(f Fill) Instant {
	first := Never
	for _, op := range h.Ops {
		if op.Kind == Acquire && op.Holder.Org == f.Org && op.Holder.User == f.Turned && op.Call >= f.From {
			first = min(first, op.Call)
		}
	}
	return first
}

// firstAnswer is when the ledger of the organization first answered after it
// became quiet: by then it had been rebuilt, if it had to be.
func (h *History) firstAnswer(f Fill) Instant {
	first := Never / 2 // leaves room for what is added
	for _, op := range h.Ops {
		if op.Kind == Acquire && op.Holder.Org == f.Org && op.Call >= f.From && !op.open() && op.Result != NotSent {
			first = min(first, op.Return)
		}
	}
	return first
}
