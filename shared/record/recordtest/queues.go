package recordtest

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

func queueTests() map[string]func(*testing.T, Telling) {
	return map[string]func(*testing.T, Telling){
		"of several claims one holds":           claimRace,
		"an attempt that failed":                attemptFailed,
		"an attempt that did not":               attemptDelivered,
		"an empty queue rests":                  restEmpty,
		"one with more goes on":                 restWaiting,
		"dead letters":                          buryOld,
		"a retry":                               retryDead,
		"a retry by its key":                    retryKeyed,
		"a webhook that is enabled is due":      dueWhenEnabled,
		"what is wanted meanwhile stays due":    wantedMeanwhile,
		"of a webhook that is gone nothing is":  queueGone,
		"another organization's queue is empty": strangersQueue,
		"an id that cannot be":                  queueNowhere,
	}
}

// waiting makes a webhook with two deliveries that wait, and answers its queue and them.
func waiting(t *testing.T, r Telling) (string, []record.Delivery) {
	t.Helper()
	sold(t, r)
	w := hooked(t, r, hook("crm"))
	took(t, r, noon())
	return w.Value.Queue, wantPending(t, r, "crm", "license.changed organizations/acme", "license.changed licenses/acme-pro")
}

func due(t *testing.T, r record.Deliveries, at time.Time) []record.Queue {
	t.Helper()
	all, err := r.DueQueues(t.Context(), at, 9)
	wantNil(t, err)
	return all
}

func claimRace(t *testing.T, r Telling) {
	queue, _ := waiting(t, r)
	wins := make(chan bool, 4)
	for _, err := range race(4, func(int) error {
		_, won, err := r.ClaimQueue(t.Context(), caller(), queue, noon(), noon().Add(time.Minute))
		wins <- won
		return err
	}) {
		wantNil(t, err)
	}
	close(wins)
	n := 0
	for won := range wins {
		if won {
			n++
		}
	}
	wantEqual(t, "claims", n, 1)
	wantEqual(t, "due", len(due(t, r, noon())), 0)
	wantEqual(t, "due when the claim is over", len(due(t, r, noon().Add(time.Minute))), 1)
}

func attemptFailed(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	later := noon().Add(5 * time.Minute)
	wantNil(t, r.Attempted(t.Context(), caller(), queue, all[0].ID, record.Attempt{
		At: noon(), Failure: string(webhook.FailureTimeout), State: record.DeliveryPending, Failures: 1, DueAt: later,
	}))
	got, err := r.Pending(t.Context(), caller(), queue, 9)
	wantNil(t, err)
	want := all
	want[0].Attempts, want[0].LastAttemptAt, want[0].LastFailure = 1, noon(), "timeout"
	wantEqual(t, "pending", got, want)
	wantEqual(t, "due", due(t, r, later), []record.Queue{{OrganizationID: "acme", WebhookID: "crm", ID: queue, DueAt: later, Failures: 1}})
	wantEqual(t, "due before", len(due(t, r, noon())), 0)
}

func attemptDelivered(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	wantNil(t, r.Attempted(t.Context(), caller(), queue, all[0].ID, record.Attempt{At: noon(), Status: 204, State: record.DeliveryDelivered, DueAt: noon()}))
	one, err := r.Pending(t.Context(), caller(), queue, 1)
	wantNil(t, err)
	wantEqual(t, "pending", one, all[1:])
	done, err := r.Deliveries(t.Context(), caller(), "crm", record.DeliveryDelivered, "", 9)
	wantNil(t, err)
	wantEqual(t, "status", done[0].LastStatus, 204)
	wantNil(t, r.Attempted(t.Context(), caller(), queue, "gone", record.Attempt{At: noon(), State: record.DeliveryDelivered, DueAt: noon()}))
	every, err := r.Deliveries(t.Context(), caller(), "crm", "", "", 9)
	wantNil(t, err)
	wantEqual(t, "deliveries", len(every), 2)
}

func restEmpty(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	for _, d := range all {
		wantNil(t, r.Attempted(t.Context(), caller(), queue, d.ID, record.Attempt{At: noon(), Status: 200, State: record.DeliveryDelivered, DueAt: noon()}))
	}
	wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{At: noon()}))
	wantEqual(t, "due", len(due(t, r, noon().Add(1000*time.Hour))), 0)
	_, won, err := r.ClaimQueue(t.Context(), caller(), queue, noon(), noon().Add(time.Minute))
	wantNil(t, err)
	wantEqual(t, "claimed", won, false)
	created(t, r)
	took(t, r, noon().Add(time.Minute))
	wantEqual(t, "due", len(due(t, r, noon().Add(time.Minute))), 1)
}

func restWaiting(t *testing.T, r Telling) {
	queue, _ := waiting(t, r)
	_, _, err := r.ClaimQueue(t.Context(), caller(), queue, noon(), noon().Add(time.Hour))
	wantNil(t, err)
	wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{At: noon().Add(time.Second)}))
	wantEqual(t, "due", len(due(t, r, noon().Add(time.Second))), 1)
	wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{At: noon(), Closed: true}))
	wantEqual(t, "due when closed", len(due(t, r, noon().Add(time.Hour))), 0)
}

// wantedMeanwhile: neither an attempt nor the end of the claim puts off what somebody
// made due after it.
func wantedMeanwhile(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	claimed := noon().Add(time.Hour)
	_, won, err := r.ClaimQueue(t.Context(), caller(), queue, noon(), claimed)
	wantNil(t, err)
	wantEqual(t, "claimed", won, true)
	w, err := r.Webhook(t.Context(), caller(), "crm")
	wantNil(t, err)
	_, err = r.ChangeWebhook(t.Context(), caller(), act(), "crm", w.Revision, func(w *webhook.Webhook) error { w.URL += "&n=2"; return nil })
	wantNil(t, err)
	wantNil(t, r.Attempted(t.Context(), caller(), queue, all[0].ID, record.Attempt{
		At: noon(), State: record.DeliveryPending, Failures: 1, DueAt: noon().Add(12 * time.Hour), Claimed: claimed,
	}))
	wantEqual(t, "due after an attempt", len(due(t, r, noon())), 1)
	for _, closed := range []bool{false, true} {
		wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{At: noon().Add(time.Minute), Closed: closed, Claimed: claimed}))
		wantEqual(t, "due after the claim's end", len(due(t, r, noon())), 1)
	}
	wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{Closed: true, Claimed: noon()}))
	wantEqual(t, "due after a claim from now on", len(due(t, r, claimed)), 0)
}

func buryOld(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	opened(t, r, caller())
	wantNil(t, r.Create(t.Context(), caller(), session(1)))
	took(t, r, noon().Add(time.Hour))
	n, err := r.Bury(t.Context(), caller(), queue, noon(), 1)
	wantNil(t, err)
	wantEqual(t, "buried", n, 1)
	n, err = r.Bury(t.Context(), caller(), queue, noon(), 9)
	wantNil(t, err)
	wantEqual(t, "buried", n, 1)
	wantPending(t, r, "crm", "seat.granted sessions/"+sessionID(1))
	dead, err := r.Deliveries(t.Context(), caller(), "crm", record.DeliveryDead, "", 9)
	wantNil(t, err)
	wantEqual(t, "dead", dead[0].ID+dead[1].ID, all[0].ID+all[1].ID)
}

// retryKeyed: sent again it does nothing, and its key names it alone.
func retryKeyed(t *testing.T, r Telling) {
	_, all := waiting(t, r)
	retry := func(at time.Time, id string) error {
		a := keyed("k")
		a.At = at
		return r.RetryDelivery(t.Context(), caller(), a, "crm", id)
	}
	wantNil(t, retry(noon().Add(time.Hour), all[0].ID))
	wantNil(t, retry(noon().Add(2*time.Hour), all[0].ID))
	wantError(t, retry(noon().Add(2*time.Hour), all[1].ID), license.ErrKeyReused)
	found, err := r.Deliveries(t.Context(), caller(), "crm", "", "", 9)
	wantNil(t, err)
	times := map[string]time.Time{}
	for _, d := range found {
		times[d.ID] = d.MadeAt
	}
	wantEqual(t, "made pending at", times[all[0].ID], noon().Add(time.Hour))
	wantEqual(t, "the other's time", times[all[1].ID], all[1].MadeAt)
}

func retryDead(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	_, err := r.Bury(t.Context(), caller(), queue, noon(), 9)
	wantNil(t, err)
	wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{At: noon()}))
	later := act()
	later.At = noon().Add(100 * time.Hour)
	tried := later
	tried.DryRun = true
	wantNil(t, r.RetryDelivery(t.Context(), caller(), tried, "crm", all[1].ID))
	wantPending(t, r, "crm")
	wantNil(t, r.RetryDelivery(t.Context(), caller(), later, "crm", all[1].ID))
	got := wantPending(t, r, "crm", "license.changed licenses/acme-pro")
	if !got[0].MadeAt.Equal(later.At) || got[0].Attempts != 0 {
		t.Errorf("%+v", got[0])
	}
	wantEqual(t, "due", len(due(t, r, later.At)), 1)
	n, err := r.Bury(t.Context(), caller(), queue, noon(), 9) // it is as new
	wantNil(t, err)
	wantEqual(t, "buried", n, 0)
	entries := wantAudit(t, r, 4)
	wantEqual(t, "audit", entries[0].Object, "organizations/acme/webhooks/crm/deliveries/"+all[1].ID)
}

func dueWhenEnabled(t *testing.T, r Telling) {
	queue, _ := waiting(t, r)
	wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{At: noon(), Closed: true}))
	w, err := r.Webhook(t.Context(), caller(), "crm")
	wantNil(t, err)
	off, err := r.ChangeWebhook(t.Context(), caller(), act(), "crm", w.Revision, switchOff)
	wantNil(t, err)
	wantEqual(t, "due", len(due(t, r, noon())), 0)
	_, err = r.ChangeWebhook(t.Context(), caller(), act(), "crm", off.Revision, func(w *webhook.Webhook) error { w.Enabled = true; return nil })
	wantNil(t, err)
	wantEqual(t, "due", len(due(t, r, noon())), 1)
}

func queueGone(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	w, err := r.Webhook(t.Context(), caller(), "crm")
	wantNil(t, err)
	wantNil(t, r.DeleteWebhook(t.Context(), caller(), act(), "crm", w.Revision))
	wantEqual(t, "due", len(due(t, r, noon())), 0)
	_, won, err := r.ClaimQueue(t.Context(), caller(), queue, noon(), noon().Add(time.Minute))
	wantNil(t, err)
	wantEqual(t, "claimed", won, false)
	wantNil(t, r.Attempted(t.Context(), caller(), queue, all[0].ID, record.Attempt{At: noon(), State: record.DeliveryDelivered, DueAt: noon()}))
	wantNil(t, r.RestQueue(t.Context(), caller(), queue, record.Rest{At: noon()}))
	wantEqual(t, "due", len(due(t, r, noon())), 0)
}

func strangersQueue(t *testing.T, r Telling) {
	queue, all := waiting(t, r)
	_, won, err := r.ClaimQueue(t.Context(), other(), queue, noon(), noon().Add(time.Minute))
	wantNil(t, err)
	wantEqual(t, "claimed", won, false)
	some, err := r.Pending(t.Context(), other(), queue, 9)
	wantNil(t, err)
	wantEqual(t, "pending", len(some), 0)
	n, err := r.Bury(t.Context(), other(), queue, noon(), 9)
	wantNil(t, err)
	wantEqual(t, "buried", n, 0)
	wantNil(t, r.Attempted(t.Context(), other(), queue, all[0].ID, record.Attempt{At: noon(), State: record.DeliveryDead, DueAt: noon()}))
	wantNil(t, r.RestQueue(t.Context(), other(), queue, record.Rest{At: noon(), Closed: true}))
	wantEqual(t, "due", len(due(t, r, noon())), 1)
	wantPending(t, r, "crm", "license.changed organizations/acme", "license.changed licenses/acme-pro")
}

func queueNowhere(t *testing.T, r Telling) {
	for _, id := range []string{"", "..", "a/b"} {
		_, _, err := r.ClaimQueue(t.Context(), caller(), id, noon(), noon())
		wantError(t, err, license.ErrWebhookNotFound)
		wantError(t, errorOf(r.Pending(t.Context(), caller(), id, 9)), license.ErrWebhookNotFound)
		wantError(t, r.RestQueue(t.Context(), caller(), id, record.Rest{At: noon(), Closed: true}), license.ErrWebhookNotFound)
	}
	wantError(t, r.Attempted(t.Context(), caller(), "q", "a/b", record.Attempt{}), license.ErrDeliveryNotFound)
}
