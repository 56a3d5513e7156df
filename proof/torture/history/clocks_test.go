package history_test

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

const tolerance = 100 * time.Millisecond

// step sets the clock of a server between two moments, from one offset to another
// (milliseconds).
func step(server string, begin, end, from, to int) history.Step {
	return history.Step{
		Server: server, Begin: at(begin), End: at(end),
		From: time.Duration(from) * time.Millisecond, To: time.Duration(to) * time.Millisecond,
	}
}

// stepped is a history with such clocks, judged with the tolerance, by a function
// whose clock is right.
func stepped(h history.History, steps ...history.Step) history.History {
	h.Steps, h.Tolerance = steps, tolerance
	h.Skews = []history.Skew{{Worker: 0, Begin: 0, End: history.Never}}
	return h
}

// stamped is an answer by a clock that is so far ahead.
func stamped(o history.Op, ahead int) history.Op {
	o.Server, o.Expires = o.Server+history.Instant(ahead)*ms, o.Expires+history.Instant(ahead)*ms
	return o
}

// TestCheckClocks: a holder is certain until the first moment at which a clock
// that counts can have shown the end it was told.
func TestCheckClocks(t *testing.T) {
	t.Parallel()
	held := func(other history.Op) []history.Op { return []history.Op{grant("a", "s1", 0, 10), other} }
	skewed := func(h history.History, ahead time.Duration) history.History {
		h.Skews = append(h.Skews, history.Skew{Worker: 1, Begin: 0, End: history.Never, Ahead: ahead})
		return h
	}
	by := func(worker int, o history.Op) history.Op {
		o.Worker = worker
		return o
	}
	opened := func(h history.History, worker int) history.History {
		h.Opened = append(h.Opened, history.Opening{Org: "acme", Worker: worker, Begin: at(20), End: at(30)})
		return h
	}
	for name, tt := range map[string]struct {
		history history.History
		want    string
	}{
		"no step":                              {stepped(past(1, held(grant("b", "s2", 450, 460))...)), "oversold"},
		"a step shortens by itself":            {stepped(past(1, held(grant("b", "s2", 450, 460))...), step("r", 100, 110, 0, 80)), ""},
		"and by no more":                       {stepped(past(1, held(grant("b", "s2", 410, 415))...), step("r", 100, 110, 0, 80)), "oversold"},
		"a jump beyond the tolerance ends no":  {stepped(past(1, held(grant("b", "s2", 200, 210))...), step("r", 100, 110, 0, 3000), step("r", 400, 410, 3000, 0)), "oversold"},
		"... while functions have that clock":  {skewed(stepped(past(1, held(grant("b", "s2", 200, 210))...), step("r", 100, 110, 0, 3000), step("r", 400, 410, 3000, 0)), 3*time.Second), ""},
		"... and not when they are far ahead":  {skewed(stepped(past(1, held(grant("b", "s2", 200, 210))...), step("r", 100, 110, 0, 3000), step("r", 400, 410, 3000, 0)), 4*time.Minute), "oversold"},
		"a step back lengthens":                {stepped(past(1, held(grant("b", "s2", 550, 560))...), step("r", 100, 110, 0, -80)), "oversold"},
		"another server's clock counts":        {stepped(past(1, held(grant("b", "s2", 450, 460))...), step("r", 0, 0, 0, 0), step("q", -50, -50, 0, 80)), ""},
		"told by a clock that is ahead":        {stepped(past(1, stamped(grant("a", "s1", 0, 10), 80), grant("b", "s2", 450, 460)), step("r", -50, -50, 0, 80)), "oversold"},
		"ended by a step ahead":                {stepped(past(1, held(beat("a", "s1", history.Ended, 440, 450))...), step("r", 100, 110, 0, 80)), ""},
		"ended by a jump beyond the tolerance": {stepped(past(1, held(beat("a", "s1", history.Ended, 200, 210))...), step("r", 100, 110, 0, 3000)), "unexplained end"},
		"extended by a clock that was ahead":   {stepped(past(1, stamped(grant("a", "s1", 0, 10), 90), beat("a", "s1", history.Extended, 550, 560)), step("r", -5, -1, 0, 90), step("r", 100, 110, 90, 0)), ""},
		"extended after it had expired for all": {
			stepped(past(1, stamped(grant("a", "s1", 0, 10), 90), beat("a", "s1", history.Extended, 650, 660)), step("r", -5, -1, 0, 90), step("r", 100, 110, 90, 0)), "revived",
		},
		"a later clock gives a longer life": {skewed(stepped(past(1, grant("a", "s1", 0, 10), by(1, beat("a", "s1", history.Extended, 300, 310)), beat("a", "s1", history.Extended, 2900, 2910)), step("r", 0, 0, 0, 0)), 3*time.Second), ""},
		"... of ten TTLs at most":           {skewed(stepped(past(1, grant("a", "s1", 0, 10), by(1, beat("a", "s1", history.Extended, 300, 310)), beat("a", "s1", history.Extended, 6300, 6310)), step("r", 0, 0, 0, 0)), time.Hour), "revived"},
		"... and no other":                  {skewed(stepped(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Extended, 300, 310), beat("a", "s1", history.Extended, 2900, 2910)), step("r", 0, 0, 0, 0)), 3*time.Second), "revived"},
		"loaded by who was ahead":           {skewed(stepped(opened(past(1, grant("a", "s1", 100, 110), beat("a", "s1", history.Extended, 2900, 2910)), 1), step("r", 0, 0, 0, 0)), 3*time.Second), ""},
		"loaded by another before":          {skewed(stepped(opened(past(1, grant("a", "s1", 100, 110), beat("a", "s1", history.Extended, 2900, 2910)), 0), step("r", 0, 0, 0, 0)), 3*time.Second), "revived"},
		"told less by a clock set back": {
			stepped(past(1, grant("a", "s1", 0, 10), stamped(beat("a", "s1", history.Extended, 100, 110), -90), beat("a", "s1", history.Ended, 525, 530)),
				step("r", 50, 60, 0, -90), step("r", 510, 515, -90, 0)), "",
		},
		"perhaps told less by a clock set back": {
			stepped(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Refused, 30, 40), beat("a", "s1", history.Ended, 455, 460)),
				step("r", 20, 25, 0, -90), step("r", 400, 405, -90, 0)), "",
		},
		"told less while another request is under way": {
			stepped(past(2, grant("a", "s1", 0, 10), stamped(beat("a", "s1", history.Extended, 100, 105), 90),
				op(history.Acquire, "a", "s1", history.Found, 120, 130), grant("a", "s2", 118, 650)),
				step("r", 50, 60, 0, 90), step("r", 110, 115, 90, 0)), "",
		},
		"told as much": {
			stepped(past(2, grant("a", "s1", 0, 10), stamped(beat("a", "s1", history.Extended, 100, 105), 90),
				grant("a", "s2", 118, 650)), step("r", 50, 60, 0, 90), step("r", 110, 115, 90, 0)), "displaced",
		},
		"extended in a jump ahead":   {stepped(past(1, grant("a", "s1", 0, 10), stamped(beat("a", "s1", history.Extended, 300, 310), 3000)), step("r", 100, 110, 0, 3000)), ""},
		"alive again by a step back": {stepped(past(1, grant("a", "s1", 0, 10), beat("a", "s1", history.Ended, 520, 530), stamped(beat("a", "s1", history.Extended, 560, 570), -90)), step("r", 540, 545, 0, -90)), "resurrected"},
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

// TestRecordsByOtherClocks: the end that a record tells by one clock is not too
// early for the end that was told by another.
func TestRecordsByOtherClocks(t *testing.T) {
	t.Parallel()
	end := func(n int) []history.Record { return []history.Record{ended("s1", 5, n)} }
	apart := stepped(past(1, stamped(grant("a", "s1", 0, 10), 90)), step("r", -50, -50, 0, 90), step("q", -50, -50, 0, -90))
	alike := stepped(past(1, stamped(grant("a", "s1", 0, 10), 90)), step("r", -50, -50, 90, 90))
	for name, tt := range map[string]struct {
		history history.History
		records []history.Record
		bad     bool
	}{
		"by the clock behind":            {apart, end(415), false},
		"earlier than any clock says":    {apart, end(310), true},
		"by the one clock there is":      {alike, end(595), false},
		"earlier, by the one there is":   {alike, end(594), true},
		"beside a step, as by the first": {stepped(past(1, grant("a", "s1", 0, 10)), step("r", 200, 210, 0, -90)), end(505), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if violations := tt.history.CheckRecords(tt.records); (len(violations) > 0) != tt.bad {
				t.Errorf("found %v", violations)
			}
		})
	}
}

// TestLinearizeAcrossAStep: a seat comes free when the clock says so, wherever
// that moves it.
func TestLinearizeAcrossAStep(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps []history.Step
		ops   []history.Op
		bad   bool
	}{
		"free early by a step ahead": {[]history.Step{step("r", 100, 110, 0, 80)}, []history.Op{grant("a", "s1", 0, 10), grant("b", "s2", 430, 440)}, false},
		"held longer by a step back": {[]history.Step{step("r", 100, 110, 0, -80)}, []history.Op{grant("a", "s1", 0, 10), full("b", 570, 575)}, false},
		"and not for ever":           {[]history.Step{step("r", 100, 110, 0, -80)}, []history.Op{grant("a", "s1", 0, 10), full("b", 640, 650)}, true},
		"nor earlier than that":      {[]history.Step{step("r", 100, 110, 0, 80)}, []history.Op{grant("a", "s1", 0, 10), grant("b", "s2", 400, 410)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := stepped(past(1, tt.ops...), tt.steps...)
			records := []history.Record{ended("s1", 5, 505)}
			if tt.ops[1].Session != "" {
				records = append(records, ended("s2", 455, 955))
			}
			if _, violations := h.Linearize(records, time.Minute); (len(violations) > 0) != tt.bad {
				t.Errorf("found %v", violations)
			}
		})
	}
}
