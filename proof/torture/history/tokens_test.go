package history_test

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// TestCheckTokens: what counts is how many machines have a good token at one moment.
func TestCheckTokens(t *testing.T) {
	t.Parallel()
	with := func(o history.Op, hardware string, token int) history.Op {
		o.Holder.Hardware, o.Token = hardware, at(token)
		return o
	}
	first := with(grant("a", "s1", 0, 10), "hw-1", 500)
	handed := func(h history.History, handover int) history.History {
		org := h.Orgs["acme"]
		org.Handover = &handover
		h.Orgs["acme"] = org
		return h
	}
	loop := func(from int) []history.Op {
		return []history.Op{
			first, release("a", "s1", 20, 30),
			with(grant("a", "s2", from, from+10), "hw-2", from+500), release("a", "s2", from+20, from+30),
		}
	}
	for name, tt := range map[string]struct {
		history history.History
		want    string
	}{
		"two machines of one seat":       {handed(past(1, loop(100)...), 0), "oversigned"},
		"... that may pass on once":      {handed(past(1, loop(100)...), 1), ""},
		"... by the usual handover":      {past(1, loop(100)...), ""},
		"once the first token has ended": {handed(past(1, loop(500)...), 0), ""},
		"before it has":                  {handed(past(1, loop(480)...), 0), "oversigned"},
		"one machine, twice":             {handed(past(1, first, release("a", "s1", 20, 30), with(grant("a", "s2", 100, 110), "hw-1", 600)), 0), ""},
		"an answer without a token":      {handed(past(1, first, release("a", "s1", 20, 30), grant("b", "s2", 100, 110)), 0), ""},
		"by a clock that is ahead":       {stepped(handed(past(1, loop(460)...), 0), step("m", 5, 6, 0, 50)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			violations, _ := tt.history.Check()
			if got := checks(violations); got != tt.want {
				t.Errorf("found %q, want %q: %v", got, tt.want, violations)
			}
		})
	}
}
