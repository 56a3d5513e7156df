package fields_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
)

func TestOf(t *testing.T) {
	license := api.License{ID: "pro", MaxSeats: 10, GraceSeconds: 60, Entitlements: api.List{"export", "render"}, ETag: `"1"`}
	list := fields.Of(license)
	for name, want := range map[string]string{
		"id": "pro", "plan": "", "max_seats": "10", "grace_seconds": "60", "entitlements": "export render", "etag": `"1"`, "no_such": "",
	} {
		if got := fields.Value(list, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name)
	}
	if want := fields.Names(license); !slices.Equal(names, want) || names[0] != "id" {
		t.Errorf("%v, want %v", names, want)
	}
}

func TestOfAnAuditEntry(t *testing.T) {
	list := fields.Of(api.AuditEntry{At: api.NewTime(time.Unix(0, 0)), After: map[string]any{"max_seats": 1e6}})
	for name, want := range map[string]string{"at": "1970-01-01T00:00:00.000Z", "before": "", "after": `{"max_seats":1000000}`} {
		if got := fields.Value(list, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestADocumentWithinIsTakenApart into fields that a spreadsheet can sort by.
func TestADocumentWithinIsTakenApart(t *testing.T) {
	session := api.LiveSession{SessionID: "s-1", Client: api.LiveClient{Name: "Studio", Project: "bridge-7"}, ExpiresAt: api.NewTime(time.Unix(0, 0))}
	list := fields.Of(session)
	for name, want := range map[string]string{
		"session_id": "s-1", "client_name": "Studio", "client_version": "", "client_project": "bridge-7", "client": "", "expires_at": "1970-01-01T00:00:00.000Z",
	} {
		if got := fields.Value(list, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if names := fields.Names(session); len(names) != len(list) || !slices.Contains(names, "client_hostname") || slices.Contains(names, "client") {
		t.Errorf("%v", names)
	}
	if names := fields.Names(api.WebhookWithSecret{}); names[0] != "id" || names[len(names)-1] != "secret" {
		t.Errorf("%v", names)
	}
}

// TestChangesOfAPatch: what it leaves out stays, and so does what it sets to the same.
func TestChangesOfAPatch(t *testing.T) {
	now := api.License{Plan: "pro", MaxSeats: 10, Entitlements: api.List{"export"}}
	seats, same, none := 12, "pro", api.List(nil)
	for _, tt := range []struct {
		patch api.LicensePatch
		want  []fields.Change
	}{
		{api.LicensePatch{}, nil},
		{api.LicensePatch{Plan: &same}, nil},
		{api.LicensePatch{Plan: &same, MaxSeats: &seats}, []fields.Change{{Field: "max_seats", Before: "10", After: "12"}}},
		{api.LicensePatch{Entitlements: &none}, []fields.Change{{Field: "entitlements", Before: "export"}}},
	} {
		if got := fields.Changes(now, tt.patch); !slices.Equal(got, tt.want) {
			t.Errorf("%v, want %v", got, tt.want)
		}
	}
	if got := fields.Changes(api.License{ETag: "1"}, api.License{ETag: "2"}); len(got) != 0 {
		t.Errorf("an ETag is a change: %v", got)
	}
}

// TestPatchesNameFieldsOfTheirDocuments, or a change would never be found.
func TestPatchesNameFieldsOfTheirDocuments(t *testing.T) {
	for patch, document := range map[any]any{api.LicensePatch{}: api.License{}, api.OrganizationPatch{}: api.Organization{}} {
		for _, name := range fields.Names(patch) {
			if !slices.Contains(fields.Names(document), name) {
				t.Errorf("%s has %s, and the document has not", reflect.TypeOf(patch), name)
			}
		}
	}
}

// TestSaid: what is new is shown without what it has not.
func TestSaid(t *testing.T) {
	want := "[{id  pro} {max_seats  10}]"
	seats := 10
	if got := fmt.Sprint(fields.Said(struct {
		ID    string  `json:"id"`
		Plan  string  `json:"plan"`
		Seats *int    `json:"max_seats"`
		Slug  *string `json:"slug"`
		ETag  string  `json:"etag"`
	}{ID: "pro", Seats: &seats, ETag: "1"})); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRecorded(t *testing.T) {
	before := map[string]any{"max_seats": 10.0, "plan": "pro", "gone": true, "null": nil}
	after := map[string]any{"max_seats": 1e6, "plan": "pro", "entitlements": []any{"export"}, "null": nil}
	want := `[{entitlements  ["export"]} {gone true } {max_seats 10 1000000}]`
	if got := fmt.Sprint(fields.Recorded(before, after)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := fields.Recorded(nil, nil); len(got) != 0 {
		t.Errorf("nothing differs by %v", got)
	}
}
