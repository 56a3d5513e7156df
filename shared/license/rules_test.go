package license_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// now is the instant all rules are asked about.
func now() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }

func lic(id, product string, change ...func(*license.License)) license.License {
	l := license.License{ID: id, OrganizationID: "acme", Product: product, MaxSeats: 1, Status: license.StatusActive}
	for _, c := range change {
		c(&l)
	}
	return l
}

func suspended(l *license.License) { l.Status = license.StatusSuspended }
func expired(l *license.License)   { l.ExpiresAt = now().Add(-time.Second) }

func acme(status license.Status) license.Organization {
	return license.Organization{ID: "acme", Status: status, MaxConcurrentSeats: 9}
}

// TestUsable crosses every status with every kind of expiry: the organization
// is named first, then the license's status, then its expiry.
func TestUsable(t *testing.T) {
	statuses := map[license.Status]bool{license.StatusActive: true, license.StatusSuspended: false, "": false, "ACTIVE": false, "deleted": false}
	expiries := map[string]struct {
		at time.Time
		ok bool
	}{
		"never":           {time.Time{}, true},
		"in a nanosecond": {now().Add(1), true},
		"now":             {now(), false},
		"a moment ago":    {now().Add(-1), false},
		"elsewhere, now":  {now().In(time.FixedZone("", 3600)), false},
	}
	for orgStatus, orgOK := range statuses {
		for licStatus, licOK := range statuses {
			for name, expiry := range expiries {
				want := error(nil)
				switch {
				case !orgOK:
					want = license.ErrOrganizationInactive
				case !licOK:
					want = license.ErrLicenseInactive
				case !expiry.ok:
					want = license.ErrLicenseExpired
				}
				l := license.License{Status: licStatus, ExpiresAt: expiry.at}
				if got := license.Usable(acme(orgStatus), l, now()); !errors.Is(got, want) || (want == nil) != (got == nil) {
					t.Errorf("organization %q, license %q, expiry %s: %v, want %v", orgStatus, licStatus, name, got, want)
				}
			}
		}
	}
}

// TestChoose is the rule of the contract, case by case.
func TestChoose(t *testing.T) {
	pro, lab, other := lic("a-pro", "studio"), lic("b-lab", "lab"), lic("c-pro", "studio")
	for _, tt := range []struct {
		name        string
		licenses    []license.License
		id, product string
		want        string // the license chosen, "" with err or ambiguous
		err         error
		ambiguous   []string // nil: not that error
	}{
		{name: "the only one", licenses: list(pro), want: "a-pro"},
		{name: "the only one of its product", licenses: list(pro, lab), product: "lab", want: "b-lab"},
		{name: "by id", licenses: list(pro, lab), id: "b-lab", want: "b-lab"},
		{name: "by id and product", licenses: list(pro, other), id: "c-pro", product: "studio", want: "c-pro"},
		{name: "the only usable one", licenses: list(lic("a", "studio", suspended), lic("b", "studio", expired), other), want: "c-pro"},
		{name: "the only usable one of its product", licenses: list(pro, lab, lic("x", "lab", expired)), product: "lab", want: "b-lab"},

		{name: "two", licenses: list(pro, lab), ambiguous: []string{"a-pro", "b-lab"}},
		{name: "two of a product", licenses: list(pro, lab, other), product: "studio", ambiguous: []string{"a-pro", "c-pro"}},
		{name: "two usable of three", licenses: list(pro, lic("b", "studio", expired), other), ambiguous: []string{"a-pro", "c-pro"}},
		{name: "none at all", ambiguous: []string{}},
		{name: "two, none usable", licenses: list(lic("a", "studio", suspended), lic("b", "lab", expired)), ambiguous: []string{}},
		{name: "two of a product, none usable", licenses: list(lic("a", "lab", suspended), lic("b", "lab", expired)), product: "lab", ambiguous: []string{}},

		{name: "unknown id", licenses: list(pro), id: "nope", err: license.ErrLicenseNotFound},
		{name: "id in other case", licenses: list(pro), id: "A-PRO", err: license.ErrLicenseNotFound},
		{name: "id of another product", licenses: list(pro, lab), id: "a-pro", product: "lab", err: license.ErrLicenseNotFound},
		{name: "unknown product", licenses: list(pro), product: "nope", ambiguous: []string{}},
		{name: "product in other case", licenses: list(pro), product: "Studio", ambiguous: []string{}},
		{name: "unknown product of none", product: "studio", ambiguous: []string{}},
		{name: "by id, suspended", licenses: list(lic("a", "studio", suspended), pro), id: "a", err: license.ErrLicenseInactive},
		{name: "by id, expired", licenses: list(lic("a", "studio", expired), pro), id: "a", err: license.ErrLicenseExpired},
		{name: "the only one is suspended", licenses: list(lic("a", "studio", suspended)), err: license.ErrLicenseInactive},
		{name: "the only one is expired", licenses: list(lic("a", "studio", expired)), err: license.ErrLicenseExpired},
		{name: "the product's only one is expired", licenses: list(pro, lic("b", "lab", expired)), product: "lab", err: license.ErrLicenseExpired},
		{name: "suspended and expired", licenses: list(lic("a", "studio", suspended, expired)), err: license.ErrLicenseInactive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bought := license.Entitlements{Organization: acme(license.StatusActive), Licenses: tt.licenses}
			got, err := license.Choose(bought, tt.id, tt.product, now())
			wantChoice(t, got, err, tt.want, tt.err, tt.ambiguous)
		})
	}
}

func list(ls ...license.License) []license.License { return ls }

func wantChoice(t *testing.T, got license.License, err error, want string, wantErr error, ids []string) {
	t.Helper()
	var ambiguous *license.AmbiguousError
	switch {
	case ids != nil:
		if !errors.As(err, &ambiguous) || ambiguous.LicenseIDs == nil || !slices.Equal(ambiguous.LicenseIDs, ids) {
			t.Errorf("got %v, want the choice of %v", err, ids)
		}
	case wantErr != nil:
		if !errors.Is(err, wantErr) {
			t.Errorf("got %q, %v, want %v", got.ID, err, wantErr)
		}
	case err != nil || got.ID != want:
		t.Errorf("got %q, %v, want %q", got.ID, err, want)
	}
}

// TestChooseNeverGivesWhatIsNotUsable walks all organizations of up to three
// licenses, each of two products and in three states, and all requests: what
// is chosen is always usable, what was asked for, and without an id the only
// one; of an inactive organization nothing is.
func TestChooseNeverGivesWhatIsNotUsable(t *testing.T) {
	kinds := []func(id string) license.License{
		func(id string) license.License { return lic(id, "studio") },
		func(id string) license.License { return lic(id, "studio", suspended) },
		func(id string) license.License { return lic(id, "studio", expired) },
		func(id string) license.License { return lic(id, "lab") },
		func(id string) license.License { return lic(id, "lab", suspended) },
		func(id string) license.License { return lic(id, "lab", expired) },
	}
	for n := range 4 {
		each(n, len(kinds), func(choice []int) {
			var licenses []license.License
			for i, k := range choice {
				licenses = append(licenses, kinds[k](fmt.Sprintf("l%d", i)))
			}
			for _, id := range []string{"", "l0", "l1", "l2", "l9"} {
				for _, product := range []string{"", "studio", "lab", "nope"} {
					checkChoice(t, licenses, id, product)
				}
			}
		})
	}
}

// each calls f with every sequence of n numbers below base.
func each(n, base int, f func([]int)) {
	total := 1
	for range n {
		total *= base
	}
	for x := range total {
		digits := make([]int, n)
		for i := range digits {
			digits[i], x = x%base, x/base
		}
		f(digits)
	}
}

func checkChoice(t *testing.T, licenses []license.License, id, product string) {
	t.Helper()
	active := license.Entitlements{Organization: acme(license.StatusActive), Licenses: licenses}
	fits := slices.DeleteFunc(slices.Clone(licenses), func(l license.License) bool {
		return license.Usable(active.Organization, l, now()) != nil ||
			id != "" && l.ID != id || product != "" && l.Product != product
	})
	got, err := license.Choose(active, id, product, now())
	if wanted := len(fits) == 1; wanted != (err == nil) || wanted && got.ID != fits[0].ID {
		t.Errorf("%+v, id %q, product %q: got %q, %v", licenses, id, product, got.ID, err)
	}
	inactive := license.Entitlements{Organization: acme(license.StatusSuspended), Licenses: licenses}
	if _, err := license.Choose(inactive, id, product, now()); err == nil {
		t.Errorf("%+v, id %q, product %q: chosen of an inactive organization", licenses, id, product)
	} else if id == "" && !errors.Is(err, license.ErrOrganizationInactive) {
		t.Errorf("%+v, product %q: %v of an inactive organization", licenses, product, err)
	}
}

func TestTokenExpiry(t *testing.T) {
	const ttl = time.Hour
	for _, tt := range []struct {
		name string
		ends time.Time
		want time.Time
	}{
		{"a perpetual license", time.Time{}, now().Add(ttl)},
		{"a license that ends much later", now().AddDate(1, 0, 0), now().Add(ttl)},
		{"a license that ends just later", now().Add(ttl + 1), now().Add(ttl)},
		{"a license that ends with the token", now().Add(ttl), now().Add(ttl)},
		{"a license that ends just before", now().Add(ttl - 1), now().Add(ttl - 1)},
		{"a license that ends now", now(), now()},
		{"a license that has ended", now().Add(-ttl), now().Add(-ttl)},
	} {
		if got := license.TokenExpiry(license.License{ExpiresAt: tt.ends}, now(), ttl); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFullness(t *testing.T) {
	for _, tt := range []struct {
		used, limit int
		want        float64
	}{
		{0, 10, 0},
		{9, 10, 90},
		{10, 11, 90.9},
		{2, 3, 66.7},
		{4, 3, 133.3},
		{0, 0, 100},
		{5, -1, 100},
	} {
		if got := license.Fullness(tt.used, tt.limit); got != tt.want {
			t.Errorf("%d of %d: %v, want %v", tt.used, tt.limit, got, tt.want)
		}
	}
}
