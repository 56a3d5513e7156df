package recordtest

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func acme() license.Organization {
	return license.Organization{
		ID: "acme", Name: "Acme Inc.", Slug: "acme-inc", SubscriptionTier: "enterprise",
		MaxConcurrentSeats: 100, Status: license.StatusActive,
	}
}

func pro() license.License {
	return license.License{
		ID: "acme-pro", OrganizationID: "acme", Product: "studio", Plan: "pro", MaxSeats: 3,
		Status: license.StatusSuspended, ExpiresAt: noon(), Grace: 36 * time.Hour, OfflineMax: 72 * time.Hour, Handover: new(0), Entitlements: []string{"export", "render"},
	}
}

func entitlementTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"unknown organization": func(t *testing.T, r record.Record) {
			_, err := r.Entitlements(t.Context(), caller())
			wantError(t, err, license.ErrOrganizationNotFound)
		},
		"licenses alone, by id": func(t *testing.T, r record.Record) {
			none, err := r.Licenses(t.Context(), caller())
			wantNil(t, err)
			wantEqual(t, "licenses of nobody", len(none), 0)
			wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
			lab := pro()
			lab.ID = "acme-lab"
			wantNil(t, r.PutLicense(t.Context(), caller(), pro()))
			wantNil(t, r.PutLicense(t.Context(), caller(), lab))
			got, err := r.Licenses(t.Context(), caller())
			wantNil(t, err)
			wantEqual(t, "licenses", got, []license.License{lab, pro()})
			theirs, err := r.Licenses(t.Context(), other())
			wantNil(t, err)
			wantEqual(t, "another organization's", len(theirs), 0)
		},
		"organization without a license": func(t *testing.T, r record.Record) {
			wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
			got, err := r.Entitlements(t.Context(), caller())
			wantNil(t, err)
			wantEqual(t, "organization", got.Organization, acme())
			wantEqual(t, "licenses", len(got.Licenses), 0)
		},
		"everything is read back, licenses by id": readBack,
		"the epoch comes with them": func(t *testing.T, r record.Record) {
			wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
			epoch := func(c license.Caller) license.Epoch {
				got, err := r.Entitlements(t.Context(), c)
				wantNil(t, err)
				return got.Epoch
			}
			wantEqual(t, "epoch before the first rebuild", epoch(caller()), license.Epoch{})
			opened(t, r, caller())
			wantEqual(t, "epoch", epoch(caller()), first())
			reopened(t, r, caller())
			wantEqual(t, "epoch", epoch(caller()), second())
			wantNil(t, r.PutOrganization(t.Context(), other(), acme()))
			wantEqual(t, "another organization's epoch", epoch(other()), license.Epoch{})
		},
		"put replaces": putReplaces,
		"license without its organization": func(t *testing.T, r record.Record) {
			wantError(t, r.PutLicense(t.Context(), caller(), pro()), license.ErrOrganizationNotFound)
			wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
			got, err := r.Entitlements(t.Context(), caller())
			wantNil(t, err)
			wantEqual(t, "licenses", len(got.Licenses), 0)
		},
		"the ledger does not make an organization": func(t *testing.T, r record.Record) {
			created(t, r)
			_, err := r.Entitlements(t.Context(), caller())
			wantError(t, err, license.ErrOrganizationNotFound)
			wantError(t, r.PutLicense(t.Context(), caller(), pro()), license.ErrOrganizationNotFound)
			ids, err := r.OrganizationIDs(t.Context(), "", 10)
			wantNil(t, err)
			wantEqual(t, "organizations", len(ids), 0)
		},
		"slices are not shared": slicesNotShared,
	}
}

func readBack(t *testing.T, r record.Record) {
	org := acme()
	org.ID = "globex" // not looked at: the caller's organization counts
	wantNil(t, r.PutOrganization(t.Context(), caller(), org))
	basic := license.License{
		ID: "acme-basic", OrganizationID: "acme", Product: "studio", Plan: "basic",
		MaxSeats: 1, Status: license.StatusActive, Perpetual: true,
	}
	upper, foreign := pro(), pro()
	upper.ID, foreign.OrganizationID = "0-first", "globex"
	for _, l := range []license.License{foreign, basic, upper} {
		wantNil(t, r.PutLicense(t.Context(), caller(), l))
	}
	got, err := r.Entitlements(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "entitlements", got, license.Entitlements{
		Organization: acme(), Licenses: []license.License{upper, basic, pro()},
	})
	_, err = r.Entitlements(t.Context(), other())
	wantError(t, err, license.ErrOrganizationNotFound)
}

func putReplaces(t *testing.T, r record.Record) {
	wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
	wantNil(t, r.PutLicense(t.Context(), caller(), pro()))
	org := license.Organization{ID: "acme", Status: license.StatusSuspended}
	lic := license.License{ID: "acme-pro", OrganizationID: "acme", MaxSeats: 7, Status: license.StatusActive}
	wantNil(t, r.PutOrganization(t.Context(), caller(), org))
	wantNil(t, r.PutLicense(t.Context(), caller(), lic))
	got, err := r.Entitlements(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "entitlements", got, license.Entitlements{
		Organization: org, Licenses: []license.License{lic},
	})
}

func slicesNotShared(t *testing.T, r record.Record) {
	wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
	lic := pro()
	wantNil(t, r.PutLicense(t.Context(), caller(), lic))
	lic.Entitlements[0] = "stolen"
	got, err := r.Entitlements(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "after changing what was passed in", got.Licenses, []license.License{pro()})
	got.Licenses[0].Entitlements[0] = "stolen"
	got.Licenses[0].MaxSeats = 1_000_000
	got, err = r.Entitlements(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "after changing what was answered", got.Licenses, []license.License{pro()})
}

func epochTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"raised once per nonce": epochPerNonce,
		"an empty nonce opens the first epoch": func(t *testing.T, r record.Record) {
			got, err := r.OpenEpoch(t.Context(), caller(), "")
			wantNil(t, err)
			wantEqual(t, "epoch", got, license.Epoch{Number: 1})
		},
		"every organization has its own": func(t *testing.T, r record.Record) {
			opened(t, r, caller())
			reopened(t, r, caller())
			opened(t, r, other())
		},
		"racers with one nonce agree": epochRace,
	}
}

func epochPerNonce(t *testing.T, r record.Record) {
	for i, step := range []struct {
		nonce string
		want  int64
	}{
		{"a", 1},
		{"a", 1},
		{"b", 2},
		{"b", 2},
		{"a", 3}, // only the last one is remembered
		{"", 4},  // an empty nonce is one like any other
		{"", 4},
	} {
		got, err := r.OpenEpoch(t.Context(), caller(), step.nonce)
		wantNil(t, err)
		if got != license.NewEpoch(step.want, step.nonce) {
			t.Fatalf("step %d, nonce %q: epoch %q, want %d", i, step.nonce, got, step.want)
		}
	}
}

func epochRace(t *testing.T, r record.Record) {
	const racers = 8
	opened(t, r, caller())
	epochs := make([]license.Epoch, racers)
	errs := race(racers, func(i int) (err error) {
		epochs[i], err = r.OpenEpoch(t.Context(), caller(), "nonce-2")
		return err
	})
	for i, err := range errs {
		wantNil(t, err)
		wantEqual(t, "epoch", epochs[i], second())
	}
}
