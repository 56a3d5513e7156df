package recordtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

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
