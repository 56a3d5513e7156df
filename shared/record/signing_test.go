package record_test

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// TestDocumentOfTheSigningKeys fixes its path and its fields, and what a person broke is
// an error.
func TestDocumentOfTheSigningKeys(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	must(t, errorOf(r.ChangeSigningKeys(t.Context(), func(keys *record.SigningKeys) error {
		keys.Roots, keys.RootsUntil = []string{"root/1"}, at.Add(time.Hour)
		keys.Delegations = []record.Delegation{
			{KeyID: "k1", Root: "root/1", Certificate: []byte{1}, PrivateKey: []byte{2}, CreatedAt: at, NotBefore: at, NotAfter: at, RevokedAt: at},
			{KeyID: "k2", Root: "root/1", Certificate: []byte{3}, PrivateKey: []byte{4}, CreatedAt: at, NotBefore: at, NotAfter: at, AtOnce: true},
		}
		return nil
	})))
	wantDocument(t, client, "service/signing", map[string]any{
		"urgent": false, "roots": []any{"root/1"}, "roots_until": at.Add(time.Hour),
		"delegations": []any{
			map[string]any{
				"kid": "k1", "root": "root/1", "certificate": []byte{1}, "private_key": []byte{2},
				"created_at": at, "not_before": at, "not_after": at, "at_once": false, "revoked_at": at,
			},
			map[string]any{
				"kid": "k2", "root": "root/1", "certificate": []byte{3}, "private_key": []byte{4},
				"created_at": at, "not_before": at, "not_after": at, "at_once": true,
			},
		},
	})
	must(t, errorOf(client.Doc("service/signing").Set(t.Context(), map[string]any{"delegations": "none"})))
	if _, err := r.SigningKeys(t.Context()); err == nil {
		t.Error("a damaged document is read")
	}
	unchanged := func(*record.SigningKeys) error { return nil }
	if _, err := r.ChangeSigningKeys(t.Context(), unchanged); err == nil {
		t.Error("a damaged document is changed")
	}
}
