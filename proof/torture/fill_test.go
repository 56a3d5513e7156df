package torture

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// TestADemandIsUpheld as long as somebody makes progress, and is not given up
// because the machine is slow: only when strangers were served meanwhile.
func TestADemandIsUpheld(t *testing.T) {
	t.Parallel()
	over := 0
	r := newRound(&rig.Rig{Shared: &rig.Shared{}}, plan{orgs: map[string]history.Org{}, control: "control"}, Pace(time.Second), newLoad())
	f := newFilling(r, []history.Fill{{Users: []string{"a", "b"}, Turned: "c"}}, func() { over++ })
	longAgo := func(d time.Duration) { f.since = time.Now().Add(-d) }

	longAgo(time.Minute)
	if f.otherServed(false) {
		t.Error("given up because nothing happens")
	}
	for range enoughOthers - 1 {
		if f.otherServed(true) {
			t.Error("given up although few others were served")
		}
	}
	f.progress(1, 0)
	longAgo(time.Minute)
	if f.otherServed(true) {
		t.Error("those served before the last progress count")
	}
	for range enoughOthers - 1 {
		f.otherServed(true)
	}
	if longAgo(time.Minute); !f.otherServed(false) {
		t.Error("not given up although others are served one after the other")
	}
	if longAgo(0); f.otherServed(true) {
		t.Error("given up before a rebuilt session must have expired")
	}
	f.others = 0
	if longAgo(2 * standstill); !f.otherServed(false) {
		t.Error("not given up although nobody was served at all")
	}
	if f.progress(1, 0); over != 0 {
		t.Error("over before the one too many was turned away")
	}
	if f.progress(0, 1); over != 1 {
		t.Error("not over although everybody has an answer")
	}
	select {
	case <-f.served:
	default:
		t.Error("all are served, and nobody is told")
	}
}
