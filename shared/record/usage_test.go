package record_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// TestDocumentOfUsage fixes its path and its fields, as TestDocuments does.
func TestDocumentOfUsage(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	must(t, r.PutOrganization(t.Context(), acme(), license.Organization{ID: "acme"}))
	must(t, r.FileUsage(t.Context(), acme(), []usage.Filing{
		{Generation: "v4.7.ab", Hour: usage.Hour{LicenseID: "acme-pro", At: at, Counts: usage.Counts{
			Granted: map[int]int64{1: 2}, RefusedAt: map[int]int64{3: 4}, Denied: map[string]int64{"organization": 5},
			Waited: 6, Failed: 7, Peak: 8, Levels: map[int]int64{9: 10},
		}}},
		{Generation: "v4.8.cd", Hour: usage.Hour{LicenseID: "acme-pro", At: at.Add(time.Hour), Counts: usage.Counts{Waited: 1}}},
	}))
	wantDocument(t, client, "orgs/acme/usage/acme-pro_2026-11-23", map[string]any{
		"license_id": "acme-pro", "day": "2026-11-23",
		"hours": map[string]any{
			"09": map[string]any{"v4.7.ab": map[string]any{
				"granted": map[string]any{"1": int64(2)}, "refused": map[string]any{"3": int64(4)}, "denied": map[string]any{"organization": int64(5)},
				"waited": int64(6), "failed": int64(7), "peak": int64(8), "level_ms": map[string]any{"9": int64(10)},
			}},
			"10": map[string]any{"v4.8.cd": map[string]any{"waited": int64(1)}},
		},
		"purge_at": time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).Add(record.RetainUsage),
	})
}

// TestDamagedUsage is an error to be looked into: nothing is written over it, and what
// belongs to other documents is filed.
func TestDamagedUsage(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	must(t, r.PutOrganization(t.Context(), acme(), license.Organization{}))
	at, waited := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), int64(0)
	for name, damaged := range map[string]map[string]any{
		"of another type": {"license_id": 7, "day": "2026-11-23"},
		"no level": {"license_id": "acme-pro", "day": "2026-11-23", "hours": map[string]any{
			"09": map[string]any{"g": map[string]any{"granted": map[string]any{"many": 1}}},
		}},
	} {
		_, err := client.Doc("orgs/acme/usage/acme-pro_2026-11-23").Set(t.Context(), damaged)
		must(t, err)
		filing := usage.Filing{Generation: "g", Hour: usage.Hour{LicenseID: "acme-pro", At: at}}
		lab := usage.Filing{Generation: name, Hour: usage.Hour{LicenseID: "acme-lab", At: at, Counts: usage.Counts{Waited: 1}}}
		filed := r.FileUsage(t.Context(), acme(), []usage.Filing{filing, lab})
		broken, ok := errors.AsType[*record.UnreadableUsageError](filed)
		if !ok || !slices.Equal(broken.Documents, []string{"acme-pro_2026-11-23"}) ||
			!broken.Unfiled("acme-pro", at.Add(time.Hour)) || broken.Unfiled("acme-pro", at.Add(24*time.Hour)) || broken.Unfiled("acme-lab", at) {
			t.Errorf("%s: %v", name, filed)
		}
		waited++
		hours, err := r.Usage(t.Context(), acme(), record.UsageQuery{LicenseID: "acme-lab", From: at, To: at.Add(time.Hour)})
		if err != nil || len(hours) != 1 || hours[0].Waited != waited {
			t.Errorf("%s: %+v, %v", name, hours, err)
		}
		for method, err := range map[string]error{
			"FileUsage": filed,
			"Usage":     errorOf(r.Usage(t.Context(), acme(), record.UsageQuery{From: at, To: at.Add(time.Hour)})),
		} {
			if err == nil || license.Backend(err) != "" {
				t.Errorf("%s, %s: %v", name, method, err)
			}
		}
	}
}
