package license_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestDecide: each choice has its license's cap before the organization's; a
// refusal has no terms.
func TestDecide(t *testing.T) {
	active := license.Organization{ID: "acme", Status: license.StatusActive, MaxConcurrentSeats: 7}
	pro := license.License{ID: "pro", Product: "studio", Status: license.StatusActive, MaxSeats: 3}
	more := license.License{ID: "more", Product: "studio", Status: license.StatusActive, MaxSeats: 2, ExpiresAt: now().Add(time.Hour)}
	lab := license.License{ID: "lab", Product: "lab", Status: license.StatusActive, MaxSeats: 5, ExpiresAt: now()}
	none := license.License{ID: "none", Product: "zero", Status: license.StatusActive}
	suspended := active
	suspended.Status = license.StatusSuspended
	for _, tt := range []struct {
		name    string
		org     license.Organization
		request license.Request
		want    string
		err     error
	}{
		{"by id", active, license.Request{LicenseID: "pro"}, "pro [{pro license 3} { organization 7}] ", nil},
		{"by product", active, license.Request{Product: "studio"}, "more [{more license 2} { organization 7}] pro [{pro license 3} { organization 7}] ", nil},
		{"no seats bought", active, license.Request{LicenseID: "none"}, "none [{none license 0} { organization 7}] ", nil},
		{"ended this very instant", active, license.Request{LicenseID: "lab"}, "", license.ErrLicenseExpired},
		{"suspended organization", suspended, license.Request{LicenseID: "pro"}, "", license.ErrOrganizationInactive},
	} {
		bought := license.Entitlements{Organization: tt.org, Licenses: []license.License{lab, more, none, pro}}
		terms, err := license.Decide(bought, license.Caller{OrganizationID: "acme", UserID: "ann"}, tt.request, now())
		got := ""
		for _, c := range terms.Choices {
			got += fmt.Sprint(c.License.ID, " ", c.Pools, " ")
		}
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v, want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// TestARebuiltSessionIsCountedAsBefore: the pools that a session's record leads
// to are those it was granted under.
func TestARebuiltSessionIsCountedAsBefore(t *testing.T) {
	bought := license.Entitlements{
		Organization: license.Organization{Status: license.StatusActive, MaxConcurrentSeats: 2},
		Licenses:     []license.License{{ID: "pro", Status: license.StatusActive, MaxSeats: 1}},
	}
	terms, err := license.Decide(bought, license.Caller{}, license.Request{}, now())
	if err != nil {
		t.Fatal(err)
	}
	var granted []string
	for _, p := range terms.Choices[0].Pools {
		if p.Key != "" {
			granted = append(granted, p.Key)
		}
	}
	if rebuilt := license.PoolKeys(terms.Choices[0].License.ID); fmt.Sprint(rebuilt) != fmt.Sprint(granted) {
		t.Errorf("rebuilt into %v, granted in %v", rebuilt, granted)
	}
}

func TestTokenTTLs(t *testing.T) {
	bought := license.Entitlements{Licenses: []license.License{
		{ID: "usual"}, {ID: "short", OfflineMax: time.Minute}, {ID: "long", OfflineMax: 72 * time.Hour}, {ID: "absurd", OfflineMax: -1},
	}}
	if got := bought.TokenTTLs(); len(got) != 2 || got["short"] != time.Minute || got["long"] != 72*time.Hour {
		t.Errorf("of their own: %v", got)
	}
}
