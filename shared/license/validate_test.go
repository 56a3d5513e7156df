package license_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func soundOrganization() license.Organization {
	return license.Organization{
		ID: "acme", Name: "Acme GmbH & Co. KG", Slug: "acme-gmbh", SubscriptionTier: "enterprise",
		MaxConcurrentSeats: 100, Status: license.StatusActive,
	}
}

func soundLicense() license.License {
	return license.License{
		ID: "acme-pro", OrganizationID: "acme", Product: "studio", Plan: "pro", MaxSeats: 3, Status: license.StatusActive,
		ExpiresAt: now(), Grace: time.Hour, OfflineMax: time.Hour, Handover: new(3), Entitlements: []string{"export", "render"},
	}
}

// fields are those that an error of Validate names, in its order.
func fields(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*license.InvalidError](err)
	if !ok || len(invalid.Faults) == 0 {
		t.Fatalf("%v is no list of faults", err)
	}
	var names []string
	for _, f := range invalid.Faults {
		names = append(names, f.Field)
		if f.Message == "" || !strings.Contains(err.Error(), f.Field+" "+f.Message) {
			t.Errorf("%v does not say %q of %s", err, f.Message, f.Field)
		}
	}
	return names
}

func TestOrganizationsThatMayBeWritten(t *testing.T) {
	for name, change := range map[string]func(*license.Organization){
		"all there":        func(*license.Organization) {},
		"suspended":        func(o *license.Organization) { o.Status = license.StatusSuspended },
		"no seat":          func(o *license.Organization) { o.MaxConcurrentSeats = 0 },
		"all seats":        func(o *license.Organization) { o.MaxConcurrentSeats = license.MaxSeats },
		"no slug, no tier": func(o *license.Organization) { o.Slug, o.SubscriptionTier = "", "" },
		"a UUID":           func(o *license.Organization) { o.ID = "0199aaaa-0000-7000-8000-000000000001" },
		"the longest name": func(o *license.Organization) { o.Name = strings.Repeat("é", license.MaxName) },
		"a joined name":    func(o *license.Organization) { o.Name = "क्\u200dष" },
	} {
		o := soundOrganization()
		if change(&o); o.Validate() != nil {
			t.Errorf("%s: %v", name, o.Validate())
		}
	}
}

func TestOrganizationsThatMayNotBeWritten(t *testing.T) {
	for _, tt := range []struct {
		field  string
		change func(*license.Organization)
	}{
		{"id", func(o *license.Organization) { o.ID = "" }},
		{"id", func(o *license.Organization) { o.ID = "Acme" }},
		{"id", func(o *license.Organization) { o.ID = "../globex" }},
		{"slug", func(o *license.Organization) { o.Slug = "a/b" }},
		{"name", func(o *license.Organization) { o.Name = "" }},
		{"name", func(o *license.Organization) { o.Name = " Acme" }},
		{"name", func(o *license.Organization) { o.Name = " " }},
		{"name", func(o *license.Organization) { o.Name = "Acme\n" }},
		{"name", func(o *license.Organization) { o.Name = "\u202eemcA" }},
		{"name", func(o *license.Organization) { o.Name = "a\xff" }},
		{"name", func(o *license.Organization) { o.Name = strings.Repeat("a", license.MaxName+1) }},
		{"subscription_tier", func(o *license.Organization) { o.SubscriptionTier = strings.Repeat("a", license.MaxLabel+1) }},
		{"max_concurrent_seats", func(o *license.Organization) { o.MaxConcurrentSeats = -1 }},
		{"max_concurrent_seats", func(o *license.Organization) { o.MaxConcurrentSeats = license.MaxSeats + 1 }},
		{"status", func(o *license.Organization) { o.Status = "" }},
		{"status", func(o *license.Organization) { o.Status = "Active" }},
		{"status", func(o *license.Organization) { o.Status = "deleted" }},
	} {
		o := soundOrganization()
		tt.change(&o)
		if got := fields(t, o.Validate()); !slices.Equal(got, []string{tt.field}) {
			t.Errorf("%+v: %v, want %s", o, got, tt.field)
		}
	}
}

func TestLicensesThatMayBeWritten(t *testing.T) {
	for name, change := range map[string]func(*license.License){
		"all there":      func(*license.License) {},
		"without end":    func(l *license.License) { l.ExpiresAt, l.Perpetual = time.Time{}, true },
		"ended long ago": func(l *license.License) { l.ExpiresAt = time.Unix(0, 0) },
		"without what has defaults": func(l *license.License) {
			l.Plan, l.Grace, l.OfflineMax, l.Handover, l.Entitlements = "", 0, 0, nil, nil
		},
		"the least": func(l *license.License) {
			l.MaxSeats, l.Handover, l.MaxSessionsPerUser = 0, new(0), 1
		},
		"the most": func(l *license.License) {
			l.MaxSeats, l.Grace, l.OfflineMax, l.Handover = license.MaxSeats, license.MaxGrace, license.MaxOffline, new(license.MaxHandover)
			l.MaxSessionsPerUser = license.MaxSessionsPerUser
		},
		"a product in two words": func(l *license.License) { l.Product = "Studio Eins" },
	} {
		l := soundLicense()
		if change(&l); l.Validate() != nil {
			t.Errorf("%s: %v", name, l.Validate())
		}
	}
}

func TestLicensesThatMayNotBeWritten(t *testing.T) {
	for _, tt := range []struct {
		field  string
		change func(*license.License)
	}{
		{"id", func(l *license.License) { l.ID = "-a" }},
		{"organization_id", func(l *license.License) { l.OrganizationID = "" }},
		{"product", func(l *license.License) { l.Product = "" }},
		{"product", func(l *license.License) { l.Product = strings.Repeat("a", license.MaxLabel+1) }},
		{"plan", func(l *license.License) { l.Plan = "pro " }},
		{"max_seats", func(l *license.License) { l.MaxSeats = -1 }},
		{"max_seats", func(l *license.License) { l.MaxSeats = license.MaxSeats + 1 }},
		{"status", func(l *license.License) { l.Status = "actve" }},
		{"expires_at", func(l *license.License) { l.ExpiresAt = time.Time{} }},
		{"expires_at", func(l *license.License) { l.Perpetual = true }},
		{"expires_at", func(l *license.License) { l.ExpiresAt = time.Date(26, 11, 23, 0, 0, 0, 0, time.UTC) }},
		{"expires_at", func(l *license.License) {
			l.ExpiresAt = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600))
		}},
		{"grace_seconds", func(l *license.License) { l.Grace = -time.Second }},
		{"grace_seconds", func(l *license.License) { l.Grace = license.MaxGrace + time.Second }},
		{"grace_seconds", func(l *license.License) { l.Grace = 1500 * time.Millisecond }},
		{"offline_max_seconds", func(l *license.License) { l.OfflineMax = -time.Second }},
		{"offline_max_seconds", func(l *license.License) { l.OfflineMax = license.MaxOffline + time.Second }},
		{"handover", func(l *license.License) { l.Handover = new(-1) }},
		{"handover", func(l *license.License) { l.Handover = new(license.MaxHandover + 1) }},
		{"max_sessions_per_user", func(l *license.License) { l.MaxSessionsPerUser = -1 }},
		{"max_sessions_per_user", func(l *license.License) { l.MaxSessionsPerUser = license.MaxSessionsPerUser + 1 }},
		{"entitlements.1", func(l *license.License) { l.Entitlements[1] = "" }},
		{"entitlements.1", func(l *license.License) { l.Entitlements[1] = "export" }},
		{"entitlements.0", func(l *license.License) { l.Entitlements[0] = "a\x00" }},
		{"entitlements", func(l *license.License) { l.Entitlements = make([]string, license.MaxEntitlements+1) }},
	} {
		l := soundLicense()
		tt.change(&l)
		if got := fields(t, l.Validate()); !slices.Equal(got, []string{tt.field}) {
			t.Errorf("%+v: %v, want %s", l, got, tt.field)
		}
	}
}

// TestAllFaultsAtOnce: whoever corrects a document corrects it once.
func TestAllFaultsAtOnce(t *testing.T) {
	o := license.Organization{Slug: "-", SubscriptionTier: " ", MaxConcurrentSeats: -1}
	if got, want := fields(t, o.Validate()), []string{"id", "slug", "name", "subscription_tier", "max_concurrent_seats", "status"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	l := license.License{Plan: " ", MaxSeats: -1, Grace: -1, OfflineMax: -1, Handover: new(-1), MaxSessionsPerUser: -1, Entitlements: []string{"", "a", "a"}}
	want := []string{
		"id", "organization_id", "product", "plan", "max_seats", "status", "expires_at", "grace_seconds", "offline_max_seconds",
		"handover", "max_sessions_per_user", "entitlements.0", "entitlements.2",
	}
	if got := fields(t, l.Validate()); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestFaultsQuoteNothing: what was sent may be what nobody else should read.
func TestFaultsQuoteNothing(t *testing.T) {
	const secret = "Geheim\x00"
	o := license.Organization{ID: secret, Name: secret, Slug: secret, SubscriptionTier: secret, Status: secret}
	l := license.License{ID: secret, OrganizationID: secret, Product: secret, Plan: secret, Status: secret, Entitlements: []string{secret}}
	for _, err := range []error{o.Validate(), l.Validate()} {
		if err == nil || strings.Contains(err.Error(), "Geheim") {
			t.Error(err)
		}
	}
}

// TestALicenseWithoutAWordOnItsEndWorks: documents of earlier versions have none.
func TestALicenseWithoutAWordOnItsEndWorks(t *testing.T) {
	silent := license.License{ID: "old", OrganizationID: "acme", Product: "studio", MaxSeats: 1, Status: license.StatusActive}
	if err := license.Usable(acme(license.StatusActive), silent, now()); err != nil {
		t.Error(err)
	}
	both := silent
	both.Perpetual, both.ExpiresAt = true, now()
	if err := license.Usable(acme(license.StatusActive), both, now()); !errors.Is(err, license.ErrLicenseExpired) {
		t.Errorf("a license that has an end and says that it has none: %v, want its end to count", err)
	}
}
