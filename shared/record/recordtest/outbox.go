package recordtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
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

func takeTests() map[string]func(*testing.T, Telling) {
	return map[string]func(*testing.T, Telling){
		"to those that want it":     takeWanted,
		"each once":                 takeOnce,
		"in order":                  takeInOrder,
		"of no webhook it is gone":  takeForNobody,
		"too many":                  takeTooMany,
		"whoever takes at once":     takeRace,
		"a queue is due when it is": takeDue,
	}
}

// took takes all events of the organization, a few at a time.
func took(t *testing.T, r Telling, at time.Time) {
	t.Helper()
	for some := range slices.Chunk(told(t, r), record.MaxTaken) {
		wantNil(t, r.TakeEvents(t.Context(), caller(), some, at))
	}
	wantEqual(t, "events", len(told(t, r)), 0)
}

func wantPending(t *testing.T, r record.Administration, id string, want ...string) []record.Delivery {
	t.Helper()
	all, err := r.Deliveries(t.Context(), caller(), id, record.DeliveryPending, "", 1000)
	wantNil(t, err)
	var got []string
	for _, d := range all {
		got = append(got, string(d.Type)+" "+d.Subject)
	}
	wantEqual(t, id, fmt.Sprint(got), fmt.Sprint(want))
	return all
}

func takeWanted(t *testing.T, r Telling) {
	sold(t, r)
	some, off := hook("some"), hook("off")
	some.Types, off.Enabled = []event.Type{event.SeatGranted}, false
	hooked(t, r, hook("all"))
	hooked(t, r, some)
	hooked(t, r, off)
	created(t, r)
	e := told(t, r)
	took(t, r, noon())
	wantPending(t, r, "all", "license.changed organizations/acme", "license.changed licenses/acme-pro", "seat.granted sessions/"+sessionID(1))
	wantPending(t, r, "off")
	got := wantPending(t, r, "some", "seat.granted sessions/"+sessionID(1))[0]
	body, err := e[2].Encode()
	wantNil(t, err)
	wantEqual(t, "delivery", got, record.Delivery{
		ID: e[2].Name(), EventID: e[2].ID, Type: event.SeatGranted, Subject: e[2].Subject, Body: body, State: record.DeliveryPending, MadeAt: noon(),
	})
}

func takeOnce(t *testing.T, r Telling) {
	sold(t, r)
	w := hooked(t, r, hook("crm"))
	all := told(t, r)
	took(t, r, noon())
	wantNil(t, r.Attempted(t.Context(), caller(), w.Value.Queue, all[0].Name(), record.Attempt{At: noon(), Status: 200, State: record.DeliveryDelivered, DueAt: noon()}))
	wantNil(t, r.TakeEvents(t.Context(), caller(), all, noon()))
	wantPending(t, r, "crm", "license.changed licenses/acme-pro")
	wantNil(t, r.TakeEvents(t.Context(), caller(), nil, noon()))
}

func takeInOrder(t *testing.T, r Telling) {
	sold(t, r)
	hooked(t, r, hook("crm"))
	took(t, r, noon())
	opened(t, r, caller())
	want := []string{"license.changed organizations/acme", "license.changed licenses/acme-pro"}
	for n := range 6 {
		wantNil(t, r.Create(t.Context(), caller(), session(n)))
		if n%2 == 0 {
			took(t, r, noon())
		}
		want = append(want, "seat.granted sessions/"+sessionID(n))
	}
	took(t, r, noon())
	all := wantPending(t, r, "crm", want...)
	page, err := r.Deliveries(t.Context(), caller(), "crm", "", all[1].ID, 3)
	wantNil(t, err)
	wantEqual(t, "page", page, all[2:5])
}

func takeForNobody(t *testing.T, r Telling) {
	created(t, r)
	took(t, r, noon())
	queues, err := r.DueQueues(t.Context(), noon(), 9)
	wantNil(t, err)
	wantEqual(t, "queues", len(queues), 0)
}

func takeTooMany(t *testing.T, r Telling) {
	if err := r.TakeEvents(t.Context(), caller(), make([]event.Event, record.MaxTaken+1), noon()); err == nil {
		t.Error("too many are taken")
	}
	if err := r.TakeEvents(t.Context(), caller(), make([]event.Event, 1), noon()); err == nil {
		t.Error("an event without an id is taken")
	}
}

func takeRace(t *testing.T, r Telling) {
	sold(t, r)
	w := hooked(t, r, hook("crm"))
	all := told(t, r)
	for _, err := range race(4, func(int) error { return r.TakeEvents(t.Context(), caller(), all, noon()) }) {
		wantNil(t, err)
	}
	wantPending(t, r, "crm", "license.changed organizations/acme", "license.changed licenses/acme-pro")
	queues, err := r.DueQueues(t.Context(), noon(), 9)
	wantNil(t, err)
	wantEqual(t, "queues", queues, []record.Queue{{OrganizationID: "acme", WebhookID: "crm", ID: w.Value.Queue, DueAt: noon()}})
}

// takeDue: what comes later does not put off a queue, and does not hurry one that waits.
func takeDue(t *testing.T, r Telling) {
	sold(t, r)
	hooked(t, r, hook("crm"))
	took(t, r, noon())
	created(t, r)
	took(t, r, noon().Add(time.Minute))
	queues, err := r.DueQueues(t.Context(), noon(), 9)
	wantNil(t, err)
	wantEqual(t, "due", len(queues), 1)
	none, err := r.DueQueues(t.Context(), noon().Add(-time.Second), 9)
	wantNil(t, err)
	wantEqual(t, "due before", len(none), 0)
}
