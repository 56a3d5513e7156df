package ledger_test

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestADeadGenerationLeavesNoKey: of a ledger that was replaced nothing stays in
// Redis, whether its sessions were granted or rebuilt. The one in use is cleared
// for nobody.
func TestADeadGenerationLeavesNoKey(t *testing.T) {
	f := ledgertest.Fake(t)
	c := ledgertest.Client(t, f.Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	loaded(t, l, 1)
	h, err := reserveIn(t, l, "ann", -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Clear(t.Context(), user("ann"), c.HGet(t.Context(), e, "generation").Val()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: h.ID}); err != nil {
		t.Fatalf("after the generation in use was to be cleared: %v", err)
	}
	f.Promote()
	if err := l.Stage(t.Context(), user("ann"), rebuildNonce(t, l), 2, []ledger.Member{{Session: h.Session, Pools: []string{"pro", "ci"}}}); err != nil {
		t.Fatal(err)
	}
	loaded(t, l, 2)
	f.Promote()
	loaded(t, l, 3)
	v, err := l.Visit(t.Context(), license.ServiceCaller(acme), 10)
	if err != nil || len(v.Dead) != 2 {
		t.Fatalf("dead: %v, %v", v.Dead, err)
	}
	for _, dead := range v.Dead {
		if err := l.Clear(t.Context(), license.ServiceCaller(acme), dead); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := c.Keys(t.Context(), "*").Result(); err != nil || len(left) != 1 || left[0] != e {
		t.Errorf("left: %q, %v; want the epoch alone", left, err)
	}
}
