package functions_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// around is a query of the days around now, by whichever clock.
func around(more string) string {
	now := time.Now().UTC()
	return "?from=" + now.AddDate(0, 0, -5).Format(time.DateOnly) + "&to=" + now.AddDate(0, 0, 5).Format(time.DateOnly) + more
}

func (v vendor) usage(t *testing.T, org, query string) api.UsageReport {
	t.Helper()
	return into[api.UsageReport](t, v.do(t, http.MethodGet, api.UsagePath(org)+query, nil), http.StatusOK)
}

func (v vendor) denials(t *testing.T, org, query string) api.DenialReport {
	t.Helper()
	return into[api.DenialReport](t, v.do(t, http.MethodGet, api.DenialsPath(org)+query, nil), http.StatusOK)
}

// TestTheVendorSeesUsage: who took seats, who was refused, and who got one after all.
func TestTheVendorSeesUsage(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	ann, bob, eve := v.w.user(org.ID, "ann"), v.w.user(org.ID, "bob"), v.w.user(org.ID, "eve")
	held := ann.take(t, "hw").SessionID
	for range 3 {
		bob.acquire(t, "hw").refused(t, "no_seats_available")
	}
	eve.acquire(t, "hw").refused(t, "no_seats_available")
	v.w.advance(t, time.Minute)
	ann.release(t, held).want(t, http.StatusNoContent)
	bob.take(t, "hw")
	if got := v.usage(t, org.ID, around("")); len(got.Licenses) != 0 || got.OrganizationID != org.ID || got.Step != "day" {
		t.Errorf("before the reaper has come: %+v", got)
	}
	v.w.advance(t, v.w.opts.SessionTTL+time.Minute)
	for range 2 {
		v.w.reap(t)
	}
	used := v.usage(t, org.ID, around("&license=pro"))
	if len(used.Licenses) != 1 {
		t.Fatalf("%+v", used)
	}
	l := used.Licenses[0]
	if l.LicenseID != "pro" || l.Grants != 2 || l.Denials != 4 || l.Waited != 3 || l.PeakSeats != 1 || len(l.Steps) == 0 {
		t.Errorf("%+v", l)
	}
	if minutes := (1 + v.w.opts.SessionTTL.Minutes()); l.Sizing[0].ShortSeconds < int64(60*minutes) || l.Sizing[0].ShortSeconds > int64(60*minutes)+30 {
		t.Errorf("a seat was in use for %d s, want about %.0f minutes", l.Sizing[0].ShortSeconds, minutes)
	}
	short := l.Sizing[0].ShortSeconds
	want := []api.SizingPoint{
		{Seats: 0, Waiting: 6, WaitingPercent: 100, ShortSeconds: short}, {Seats: 1, Waiting: 4, WaitingPercent: 66.67}, {Seats: 2},
	}
	if !slices.Equal(l.Sizing, want) {
		t.Errorf("sizing %+v, want %+v", l.Sizing, want)
	}
	counts := api.DenialCounts{Denials: 4, Waited: 3, Lost: 1, ByLimit: api.DenialLimits{License: 4}}
	if got := v.denials(t, org.ID, around("&step=hour")); len(got.Licenses) != 1 || got.Licenses[0].DenialCounts != counts || got.Step != "hour" {
		t.Errorf("%+v", got)
	}
	for _, elsewhere := range []string{v.usage(t, "acme", around("")).OrganizationID, v.denials(t, "acme", around("")).OrganizationID} {
		if elsewhere != "acme" {
			t.Errorf("of %s", elsewhere)
		}
	}
	if got := v.denials(t, "acme", around("")); len(got.Licenses) != 0 {
		t.Errorf("another organization's: %+v", got)
	}
	if got := v.usage(t, org.ID, around("&license=none")); len(got.Licenses) != 0 {
		t.Errorf("of a license that is not there: %+v", got)
	}
	if got := v.usage(t, org.ID, "?from=2020-01-01&to=2020-01-02T00:30:00Z&step=hour"); len(got.Licenses) != 0 ||
		got.To.String() != "2020-01-02T00:00:00.000Z" || got.From.String() != "2020-01-01T00:00:00.000Z" {
		t.Errorf("of long ago: %+v", got)
	}
}
