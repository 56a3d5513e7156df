package ledger_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestUsageOfRealRedis counts on redis-server, whose clock runs on between the calls.
func TestUsageOfRealRedis(t *testing.T) {
	c := ledgertest.Client(t, servers.Redis(t).Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	loaded(t, l, 1)
	before := time.Now()
	for _, id := range []string{"ann", "bob", "bob"} {
		if _, err := reserveIn(t, l, id, -1); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		wantRefused(t, l, "eve", 0)
	}
	told, err := l.Tally(t.Context(), license.ServiceCaller(acme), "", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	all := told.Meters[0].Counts
	for _, m := range told.Meters[1:] { // the hour may have changed meanwhile
		all = all.Add(m.Counts)
	}
	if all.Grants() != 2 || all.Refused() != 200 || all.Peak != 2 {
		t.Errorf("%+v", all)
	}
	if took := time.Since(before); all.SeatTime() > 2*took || all.SeatTime() < 0 {
		t.Errorf("%s of seats within %s", all.SeatTime(), took)
	}
}

// TestRefusedHoldersAreFew: whoever is refused how often, what is remembered of it is bounded.
func TestRefusedHoldersAreFew(t *testing.T) {
	f := ledgertest.Fake(t)
	c := ledgertest.Client(t, f.Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	loaded(t, l, 1)
	if _, err := reserveIn(t, l, "ann", -1); err != nil {
		t.Fatal(err)
	}
	for range 150 {
		wantRefused(t, l, "eve", 0)
	}
	for i := range 1100 {
		wantRefused(t, l, "u"+time.Duration(i).String(), 0)
	}
	all := remembered(t, c)
	if len(all) != 1000 {
		t.Errorf("%d holders are remembered", len(all))
	}
	for holder, refusals := range all {
		if len(refusals) > 1300 {
			t.Errorf("%d bytes of %s", len(refusals), holder)
		}
	}
	told, err := l.Tally(t.Context(), license.ServiceCaller(acme), "", "", 10)
	if err != nil || told.Meters[0].Refused() != 1250 {
		t.Errorf("%+v, %v", told, err)
	}
	for range 2 { // of three periods the first is forgotten
		f.Advance(ledger.Patience)
		for _, id := range []string{"ann", "eve"} {
			h := ledger.Hold{Session: license.Session{ID: "s-" + id, Holder: license.Holder{LicenseID: "pro", UserID: id}}}
			if _, err := l.Remove(t.Context(), user(id), ledger.BySession, h); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := reserveIn(t, l, "ann", -1); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, l, "eve", 0)
	}
	if n := len(remembered(t, c)); n != 1 {
		t.Errorf("%d holders are remembered twenty minutes later", n)
	}
}

func remembered(t *testing.T, c redis.UniversalClient) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range c.Keys(t.Context(), "*:refused:*").Val() {
		for holder, refusals := range c.HGetAll(t.Context(), key).Val() {
			all[holder] = refusals
		}
	}
	return all
}

func wantRefused(t *testing.T, l ledger.Ledger, userID string, place int) {
	t.Helper()
	if _, err := reserveIn(t, l, userID, place); err == nil {
		t.Fatalf("%s has a seat", userID)
	}
}
