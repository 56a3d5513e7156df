package recordtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func duringTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"who had a seat in the time":                historyOfATime,
		"with all that a report says of it":         historyHasItsFields,
		"of a license alone":                        historyOfALicense,
		"an error of who visits ends it":            historyIsEnded,
		"more than fit onto a page, each once":      historyOfMany,
		"where there is none":                       historyOfNobody,
		"a stranger's are none of it":               strangersHistory,
		"the ended are seen however long they were": historyOfTheLong,
	}
}

// between are the hours of the day of [noon] from one on and before another.
func between(from, to int) record.UsageQuery {
	return record.UsageQuery{From: hourOf(from), To: hourOf(to)}
}

func historyOf(t *testing.T, r record.Administration, q record.UsageQuery) (all []license.Session) {
	t.Helper()
	wantNil(t, r.SessionsDuring(t.Context(), caller(), q, func(p record.Page) error {
		all = append(all, p.Sessions...)
		return nil
	}))
	return all
}

func wantHistory(t *testing.T, r record.Administration, q record.UsageQuery, want ...int) {
	t.Helper()
	var got, ids []string
	for _, s := range historyOf(t, r, q) {
		got = append(got, s.ID)
	}
	for _, n := range want {
		ids = append(ids, sessionID(n))
	}
	slices.Sort(got)
	slices.Sort(ids)
	wantEqual(t, "sessions", got, ids)
}

// lasted records a session of some hours of the day of [noon]; one that ends at 0 does not.
func lasted(t *testing.T, r record.Record, n, from, to int) license.Session {
	t.Helper()
	s := heldSession(n)
	s.AcquiredAt = hourOf(from)
	wantNil(t, r.Create(t.Context(), caller(), s))
	if to != 0 {
		s.Status, s.EndedAt, s.EndedReason = license.SessionEnded, hourOf(to), license.EndReleased
		wantNil(t, r.End(t.Context(), caller(), first(), []record.End{{Session: s}}))
	}
	return s
}

func historyOfATime(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	lasted(t, r, 1, 1, 3)
	lasted(t, r, 2, 2, 5)
	lasted(t, r, 3, 4, 4)
	lasted(t, r, 4, 6, 0)
	lasted(t, r, 5, -48, 0)
	for _, tt := range []struct {
		from, to int
		want     []int
	}{
		{0, 1, []int{5}},
		{1, 2, []int{1, 5}},
		{2, 3, []int{1, 2, 5}},
		{3, 4, []int{2, 5}},
		{4, 5, []int{2, 3, 5}},
		{5, 6, []int{5}},
		{6, 7, []int{4, 5}},
		{0, 24, []int{1, 2, 3, 4, 5}},
		{-48, -47, []int{5}},
		{-49, -48, nil},
		{3, 3, nil},
		{3, 2, nil},
	} {
		wantHistory(t, r, between(tt.from, tt.to), tt.want...)
	}
}

func historyHasItsFields(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	want := lasted(t, r, 1, 1, 3)
	got := historyOf(t, r, between(0, 24))
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	s := got[0]
	wantEqual(t, "user", s.UserID, want.UserID)
	wantEqual(t, "license", s.LicenseID, want.LicenseID)
	wantEqual(t, "project", s.Client.Project, want.Client.Project)
	wantEqual(t, "begin", s.AcquiredAt, want.AcquiredAt)
	wantEqual(t, "end", s.EndedAt, want.EndedAt)
	wantEqual(t, "reason", s.EndedReason, license.EndReleased)
	wantEqual(t, "status", s.Status, license.SessionEnded)
}

func historyOfALicense(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	lasted(t, r, 1, -5, 3) // acme-lab
	lasted(t, r, 2, -5, 3) // acme-pro
	lasted(t, r, 3, 1, 3)
	lasted(t, r, 4, 1, 3)
	lasted(t, r, 5, 1, 0)
	lasted(t, r, 6, -5, 0)
	q := between(0, 24)
	for id, want := range map[string][]int{"": {1, 2, 3, 4, 5, 6}, "acme-lab": {1, 3, 5}, "acme-pro": {2, 4, 6}, "acme": nil} {
		q.LicenseID = id
		wantHistory(t, r, q, want...)
	}
	for _, id := range brokenIDs() {
		if q.LicenseID = id; id != "" {
			wantError(t, r.SessionsDuring(t.Context(), caller(), q, func(record.Page) error { return nil }), license.ErrLicenseNotFound)
		}
	}
}

func historyIsEnded(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	lasted(t, r, 1, 1, 0)
	enough := errors.New("enough")
	wantError(t, r.SessionsDuring(t.Context(), caller(), between(0, 24), func(record.Page) error { return enough }), enough)
}

func historyOfMany(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	var want []int
	ends := make([]record.End, 0, record.MaxEnds)
	for n := 1; len(want) < 1010; n++ {
		s := heldSession(1)
		s.ID, s.AcquiredAt = sessionID(n), hourOf(1+n%3)
		s.Status, s.EndedAt, s.EndedReason = license.SessionEnded, hourOf(5), license.EndExpired
		if ends = append(ends, record.End{Session: s}); len(ends) == record.MaxEnds {
			wantNil(t, r.End(t.Context(), caller(), first(), ends))
			ends = ends[:0]
		}
		want = append(want, n)
	}
	wantNil(t, r.End(t.Context(), caller(), first(), ends))
	wantHistory(t, r, between(0, 24), want...)
	wantHistory(t, r, between(4, 24), want...)
}

func historyOfNobody(t *testing.T, r Administered) {
	none := func(record.Page) error { return errors.New("there is none") }
	wantError(t, r.SessionsDuring(t.Context(), caller(), day(), none), license.ErrOrganizationNotFound)
	sold(t, r)
	wantNil(t, r.SessionsDuring(t.Context(), caller(), day(), none))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	wantUnavailable(t, "SessionsDuring", r.SessionsDuring(over, caller(), day(), none))
}

func strangersHistory(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	lasted(t, r, 1, 1, 3)
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
	wantNil(t, r.SessionsDuring(t.Context(), other(), day(), func(p record.Page) error {
		t.Errorf("%+v", p)
		return nil
	}))
}

// historyOfTheLong: no index has how long a session was, so that it must be looked for.
func historyOfTheLong(t *testing.T, r Administered) {
	sold(t, r)
	opened(t, r, caller())
	lasted(t, r, 1, -24*300, 2)
	lasted(t, r, 2, -24*300, -24*299)
	lasted(t, r, 3, -1, 24*10)
	wantHistory(t, r, record.UsageQuery{From: hourOf(0), To: hourOf(0).Add(time.Hour)}, 1, 3)
}
