package ledger_test

import (
	"fmt"
	"strings"
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
	if took := time.Since(before); all.SeatSeconds() > 2*took.Seconds() || all.SeatSeconds() < 0 {
		t.Errorf("%f s of seats within %s", all.SeatSeconds(), took)
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

// TestManyHoursOfManyPools: twenty licenses of a thousand hours, and five thousand pools,
// which are more than a script can answer with, or pass on, at once.
func TestManyHoursOfManyPools(t *testing.T) {
	const licenses, hours, pools = 20, 1001, 5000
	f := ledgertest.Fake(t)
	c := ledgertest.Client(t, f.Addr())
	l := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL)
	loaded(t, l, 1)
	if _, err := reserveIn(t, l, "ann", -1); err != nil {
		t.Fatal(err)
	}
	service := license.ServiceCaller(acme)
	first, err := l.Tally(t.Context(), service, "", "", 10)
	if err != nil || len(first.Meters) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	keys, hour := c.Keys(t.Context(), "*:meters").Val(), first.Meters[0].Hour.UnixMilli()/time.Hour.Milliseconds()
	base := strings.TrimSuffix(keys[0], "meters")
	_, err = c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range licenses {
			name := fmt.Sprint("l-", i)
			p.HSet(t.Context(), keys[0], name, fmt.Sprint(first.Meters[0].Hour.UnixMilli(), 10, hour-hours, hour-hours+1, 0))
			for h := range hours {
				p.HSet(t.Context(), fmt.Sprint(base, "usage:", hour-int64(h), ":", name), "w", 1)
			}
		}
		for i := range pools {
			p.SAdd(t.Context(), base+"pools", fmt.Sprint("p-", i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantAll := func(when, dead string, want int) {
		t.Helper()
		n := 0
		for last := ""; ; {
			told, err := l.Tally(t.Context(), service, dead, last, 1<<20)
			if err != nil {
				t.Fatal(when, err)
			}
			if n += len(told.Meters); len(told.Meters) > 1000 {
				t.Errorf("%s: %d hours at once", when, len(told.Meters))
			}
			if err := l.Tallied(t.Context(), service, told.Generation, told.Meters[:min(1, len(told.Meters))]); err != nil {
				t.Fatal(err)
			}
			if last = told.Last; last == "" {
				break
			}
		}
		if n != want {
			t.Errorf("%s: %d hours are told, want %d", when, n, want)
		}
	}
	wantAll("living", "", licenses*hours+1)
	f.Promote()
	loaded(t, l, 2)
	left := len(c.Keys(t.Context(), "*:usage:*").Val())
	wantAll("dead", first.Generation, left)
	if err := l.Clear(t.Context(), service, first.Generation); err != nil {
		t.Fatal(err)
	}
	if keys := c.Keys(t.Context(), base+"*").Val(); len(keys) != 0 {
		t.Errorf("%d keys are left, such as %s", len(keys), keys[0])
	}
}
