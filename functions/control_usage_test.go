package functions_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
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

// TestRefusalsAreInTheReportAfterOneRun, though nobody's session may have expired: those
// that come before a run are filed by it, and those right after it by that of a minute later.
func TestRefusalsAreInTheReportAfterOneRun(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	v.w.reap(t)         // the first run visits all
	v.w.fill(t, org.ID) // one is refused
	refuse := func(n int) {
		for i := range n {
			v.w.user(org.ID, "ann").acquire(t, fmt.Sprint("refused-", i)).refused(t, "no_seats_available")
		}
	}
	want := func(denials int64) {
		t.Helper()
		v.w.reap(t)
		if got := v.denials(t, org.ID, around("")); len(got.Licenses) != 1 || got.Licenses[0].Denials != denials {
			t.Errorf("%+v, want %d denials", got.Licenses, denials)
		}
	}
	refuse(19)
	want(20)
	refuse(1)
	v.w.advance(t, time.Minute)
	want(21)
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

// TestUsageByUserAndProject: from the sessions themselves, at both doors, up to now.
func TestUsageByUserAndProject(t *testing.T) {
	opts := devstack.Defaults()
	var ahead atomic.Int64
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w := start(t, embedded(), opts)
	org, v := w.licensed(t, 9), w.vendor()
	boss, ann, bob := w.boss(org), w.user(org, "ann"), w.user(org, "bob")
	bridge := map[string]any{"client": map[string]any{"project": "bridge-7"}}
	pass := func() {
		w.advance(t, 2*time.Minute)
		ahead.Add(int64(2 * time.Minute))
	}
	first := ann.take(t, "hw", bridge).SessionID
	ann.take(t, "hw-2")
	pass()
	bob.take(t, "hw", bridge)
	pass()
	ann.release(t, first).want(t, http.StatusNoContent)
	w.user(w.licensed(t, 9), "eve").take(t, "hw", bridge) // another organization's

	for by, want := range map[string][]api.UsageGroup{
		"user":    {{Key: "ann", Sessions: 2, PeakSeats: 2, SeatHours: 0.13}, {Key: "bob", Sessions: 1, PeakSeats: 1, SeatHours: 0.03}},
		"project": {{Key: "bridge-7", Sessions: 2, PeakSeats: 2, SeatHours: 0.1}, {Key: "", Sessions: 1, PeakSeats: 1, SeatHours: 0.07}},
	} {
		got, own := v.usage(t, org, around("&by="+by)), read[api.UsageReport](t, boss, api.PathAdminUsage+around("&by="+by))
		wantGroups(t, by, got, want)
		wantGroups(t, by+", for the customer", own, want)
		if got.By != by || got.Step != "" || got.Others != nil || len(got.Licenses) != 0 || own.OrganizationID != org {
			t.Errorf("by %s: %+v, %+v", by, got, own)
		}
		if none := v.usage(t, org, around("&license=lab&by="+by)); len(none.Groups) != 0 || none.Groups == nil {
			t.Errorf("of a license that nobody used: %+v", none)
		}
	}
}

// wantGroups compares them: a session of now lasts a little longer with each look.
func wantGroups(t *testing.T, what string, got api.UsageReport, want []api.UsageGroup) {
	t.Helper()
	if len(got.Groups) != len(want) {
		t.Fatalf("%s: %+v", what, got)
	}
	slices.SortFunc(got.Groups, func(a, b api.UsageGroup) int { return b.Sessions - a.Sessions })
	for i, g := range got.Groups {
		more := g.SeatHours - want[i].SeatHours
		if g.SeatHours = want[i].SeatHours; g != want[i] || more < 0 || more > 0.5 {
			t.Errorf("%s: %+v, and %f hours more; want %+v", what, g, more, want[i])
		}
	}
}

// TestUsageOfManySessions: the most that are read, of whom the first have a line each; and
// one more, which is too many.
func TestUsageOfManySessions(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org, v := w.licensed(t, 9), w.vendor()
	w.user(org, "ann").take(t, "hw")
	userOf := func(i int) string { return fmt.Sprint("u-", i%(api.MaxUsageGroups+4)) }
	w.recordSessions(t, org, api.MaxUsageSessions-1, userOf)
	got := v.usage(t, org, around("&by=user"))
	if len(got.Groups) != api.MaxUsageGroups || got.Others == nil || got.Others.Groups != 5 {
		t.Fatalf("%d groups, and %+v", len(got.Groups), got.Others)
	}
	sessions, longest := got.Others.Sessions, got.Groups[0].SeatHours
	for _, g := range got.Groups {
		if sessions += g.Sessions; g.SeatHours > longest {
			t.Errorf("%+v comes behind %f hours", g, longest)
		}
		longest = g.SeatHours
	}
	if sessions != api.MaxUsageSessions {
		t.Errorf("%d sessions", sessions)
	}
	w.recordSessions(t, org, 1, userOf)
	p := v.do(t, http.MethodGet, api.UsagePath(org)+around("&by=user"), nil).refused(t, "invalid_request")
	if text := fmt.Sprint(p["errors"]); !strings.Contains(text, "20000 sessions") {
		t.Error(text)
	}
}

// recordSessions makes sessions in the record alone, each a second older than the one before.
func (w *world) recordSessions(t *testing.T, org string, n int, userOf func(i int) string) {
	t.Helper()
	caller := license.ServiceCaller(org)
	bought, err := w.record.Entitlements(t.Context(), caller)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range n {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		at := now.Add(-time.Duration(i) * time.Second)
		s := license.Session{
			ID: id.String(), OrganizationID: org, Status: license.SessionActive, Epoch: bought.Epoch,
			Holder:     license.Holder{LicenseID: "pro", UserID: userOf(i), HardwareID: fmt.Sprint("hw-", i)},
			Client:     license.Client{Project: "bridge-7"},
			AcquiredAt: at, LastHeartbeatAt: at, ExpiresAt: at.Add(time.Minute),
		}
		if err := w.record.Create(t.Context(), caller, s); err != nil {
			t.Fatal(err)
		}
	}
}
