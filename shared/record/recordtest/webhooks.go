package recordtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// hook is a webhook for all events.
func hook(id string) webhook.Webhook {
	return webhook.Webhook{ID: id, URL: "https://hooks.example.com/T0/secret-path?token=secret", Enabled: true}
}

func switchOff(w *webhook.Webhook) error { w.Enabled = false; return nil }

// hooked makes a webhook and answers it.
func hooked(t *testing.T, r record.Administration, w webhook.Webhook) record.Revised[webhook.Webhook] {
	t.Helper()
	made, err := r.CreateWebhook(t.Context(), caller(), act(), w)
	wantNil(t, err)
	return made
}

func webhookTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"what is created is there":                   createWebhook,
		"a key makes the same again":                 webhookByKey,
		"a key that is over makes another":           webhookByOldKey,
		"what is invalid is not written":             invalidWebhook,
		"a change":                                   changeWebhook,
		"one that is made anew is another":           webhookAnew,
		"no more than fit":                           tooManyWebhooks,
		"a dry run writes nothing":                   dryWebhook,
		"the audit has no address":                   webhookInAudit,
		"another organization's are not there":       strangersWebhooks,
		"what is not there":                          noWebhook,
		"a license of the same id is something else": webhookBesideLicense,
	}
}

func createWebhook(t *testing.T, r Administered) {
	sold(t, r)
	w := hook("crm")
	w.Types, w.Queue, w.Generation, w.Disabled = []event.Type{event.SeatGranted, event.Pool90}, "mine", 9, "gone"
	made := hooked(t, r, w)
	got := made.Value
	if got.Queue == "mine" || got.Queue == "" || got.Generation != 1 || got.Disabled != "" || !got.RotatedAt.Equal(noon()) {
		t.Errorf("%+v", got)
	}
	wantEqual(t, "types", got.Types, w.Types)
	read, err := r.Webhook(t.Context(), caller(), "crm")
	wantNil(t, err)
	wantEqual(t, "webhook", read, made)
	other := hooked(t, r, hook("billing"))
	all, err := r.Webhooks(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "webhooks", all, []record.Revised[webhook.Webhook]{other, made})
	_, err = r.CreateWebhook(t.Context(), caller(), act(), hook("crm"))
	wantError(t, err, license.ErrExists)
	if made.Value.Queue == other.Value.Queue {
		t.Error("two webhooks share a queue")
	}
}

func webhookByKey(t *testing.T, r Administered) {
	sold(t, r)
	first, err := r.CreateWebhook(t.Context(), caller(), keyed("k"), hook("crm"))
	wantNil(t, err)
	again, err := r.CreateWebhook(t.Context(), caller(), keyed("k"), hook("crm"))
	wantNil(t, err)
	wantEqual(t, "the repeat", again, first)
	_, err = r.CreateWebhook(t.Context(), caller(), keyed("k"), hook("billing"))
	wantError(t, err, license.ErrKeyReused)
	wantAudit(t, r, 3)
}

// webhookByOldKey: what was deleted has left its queue and its secrets to nobody, and a
// repeat within the key's time is not told that it made one.
func webhookByOldKey(t *testing.T, r Administered) {
	sold(t, r)
	first, err := r.CreateWebhook(t.Context(), caller(), keyed("k"), hook("crm"))
	wantNil(t, err)
	wantNil(t, r.DeleteWebhook(t.Context(), caller(), act(), "crm", first.Revision))
	wantError(t, errorOf(r.CreateWebhook(t.Context(), caller(), keyed("k"), hook("crm"))), license.ErrWebhookNotFound)
	for _, id := range []string{"crm", "billing"} {
		later := keyed("k")
		later.At = later.At.Add(2 * record.RetainKeys)
		if id == "billing" {
			later.At = later.At.Add(2 * record.RetainKeys)
		}
		made, err := r.CreateWebhook(t.Context(), caller(), later, hook(id))
		wantNil(t, err)
		if made.Value.ID != id || made.Value.Queue == first.Value.Queue {
			t.Errorf("%+v has the queue of %+v", made.Value, first.Value)
		}
		first = made
	}
}

func invalidWebhook(t *testing.T, r Administered) {
	sold(t, r)
	for field, change := range map[string]func(*webhook.Webhook){
		"url":     func(w *webhook.Webhook) { w.URL = "ftp://hooks.example.com" },
		"types.1": func(w *webhook.Webhook) { w.Types = []event.Type{event.Pool80, "seat.waiting"} },
		"types.2": func(w *webhook.Webhook) { w.Types = []event.Type{event.Pool80, event.Pool90, event.Pool80} },
		"id":      func(w *webhook.Webhook) { w.ID = "CRM" },
	} {
		w := hook("crm")
		change(&w)
		wantInvalid(t, errorOf(r.CreateWebhook(t.Context(), caller(), act(), w)), field)
	}
	made := hooked(t, r, hook("crm"))
	_, err := r.ChangeWebhook(t.Context(), caller(), act(), "crm", made.Revision, func(w *webhook.Webhook) error { w.URL = ""; return nil })
	wantInvalid(t, err, "url")
	wantAudit(t, r, 3)
}

func changeWebhook(t *testing.T, r Administered) {
	sold(t, r)
	made := hooked(t, r, hook("crm"))
	off, err := r.ChangeWebhook(t.Context(), caller(), act(), "crm", made.Revision, func(w *webhook.Webhook) error {
		w.ID, w.Queue, w.Disabled = "other", "other", webhook.DisabledGone
		return switchOff(w)
	})
	wantNil(t, err)
	want := made.Value
	want.Enabled, want.Disabled = false, webhook.DisabledGone
	wantEqual(t, "answer", off.Value, want)
	_, err = r.ChangeWebhook(t.Context(), caller(), act(), "crm", made.Revision, switchOff)
	wantError(t, err, license.ErrStale)
	on, err := r.ChangeWebhook(t.Context(), caller(), act(), "crm", off.Revision, func(w *webhook.Webhook) error {
		w.Enabled = true // and so nobody disabled it
		w.URL = strings.Replace(w.URL, "secret-path", "other-path", 1)
		return nil
	})
	wantNil(t, err)
	wantEqual(t, "disabled", on.Value.Disabled, "")
	read, err := r.Webhook(t.Context(), caller(), "crm")
	wantNil(t, err)
	wantEqual(t, "webhook", read, on)
	wantAudit(t, r, 5) // an address of the same host is a change
	same, err := r.ChangeWebhook(t.Context(), caller(), act(), "crm", on.Revision, func(*webhook.Webhook) error { return nil })
	wantNil(t, err)
	wantEqual(t, "no change", same, on)
	wantAudit(t, r, 5)
}

func webhookAnew(t *testing.T, r Administered) {
	sold(t, r)
	made := hooked(t, r, hook("crm"))
	wantError(t, r.DeleteWebhook(t.Context(), caller(), act(), "crm", "1-2"), license.ErrStale)
	wantNil(t, r.DeleteWebhook(t.Context(), caller(), act(), "crm", made.Revision))
	wantError(t, errorOf(r.Webhook(t.Context(), caller(), "crm")), license.ErrWebhookNotFound)
	if again := hooked(t, r, hook("crm")); again.Value.Queue == made.Value.Queue {
		t.Error("it has the queue, and the secrets, of the one before")
	}
}

func tooManyWebhooks(t *testing.T, r Administered) {
	sold(t, r)
	for i := range webhook.Most {
		hooked(t, r, hook(fmt.Sprintf("w-%d", i)))
	}
	wantInvalid(t, errorOf(r.CreateWebhook(t.Context(), caller(), act(), hook("more"))), "id")
	first, err := r.Webhook(t.Context(), caller(), "w-0")
	wantNil(t, err)
	wantNil(t, r.DeleteWebhook(t.Context(), caller(), act(), "w-0", first.Revision))
	hooked(t, r, hook("more"))
}

func dryWebhook(t *testing.T, r Administered) {
	sold(t, r)
	tried, err := r.CreateWebhook(t.Context(), caller(), dry(), hook("crm"))
	wantNil(t, err)
	wantEqual(t, "revision", tried.Revision, "")
	made := hooked(t, r, hook("crm"))
	_, err = r.ChangeWebhook(t.Context(), caller(), dry(), "crm", made.Revision, switchOff)
	wantNil(t, err)
	wantNil(t, r.DeleteWebhook(t.Context(), caller(), dry(), "crm", made.Revision))
	read, err := r.Webhook(t.Context(), caller(), "crm")
	wantNil(t, err)
	wantEqual(t, "webhook", read, made)
	wantAudit(t, r, 3)
}

func webhookInAudit(t *testing.T, r Administered) {
	sold(t, r)
	made := hooked(t, r, hook("crm"))
	wantNil(t, r.DeleteWebhook(t.Context(), caller(), act(), "crm", made.Revision))
	entries := wantAudit(t, r, 4)
	if text := fmt.Sprint(entries); strings.Contains(text, "secret") || strings.Contains(text, made.Value.Queue) || !strings.Contains(text, "hooks.example.com") {
		t.Errorf("%s", text)
	}
	wantEqual(t, "object", entries[0].Object, "organizations/acme/webhooks/crm")
}

func strangersWebhooks(t *testing.T, r Administered) {
	sold(t, r)
	made := hooked(t, r, hook("crm"))
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), nicknamed("globex"))))
	wantError(t, errorOf(r.Webhook(t.Context(), other(), "crm")), license.ErrWebhookNotFound)
	wantError(t, errorOf(r.ChangeWebhook(t.Context(), other(), act(), "crm", made.Revision, switchOff)), license.ErrWebhookNotFound)
	wantError(t, r.DeleteWebhook(t.Context(), other(), act(), "crm", made.Revision), license.ErrWebhookNotFound)
	wantError(t, errorOf(r.Deliveries(t.Context(), other(), "crm", "", "", 9)), license.ErrWebhookNotFound)
	wantError(t, r.RetryDelivery(t.Context(), other(), act(), "crm", "d"), license.ErrWebhookNotFound)
	all, err := r.Webhooks(t.Context(), other())
	wantNil(t, err)
	wantEqual(t, "webhooks", len(all), 0)
	read, err := r.Webhook(t.Context(), caller(), "crm")
	wantNil(t, err)
	wantEqual(t, "webhook", read, made)
}

func noWebhook(t *testing.T, r Administered) {
	wantError(t, errorOf(r.Webhooks(t.Context(), caller())), license.ErrOrganizationNotFound)
	wantError(t, errorOf(r.CreateWebhook(t.Context(), caller(), act(), hook("crm"))), license.ErrOrganizationNotFound)
	sold(t, r)
	for _, id := range []string{"crm", "", "..", "a/b"} {
		wantError(t, errorOf(r.Webhook(t.Context(), caller(), id)), license.ErrWebhookNotFound)
		wantError(t, errorOf(r.ChangeWebhook(t.Context(), caller(), act(), id, "1", switchOff)), license.ErrWebhookNotFound)
		wantError(t, r.DeleteWebhook(t.Context(), caller(), act(), id, "1"), license.ErrWebhookNotFound)
		wantError(t, errorOf(r.Deliveries(t.Context(), caller(), id, "", "", 9)), license.ErrWebhookNotFound)
		wantError(t, r.RetryDelivery(t.Context(), caller(), act(), id, "d"), license.ErrWebhookNotFound)
	}
	hooked(t, r, hook("crm"))
	for _, name := range []string{"d", "", "..", "a/b"} {
		wantError(t, r.RetryDelivery(t.Context(), caller(), act(), "crm", name), license.ErrDeliveryNotFound)
	}
	wantError(t, errorOf(r.Deliveries(t.Context(), caller(), "crm", "", "a/b", 9)), license.ErrDeliveryNotFound)
}

func webhookBesideLicense(t *testing.T, r Administered) {
	_, l := sold(t, r)
	made := hooked(t, r, hook("acme-pro"))
	wantLicense(t, r, pro(), l)
	wantNil(t, errorOf(r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", l, resell)))
	read, err := r.Webhook(t.Context(), caller(), "acme-pro")
	wantNil(t, err)
	wantEqual(t, "webhook", read, made)
}
