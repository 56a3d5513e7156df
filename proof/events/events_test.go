// Package events asks others' libraries whether what the service sends is what it says:
// CloudEvents by its official SDK, and signatures by that of Standard Webhooks.
package events

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// TestCloudEvents: the official SDK reads every type, finds it valid, and reads what was
// written.
func TestCloudEvents(t *testing.T) {
	for i, kind := range event.Types() {
		e := event.Event{
			ID: event.NewID(kind, "x"), OrganizationID: "acme", Type: kind, Subject: "licenses/acme-pro",
			Time: time.Date(2026, 11, 23, 12, 0, 0, 5_000_000, time.UTC), Data: json.RawMessage(`{"license_id":"acme-pro"}`),
			RecordedAt: time.Date(2026, 11, 23, 12, 0, 1, 0, time.UTC), Seq: i % 10,
		}
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var got cloudevents.Event
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if got.SpecVersion() != "1.0" || got.ID() != e.ID || got.Type() != string(kind) || got.Subject() != e.Subject || !got.Time().Equal(e.Time) ||
			got.Source() != event.Source("acme") || got.DataContentType() != "application/json" || got.Extensions()["sequence"] != e.Sequence() {
			t.Errorf("%s was read as %s", body, got)
		}
		var data map[string]string
		if err := got.DataAs(&data); err != nil || data["license_id"] != "acme-pro" {
			t.Errorf("%v, %v", data, err)
		}
	}
}

// TestSignatures: Standard Webhooks' own library takes what is signed with a secret as it
// is told, by either of two during a rotation, and nothing that was changed.
func TestSignatures(t *testing.T) {
	key, body, now := webhook.Key("the key of all webhooks' secrets"), []byte(`{"specversion":"1.0"}`), time.Now()
	present, before := key.Secret("acme", "queue", 2), key.Secret("acme", "queue", 1)
	for _, secret := range []webhook.Secret{present, before} {
		receiver, err := standardwebhooks.NewWebhook(secret.String())
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		webhook.Sign(header, "evt-1", now, body, present, before)
		if err := receiver.Verify(body, header); err != nil {
			t.Error(err)
		}
		if receiver.Verify([]byte(strings.ToUpper(string(body))), header) == nil {
			t.Error("another body is taken")
		}
		header.Set(webhook.HeaderID, "evt-2")
		if receiver.Verify(body, header) == nil {
			t.Error("another id is taken")
		}
		webhook.Sign(header, "evt-1", now.Add(-time.Hour), body, present, before)
		if receiver.Verify(body, header) == nil {
			t.Error("an old request is taken")
		}
	}
}
