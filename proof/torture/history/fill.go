package history

import (
	"fmt"
	"slices"
)

// unsold finds seats that could not be had although everyone had gone. A refusal
// for lack of seats is judged by the ledger's own time to be in order; that no
// answer came at all is only wrong after a long time, since a machine may be slow.
func (h *History) unsold() []Violation {
	var out []Violation
	for _, f := range h.Fills {
		deadline, crowded := h.firstAnswer(f).After(f.Within), h.firstTurned(f)
		served, turned := map[string]bool{}, f.Turned == ""
		for _, op := range h.Ops {
			if op.Kind != Acquire || op.Holder.Org != f.Org || op.Holder.License != f.License || op.Call < f.From {
				continue
			}
			ours := slices.Contains(f.Users, op.Holder.User)
			switch {
			case ours && (op.Result == Granted || op.Result == Found):
				served[op.Holder.User] = true
			case ours && op.Result == Full && op.Call > deadline && op.Return < crowded:
				out = append(out, op.violation("lost seat", "%s was refused (%s) at %s, though only %d holders were left for all seats at %s",
					op.Holder.User, op.Limit, op.Call, len(f.Users), f.From))
			case op.Holder.User == f.Turned && op.Result == Full:
				turned = true
			}
		}
		if len(served) < len(f.Users) || !turned {
			out = append(out, Violation{
				Check: "not served", Org: f.Org, License: f.License, At: f.Until,
				Text: fmt.Sprintf("%d of %d holders of %s were served from %s to %s; the one too many was refused: %t",
					len(served), len(f.Users), f.License, f.From, f.Until, turned),
			})
		}
	}
	return out
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
	first := Never - Instant(f.Within)
	for _, op := range h.Ops {
		if op.Kind == Acquire && op.Holder.Org == f.Org && op.Call >= f.From && !op.open() && op.Result != NotSent {
			first = min(first, op.Return)
		}
	}
	return first
}
