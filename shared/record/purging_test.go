package record_test

import (
	"testing"
	"time"

	"google.golang.org/api/iterator"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// TestNothingIsLeftOfWhatWasPurged: whatever collections an organization has, also those
// that no list shows.
func TestNothingIsLeftOfWhatWasPurged(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute, Events: true})
	sold(t, r)
	joined(t, r, "u-1")
	open(t, r)
	must(t, r.Create(t.Context(), acme(), grant()))
	must(t, r.FileUsage(t.Context(), acme(), used(1, 1)))
	for _, path := range []string{
		"webhooks/crm", "queues/q-1", "queues/q-1/deliveries/d-1", "queues/q-1/deliveries/d-2", "queues/q-2", "requests/key", "events/e",
	} {
		must(t, errorOf(client.Doc("orgs/acme/"+path).Set(t.Context(), map[string]any{"id": 1})))
	}
	must(t, errorOf(client.Doc("orgs/acme/users/gone").Set(t.Context(), map[string]any{"removed": true})))
	now, err := r.Organization(t.Context(), acme())
	must(t, err)
	must(t, errorOf(r.ChangeOrganization(t.Context(), acme(), act(""), now.Revision, func(o *license.Organization) error {
		o.Status = license.StatusSuspended
		return nil
	})))
	must(t, r.BeginPurge(t.Context(), acme(), act("")))
	must(t, r.DropUsers(t.Context(), acme(), []string{"u-1"}))
	for n := 1; n > 0; {
		n, err = r.PurgePage(t.Context(), acme())
		must(t, err)
	}
	must(t, r.FinishPurge(t.Context(), acme()))
	for _, path := range []string{"orgs/acme", "orgs/acme/queues/q-1"} {
		left, err := client.Doc(path).Collections(t.Context()).Next()
		if err != iterator.Done { //nolint:errorlint // as its documentation has it
			t.Errorf("of %s there is still %v, %v", path, left, err)
		}
	}
}
