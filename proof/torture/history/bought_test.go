package history_test

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// seats is a change of the license's seats.
func seats(begin, end, n int) history.Change {
	return history.Change{Org: "acme", License: "pro", Begin: at(begin), End: at(end), Seats: n}
}

// suspended is a change of the license to one that is out of use.
func suspended(begin, end int) history.Change {
	c := seats(begin, end, 1)
	c.Inactive = true
	return c
}

// changed is a history of changes, of which the one function process read at
// these times.
func changed(h history.History, changes []history.Change, reads ...int) history.History {
	h.Changes = changes
	for _, n := range reads {
		h.Reads = append(h.Reads, history.Read{Org: "acme", Begin: at(n), End: at(n + 2)})
	}
	return h
}

// TestCheckBought: what counts is the limit, and the state, that the answer's
// process can have gone by.
func TestCheckBought(t *testing.T) {
	t.Parallel()
	two := func(from int) []history.Op {
		return []history.Op{grant("a", "s1", 0, 10), grant("b", "s2", from, from+10)}
	}
	refusal := func(kind history.Kind, from int) history.Op {
		return op(kind, "a", "", history.Inactive, from, from+10)
	}
	stranger := func(org string, from int) history.Op {
		o := op(history.Intrude, "a", "", history.Inactive, from, from+10)
		o.Intruder, o.Want = org, history.NotFound
		return o
	}
	ending := seats(50, 60, 1)
	ending.Expires = at(200)
	whole := history.Change{Org: "acme", Begin: at(50), End: at(60), Seats: 3, Inactive: true}
	for name, tt := range map[string]struct {
		history history.History
		want    string
	}{
		"raised":                      {changed(past(1, two(100)...), []history.Change{seats(50, 60, 2)}, 70), ""},
		"raised while it is granted":  {changed(past(1, two(100)...), []history.Change{seats(105, 130, 2)}, 70), ""},
		"raised too late":             {changed(past(1, two(100)...), []history.Change{seats(120, 130, 2)}, 70), "oversold"},
		"lowered, not read":           {changed(past(2, two(100)...), []history.Change{seats(50, 60, 1)}, 20), ""},
		"lowered, being read":         {changed(past(2, two(100)...), []history.Change{seats(50, 60, 1)}, 20, 99), ""},
		"lowered, and read":           {changed(past(2, two(100)...), []history.Change{seats(50, 60, 1)}, 20, 70), "oversold"},
		"lowered, read by another":    {changed(past(2, two(100)...), []history.Change{seats(50, 60, 1)}), ""},
		"lowering ends nobody":        {changed(past(2, append(two(20), beat("a", "s1", history.Extended, 100, 110), beat("b", "s2", history.Extended, 120, 130))...), []history.Change{seats(50, 60, 1)}, 70), ""},
		"lowered, the others go":      {changed(past(2, append(two(20), release("a", "s1", 80, 90), grant("c", "s3", 100, 110))...), []history.Change{seats(50, 60, 1)}, 70), "oversold"},
		"found, granted before":       {changed(past(2, grant("a", "s1", 0, 10), op(history.Acquire, "b", "", history.Refused, 20, 30), op(history.Acquire, "b", "s2", history.Found, 100, 110)), []history.Change{seats(50, 60, 1)}, 70), ""},
		"suspended, and granted":      {changed(past(1, grant("a", "s1", 100, 110)), []history.Change{suspended(50, 60)}, 70), "sold out of use"},
		"a suspended stranger":        {changed(past(1, grant("a", "s1", 0, 10), stranger("acme", 100)), []history.Change{whole}, 70), ""},
		"a suspended stranger alone":  {changed(past(1, grant("a", "s1", 0, 10), stranger("globex", 100)), []history.Change{{Org: "globex", Begin: at(50), End: at(60), Inactive: true}}, 70), ""},
		"a stranger told of another":  {changed(past(1, grant("a", "s1", 0, 10), stranger("globex", 100)), []history.Change{whole}, 70), "cross-tenant"},
		"suspended, not read":         {changed(past(1, grant("a", "s1", 100, 110)), []history.Change{suspended(50, 60)}, 20), ""},
		"suspended, and extended":     {changed(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 100, 110)), []history.Change{suspended(50, 60)}, 70), "sold out of use"},
		"suspended, in use again":     {changed(past(1, grant("a", "s1", 100, 110)), []history.Change{suspended(50, 60), seats(80, 90, 1)}, 70), ""},
		"the organization, suspended": {changed(past(1, grant("a", "s1", 100, 110)), []history.Change{whole}, 70), "sold out of use"},
		"expired, and granted":        {changed(past(1, grant("a", "s1", 220, 230)), []history.Change{ending}, 70), "sold out of use"},
		"not yet expired":             {changed(past(1, grant("a", "s1", 150, 160)), []history.Change{ending}, 70), ""},
		"refused":                     {changed(past(1, refusal(history.Acquire, 100)), []history.Change{suspended(50, 60)}, 70), ""},
		"refused by what was read":    {changed(past(1, refusal(history.Acquire, 100)), []history.Change{suspended(50, 60), seats(80, 90, 1)}, 70), ""},
		"refused for nothing":         {changed(past(1, refusal(history.Acquire, 100)), nil, 70), "refused in use"},
		"refused when it is over":     {changed(past(1, refusal(history.Acquire, 120)), []history.Change{suspended(50, 60), seats(80, 90, 1)}, 100), "refused in use"},
		"a heartbeat reads anew":      {changed(past(1, refusal(history.Heartbeat, 100)), []history.Change{suspended(50, 60), seats(80, 90, 1)}, 70), "refused in use"},
		"expired by a clock ahead":    {skewedBy(changed(past(1, refusal(history.Acquire, 100)), []history.Change{ending}, 70), time.Minute), ""},
		"expired by Redis's clock":    {skewedBy(changed(past(1, refusal(history.Acquire, 220)), []history.Change{ending}, 70), -time.Minute), ""},
		"not expired by any clock":    {skewedBy(changed(past(1, refusal(history.Acquire, 180)), []history.Change{ending}, 70), -time.Minute), "refused in use"},
		"ended by the refusal": {changed(past(1, grant("a", "s1", 0, 10), op(history.Heartbeat, "a", "s1", history.Inactive, 100, 110), grant("b", "s2", 120, 130)),
			[]history.Change{suspended(50, 60), seats(112, 115, 1)}, 70, 116), ""},
		"alive after the refusal": {changed(past(1, grant("a", "s1", 0, 10), op(history.Heartbeat, "a", "s1", history.Inactive, 100, 110), beat("a", "s1", history.Extended, 120, 130)),
			[]history.Change{suspended(50, 60), seats(112, 115, 1)}, 70, 116), "resurrected"},
		"ended unseen": {changed(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Refused, 100, 110), grant("b", "s2", 120, 130)),
			[]history.Change{suspended(50, 60), seats(112, 115, 1)}, 70, 116), ""},
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

func skewedBy(h history.History, ahead time.Duration) history.History {
	h.Skews = []history.Skew{{Begin: 0, End: history.Never, Ahead: ahead}}
	return h
}

// TestLinearizeChanges: who takes a seat is judged by the largest limit that may
// have been in force, who is refused one by the smallest.
func TestLinearizeChanges(t *testing.T) {
	t.Parallel()
	records := []history.Record{ended("s1", 5, 505), ended("s2", 105, 605)}
	for name, tt := range map[string]struct {
		history history.History
		records []history.Record
		bad     bool
	}{
		"raised":             {changed(past(1, grant("a", "s1", 0, 10), grant("b", "s2", 100, 110)), []history.Change{seats(50, 60, 2)}, 70), records, false},
		"not yet raised":     {changed(past(1, grant("a", "s1", 0, 10), grant("b", "s2", 100, 110)), []history.Change{seats(150, 160, 2)}, 70), records, true},
		"lowered":            {changed(past(2, grant("a", "s1", 0, 10), full("b", 100, 110)), []history.Change{seats(50, 60, 1)}, 70), records[:1], false},
		"refused and raised": {changed(past(1, grant("a", "s1", 0, 10), full("b", 100, 110)), []history.Change{seats(50, 60, 2)}, 70), records[:1], true},
		"raised, not read":   {changed(past(1, grant("a", "s1", 0, 10), full("b", 100, 110)), []history.Change{seats(50, 60, 2)}, 20), records[:1], false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, violations := tt.history.Linearize(tt.records, time.Minute); (len(violations) > 0) != tt.bad {
				t.Errorf("found %v", violations)
			}
		})
	}
}

// TestFillAfterAChange: a refusal by a limit that its process has not unlearned
// is no lost seat.
func TestFillAfterAChange(t *testing.T) {
	t.Parallel()
	ops := []history.Op{
		full("f-0", 100, 110), full("f-0", 1200, 1210), grant("f-0", "s1", 1300, 1310), grant("f-1", "s2", 1300, 1310), full("turned", 1400, 1410),
	}
	for name, tt := range map[string]struct {
		reads []int
		want  string
	}{
		"read": {[]int{20, 1000}, "lost seat"}, "not read": {[]int{20}, ""},
	} {
		h := changed(past(1, ops...), []history.Change{seats(50, 60, 2)}, tt.reads...)
		h.Fills = []history.Fill{{
			Org: "acme", License: "pro", Users: []string{"f-0", "f-1"}, Turned: "turned", From: at(70), Until: at(5000), Within: time.Second,
		}}
		violations, _ := h.Check()
		if got := checks(violations); got != tt.want {
			t.Errorf("%s: found %q, want %q: %v", name, got, tt.want, violations)
		}
	}
}
