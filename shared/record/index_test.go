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
	must(t, errorOf(r.SessionPage(t.Context(), acme(), record.SessionFilter{Project: "bridge-7"}, "", 9)))
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
