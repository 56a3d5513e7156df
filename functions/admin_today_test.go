package functions_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeredis"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// longDay is a world whose present day (UTC) does not end within the test, by its one clock,
// which the test moves.
func longDay(t *testing.T) (*world, *fakeredis.Server) {
	t.Helper()
	redis, opts := moving(t), devstack.Defaults()
	if rest := redis.Now().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(redis.Now()); rest < 10*time.Minute {
		redis.Advance(rest)
	}
	opts.Redis, opts.LedgerClock, opts.Now = redis.Addr(), redis.Now, redis.Now
	return start(t, backend{"moving", func(_ *testing.T, w *world) { w.record = record.NewMemory() }}, opts), redis
}

// wantToday checks what the overview says of its one license; below zero is absent.
func (u user) wantToday(t *testing.T, peak int, denials int64) {
	t.Helper()
	l := read[api.Overview](t, u, api.PathAdminOverview).Licenses[0]
	gotPeak, gotDenials := -1, int64(-1)
	if l.PeakToday != nil {
		gotPeak = *l.PeakToday
	}
	if l.DenialsToday != nil {
		gotDenials = *l.DenialsToday
	}
	if gotPeak != peak || gotDenials != denials {
		t.Errorf("peak %d, denials %d; want %d and %d", gotPeak, gotDenials, peak, denials)
	}
}

// TestTheOverviewTellsToday: the peak and the refusals since midnight, of the organization's
// own licenses, and to those alone who administer it.
func TestTheOverviewTellsToday(t *testing.T) {
	w, redis := longDay(t)
	org, other := w.licensed(t, 2), w.licensed(t, 2)
	for range 2 { // the index is made
		w.reap(t)
	}
	boss, ann := w.boss(org), w.user(org, "ann")
	boss.wantToday(t, 0, 0)
	held := ann.take(t, "hw").SessionID
	ann.take(t, "hw-2")
	for _, machine := range []string{"hw-3", "hw-4", "hw-5"} {
		ann.acquire(t, machine).refused(t, "no_seats_available")
	}
	boss.wantToday(t, 2, 0) // what is held now is known at once
	redis.Advance(time.Minute)
	w.reap(t)
	ann.release(t, held).want(t, http.StatusNoContent)
	boss.wantToday(t, 2, 3)
	w.boss(other).wantToday(t, 0, 0)
	if body := ann.get(t, api.PathMyLicenses).body; strings.Contains(string(body), "today") {
		t.Errorf("a member is told %s", body)
	}
	w.outage.begin(recordtest.Outage(nil), "Usage")
	boss.wantToday(t, -1, -1)
	w.outage.end()
}
