package history

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// good is when a machine certainly has a good token.
type good struct {
	machine  Holder
	from, to Instant
}

// oversigned finds moments at which more machines had a good token of a license than
// the most seats that it ever had, and its handover, allow. A token is good from its
// answer until some server's clock may have called it ended.
func (h *History) oversigned() []Violation {
	byLicense := map[[2]string][]good{}
	for _, op := range h.Ops {
		if !op.holds() || op.Token == 0 || h.putBack(op.Holder.Org) {
			continue
		}
		g := good{op.Holder, op.Return, h.seen().time.reached(op.Token, op.Return)}
		key := [2]string{op.Holder.Org, op.Holder.License}
		byLicense[key] = append(byLicense[key], g)
	}
	var out []Violation
	for key, tokens := range byLicense {
		seats := h.largest(pool{org: key[0], license: key[1]})
		most := license.License{MaxSeats: seats, Handover: h.Orgs[key[0]].Handover}.TokenCap()
		if at, n := crest(tokens); n > most {
			out = append(out, Violation{
				Check: "oversigned", Org: key[0], License: key[1], At: at,
				Text: fmt.Sprintf("%d machines have a good token at %s, with %d seats: %d may", n, at, seats, most),
			})
		}
	}
	return out
}

// putBack says that the organization's record was put back: it forgot tokens.
func (h *History) putBack(org string) bool {
	return slices.ContainsFunc(h.Restores, func(r Restore) bool { return r.Org == org })
}

// crest is when most machines have a good token, and how many.
func crest(tokens []good) (at Instant, most int) {
	slices.SortFunc(tokens, func(a, b good) int { return cmp.Compare(a.from, b.from) })
	var open []good
	for _, g := range tokens {
		open = append(slices.DeleteFunc(open, func(o good) bool { return o.to <= g.from }), g)
		machines := map[Holder]bool{}
		for _, o := range open {
			machines[o.machine] = true
		}
		if len(machines) > most {
			at, most = g.from, len(machines)
		}
	}
	return at, most
}
