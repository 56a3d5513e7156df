package history_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

const (
	ms    = history.Instant(1000)
	start = history.Instant(1_800_000_000_000_000)
	ttl   = 500 * ms
)

func at(n int) history.Instant { return start + history.Instant(n)*ms }

func holder(user string) history.Holder {
	return history.Holder{Org: "acme", License: "pro", User: user, Hardware: "hw"}
}

// op is a request from from to to (milliseconds).
func op(kind history.Kind, user, session string, result history.Result, from, to int) history.Op {
	o := history.Op{Kind: kind, Holder: holder(user), Session: session, Result: result, Call: at(from), Return: at(to)}
	if result == history.Granted || result == history.Found || result == history.Extended {
		o.Server, o.Expires = at((from+to)/2), at((from+to)/2)+ttl
	}
	return o
}

func grant(user, session string, from, to int) history.Op {
	return op(history.Acquire, user, session, history.Granted, from, to)
}

func full(user string, from, to int) history.Op {
	o := op(history.Acquire, user, "", history.Full, from, to)
	o.Limit = "license"
	return o
}

func beat(user, session string, result history.Result, from, to int) history.Op {
	return op(history.Heartbeat, user, session, result, from, to)
}

func release(user, session string, from, to int) history.Op {
	return op(history.Release, user, session, history.Released, from, to)
}

func loss(from, to int) history.Fault {
	return history.Fault{Kind: "redis flushed", Begin: at(from), End: at(to), Loses: true, Delays: true}
}

func delay(from, to int) history.Fault {
	return history.Fault{Kind: "redis slow", Begin: at(from), End: at(to), Delays: true}
}

// past is a history of one license with so many seats, below a cap of three.
func past(seats int, ops ...history.Op) history.History {
	r := history.NewRecorder(map[string]history.Org{"acme": {Cap: 3, Licenses: map[string]int{"pro": seats, "lab": 9}}}, 200*time.Millisecond)
	for _, o := range ops {
		r.Add(o)
	}
	return r.History()
}

// opened is a history in which a function process has had an epoch opened.
func opened(h history.History, org string, from, to int) history.History {
	h.Opened = append(h.Opened, history.Opening{Org: org, Begin: at(from), End: at(to)})
	return h
}

func checks(violations []history.Violation) string {
	var names []string
	for _, v := range violations {
		names = append(names, v.Check)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// TestCheck: each checker finds what it is for, and nothing where the same could
// have another reason.
func TestCheck(t *testing.T) {
	t.Parallel()
	lab := func(user, session string, from, to int) history.Op {
		o := grant(user, session, from, to)
		o.Holder.License = "lab"
		return o
	}
	pending := func(h history.History, faults ...history.Fault) history.History {
		h.Pending, h.Faults = map[string]bool{"s1": true}, faults
		return h
	}
	with := func(h history.History, faults ...history.Fault) history.History {
		h.Faults = faults
		return h
	}
	intrude := func(result history.Result) history.Op {
		o := op(history.Intrude, "a", "s1", result, 20, 30)
		o.Want, o.By = history.NotFound, "mallory"
		return o
	}
	for name, tt := range map[string]struct {
		history history.History
		want    string
	}{
		"nothing": {past(1), ""},

		"two seats of one":             {past(1, grant("a", "s1", 0, 10), grant("b", "s2", 20, 30)), "oversold"},
		"one more than the cap":        {past(3, grant("a", "s1", 0, 10), grant("b", "s2", 0, 10), lab("c", "s3", 0, 10), lab("d", "s4", 20, 30)), "oversold"},
		"after the expiry":             {past(1, grant("a", "s1", 0, 10), grant("b", "s2", 500, 510)), ""},
		"kept by heartbeats":           {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 400, 410), grant("b", "s2", 600, 610)), "oversold"},
		"a heartbeat without answer":   {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Unknown, 400, 410), grant("b", "s2", 600, 610)), ""},
		"while the release is on":      {past(1, grant("a", "s1", 0, 10), release("a", "s1", 20, 200), grant("b", "s2", 21, 30)), ""},
		"before the answer came":       {past(1, grant("a", "s1", 0, 300), grant("b", "s2", 5, 290), release("b", "s2", 295, 310)), ""},
		"released by a stranger":       {past(1, grant("a", "s1", 0, 10), intrude(history.NotFound), grant("b", "s2", 40, 50)), "oversold"},
		"dead, then rebuilt":           {opened(past(1, grant("a", "s1", 0, 10), grant("b", "s2", 510, 520), release("b", "s2", 530, 540), beat("a", "s1", history.Extended, 700, 710)), "acme", 600, 610), ""},
		"two sessions of one holder":   {past(3, grant("a", "s1", 0, 10), grant("a", "s2", 20, 30)), "displaced"},
		"the other is expiring":        {past(3, grant("a", "s1", 0, 10), grant("a", "s2", 450, 510)), ""},
		"its holder is refused":        {past(3, grant("a", "s1", 0, 10), full("a", 20, 30)), "displaced"},
		"its holder has released":      {past(3, grant("a", "s1", 0, 10), release("a", "s1", 11, 25), full("a", 20, 30)), ""},
		"alive after a release":        {past(1, grant("a", "s1", 0, 10), release("a", "s1", 20, 30), beat("a", "s1", history.Extended, 40, 50)), "resurrected"},
		"alive after a 410":            {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Ended, 600, 610), op(history.Acquire, "a", "s1", history.Found, 620, 630)), "resurrected, revived"},
		"beside the release":           {past(1, grant("a", "s1", 0, 10), release("a", "s1", 20, 60), beat("a", "s1", history.Extended, 30, 40)), ""},
		"pending, and lost":            {pending(past(1, grant("a", "s1", 0, 10), release("a", "s1", 20, 30), beat("a", "s1", history.Extended, 50, 60)), loss(35, 40)), ""},
		"pending, not lost":            {pending(past(1, grant("a", "s1", 0, 10), release("a", "s1", 20, 30), beat("a", "s1", history.Extended, 50, 60))), "resurrected"},
		"pending, lost before":         {pending(past(1, grant("a", "s1", 10, 12), release("a", "s1", 20, 30), beat("a", "s1", history.Extended, 50, 60)), loss(0, 5)), "resurrected"},
		"lost, not pending":            {with(past(1, grant("a", "s1", 0, 10), release("a", "s1", 20, 30), beat("a", "s1", history.Extended, 50, 60)), loss(35, 40)), "resurrected"},
		"extended when dead":           {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 600, 610)), "revived"},
		"extended in time, told late":  {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 490, 510)), ""},
		"extended unseen before":       {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Refused, 400, 410), beat("a", "s1", history.Extended, 600, 610)), ""},
		"extended by a late copy":      {with(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 100, 140), beat("a", "s1", history.Extended, 700, 710)), delay(110, 300)), ""},
		"repeated inside":              {past(1, grant("a", "s1", 0, 300), beat("a", "s1", history.Extended, 700, 710)), ""},
		"brought back by a rebuild":    {opened(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 600, 610)), "acme", 550, 560), ""},
		"lost, and not rebuilt":        {with(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 600, 610)), loss(550, 560)), "revived"},
		"rebuilt before":               {opened(past(1, grant("a", "s1", 20, 30), beat("a", "s1", history.Extended, 600, 610)), "acme", 10, 19), "revived"},
		"rebuilt after":                {opened(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 600, 610)), "acme", 611, 620), "revived"},
		"another's rebuild":            {opened(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 600, 610)), "globex", 550, 560), "revived"},
		"ended while alive":            {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Ended, 100, 110)), "unexplained end"},
		"ended while it expired":       {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Ended, 490, 520)), ""},
		"revoked":                      {past(1, grant("a", "s1", 0, 10), op(history.Revoke, "a", "s1", history.Refused, 20, 30), beat("a", "s1", history.Ended, 100, 110)), ""},
		"a revocation that never left": {past(1, grant("a", "s1", 0, 10), op(history.Revoke, "a", "s1", history.NotSent, 20, 30), beat("a", "s1", history.Ended, 100, 110)), "unexplained end"},
		"forgotten":                    {past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.NotFound, 800, 810)), "forgotten"},
		"not found to be released":     {past(1, grant("a", "s1", 0, 10), op(history.Release, "a", "s1", history.NotFound, 20, 30)), "forgotten"},
		"a stranger's success":         {past(1, grant("a", "s1", 0, 10), intrude(history.Extended)), "cross-tenant"},
		"a stranger's wrong refusal":   {past(1, grant("a", "s1", 0, 10), intrude(history.Ended)), "cross-tenant"},
		"a stranger in an outage":      {past(1, grant("a", "s1", 0, 10), intrude(history.Refused)), ""},
		"an internal error":            {past(1, op(history.Acquire, "a", "", history.Unexpected, 0, 10)), "unexpected answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			violations, exempted := tt.history.Check()
			if got := checks(violations); got != tt.want {
				t.Errorf("found %q, want %q: %v", got, tt.want, violations)
			}
			if want := name == "pending, and lost"; (exempted == 1) != want {
				t.Errorf("%d exempted", exempted)
			}
		})
	}
}

// TestFill: a refusal is judged from the ledger's first answer on, and silence
// only after the whole wait.
func TestFill(t *testing.T) {
	t.Parallel()
	fill := history.Fill{
		Org: "acme", License: "pro", Users: []string{"f-0", "f-1"}, Turned: "turned",
		From: at(0), Until: at(5000), Within: time.Second,
	}
	served := []history.Op{grant("f-0", "s1", 900, 950), grant("f-1", "s2", 900, 950), full("turned", 960, 970)}
	for name, tt := range map[string]struct {
		ops  []history.Op
		want string
	}{
		"served":                   {served, ""},
		"served at last":           {append([]history.Op{full("f-0", 100, 110), full("f-0", 500, 510)}, served...), ""},
		"refused for long":         {[]history.Op{full("f-0", 100, 110), full("f-0", 1200, 1210), grant("f-0", "s1", 1300, 1310), grant("f-1", "s2", 1300, 1310), full("turned", 1400, 1410)}, "lost seat"},
		"a slow ledger":            {append([]history.Op{op(history.Acquire, "f-0", "", history.Refused, 100, 110), full("f-0", 800, 850)}, served...), ""},
		"a slow ledger's time":     {[]history.Op{full("f-0", 800, 850), full("f-0", 1800, 1810), grant("f-0", "s1", 1900, 1910), grant("f-1", "s2", 1900, 1910), full("turned", 1920, 1930)}, ""},
		"lost to the one too many": {append(slices.Clone(served), beat("f-0", "s1", history.Ended, 1500, 1510), grant("turned", "s3", 1520, 1530), full("f-0", 1540, 1550)), ""},
		"one got none":             {[]history.Op{grant("f-0", "s1", 900, 950), full("turned", 960, 970)}, "not served"},
		"nobody is turned":         {served[:2], "not served"},
		"the one too many is too slow to meet them all": {append(slices.Clone(served[:2]), grant("turned", "s3", 1600, 1610)), ""},
		"others do not count":                           {append([]history.Op{grant("x", "s9", 100, 110), full("x", 2000, 2010), release("x", "s9", 111, 120)}, served...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := past(2, tt.ops...)
			h.Fills = []history.Fill{fill}
			violations, _ := h.Check()
			if got := checks(violations); got != tt.want {
				t.Errorf("found %q, want %q: %v", got, tt.want, violations)
			}
		})
	}
}

// TestRecords: a session's document agrees with what its holder was told.
func TestRecords(t *testing.T) {
	t.Parallel()
	kept := past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 100, 110))
	gone := past(1, grant("a", "s1", 0, 10), release("a", "s1", 100, 110))
	good := history.Record{Org: "acme", Session: "s1", Status: "ended", Reason: "expired", EndedAt: at(605)}
	with := func(change func(*history.Record)) []history.Record {
		r := good
		change(&r)
		return []history.Record{r}
	}
	released := with(func(r *history.Record) { r.Reason, r.EndedAt = "released", at(105) })
	for name, tt := range map[string]struct {
		history history.History
		records []history.Record
		bad     bool
	}{
		"expired":                {kept, []history.Record{good}, false},
		"released":               {gone, released, false},
		"released by nobody":     {kept, with(func(r *history.Record) { r.Reason = "released" }), true},
		"not recorded":           {kept, nil, true},
		"recorded twice":         {kept, []history.Record{good, good}, true},
		"still active":           {kept, with(func(r *history.Record) { r.Status = "active" }), true},
		"without a reason":       {kept, with(func(r *history.Record) { r.Reason = "" }), true},
		"without a time":         {kept, with(func(r *history.Record) { r.EndedAt = 0 }), true},
		"too early":              {kept, with(func(r *history.Record) { r.EndedAt = at(604) }), true},
		"granted, and failed":    {kept, with(func(r *history.Record) { r.Reason = "failed" }), true},
		"of another org":         {kept, with(func(r *history.Record) { r.Org = "globex" }), true},
		"a grant nobody saw":     {past(1), []history.Record{good}, false},
		"a failed one, unseen":   {past(1), with(func(r *history.Record) { r.Reason = "failed" }), false},
		"unseen, left as active": {past(1), with(func(r *history.Record) { r.Status = "active" }), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if violations := tt.history.CheckRecords(tt.records); (len(violations) > 0) != tt.bad {
				t.Errorf("found %v", violations)
			}
		})
	}
}

// TestStory: what concerns the session, its license and the time is told, in order.
func TestStory(t *testing.T) {
	t.Parallel()
	h := past(1, grant("a", "s1", 0, 10), grant("b", "s2", 20, 30), grant("c", "s3", 9000, 9010))
	h.Faults = []history.Fault{loss(15, 16), loss(60_000, 60_001)}
	violations, _ := h.Check()
	if len(violations) != 1 {
		t.Fatalf("found %v", violations)
	}
	story := h.Story(violations[0])
	if len(story) != 3 || !strings.Contains(story[0], "s1") || !strings.Contains(story[1], "FAULT redis flushed") || !strings.Contains(story[2], "s2") {
		t.Errorf("told:\n%s", strings.Join(story, "\n"))
	}
}
