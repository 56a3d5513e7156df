package recordtest

import (
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func licenseTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"what is created is there, for seats too": func(t *testing.T, r Administered) {
			_, revision := sold(t, r)
			wantLicense(t, r, pro(), revision)
			all, err := r.Licenses(t.Context(), caller())
			wantNil(t, err)
			wantEqual(t, "licenses", all, []license.License{pro()})
		},
		"the caller's organization counts": func(t *testing.T, r Administered) {
			sold(t, r)
			foreign := pro()
			foreign.ID, foreign.OrganizationID = "foreign", "globex"
			made, err := r.CreateLicense(t.Context(), caller(), act(), foreign)
			wantNil(t, err)
			foreign.OrganizationID = "acme"
			wantEqual(t, "answer", made.Value, foreign)
		},
		"what exists is not created": func(t *testing.T, r Administered) {
			_, revision := sold(t, r)
			_, err := r.CreateLicense(t.Context(), caller(), act(), pro())
			wantError(t, err, license.ErrExists)
			wantLicense(t, r, pro(), revision)
		},
		"its end cannot be forgotten":                   forgottenEnd,
		"a new limit of users' sessions ends the epoch": limitByAdministration,
		"a change": func(t *testing.T, r Administered) {
			_, revision := sold(t, r)
			made, err := r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", revision, func(l *license.License) error {
				l.ID, l.OrganizationID = "x", "globex" // dropped
				return resell(l)
			})
			wantNil(t, err)
			want := pro()
			want.MaxSeats = 7
			wantEqual(t, "answer", made.Value, want)
			wantLicense(t, r, want, made.Revision)
		},
		"a deletion": func(t *testing.T, r Administered) {
			_, revision := sold(t, r)
			wantNil(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", revision))
			_, err := r.License(t.Context(), caller(), "acme-pro")
			wantError(t, err, license.ErrLicenseNotFound)
			wantError(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", revision), license.ErrLicenseNotFound)
			_, err = r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", revision, resell)
			wantError(t, err, license.ErrLicenseNotFound)
			again, err := r.CreateLicense(t.Context(), caller(), act(), pro())
			wantNil(t, err)
			if again.Revision == revision {
				t.Error("a second license at the first one's revision")
			}
		},
		"lists go on from ids":      pagesOfLicenses,
		"nobody shares a slice":     administrationShares,
		"a dry run changes nothing": dryRuns,
	}
}

// limitByAdministration: of a create, a change, and not of a dry run.
func limitByAdministration(t *testing.T, r Administered) {
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), act(), acme())))
	opened(t, r, caller())
	lic, dry := pro(), act()
	lic.MaxSessionsPerUser, dry.DryRun = 4, true
	wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), dry, lic)))
	wantEqual(t, "epoch after a dry run", epochNow(t, r), first())
	made, err := r.CreateLicense(t.Context(), caller(), act(), lic)
	wantNil(t, err)
	wantEqual(t, "answer", made.Value, lic)
	wantEqual(t, "epoch after the create", epochNow(t, r).Number, int64(2))
	for _, step := range []struct {
		perUser int
		epoch   int64
	}{{9, 2}, {0, 2}, {1, 3}, {2, 3}} {
		made, err = r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", made.Revision, func(l *license.License) error {
			l.MaxSessionsPerUser = step.perUser
			return nil
		})
		wantNil(t, err)
		wantEqual(t, "limit", made.Value.MaxSessionsPerUser, step.perUser)
		wantEqual(t, "number of the epoch", epochNow(t, r).Number, step.epoch)
	}
	wantNil(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", made.Revision))
	wantEqual(t, "epoch after the deletion", epochNow(t, r).Number, int64(3))
	wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), act(), lic)))
	wantEqual(t, "epoch after another one of the same id", epochNow(t, r).Number, int64(4))
}

func forgottenEnd(t *testing.T, r Administered) {
	sold(t, r)
	endless := pro()
	endless.ID, endless.ExpiresAt = "endless", time.Time{}
	_, err := r.CreateLicense(t.Context(), caller(), act(), endless)
	wantInvalid(t, err, "expires_at")
	_, err = r.License(t.Context(), caller(), "endless")
	wantError(t, err, license.ErrLicenseNotFound)

	// One that was written without a word goes on, until somebody changes it.
	wantNil(t, r.PutLicense(t.Context(), caller(), endless))
	old, err := r.License(t.Context(), caller(), "endless")
	wantNil(t, err)
	_, err = r.ChangeLicense(t.Context(), caller(), act(), "endless", old.Revision, resell)
	wantInvalid(t, err, "expires_at")
	made, err := r.ChangeLicense(t.Context(), caller(), act(), "endless", old.Revision, func(l *license.License) error {
		l.Perpetual = true
		return nil
	})
	wantNil(t, err)
	endless.Perpetual = true
	wantLicense(t, r, endless, made.Revision)
}

func pagesOfLicenses(t *testing.T, r Administered) {
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), act(), acme())))
	for _, id := range []string{"c", "a", "b"} {
		lic := pro()
		lic.ID = id
		wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), act(), lic)))
	}
	for _, page := range []struct {
		after string
		limit int
		want  string
	}{{"", 2, "ab"}, {"b", 2, "c"}, {"c", 2, ""}, {"aa", 1, "b"}, {"", 0, ""}, {"", -1, ""}} {
		got, err := r.LicensePage(t.Context(), caller(), page.after, page.limit)
		wantNil(t, err)
		var ids strings.Builder
		for _, l := range got {
			ids.WriteString(l.Value.ID)
			wantLicense(t, r, l.Value, l.Revision)
		}
		wantEqual(t, "after "+page.after, ids.String(), page.want)
	}
}

func administrationShares(t *testing.T, r Administered) {
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), act(), acme())))
	lic := pro()
	made, err := r.CreateLicense(t.Context(), caller(), act(), lic)
	wantNil(t, err)
	lic.Entitlements[0], *lic.Handover, made.Value.Entitlements[1] = "stolen", 9, "stolen"
	list, ok := wantAudit(t, r, 2)[0].After["entitlements"].([]any)
	if !ok {
		t.Fatal("the audit has no entitlements")
	}
	list[0] = "stolen"
	wantLicense(t, r, pro(), made.Revision)
	for _, e := range wantAudit(t, r, 2) {
		if list, ok := e.After["entitlements"].([]any); ok {
			wantEqual(t, "the audit's", list, []any{"export", "render"})
		}
	}
}

func dryRuns(t *testing.T, r Administered) {
	made, err := r.CreateOrganization(t.Context(), caller(), dry(), acme())
	wantNil(t, err)
	wantEqual(t, "answer", made, record.Revised[license.Organization]{Value: acme()})
	_, err = r.Organization(t.Context(), caller())
	wantError(t, err, license.ErrOrganizationNotFound)

	o, l := sold(t, r)
	changed, err := r.ChangeLicense(t.Context(), caller(), dry(), "acme-pro", l, resell)
	wantNil(t, err)
	wantEqual(t, "seats", changed.Value.MaxSeats, 7)
	wantEqual(t, "revision", changed.Revision, l)
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), dry(), o, rename)))
	wantNil(t, r.DeleteLicense(t.Context(), caller(), dry(), "acme-pro", l))
	_, err = r.CreateLicense(t.Context(), caller(), dry(), pro())
	wantError(t, err, license.ErrExists)
	wantOrganization(t, r, acme(), o)
	wantLicense(t, r, pro(), l)
	wantAudit(t, r, 2)
}
