package ledger_test

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

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
	other := h.Session
	other.ID, other.LicenseID = "0199cccc-0000-7000-8000-000000000000", "lab"
	members := []ledger.Member{{Session: h.Session, Pools: []string{"pro", "ci"}}, {Session: other, Pools: []string{"lab"}}}
	if err := l.Stage(t.Context(), user("ann"), rebuildNonce(t, l), epochOf(2), ledger.Chunk{Members: members}); err != nil {
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

// TestAMemberWithoutData, which a broken script or a hand may leave behind, stops
// no visit and holds no seat for ever.
func TestAMemberWithoutData(t *testing.T) {
	f := ledgertest.Fake(t)
	c := ledgertest.Client(t, f.Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	loaded(t, l, 1)
	for name, meets := range map[string]func() error{
		"a visit":       func() error { _, err := l.Visit(t.Context(), license.ServiceCaller(acme), 10); return err },
		"another":       func() error { _, err := reserveIn(t, l, "bob", 0); return err },
		"its own again": func() error { _, err := reserveIn(t, l, "ann", 0); return err },
	} {
		if _, err := reserveIn(t, l, "ann", -1); err != nil {
			t.Fatal(err)
		}
		data := "seats:{acme}:" + c.HGet(t.Context(), e, "generation").Val() + ":data"
		if n, err := c.Del(t.Context(), data).Result(); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		f.Advance(sessionTTL)
		if err := meets(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, userID := range []string{"ann", "bob"} {
			session := ledger.Hold{Session: license.Session{ID: "s-" + userID, Holder: license.Holder{LicenseID: "pro", UserID: userID}}}
			if _, err := l.Remove(t.Context(), user(userID), ledger.BySession, session); err != nil {
				t.Fatal(err)
			}
		}
		h, err := l.Known(t.Context(), license.ServiceCaller(acme), nil)
		if err != nil || h.Held != 0 {
			t.Errorf("after %s: %d sessions, %v", name, h.Held, err)
		}
		if left, err := c.Keys(t.Context(), "*:pool:*").Result(); err != nil || len(left) != 0 {
			t.Errorf("left in pools after %s: %v, %v", name, left, err)
		}
		for place := range 3 {
			eve, err := reserveIn(t, l, "eve", place)
			if err != nil {
				t.Errorf("pool %d after %s: %v", place, name, err)
			}
			if _, err := l.Remove(t.Context(), user("eve"), ledger.BySession, eve); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAMemberWithoutDataMakesNoRoom for a token: one that is taken out leaves the tokens
// of earlier holders as many as they are.
func TestAMemberWithoutDataMakesNoRoom(t *testing.T) {
	f := ledgertest.Fake(t)
	c := ledgertest.Client(t, f.Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	loaded(t, l, 1)
	strict := func(userID string) (ledger.Hold, error) {
		return l.Reserve(t.Context(), user(userID), ledger.Reservation{
			SessionID: "s-" + userID, Holder: license.Holder{UserID: userID},
			Candidates: []ledger.Candidate{{LicenseID: "pro", Pools: []ledger.Pool{{Key: "pro", Cap: 1}}, TokenCap: 1}},
		})
	}
	ann, err := strict("ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Remove(t.Context(), user("ann"), ledger.BySession, ann); err != nil {
		t.Fatal(err)
	}
	pool := "seats:{acme}:" + c.HGet(t.Context(), e, "generation").Val() + ":pool:pro"
	if err := c.ZAdd(t.Context(), pool, redis.Z{Score: -1, Member: "nobody"}).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := strict("bob"); !errors.As(err, new(*ledger.StaleError)) {
		t.Errorf("beside a member without data: %v", err)
	}
	if _, err := strict("bob"); !errors.As(err, new(*ledger.FullError)) {
		t.Errorf("asked again: %v", err)
	}
}
