package recordtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Telling is a record that tells events and delivers them.
type Telling interface {
	Administered
	record.Outbox
	record.Deliveries
}

// RunOutbox checks the contracts of record.Outbox and record.Deliveries, as [Run] does
// that of record.Record. newRecord makes a record with events switched on.
func RunOutbox(t *testing.T, newRecord func(t *testing.T) Telling) {
	t.Helper()
	for group, tests := range map[string]map[string]func(*testing.T, Telling){
		"Events": eventTests(), "Usage": eventUsageTests(), "Take": takeTests(), "Queues": queueTests(),
	} {
		t.Run(group, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, newRecord(t)) })
			}
		})
	}
}

func eventTests() map[string]func(*testing.T, Telling) {
	return map[string]func(*testing.T, Telling){
		"a grant":                               tellGrant,
		"ends by their reasons":                 tellEnds,
		"an end of no record":                   tellTombstone,
		"what is refused tells nothing":         tellRefused,
		"as many ends as fit":                   tellMany,
		"what was bought":                       tellChanges,
		"no user and no webhook is told":        tellOthers,
		"in the order of the record":            tellInOrder,
		"organizations that have any":           eventOrganizations,
		"another organization's are not there":  strangersEvents,
		"nothing but a user's id is personal":   tellNothingPersonal,
		"a session that has one end has one":    tellRace,
		"an end asked for has its audit beside": tellRevoked,
	}
}

// told are all events of the organization.
func told(t *testing.T, r record.Outbox) []event.Event {
	t.Helper()
	page, err := r.Events(t.Context(), caller(), 1000)
	wantNil(t, err)
	wantEqual(t, "unreadable", page.Unreadable, []string(nil))
	return page.Events
}

// wantTold checks types and subjects, in order.
func wantTold(t *testing.T, r record.Outbox, want ...string) []event.Event {
	t.Helper()
	all := told(t, r)
	got := make([]string, len(all))
	for i, e := range all {
		got[i] = string(e.Type) + " " + e.Subject
	}
	wantEqual(t, "events", fmt.Sprint(got), fmt.Sprint(want))
	return all
}

func dataOf[T any](t *testing.T, e event.Event) (data T) {
	t.Helper()
	wantNil(t, json.Unmarshal(e.Data, &data))
	return data
}

func tellGrant(t *testing.T, r Telling) {
	created(t, r)
	wantNil(t, r.Create(t.Context(), caller(), session(1))) // a repeat
	all := wantTold(t, r, "seat.granted sessions/"+sessionID(1))
	acquired := noon()
	wantEqual(t, "data", dataOf[event.Session](t, all[0]), event.Session{SessionID: sessionID(1), LicenseID: "acme-pro", UserID: "u-1", AcquiredAt: &acquired})
	if e := all[0]; !e.Time.Equal(noon()) || e.OrganizationID != "acme" || len(e.ID) != 32 || e.RecordedAt.IsZero() {
		t.Errorf("%+v", e)
	}
}

func tellEnds(t *testing.T, r Telling) {
	opened(t, r, caller())
	reasons := map[license.EndReason]event.Type{
		license.EndReleased: event.SeatReleased, license.EndFailed: event.SeatReleased, license.EndExpired: event.SeatExpired,
		license.EndLicenseExpired: event.SeatExpired, license.EndRevoked: event.SessionRevoked,
		license.EndLicenseSuspended: event.SessionRevoked, license.EndDisplaced: event.SessionReplaced,
	}
	n := 0
	for reason, want := range reasons {
		n++
		wantNil(t, r.Create(t.Context(), caller(), session(n)))
		wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(n, reason)}))
		wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(n, license.EndReleased)})) // too late
		all := told(t, r)
		last := all[len(all)-1]
		wantEqual(t, string(reason), last.Type, want)
		wantEqual(t, "reason", dataOf[event.Session](t, last).Reason, string(reason))
		wantEqual(t, "events", len(all), 2*n)
	}
}

func tellTombstone(t *testing.T, r Telling) {
	opened(t, r, caller())
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndFailed)}))
	wantError(t, r.Create(t.Context(), caller(), session(1)), record.ErrEnded)
	wantTold(t, r)
}

func tellRefused(t *testing.T, r Telling) {
	created(t, r)
	reopened(t, r, caller())
	wantError(t, r.Create(t.Context(), caller(), session(2)), record.ErrFenced)
	wantError(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndExpired)}), record.ErrFenced)
	wantTold(t, r, "seat.granted sessions/"+sessionID(1))
}

// tellMany: each of the ends that one call takes has its event.
func tellMany(t *testing.T, r Telling) {
	opened(t, r, caller())
	var ends []record.End
	for _, err := range race(record.MaxEnds, func(i int) error { return r.Create(t.Context(), caller(), session(i)) }) {
		wantNil(t, err)
	}
	for i := range record.MaxEnds {
		ends = append(ends, endOf(i, license.EndExpired))
	}
	wantNil(t, r.End(t.Context(), caller(), first(), ends))
	wantEqual(t, "events", len(told(t, r)), 2*record.MaxEnds)
}

func tellRace(t *testing.T, r Telling) {
	created(t, r)
	reasons := []license.EndReason{license.EndExpired, license.EndReleased, license.EndRevoked, license.EndDisplaced}
	for _, err := range race(len(reasons), func(i int) error {
		return r.End(t.Context(), caller(), first(), []record.End{endOf(1, reasons[i])})
	}) {
		wantNil(t, err)
	}
	all := told(t, r)
	wantEqual(t, "events", len(all), 2)
	s, err := r.Session(t.Context(), caller(), sessionID(1))
	wantNil(t, err)
	wantEqual(t, "reason", dataOf[event.Session](t, all[1]).Reason, string(s.EndedReason))
}

func tellRevoked(t *testing.T, r Telling) {
	sold(t, r)
	created(t, r)
	wantNil(t, r.RevokeSession(t.Context(), caller(), act(), sessionID(1)))
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndRevoked)}))
	all := told(t, r)
	wantEqual(t, "type", all[len(all)-1].Type, event.SessionRevoked)
	wantAudit(t, r, 3)
}

func tellChanges(t *testing.T, r Telling) {
	o, l := sold(t, r)
	changed, err := r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", l, resell)
	wantNil(t, err)
	// Nothing of these is a change.
	wantNil(t, errorOf(r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", changed.Revision, resell)))
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), dry(), o, rename)))
	wantError(t, errorOf(r.CreateLicense(t.Context(), caller(), act(), pro())), license.ErrExists)
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), o, rename)))
	wantNil(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", changed.Revision))
	lab := pro()
	lab.ID = "acme-lab"
	for range 2 {
		wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), lab)))
	}
	all := wantTold(t, r,
		"license.changed organizations/acme", "license.changed licenses/acme-pro", "license.changed licenses/acme-pro",
		"license.changed organizations/acme", "license.changed licenses/acme-pro", "license.changed licenses/acme-lab")
	got := dataOf[event.Change](t, all[2])
	if got.Action != "license.changed" || got.LicenseID != "acme-pro" || got.Before["max_seats"] == got.After["max_seats"] || got.After["max_seats"] != 7.0 {
		t.Errorf("%+v", got)
	}
	if gone := dataOf[event.Change](t, all[4]); gone.Action != "license.deleted" || gone.After != nil {
		t.Errorf("%+v", gone)
	}
	for _, e := range all {
		if strings.Contains(string(e.Data), act().Actor) {
			t.Errorf("an event says who acted: %s", e.Data)
		}
	}
}

func tellOthers(t *testing.T, r Telling) {
	sold(t, r)
	before := len(told(t, r))
	wantNil(t, errorOf(r.InviteUser(t.Context(), seller(), act(), member("u-9"))))
	hooked(t, r, hook("crm"))
	wantEqual(t, "events", len(told(t, r)), before)
}

func tellInOrder(t *testing.T, r Telling) {
	opened(t, r, caller())
	var want []string
	for n := range 12 {
		wantNil(t, r.Create(t.Context(), caller(), session(n)))
		want = append(want, "sessions/"+sessionID(n))
	}
	var got []string
	all := told(t, r)
	for _, e := range all {
		got = append(got, e.Subject)
	}
	wantEqual(t, "order", got, want)
	if !slices.IsSortedFunc(all, event.Compare) {
		t.Error("not in the order of events")
	}
	page, err := r.Events(t.Context(), caller(), 5)
	wantNil(t, err)
	wantEqual(t, "a part", page.Events, all[:5])
	wantEqual(t, "more", page.More, true)
}

func eventOrganizations(t *testing.T, r Telling) {
	for _, id := range []string{"c", "a", "b", "quiet"} {
		c := license.ServiceCaller(id)
		opened(t, r, c)
		if id == "quiet" {
			continue
		}
		for n := range 2 {
			wantNil(t, r.Create(t.Context(), c, session(n)))
		}
	}
	for _, page := range []struct {
		after string
		limit int
		want  []string
	}{{"", 9, []string{"a", "b", "c"}}, {"", 2, []string{"a", "b"}}, {"b", 9, []string{"c"}}, {"c", 9, nil}, {"", 0, nil}} {
		got, err := r.EventOrganizations(t.Context(), page.after, page.limit)
		wantNil(t, err)
		wantEqual(t, "after "+page.after, append([]string(nil), got...), page.want)
	}
	_, err := r.EventOrganizations(t.Context(), "a/b", 9)
	wantError(t, err, license.ErrOrganizationNotFound)
}

func strangersEvents(t *testing.T, r Telling) {
	created(t, r)
	page, err := r.Events(t.Context(), other(), 9)
	wantNil(t, err)
	wantEqual(t, "events", len(page.Events), 0)
	wantNil(t, r.TakeEvents(t.Context(), other(), told(t, r), noon()))
	wantEqual(t, "events", len(told(t, r)), 1)
	_, err = r.Events(t.Context(), license.Caller{OrganizationID: "a/b"}, 9)
	wantError(t, err, license.ErrOrganizationNotFound)
}

func tellNothingPersonal(t *testing.T, r Telling) {
	created(t, r)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
	for _, e := range told(t, r) {
		body, err := e.Encode()
		wantNil(t, err)
		for _, secret := range []string{"hw-1", "i-1", "desk", "studio", "@"} {
			if strings.Contains(string(body), secret) {
				t.Errorf("%s is in %s", secret, body)
			}
		}
	}
}
