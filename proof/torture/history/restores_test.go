package history_test

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// restore puts a record back that was exported then, with these sessions.
func restore(exported, begin, end int, sameEpoch bool, sessions ...string) history.Restore {
	r := history.Restore{Org: "acme", Exported: at(exported), Begin: at(begin), End: at(end), SameEpoch: sameEpoch, Sessions: map[string]bool{}}
	for _, s := range sessions {
		r.Sessions[s] = true
	}
	return r
}

// TestCheckRestores: who was granted a seat since the export keeps it while the
// ledger is the one that granted it, and is lost with that one.
func TestCheckRestores(t *testing.T) {
	t.Parallel()
	two := []history.Op{grant("a", "s1", 100, 110), grant("b", "s2", 400, 410)}
	with := func(ops []history.Op, r history.Restore, faults ...history.Fault) history.History {
		h := past(1, ops...)
		h.Restores, h.Faults = []history.Restore{r}, faults
		return h
	}
	told := func(result history.Result) []history.Op {
		return []history.Op{grant("a", "s1", 100, 110), beat("a", "s1", result, 400, 410)}
	}
	back := []history.Op{grant("a", "s1", 0, 10), release("a", "s1", 100, 110), beat("a", "s1", history.Extended, 400, 410)}
	for name, tt := range map[string]struct {
		history history.History
		want    string
	}{
		"sold beside it, the ledger is the same":     {with(two, restore(50, 200, 210, true)), "oversold"},
		"sold beside it after a loss":                {with(two, restore(50, 200, 210, true), loss(300, 310)), ""},
		"sold beside it after a loss before":         {with(two, restore(50, 200, 210, true), loss(150, 160)), "oversold"},
		"sold beside it, the epoch went back":        {with(two, restore(50, 200, 210, false)), ""},
		"sold beside one that the record knows":      {with(two, restore(150, 200, 210, true, "s1"), loss(300, 310)), "oversold"},
		"granted after it":                           {with(two, restore(50, 60, 70, true), loss(300, 310)), "oversold"},
		"told 404":                                   {with(told(history.NotFound), restore(50, 200, 210, true)), ""},
		"told 404 though the record knows it":        {with(told(history.NotFound), restore(150, 200, 210, true, "s1")), "forgotten"},
		"told 410 after a loss":                      {with(told(history.Ended), restore(50, 200, 210, true), loss(300, 310)), ""},
		"told 410, the ledger is the same":           {with(told(history.Ended), restore(50, 200, 210, true)), "unexplained end"},
		"back from the dead after a loss":            {with(back, restore(50, 200, 210, true, "s1"), loss(300, 310)), ""},
		"back from the dead, the ledger is the same": {with(back, restore(50, 200, 210, true, "s1")), "resurrected"},
		"exported after its end":                     {with(back, restore(150, 200, 210, true, "s1"), loss(300, 310)), "resurrected"},
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

// TestRecordsAfterARestore: what a restore took away is not missing, and no pool
// of the organization is judged by its records.
func TestRecordsAfterARestore(t *testing.T) {
	t.Parallel()
	h := past(1, grant("a", "s1", 100, 110), grant("b", "s2", 700, 710))
	h.Restores = []history.Restore{restore(50, 200, 210, true)}
	if violations := h.CheckRecords([]history.Record{ended("s2", 705, 1205)}); len(violations) > 0 {
		t.Errorf("found %v", violations)
	}
	if violations := h.CheckRecords(nil); len(violations) != 1 || violations[0].Session != "s2" {
		t.Errorf("found %v", violations)
	}
	if linear, _ := h.Linearize(nil, 0); len(linear) > 0 {
		t.Errorf("judged: %+v", linear)
	}
}
