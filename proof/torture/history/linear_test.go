package history_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// ended is the record of a session that was taken and freed at these times.
func ended(session string, from, to int) history.Record {
	return history.Record{Org: "acme", License: "pro", Session: session, Status: "ended", Reason: "expired", Acquired: at(from), EndedAt: at(to)}
}

func TestLinearize(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ops     []history.Op
		records []history.Record
		bad     bool
	}{
		"full while held": {
			[]history.Op{grant("a", "s1", 0, 10), full("b", 20, 30)}, []history.Record{ended("s1", 5, 505)}, false,
		},
		"full while free": {
			[]history.Op{full("b", 0, 10), grant("a", "s1", 20, 30)}, []history.Record{ended("s1", 25, 525)}, true,
		},
		"full after the release": {
			[]history.Op{grant("a", "s1", 0, 10), release("a", "s1", 20, 30), full("b", 40, 50)}, []history.Record{ended("s1", 5, 25)}, true,
		},
		"full during the release": {
			[]history.Op{grant("a", "s1", 0, 10), release("a", "s1", 20, 30), full("b", 25, 50)}, []history.Record{ended("s1", 5, 28)}, false,
		},
		"full after the expiry": {
			[]history.Op{grant("a", "s1", 0, 10), full("b", 600, 610)}, []history.Record{ended("s1", 5, 505)}, true,
		},
		"granted while held": {
			[]history.Op{grant("a", "s1", 0, 10), grant("b", "s2", 20, 30)}, []history.Record{ended("s1", 5, 505), ended("s2", 25, 525)}, true,
		},
		"found after it was freed": {
			[]history.Op{grant("a", "s1", 0, 10), release("a", "s1", 20, 30), op(history.Acquire, "a", "s1", history.Found, 40, 50)},
			[]history.Record{ended("s1", 5, 25)},
			true,
		},
		"full because of a grant nobody saw": {
			[]history.Op{op(history.Acquire, "a", "", history.Refused, 0, 10), full("b", 200, 210)}, []history.Record{ended("s9", 5, 505)}, false,
		},
		"full because of a grant taken back": {
			[]history.Op{op(history.Acquire, "a", "", history.Refused, 0, 30), full("b", 20, 25)}, nil, false,
		},
		"full long after a grant taken back": {
			[]history.Op{op(history.Acquire, "a", "", history.Refused, 0, 30), full("b", 200, 250)}, nil, true,
		},
		"full while a record stays active": {
			[]history.Op{grant("a", "s1", 0, 10), full("b", 20, 30)},
			[]history.Record{{Org: "acme", License: "pro", Session: "s1", Status: "active", Acquired: at(5)}},
			false,
		},
		"full after a request that never ended": {
			[]history.Op{op(history.Acquire, "a", "", history.Unknown, 0, 30), full("b", 200, 250)}, nil, false,
		},
		"found under the name it got unseen": {
			[]history.Op{
				op(history.Acquire, "a", "", history.Unknown, 0, 30), full("b", 40, 50),
				op(history.Acquire, "a", "s1", history.Found, 60, 70), full("b", 80, 90),
			}, []history.Record{ended("s1", 20, 565)}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := past(1, tt.ops...)
			linear, violations := h.Linearize(tt.records, time.Minute)
			if bad := len(violations) > 0; bad != tt.bad {
				t.Errorf("found %v in %+v", violations, linear)
			}
			for _, v := range violations {
				if !strings.Contains(v.Text, " (limit ") {
					t.Errorf("it does not tell which move fits nowhere: %s", v.Text)
				}
			}
			for _, l := range linear {
				if l.Verdict == porcupine.Unknown || l.Skipped != "" {
					t.Errorf("not checked: %+v", l)
				}
			}
		})
	}
}

// TestLinearizeWhileClocksDiffer: who is heartbeaten while the server's clock is far back
// lives on by the function's when it is set right, and as long as that said.
func TestLinearizeWhileClocksDiffer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refused int
		bad     bool
	}{
		"refused while it lives":   {refused: 600},
		"refused after it is over": {refused: 900, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			beat := stamped(op(history.Heartbeat, "a", "s1", history.Extended, 300, 310), -3000)
			h := stepped(past(1, grant("a", "s1", 0, 10), beat, full("b", tt.refused, tt.refused+10)),
				step("r", 100, 110, 0, -3000), step("r", 400, 410, -3000, 0))
			_, violations := h.Linearize([]history.Record{ended("s1", 5, 805)}, time.Minute)
			if bad := len(violations) > 0; bad != tt.bad {
				t.Errorf("found %v", violations)
			}
		})
	}
}

// TestLinearizeGivesUp: what was not checked is said, not passed over.
func TestLinearizeGivesUp(t *testing.T) {
	t.Parallel()
	var ops []history.Op
	for i := range 101 {
		ops = append(ops, op(history.Acquire, fmt.Sprint("u-", i), "", history.Unknown, i, i+1))
	}
	h := past(1, ops...)
	linear, violations := h.Linearize(nil, time.Minute)
	if len(violations) > 0 || linear[0].Skipped == "" || linear[0].Verdict != porcupine.Unknown {
		t.Errorf("%+v, %v", linear, violations)
	}
}

// TestLinearizeMany: a history of a run's size takes no time.
func TestLinearizeMany(t *testing.T) {
	t.Parallel()
	var ops []history.Op
	var records []history.Record
	for i := range 500 {
		from, id := 20*i, fmt.Sprint("s", i)
		ops = append(ops, grant("a", id, from, from+5), full("b", from+6, from+8), release("a", id, from+10, from+15))
		records = append(records, ended(id, from+2, from+12))
	}
	h := past(1, ops...)
	if _, violations := h.Linearize(records, time.Minute); len(violations) > 0 {
		t.Errorf("found %v", violations)
	}
}
