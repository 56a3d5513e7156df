package history

import (
	"cmp"
	"fmt"
	"slices"
)

// oversold finds moments at which more seats of a license, or of an
// organization, were certainly held than could be granted: lowering a limit ends
// nobody, so what counts is the limit by which the last of them was let in.
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
		if at, held, limit := h.crowded(spans, key[1]); len(held) > 0 {
			out = append(out, Violation{
				Check: "oversold", Org: key[0], License: key[1], Session: held[len(held)-1], At: at,
				Text: fmt.Sprintf("%d seats of %d are held at %s: %v", len(held), limit, at, held),
			})
		}
	}
	return out
}

// crowded is the first moment at which more spans overlap than could be granted,
// and whose they are.
func (h *History) crowded(spans []span, license string) (Instant, []string, int) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	grants := map[*life]grant{}
	for _, s := range spans {
		if _, known := grants[s.life]; !known {
			grants[s.life] = h.grantOf(s.life, license)
		}
	}
	var open []span
	for _, s := range spans {
		open = slices.DeleteFunc(open, func(o span) bool { return o.to <= s.from })
		open = append(open, s)
		if limit := allowed(open, grants); len(open) > limit {
			held := make([]string, len(open))
			for i, o := range open {
				held[i] = o.life.session
			}
			return s.from, held, limit
		}
	}
	return 0, nil, 0
}

// grant is when a session can have taken its seat, and the largest limit by which
// it can have been let in.
type grant struct {
	from, to Instant
	limit    int
}

// grantOf looks at the answer that told of the session first, and, if that one did
// not take the seat, at the requests of its holder whose outcome is unknown.
func (h *History) grantOf(l *life, license string) grant {
	first := l.told[0]
	for _, op := range l.told {
		if op.Return < first.Return {
			first = op
		}
	}
	_, most := h.limits(first, license)
	g := grant{from: first.Call, to: first.Return, limit: most}
	for _, op := range l.opens {
		if first.Result != Granted && op.Kind == Acquire && op.Call < first.Return {
			_, most := h.limits(op, license)
			g.from, g.limit = min(g.from, op.Call), max(g.limit, most)
		}
	}
	return g
}

// allowed is how many may hold a seat at once: whoever was let in last found all
// others there.
func allowed(open []span, grants map[*life]grant) int {
	var latest Instant
	for _, o := range open {
		latest = max(latest, grants[o.life].from)
	}
	limit := 0
	for _, o := range open {
		if g := grants[o.life]; g.to >= latest {
			limit = max(limit, g.limit)
		}
	}
	return limit
}
