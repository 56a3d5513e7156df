package recordtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Administered is a record with its administration.
type Administered interface {
	record.Record
	record.Administration
}

// RunAdministration checks the contract of record.Administration, as [Run] does
// that of record.Record.
func RunAdministration(t *testing.T, newRecord func(t *testing.T) Administered) {
	t.Helper()
	groups := map[string]map[string]func(*testing.T, Administered){
		"Organizations": organizationTests(),
		"Slugs":         slugTests(),
		"Licenses":      licenseTests(),
		"Revisions":     revisionTests(),
		"Keys":          keyTests(),
		"Audit":         auditTests(),
		"Sessions":      sessionPageTests(),
		"Revocation":    revocationTests(),
		"Usage":         usageTests(),
		"During":        duringTests(),
		"Users":         userTests(),
		"Webhooks":      webhookTests(),
		"Owners":        ownerTests(),
		"ServiceActs":   serviceActTests(),
		"Requests":      requestTests(),
		"Histories":     historyTests(),
		"Purging":       purgingTests(),
		"Roles":         roleTests(),
		"Tenancy":       administrationTenancyTests(),
		"Context":       administrationContextTests(),
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, newRecord(t)) })
			}
		})
	}
}

// act is one of the vendor's staff, at noon.
func act() record.Act { return record.Act{Actor: "eve@vendor.example", At: noon()} }

// keyed is the same with an idempotency key.
func keyed(key string) record.Act {
	a := act()
	a.Key = key
	return a
}

func dry() record.Act {
	a := act()
	a.DryRun = true
	return a
}

// sold makes the organization and its license, and answers their revisions.
func sold(t *testing.T, r record.Administration) (organization, lic string) {
	t.Helper()
	o, err := r.CreateOrganization(t.Context(), caller(), act(), acme())
	wantNil(t, err)
	l, err := r.CreateLicense(t.Context(), caller(), act(), pro())
	wantNil(t, err)
	return o.Revision, l.Revision
}

// rename and resell are changes.
func rename(o *license.Organization) error { o.Name = "Acme SE"; return nil }
func resell(l *license.License) error      { l.MaxSeats = 7; return nil }

func wantOrganization(t *testing.T, r record.Administration, want license.Organization, revision string) {
	t.Helper()
	got, err := r.Organization(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "organization", got, record.Revised[license.Organization]{Value: want, Revision: revision})
}

func wantLicense(t *testing.T, r record.Administration, want license.License, revision string) {
	t.Helper()
	got, err := r.License(t.Context(), caller(), want.ID)
	wantNil(t, err)
	wantEqual(t, "license", got, record.Revised[license.License]{Value: want, Revision: revision})
}

// wantAudit checks how many acts there were.
func wantAudit(t *testing.T, r record.Administration, want int) []record.Entry {
	t.Helper()
	entries, err := r.Audit(t.Context(), caller(), record.Span{}, "", 100)
	wantNil(t, err)
	wantEqual(t, "entries in the audit", len(entries), want)
	return entries
}

// wantInvalid checks that an error names the field.
func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	invalid, ok := errors.AsType[*license.InvalidError](err)
	if !ok || len(invalid.Faults) != 1 || invalid.Faults[0].Field != field {
		t.Fatalf("error %v, want %s to be at fault", err, field)
	}
}

func organizationTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"what is created is there, for seats too": func(t *testing.T, r Administered) {
			org := acme()
			org.ID = "globex" // not looked at: the caller's organization counts
			made, err := r.CreateOrganization(t.Context(), caller(), act(), org)
			wantNil(t, err)
			wantEqual(t, "answer", made.Value, acme())
			wantOrganization(t, r, acme(), made.Revision)
			bought, err := r.Entitlements(t.Context(), caller())
			wantNil(t, err)
			wantEqual(t, "entitlements", bought.Organization, acme())
		},
		"what exists is not created": func(t *testing.T, r Administered) {
			revision, _ := sold(t, r)
			other := acme()
			other.Name = "Another"
			_, err := r.CreateOrganization(t.Context(), caller(), act(), other)
			wantError(t, err, license.ErrExists)
			wantOrganization(t, r, acme(), revision)
			wantAudit(t, r, 2)
		},
		"what is invalid is not written": func(t *testing.T, r Administered) {
			org := acme()
			org.Status = "gone"
			_, err := r.CreateOrganization(t.Context(), caller(), act(), org)
			wantInvalid(t, err, "status")
			revision, _ := sold(t, r)
			_, err = r.ChangeOrganization(t.Context(), caller(), act(), revision, func(o *license.Organization) error {
				o.MaxConcurrentSeats = -1
				return nil
			})
			wantInvalid(t, err, "max_concurrent_seats")
			wantOrganization(t, r, acme(), revision)
			wantAudit(t, r, 2)
		},
		"a change":              changeOrganization,
		"lists go on from ids":  pagesOfOrganizations,
		"racers create it once": createRace,
		"one that is not there": func(t *testing.T, r Administered) {
			_, err := r.Organization(t.Context(), caller())
			wantError(t, err, license.ErrOrganizationNotFound)
			_, err = r.ChangeOrganization(t.Context(), caller(), act(), "1", rename)
			wantError(t, err, license.ErrOrganizationNotFound)
			_, err = r.LicensePage(t.Context(), caller(), "", 10)
			wantError(t, err, license.ErrOrganizationNotFound)
			_, err = r.Audit(t.Context(), caller(), record.Span{}, "", 10)
			wantError(t, err, license.ErrOrganizationNotFound)
			_, err = r.CreateLicense(t.Context(), caller(), act(), pro())
			wantError(t, err, license.ErrOrganizationNotFound)
		},
	}
}

func changeOrganization(t *testing.T, r Administered) {
	revision, _ := sold(t, r)
	made, err := r.ChangeOrganization(t.Context(), caller(), act(), revision, func(o *license.Organization) error {
		o.ID = "globex" // dropped
		return rename(o)
	})
	wantNil(t, err)
	want := acme()
	want.Name = "Acme SE"
	wantEqual(t, "answer", made.Value, want)
	if made.Revision == revision {
		t.Error("another document at the same revision")
	}
	wantOrganization(t, r, want, made.Revision)
	refusal := errors.New("not this one")
	_, err = r.ChangeOrganization(t.Context(), caller(), act(), made.Revision, func(*license.Organization) error { return refusal })
	wantError(t, err, refusal)
	wantOrganization(t, r, want, made.Revision)
}

func pagesOfOrganizations(t *testing.T, r Administered) {
	for _, id := range []string{"c", "a", "b"} {
		wantNil(t, errorOf(r.CreateOrganization(t.Context(), license.ServiceCaller(id), act(), nicknamed(id))))
	}
	for _, page := range []struct {
		after string
		limit int
		want  string
	}{{"", 2, "ab"}, {"b", 2, "c"}, {"c", 2, ""}, {"aa", 1, "b"}, {"", 0, ""}, {"", -1, ""}} {
		got, err := r.Organizations(t.Context(), page.after, page.limit)
		wantNil(t, err)
		var ids strings.Builder
		for _, o := range got {
			ids.WriteString(o.Value.ID)
			one, err := r.Organization(t.Context(), license.ServiceCaller(o.Value.ID))
			wantNil(t, err)
			wantEqual(t, "in the list", o, one)
		}
		wantEqual(t, "after "+page.after, ids.String(), page.want)
	}
}

// createRace: one of them is told that it made the organization.
func createRace(t *testing.T, r Administered) {
	made := 0
	for _, err := range race(4, func(int) error {
		return errorOf(r.CreateOrganization(t.Context(), caller(), act(), acme()))
	}) {
		if err == nil {
			made++
			continue
		}
		wantError(t, err, license.ErrExists)
	}
	wantEqual(t, "creations", made, 1)
	wantAudit(t, r, 1)
}
