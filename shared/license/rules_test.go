package license_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// TestGrace: whoever has a seat keeps it a while longer, nobody new gets one.
func TestGrace(t *testing.T) {
	ended := func(ago, grace time.Duration) license.License {
		return lic("a", "studio", func(l *license.License) { l.ExpiresAt, l.Grace = now().Add(-ago), grace })
	}
	for _, tt := range []struct {
		name         string
		lic          license.License
		usable, kept error
		in           bool
	}{
		{"no grace", ended(0, 0), license.ErrLicenseExpired, license.ErrLicenseExpired, false},
		{"before its end", ended(-1, time.Hour), nil, nil, false},
		{"at its end", ended(0, time.Hour), license.ErrLicenseExpired, nil, true},
		{"in grace", ended(time.Hour-1, time.Hour), license.ErrLicenseExpired, nil, true},
		{"after grace", ended(time.Hour, time.Hour), license.ErrLicenseExpired, license.ErrLicenseExpired, false},
		{"below zero", ended(0, -time.Hour), license.ErrLicenseExpired, license.ErrLicenseExpired, false},
		{"before its end, below zero", ended(-1, -time.Hour), nil, nil, false},
		{"absurd", ended(license.MaxGrace, 1<<62), license.ErrLicenseExpired, license.ErrLicenseExpired, false},
		{"perpetual", lic("a", "studio", func(l *license.License) { l.Grace = time.Hour }), nil, nil, false},
		{"suspended in grace", func() license.License {
			l := ended(1, time.Hour)
			suspended(&l)
			return l
		}(), license.ErrLicenseInactive, license.ErrLicenseInactive, true},
	} {
		org := acme(license.StatusActive)
		usable, kept := license.Usable(org, tt.lic, now()), license.Keepable(org, tt.lic, now())
		if !errors.Is(usable, tt.usable) || !errors.Is(kept, tt.kept) || tt.lic.InGrace(now()) != tt.in {
			t.Errorf("%s: a new seat %v, a kept one %v, in grace %t; want %v, %v, %t", tt.name, usable, kept, tt.lic.InGrace(now()), tt.usable, tt.kept, tt.in)
		}
	}
}

// TestEndedBy: what ends a session is told as it was.
func TestEndedBy(t *testing.T) {
	for err, want := range map[error]license.EndReason{
		license.ErrLicenseExpired: license.EndLicenseExpired, license.ErrLicenseInactive: license.EndLicenseSuspended,
		license.ErrOrganizationInactive: license.EndLicenseSuspended,
	} {
		if got := license.EndedBy(fmt.Errorf("wrapped: %w", err)); got != want || !got.Decided() {
			t.Errorf("%v ends it by %s, want %s", err, got, want)
		}
	}
	for _, r := range []license.EndReason{license.EndExpired, license.EndDisplaced, license.EndFailed, ""} {
		if r.Decided() {
			t.Errorf("somebody decided on %q", r)
		}
	}
}

// TestChoices is the rule of the contract, case by case: what is tried, in order.
// A closed choice has a minus before it, one whose sessions are to end a cross.
func TestChoices(t *testing.T) {
	pro, lab, other := lic("a-pro", "studio"), lic("b-lab", "lab"), lic("c-pro", "studio")
	ends := func(id string, in time.Duration) license.License {
		return lic(id, "studio", func(l *license.License) { l.ExpiresAt = now().Add(in) })
	}
	kept := func(id, product string) license.License {
		return lic(id, product, expired, func(l *license.License) { l.Grace = time.Hour })
	}
	for _, tt := range []struct {
		name        string
		licenses    []license.License
		id, product string
		want        string // the choices, "" with err or ambiguous
		refusal     error  // of who has no session
		err         error
		ambiguous   []string // nil: not that refusal
	}{
		{name: "the only one", licenses: list(pro), want: "a-pro"},
		{name: "the only one of its product", licenses: list(pro, lab), product: "lab", want: "b-lab"},
		{name: "by id", licenses: list(pro, lab), id: "b-lab", want: "b-lab"},
		{name: "by id and product", licenses: list(pro, other), id: "c-pro", product: "studio", want: "c-pro"},
		{name: "the only usable one", licenses: list(lic("a", "studio", suspended), lic("b", "lab", expired), other), want: "c-pro xa"},
		{name: "the only usable one of its product", licenses: list(pro, lab, lic("x", "lab", expired)), product: "lab", want: "b-lab xx"},
		{name: "two of a product", licenses: list(pro, lab, other), product: "studio", want: "a-pro c-pro"},
		{name: "two of the only product", licenses: list(pro, other), want: "a-pro c-pro"},
		{name: "two usable of three", licenses: list(pro, lic("b", "studio", expired), other), want: "a-pro c-pro xb"},
		{
			name:     "in the order of their ends",
			licenses: list(pro, ends("d", 3*time.Hour), ends("e", time.Hour), ends("f", 2*time.Hour), ends("g", time.Hour), other),
			want:     "e g f d a-pro c-pro",
		},
		{name: "one in grace beside its successor", licenses: list(kept("k", "studio"), pro), want: "a-pro -k"},
		{name: "one in grace of another product", licenses: list(kept("k", "lab"), pro), want: "a-pro -k"},
		{name: "only one in grace", licenses: list(kept("k", "studio"), lic("b", "studio", suspended)), want: "-k", refusal: license.ErrLicenseExpired},
		{name: "by id, in grace", licenses: list(kept("k", "studio"), pro), id: "k", want: "-k", refusal: license.ErrLicenseExpired},

		{name: "two products", licenses: list(pro, lab), want: "-a-pro -b-lab", ambiguous: []string{"a-pro", "b-lab"}},
		{name: "two products, one twice", licenses: list(ends("z", time.Hour), lab, pro, kept("k", "lab"), lic("x", "lab", suspended)), want: "-z -a-pro -b-lab -k", ambiguous: []string{"a-pro", "b-lab", "z"}},

		{name: "none at all", err: license.ErrLicenseNotFound},
		{name: "unknown id", licenses: list(pro), id: "nope", err: license.ErrLicenseNotFound},
		{name: "id in other case", licenses: list(pro), id: "A-PRO", err: license.ErrLicenseNotFound},
		{name: "id of another product", licenses: list(pro, lab), id: "a-pro", product: "lab", err: license.ErrLicenseNotFound},
		{name: "unknown product", licenses: list(pro), product: "nope", err: license.ErrLicenseNotFound},
		{name: "product in other case", licenses: list(pro), product: "Studio", err: license.ErrLicenseNotFound},
		{name: "unknown product of none", product: "studio", err: license.ErrLicenseNotFound},
		{name: "unknown product, one unusable", licenses: list(lic("a", "studio", suspended)), product: "nope", err: license.ErrLicenseNotFound},

		{name: "by id, suspended", licenses: list(lic("a", "studio", suspended), pro), id: "a", err: license.ErrLicenseInactive},
		{name: "by id, expired", licenses: list(lic("a", "studio", expired), pro), id: "a", err: license.ErrLicenseExpired},
		{name: "the only one is suspended", licenses: list(lic("a", "studio", suspended)), err: license.ErrLicenseInactive},
		{name: "the only one is expired", licenses: list(lic("a", "studio", expired)), err: license.ErrLicenseExpired},
		{name: "the product's only one is expired", licenses: list(pro, lic("b", "lab", expired)), product: "lab", err: license.ErrLicenseExpired},
		{name: "suspended and expired", licenses: list(lic("a", "studio", suspended, expired)), err: license.ErrLicenseInactive},
		{name: "the last is suspended", licenses: list(lic("a", "studio", expired), lic("b", "studio", suspended)), err: license.ErrLicenseInactive},
		{name: "the last is expired", licenses: list(ends("a", -time.Hour), lic("b", "studio", suspended, func(l *license.License) { l.ExpiresAt = now().Add(-2 * time.Hour) })), err: license.ErrLicenseExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bought := license.Entitlements{Organization: acme(license.StatusActive), Licenses: tt.licenses}
			terms, err := license.Decide(bought, license.Caller{}, license.Request{LicenseID: tt.id, Product: tt.product}, now())
			if !errors.Is(err, tt.err) || choices(terms) != tt.want {
				t.Errorf("choices %q, %v, want %q, %v", choices(terms), err, tt.want, tt.err)
			}
			wantRefusal(t, terms.Refusal, tt.refusal, tt.ambiguous)
		})
	}
}

func list(ls ...license.License) []license.License { return ls }

func choices(terms license.Terms) string {
	var out []string
	for _, c := range terms.Choices {
		mark := "-"
		switch {
		case c.Open:
			mark = ""
		case c.Refusal != nil:
			mark = "x"
		}
		out = append(out, mark+c.License.ID)
	}
	return strings.Join(out, " ")
}

func wantRefusal(t *testing.T, got, want error, ids []string) {
	t.Helper()
	ambiguous, ok := errors.AsType[*license.AmbiguousError](got)
	switch {
	case ids != nil:
		if !ok || !slices.Equal(ambiguous.LicenseIDs, ids) {
			t.Errorf("who has no session is refused with %v, want the choice of %v", got, ids)
		}
	case !errors.Is(got, want):
		t.Errorf("who has no session is refused with %v, want %v", got, want)
	}
}

// TestChoicesAreWhatWasAskedFor walks all organizations of up to three licenses,
// each of two products and in four states, and all requests: what is open is
// usable, of one product and what was asked for, and everything that is; whoever
// is refused is told why; of an inactive organization nothing is chosen.
func TestChoicesAreWhatWasAskedFor(t *testing.T) {
	states := [][]func(*license.License){{}, {suspended}, {expired}, {expired, func(l *license.License) { l.Grace = time.Hour }}}
	for n := range 4 {
		each(n, 2*len(states), func(choice []int) {
			var licenses []license.License
			for i, k := range choice {
				licenses = append(licenses, lic(fmt.Sprintf("l%d", i), []string{"studio", "lab"}[k%2], states[k/2]...))
			}
			for _, id := range []string{"", "l0", "l1", "l2", "l9"} {
				for _, product := range []string{"", "studio", "lab", "nope"} {
					checkChoices(t, licenses, license.Request{LicenseID: id, Product: product})
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

func checkChoices(t *testing.T, licenses []license.License, r license.Request) {
	t.Helper()
	active := license.Entitlements{Organization: acme(license.StatusActive), Licenses: licenses}
	terms, err := license.Decide(active, license.Caller{}, r, now())
	var open []string
	for _, c := range terms.Choices {
		if c.Open {
			open = append(open, c.License.ID)
		}
		if meant(c.License, r) && (c.Refusal == nil) == (license.Keepable(active.Organization, c.License, now()) == nil) {
			continue
		}
		t.Errorf("%+v, %+v: a choice is %+v", licenses, r, c)
	}
	usable, products := []string(nil), map[string]bool{}
	for _, l := range licenses {
		if meant(l, r) && license.Usable(active.Organization, l, now()) == nil {
			usable, products[l.Product] = append(usable, l.ID), true
		}
	}
	if len(products) > 1 {
		usable = nil
	}
	if slices.Sort(open); !slices.Equal(open, usable) {
		t.Errorf("%+v, %+v: open are %v, want %v", licenses, r, open, usable)
	}
	if told := err != nil || terms.Refusal != nil; told != (len(open) == 0) || err != nil && len(terms.Choices) > 0 {
		t.Errorf("%+v, %+v: open are %v, refused with %v or %v", licenses, r, open, err, terms.Refusal)
	}
	inactive := license.Entitlements{Organization: acme(license.StatusSuspended), Licenses: licenses}
	if _, err := license.Decide(inactive, license.Caller{}, r, now()); !errors.Is(err, license.ErrOrganizationInactive) {
		t.Errorf("%+v, %+v: %v of an inactive organization", licenses, r, err)
	}
}

func meant(l license.License, r license.Request) bool {
	return (r.LicenseID == "" || r.LicenseID == l.ID) && (r.Product == "" || r.Product == l.Product)
}

// TestTooManyChoices: those that end first are tried.
func TestTooManyChoices(t *testing.T) {
	bought := license.Entitlements{Organization: acme(license.StatusActive)}
	for i := range license.MaxChoices + 9 {
		bought.Licenses = append(bought.Licenses, lic(fmt.Sprintf("l%03d", i), "studio", func(l *license.License) {
			l.ExpiresAt = now().Add(time.Duration(1000-i) * time.Hour)
		}))
	}
	terms, err := license.Decide(bought, license.Caller{}, license.Request{}, now())
	if err != nil || len(terms.Choices) != license.MaxChoices || terms.Choices[0].License.ID != "l264" || terms.Choices[license.MaxChoices-1].License.ID != "l009" {
		t.Errorf("%d choices: %s, %v", len(terms.Choices), choices(terms), err)
	}
}

func TestTokenExpiry(t *testing.T) {
	const ttl = time.Hour
	for _, tt := range []struct {
		name  string
		ends  time.Time
		grace time.Duration
		want  time.Time
	}{
		{"a perpetual license", time.Time{}, time.Hour, now().Add(ttl)},
		{"a license that ends much later", now().AddDate(1, 0, 0), 0, now().Add(ttl)},
		{"a license that ends just later", now().Add(ttl + 1), 0, now().Add(ttl)},
		{"a license that ends with the token", now().Add(ttl), 0, now().Add(ttl)},
		{"a license that ends just before", now().Add(ttl - 1), 0, now().Add(ttl - 1)},
		{"a license that ends now", now(), 0, now()},
		{"a license that ends in its grace", now().Add(-time.Minute), time.Hour, now().Add(59 * time.Minute)},
		{"a license whose grace is longer than the token", now().Add(-time.Minute), 2 * time.Hour, now().Add(ttl)},
		{"a license that ends soon, with grace", now().Add(time.Minute), time.Minute, now().Add(2 * time.Minute)},
		{"a license that has ended", now().Add(-ttl), 0, now().Add(-ttl)},
	} {
		if got := license.TokenExpiry(license.License{ExpiresAt: tt.ends, Grace: tt.grace}, now().Add(ttl)); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestTokenLife: tolerance is earned by holding the seat.
func TestTokenLife(t *testing.T) {
	const least, most = 5 * time.Minute, time.Hour
	for _, tt := range []struct {
		name           string
		held, ttl, min time.Duration
		want           time.Duration
	}{
		{"a new grant", 0, most, least, least},
		{"held for less than the minimum", least - 1, most, least, least},
		{"held for the minimum", least, most, least, least},
		{"held for a little longer", least + 1, most, least, least + 1},
		{"held for half an hour", 30 * time.Minute, most, least, 30 * time.Minute},
		{"held for just less than the longest life", most - 1, most, least, most - 1},
		{"held for the longest life", most, most, least, most},
		{"held for days", 100 * time.Hour, most, least, most},
		{"the clock was set back", -time.Hour, most, least, least},
		{"the strict setting, new", 0, least, least, least},
		{"the strict setting, held for long", most, least, least, least},
		{"a license with less than the minimum, new", 0, time.Minute, least, time.Minute},
		{"a license with less than the minimum, held for long", most, time.Minute, least, time.Minute},
		{"a license with days, held for an hour", most, 72 * time.Hour, least, most},
		{"a license with days, held for as long", 80 * time.Hour, 72 * time.Hour, least, 72 * time.Hour},
	} {
		if got := license.TokenLife(tt.held, tt.ttl, tt.min); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTokenTTL(t *testing.T) {
	for offline, want := range map[time.Duration]time.Duration{
		0: time.Hour, -time.Minute: time.Hour, time.Minute: time.Minute, 72 * time.Hour: 72 * time.Hour,
		license.MaxOffline + 1: license.MaxOffline,
	} {
		if got := (license.License{OfflineMax: offline}).TokenTTL(time.Hour); got != want {
			t.Errorf("offline for %v: %v, want %v", offline, got, want)
		}
	}
}

func TestTokenCap(t *testing.T) {
	for _, tt := range []struct {
		seats    int
		handover *int
		want     int
	}{
		{1, nil, 11},
		{7, nil, 77},
		{1, new(0), 1},
		{3, new(0), 3},
		{1, new(1), 2},
		{5, new(2), 15},
		{1, new(-3), 1},
		{-1, nil, 0},
		{0, nil, 0},
		{1, new(1 << 60), 1 + license.MaxHandover},
	} {
		if got := (license.License{MaxSeats: tt.seats, Handover: tt.handover}).TokenCap(); got != tt.want {
			t.Errorf("%d seats: %d, want %d", tt.seats, got, tt.want)
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
