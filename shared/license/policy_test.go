package license_test

import (
	"errors"
	"fmt"
	"strings"
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
		Licenses: []license.License{
			{ID: "pro", Product: "studio", Status: license.StatusActive, MaxSeats: 1},
			{ID: "shared", Product: "studio", Status: license.StatusActive, MaxSeats: 9, MaxSessionsPerUser: 3},
		},
	}
	terms, err := license.Decide(bought, license.Caller{UserID: "ann"}, license.Request{}, now())
	if err != nil {
		t.Fatal(err)
	}
	counting := license.NewCounting(bought.Licenses)
	for _, choice := range terms.Choices {
		var granted []string
		for _, p := range choice.Pools {
			if p.Key != "" {
				granted = append(granted, p.Key)
			}
		}
		h := license.Holder{LicenseID: choice.License.ID, UserID: "ann", HardwareID: "hw"}
		if rebuilt := counting.PoolKeys(h); fmt.Sprint(rebuilt) != fmt.Sprint(granted) {
			t.Errorf("%s: rebuilt into %v, granted in %v", choice.License.ID, rebuilt, granted)
		}
		if all := license.UnknownCounting().PoolKeys(h); len(all) != 2 || all[0] != choice.License.ID {
			t.Errorf("%s: with licenses that cannot be read: %v", choice.License.ID, all)
		}
	}
}

// TestTheUsersPoolIsBehindTheLicensesOwn, with the limit's name, and only where there is one.
func TestTheUsersPoolIsBehindTheLicensesOwn(t *testing.T) {
	org := license.Organization{ID: "acme", Status: license.StatusActive, MaxConcurrentSeats: 7}
	lic := license.License{ID: "pro", Status: license.StatusActive, MaxSeats: 5, MaxSessionsPerUser: 2}
	pools := license.NewTerms(org, lic, "ann").Choices[0].Pools
	if len(pools) != 3 || pools[0].Limit != license.LimitLicense || pools[1].Limit != license.LimitUser || pools[1].Cap != 2 || pools[2].Limit != license.LimitOrganization {
		t.Fatalf("%+v", pools)
	}
	for _, p := range pools {
		if got := license.LimitOf(p.Key); got != p.Limit {
			t.Errorf("%q stands for %q, want %q", p.Key, got, p.Limit)
		}
	}
	lic.MaxSessionsPerUser = 0
	if pools := license.NewTerms(org, lic, "ann").Choices[0].Pools; len(pools) != 2 {
		t.Errorf("without a limit: %+v", pools)
	}
}

// TestKeysOfUsersPools: no user's is another's, of another license, a license's own, or
// breaks the names of pools in a session's data, whoever chose the id.
func TestKeysOfUsersPools(t *testing.T) {
	users := []string{"", "ann", "ANN", "ann ", "a b", "a,b", "a=b", "a\tb", "pro", "pro.ann", "\xff\xfe", "ünï-字-🙂", strings.Repeat("x", 128)}
	seen := map[string]string{}
	for _, id := range []string{"pro", "pro-2", "p"} {
		for _, user := range users {
			lic := license.License{ID: id, MaxSessionsPerUser: 1}
			key := license.NewTerms(license.Organization{}, lic, user).Choices[0].Pools[1].Key
			if seen[key] != "" {
				t.Errorf("%q of %s has the key of %s", user, id, seen[key])
			}
			seen[key] = fmt.Sprintf("%q of %s", user, id)
			if license.ValidID(key) || strings.ContainsAny(key, " ,=:{}\t\n") || len(key) > 63+1+22 {
				t.Errorf("%q of %s: key %q", user, id, key)
			}
			if user != "" && len(user) > 3 && strings.Contains(key, user) {
				t.Errorf("%q tells the user", key)
			}
		}
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
