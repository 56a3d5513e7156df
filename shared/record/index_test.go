package record_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// TestListsAndHistoryHaveTheirIndexes: those that the emulator misses are those that
// terraform/record.tf makes.
func TestListsAndHistoryHaveTheirIndexes(t *testing.T) {
	addr, project := servers.Firestore(t), freshProject()
	client, err := record.Dial(t.Context(), record.Target{ProjectID: project, Emulator: addr})
	must(t, err)
	closeAfter(t, client)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	wanted(t, r)
	for _, filter := range []record.SessionFilter{{}, {LicenseID: "acme-pro"}, {UserID: "u-1"}, {LicenseID: "acme-pro", UserID: "u-1"}} {
		for _, after := range []string{"", sessionName} {
			must(t, errorOf(r.SessionPage(t.Context(), acme(), filter, after, 9)))
		}
	}
	for _, filter := range []record.SessionFilter{{Project: "bridge-7"}, {HardwareID: "hw-1"}} {
		must(t, errorOf(r.SessionPage(t.Context(), acme(), filter, "", 9)))
	}
	// Both together are merged from the built-in indexes (see record.UserFilter), which the
	// emulator does not do: it would report an index that nothing needs.
	for _, filter := range []record.UserFilter{{}, {Role: "member"}, {Group: "cad"}} {
		for _, after := range []string{"", "u-1"} {
			must(t, errorOf(r.UserPage(t.Context(), acme(), filter, after, 9)))
		}
	}
	for _, id := range []string{"", "acme-pro"} {
		q := record.UsageQuery{LicenseID: id, From: time.Now(), To: time.Now().Add(time.Hour)}
		must(t, r.SessionsDuring(t.Context(), acme(), q, func(record.Page) error { return nil }))
	}
	got := map[string]bool{}
	for _, report := range compositeIndexes(t, addr, project) {
		got[indexOf(t, report)] = true
	}
	want := []string{
		"client.project part status | acquired_at DESCENDING __name__ DESCENDING",
		"hardware_id part status | acquired_at DESCENDING __name__ DESCENDING",
		"license_id part status user_id | acquired_at DESCENDING __name__ DESCENDING",
		"license_id part status | acquired_at DESCENDING __name__ DESCENDING",
		"part status user_id | acquired_at DESCENDING __name__ DESCENDING",
		"part status | acquired_at DESCENDING __name__ DESCENDING",
		"part | ended_at ASCENDING acquired_at ASCENDING __name__ ASCENDING",
	}
	if all := slices.Sorted(maps.Keys(got)); !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}

// indexOf is an index by its fields: those of equality, whose order is of no account,
// and then the order of the list.
func indexOf(t *testing.T, report json.RawMessage) string {
	t.Helper()
	var r struct {
		Index struct {
			Fields []struct {
				Path  string `json:"fieldPath"`
				Order string `json:"order"`
			} `json:"fields"`
		} `json:"index"`
	}
	must(t, json.Unmarshal(report, &r))
	var equal, ordered []string
	for _, f := range r.Index.Fields {
		if len(ordered) > 0 || strings.HasSuffix(f.Path, "_at") {
			ordered = append(ordered, f.Path, f.Order)
			continue
		}
		equal = append(equal, f.Path)
	}
	slices.Sort(equal)
	return strings.Join(equal, " ") + " | " + strings.Join(ordered, " ")
}

// TestEventsHaveTheirIndexes: those that the emulator misses are those that
// terraform/record.tf makes: of one organization's events, and of what is asked across
// organizations by one field.
func TestEventsHaveTheirIndexes(t *testing.T) {
	project := freshProject()
	r := telling(t, project)
	open(t, r)
	must(t, r.Create(t.Context(), acme(), grant()))
	must(t, errorOf(r.CreateOrganization(t.Context(), acme(), act(""), organization())))
	made, err := r.CreateWebhook(t.Context(), acme(), act(""), webhook.Webhook{ID: "crm", URL: "https://hooks.example.com", Enabled: true})
	must(t, err)
	must(t, errorOf(r.Webhooks(t.Context(), acme())))
	must(t, errorOf(r.EventOrganizations(t.Context(), "a", 9)))
	page, err := r.Events(t.Context(), acme(), 9)
	must(t, err)
	must(t, r.TakeEvents(t.Context(), acme(), page.Events, at()))
	must(t, errorOf(r.DueQueues(t.Context(), at(), 9)))
	must(t, errorOf(r.Pending(t.Context(), acme(), made.Value.Queue, 9)))
	must(t, errorOf(r.Bury(t.Context(), acme(), made.Value.Queue, at(), 9)))
	must(t, r.RestQueue(t.Context(), acme(), made.Value.Queue, record.Rest{At: at()}))
	for _, state := range []record.DeliveryState{"", record.DeliveryDead} {
		must(t, errorOf(r.Deliveries(t.Context(), acme(), "crm", state, "1", 9)))
	}
	got := map[string]bool{}
	for _, report := range compositeIndexes(t, servers.Firestore(t), project) {
		got[scope(report)+indexOf(t, report)] = true
	}
	want := map[string]bool{
		"COLLECTION part | recorded_at ASCENDING seq ASCENDING __name__ ASCENDING": true,
		"COLLECTION_GROUP __name__ part | ":                                        true,
		"COLLECTION_GROUP  | due_at ASCENDING __name__ ASCENDING":                  true,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// scope is whether an index is of a collection, or of all of its name.
func scope(report json.RawMessage) string {
	if strings.Contains(string(report), `"COLLECTION_GROUP"`) {
		return "COLLECTION_GROUP "
	}
	return "COLLECTION "
}
