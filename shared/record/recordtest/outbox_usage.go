package recordtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

func eventUsageTests() map[string]func(*testing.T, Telling) {
	return map[string]func(*testing.T, Telling){
		"denials since the last filing":          tellDenials,
		"each share once a day":                  tellShares,
		"shares of fewer seats":                  tellFewerSeats,
		"a license that is not there has none":   tellUnsold,
		"whoever files at once, it is told once": tellFiledAtOnce,
	}
}

// peak is usage at a level.
func peak(n int) usage.Counts { return usage.Counts{Peak: n, Granted: map[int]int64{n: 1}} }

// told of a license's use, what was bought apart.
func toldOfUse(t *testing.T, r record.Outbox) (all []event.Event) {
	t.Helper()
	for _, e := range told(t, r) {
		if e.Type != event.LicenseChanged {
			all = append(all, e)
		}
	}
	return all
}

func wantUseTold(t *testing.T, r record.Outbox, want ...event.Type) []event.Event {
	t.Helper()
	all := toldOfUse(t, r)
	got := make([]event.Type, len(all))
	for i, e := range all {
		wantEqual(t, "subject", e.Subject, "licenses/acme-pro")
		got[i] = e.Type
	}
	wantEqual(t, "events", fmt.Sprint(got), fmt.Sprint(want))
	return all
}

func tellDenials(t *testing.T, r Telling) {
	sold(t, r)
	c := usage.Counts{RefusedAt: map[int]int64{2: 3}, Denied: map[string]int64{"organization": 2}}
	for range 2 { // the second tells nothing new
		file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), c))
	}
	file(t, r, caller(), filing("acme-pro", "v4.2.cd", hourOf(9), usage.Counts{Denied: map[string]int64{"handover": 4}}))
	c.RefusedAt = map[int]int64{2: 3, 3: 1}
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), c), filing("acme-pro", "v4.1.ab", hourOf(10), c))
	all := toldOfUse(t, r)
	var got []event.Denials
	ids := map[string]bool{}
	for _, e := range all {
		wantEqual(t, "type", e.Type, event.SeatDenied)
		got, ids[e.ID] = append(got, dataOf[event.Denials](t, e)), true
	}
	slices.SortStableFunc(got, func(a, b event.Denials) int { return a.Hour.Compare(b.Hour) })
	wantEqual(t, "denials", got, []event.Denials{
		{LicenseID: "acme-pro", Hour: hourOf(9), Count: 5, ByLimit: map[string]int64{"license": 3, "organization": 2}},
		{LicenseID: "acme-pro", Hour: hourOf(9), Count: 4, ByLimit: map[string]int64{"handover": 4}},
		{LicenseID: "acme-pro", Hour: hourOf(9), Count: 1, ByLimit: map[string]int64{"license": 1}},
		{LicenseID: "acme-pro", Hour: hourOf(10), Count: 6, ByLimit: map[string]int64{"license": 4, "organization": 2}},
	})
	wantEqual(t, "ids", len(ids), 4)
}

// of 20 seats: 16, 18 and 20.
func sellTwenty(t *testing.T, r Telling) string {
	t.Helper()
	_, l := sold(t, r)
	made, err := r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", l, func(l *license.License) error { l.MaxSeats = 20; return nil })
	wantNil(t, err)
	return made.Revision
}

func tellShares(t *testing.T, r Telling) {
	sellTwenty(t, r)
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), peak(15)))
	wantUseTold(t, r)
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), peak(16)))
	all := wantUseTold(t, r, event.Pool80)
	wantEqual(t, "data", dataOf[event.Level](t, all[0]), event.Level{LicenseID: "acme-pro", Day: "2026-11-23", SeatsPeak: 16, SeatsMax: 20})
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(10), peak(17)), filing("acme-pro", "v4.2.ab", hourOf(9), peak(12)))
	wantUseTold(t, r, event.Pool80)
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(11), peak(20)))
	wantUseTold(t, r, event.Pool80, event.Pool90, event.Pool100)
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(12), peak(20)))
	wantUseTold(t, r, event.Pool80, event.Pool90, event.Pool100)
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(25), peak(18)))
	wantUseTold(t, r, event.Pool80, event.Pool90, event.Pool100, event.Pool80, event.Pool90)
}

func tellFewerSeats(t *testing.T, r Telling) {
	revision := sellTwenty(t, r)
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), peak(9)))
	wantUseTold(t, r)
	wantNil(t, errorOf(r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", revision, func(l *license.License) error { l.MaxSeats = 10; return nil })))
	later := peak(9)
	later.Granted = map[int]int64{9: 2}
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), later))
	wantUseTold(t, r, event.Pool80, event.Pool90)
}

func tellUnsold(t *testing.T, r Telling) {
	file(t, r, caller(), filing("acme-pro", "v4.1.ab", hourOf(9), peak(9)))
	wantTold(t, r)
}

func tellFiledAtOnce(t *testing.T, r Telling) {
	sellTwenty(t, r)
	c := peak(20)
	c.RefusedAt = map[int]int64{20: 4}
	for _, err := range race(4, func(int) error {
		return r.FileUsage(t.Context(), caller(), []usage.Filing{filing("acme-pro", "v4.1.ab", hourOf(9), c)})
	}) {
		wantNil(t, err)
	}
	wantUseTold(t, r, event.SeatDenied, event.Pool80, event.Pool90, event.Pool100)
}
