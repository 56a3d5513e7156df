package functions_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// hook makes a webhook by the vendor's door.
func (w *world) hook(t *testing.T, org, id, url string) api.WebhookWithSecret {
	t.Helper()
	return into[api.WebhookWithSecret](t, w.vendor().do(t, http.MethodPost, api.WebhooksPath(org), map[string]any{"id": id, "url": url}), http.StatusCreated)
}

// telling is a world whose record keeps events.
func telling() backend {
	return backend{"telling", func(_ *testing.T, w *world) { w.record = record.NewMemory().TellEvents() }}
}

// inbox is a receiver of webhooks.
type inbox struct {
	url string
	mu  sync.Mutex
	all []string // type and subject
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	b := &inbox{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e struct{ Type, Subject string }
		_ = json.Unmarshal(body, &e)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.all = append(b.all, e.Type+" "+e.Subject)
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *inbox) want(t *testing.T, want ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if fmt.Sprint(b.all) != fmt.Sprint(want) {
		t.Errorf("received %q, want %q", b.all, want)
	}
}

func (w *world) deliver(t *testing.T) api.DeliverReport {
	t.Helper()
	return into[api.DeliverReport](t, w.do(t, http.MethodPost, api.PathDeliver, w.stack.SchedulerToken(), nil), http.StatusOK)
}

// TestWhatHappensIsTold: from a seat to the receiver, by the functions alone.
func TestWhatHappensIsTold(t *testing.T) {
	w := start(t, telling(), devstack.Defaults())
	org, box := w.licensed(t, 1), newInbox(t)
	w.deliver(t) // what was bought is told to nobody yet
	owner := w.userAs(org, "boss", license.RoleOwner)
	made := into[api.WebhookWithSecret](t, w.do(t, http.MethodPost, api.PathAdminWebhooks, owner.token, map[string]any{"id": "crm", "url": box.url + "/hook"}), http.StatusCreated)
	if !strings.HasPrefix(made.Secret, "whsec_") || len(made.Secret) != len("whsec_")+44 {
		t.Errorf("%+v", made)
	}
	ann := w.user(org, "ann")
	first := ann.take(t, "hw").SessionID
	w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available")
	ann.release(t, first).want(t, http.StatusNoContent)
	second := ann.take(t, "hw-2").SessionID
	w.do(t, http.MethodDelete, api.AdminSessionPath(second), owner.token, nil).want(t, http.StatusNoContent)
	third := ann.take(t, "hw-3").SessionID
	w.stack.Redis.Advance(7 * time.Minute)
	w.reap(t)
	report := w.deliver(t)
	if report.EventsTaken != report.Delivered || report.More {
		t.Errorf("%+v", report)
	}
	box.want(t, "seat.granted sessions/"+first, "seat.released sessions/"+first, "seat.granted sessions/"+second, "session.revoked sessions/"+second,
		"seat.granted sessions/"+third, "seat.expired sessions/"+third, "seat.denied licenses/pro", "pool.80 licenses/pro", "pool.90 licenses/pro", "pool.100 licenses/pro")
	sent := read[api.DeliveryList](t, owner, api.AdminDeliveriesPath("crm")+"?limit=2&state=delivered")
	if len(sent.Deliveries) != 2 || sent.Deliveries[0].Subject != "sessions/"+first || sent.Deliveries[0].LastStatus != http.StatusOK || sent.After != sent.Deliveries[1].ID {
		t.Errorf("%+v", sent)
	}
	w.do(t, http.MethodPost, api.AdminDeliveryRetryPath("crm", sent.Deliveries[0].ID), owner.token, nil).want(t, http.StatusNoContent)
	w.deliver(t)
	box.mu.Lock()
	defer box.mu.Unlock()
	if n := len(box.all); n != 11 || box.all[10] != "seat.granted sessions/"+first {
		t.Errorf("%q", box.all)
	}
}

// TestWebhooksAreTheSameAtBothDoors: made by the vendor, seen and changed by the owner.
func TestWebhooksAreTheSameAtBothDoors(t *testing.T) {
	w := start(t, telling(), devstack.Defaults())
	org := w.licensed(t, 1)
	owner, v := w.userAs(org, "boss", license.RoleOwner), w.vendor()
	made := w.hook(t, org, "crm", "https://hooks.example.com/x")
	seen := read[api.Webhook](t, owner, api.AdminWebhookPath("crm"))
	if seen.ETag != made.ETag || seen.URL != "https://hooks.example.com/x" || !seen.Enabled {
		t.Errorf("%+v", seen)
	}
	turned := into[api.WebhookWithSecret](t, w.do(t, http.MethodPost, api.AdminWebhookRotatePath("crm"), owner.token, nil, header("If-Match", seen.ETag)), http.StatusOK)
	if turned.Secret == made.Secret || turned.Secret == "" || turned.ETag == seen.ETag {
		t.Errorf("%+v", turned)
	}
	w.do(t, http.MethodPatch, api.AdminWebhookPath("crm"), owner.token, `{"enabled":false}`, header("If-Match", seen.ETag)).refused(t, "precondition_failed")
	w.do(t, http.MethodPatch, api.AdminWebhookPath("crm"), owner.token, `{"enabled":false}`).refused(t, "precondition_required")
	off := into[api.Webhook](t, w.do(t, http.MethodPatch, api.AdminWebhookPath("crm"), owner.token, `{"enabled":false,"types":["pool.90"]}`, header("If-Match", turned.ETag)), http.StatusOK)
	list := into[api.WebhookList](t, v.do(t, http.MethodGet, api.WebhooksPath(org), nil), http.StatusOK)
	if len(list.Webhooks) != 1 || list.Webhooks[0].Enabled || list.Webhooks[0].Types[0] != "pool.90" {
		t.Errorf("%+v", list)
	}
	v.do(t, http.MethodDelete, api.WebhookPath(org, "crm"), nil, header("If-Match", off.ETag)).want(t, http.StatusNoContent)
	w.do(t, http.MethodGet, api.AdminWebhookPath("crm"), owner.token, nil).refused(t, "webhook_not_found")
	audit := read[api.AuditList](t, owner, api.PathAdminAudit)
	if text := fmt.Sprint(audit); strings.Contains(text, "/x") || strings.Contains(text, "whsec") {
		t.Errorf("the audit has an address or a secret: %s", text)
	}
}

// TestWebhooksThatAreRefused name the field.
func TestWebhooksThatAreRefused(t *testing.T) {
	w := start(t, telling(), devstack.Defaults())
	org, v := w.licensed(t, 1), w.vendor()
	for field, body := range map[string]string{
		"url":     `{"id":"a","url":"http://hooks.example.com"}`,
		"id":      `{"id":"A","url":"https://hooks.example.com"}`,
		"types.0": `{"id":"a","url":"https://hooks.example.com","types":["seat.waiting"]}`,
	} {
		a := v.do(t, http.MethodPost, api.WebhooksPath(org), body)
		a.refused(t, "invalid_request")
		if !strings.Contains(string(a.body), `"field":"`+field+`"`) {
			t.Errorf("%s: %s", field, a.body)
		}
	}
	made := w.hook(t, org, "crm", "https://hooks.example.com")
	v.do(t, http.MethodPatch, api.WebhookPath(org, "crm"), `{"url":"https://10.0.0.1"}`, header("If-Match", made.ETag)).refused(t, "invalid_request")
	v.do(t, http.MethodGet, api.DeliveriesPath(org, "crm")+"?state=lost", nil).refused(t, "invalid_request")
	v.do(t, http.MethodGet, api.DeliveriesPath(org, "crm")+"?status=dead", nil).refused(t, "invalid_request")
	for _, id := range []string{"x", "1795435201000000-0-3b5d5c3712955042212316173ccf37be"} {
		v.do(t, http.MethodPost, api.DeliveryRetryPath(org, "crm", id), nil).refused(t, "delivery_not_found")
	}
	dry := into[api.WebhookWithSecret](t, v.do(t, http.MethodPost, api.WebhooksPath(org)+"?dry_run=true", `{"id":"b","url":"https://hooks.example.com"}`), http.StatusCreated)
	if dry.Secret != "" || dry.ETag != "" {
		t.Errorf("%+v", dry)
	}
}

// TestACreationThatIsRepeated tells no secret, be it that of another webhook of the name.
func TestACreationThatIsRepeated(t *testing.T) {
	w := start(t, telling(), devstack.Defaults())
	org, v := w.licensed(t, 1), w.vendor()
	create := func() answer {
		return v.do(t, http.MethodPost, api.WebhooksPath(org), `{"id":"crm","url":"https://hooks.example.com"}`, header("Idempotency-Key", "k"))
	}
	first := into[api.WebhookWithSecret](t, create(), http.StatusCreated)
	create().refused(t, "secret_told")
	v.do(t, http.MethodDelete, api.WebhookPath(org, "crm"), nil, header("If-Match", first.ETag)).want(t, http.StatusNoContent)
	w.hook(t, org, "crm", "https://others.example.com")
	if a := create(); strings.Contains(string(a.body), "whsec_") {
		t.Errorf("the secret of the next one: %s", a.body)
	}
}

// TestOnlyTheSchedulerDelivers.
func TestOnlyTheSchedulerDelivers(t *testing.T) {
	w := start(t, telling(), devstack.Defaults())
	org := w.licensed(t, 1)
	for _, token := range []string{"", w.userAs(org, "boss", license.RoleOwner).token, w.stack.StaffToken("eve@vendor.example")} {
		w.do(t, http.MethodPost, api.PathDeliver, token, nil).refused(t, "unauthenticated")
	}
}

// TestDeliverIsReady without the seat ledger and without keys: it knows neither.
func TestDeliverIsReady(t *testing.T) {
	w := start(t, telling(), devstack.Defaults())
	w.killRedis()
	status, health := probe(t, w.stack.Deliver, api.PathReady)
	if status != http.StatusOK || len(health.Checks) != 1 || health.Checks["firestore"] != "ok" {
		t.Errorf("%d %+v", status, health)
	}
	if status, _ := probe(t, w.stack.Deliver, api.PathStartup); status != http.StatusOK {
		t.Errorf("start: %d", status)
	}
}

// TestNoRequestIsSlowerForAReceiver: what is told is told by deliver; a receiver that is
// down costs no request a call.
func TestNoRequestIsSlowerForAReceiver(t *testing.T) {
	w := start(t, telling(), devstack.Defaults())
	org := w.licensed(t, 9)
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer server.Close()
	w.hook(t, org, "crm", server.URL)
	ann := w.user(org, "ann")
	held := ann.take(t, "hw").SessionID
	ann.beat(t, held).want(t, http.StatusOK)
	ann.release(t, held).want(t, http.StatusNoContent)
	select {
	case <-asked:
		t.Error("a request called a receiver")
	default:
	}
}
