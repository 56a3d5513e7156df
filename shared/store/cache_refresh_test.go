package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/store"
	"github.com/coditect-ai/coditect-licenses/shared/store/storetest"
)

// TestRefreshReadsNow: past the cache's life, for everybody after it too, and
// without taking from the others what they live on during an outage.
func TestRefreshReadsNow(t *testing.T) {
	record := &storetest.Faulty{Record: store.NewMemory()}
	cache := store.NewCache(record, time.Hour, time.Now)
	put := func(seats int) {
		org := license.Organization{MaxConcurrentSeats: seats, Status: license.StatusActive}
		if err := record.PutOrganization(t.Context(), acme(), org); err != nil {
			t.Fatal(err)
		}
	}
	seats := func(e license.Entitlements, err error) int {
		if err != nil {
			t.Fatal(err)
		}
		return e.Organization.MaxConcurrentSeats
	}
	put(1)
	if n := seats(cache.Entitlements(t.Context(), acme())); n != 1 {
		t.Fatalf("read %d", n)
	}
	put(2)
	if n := seats(cache.Entitlements(t.Context(), acme())); n != 1 {
		t.Errorf("%d: not cached", n)
	}
	if n := seats(cache.Refresh(t.Context(), acme())); n != 2 {
		t.Errorf("refreshed to %d", n)
	}
	if n := seats(cache.Entitlements(t.Context(), acme())); n != 2 {
		t.Errorf("the refresh was not kept: %d", n)
	}
	record.Before = func(context.Context, string) error { return storetest.Outage(nil) }
	var away *license.UnavailableError
	if _, err := cache.Refresh(t.Context(), acme()); !errors.As(err, &away) {
		t.Errorf("refresh during an outage: %v", err)
	}
	if n := seats(cache.Entitlements(t.Context(), acme())); n != 2 {
		t.Errorf("a failed refresh dropped what was cached: %d", n)
	}
}

// TestUnusableLicensesAreLeftOut: a document that somebody wrote by hand with an
// id no request can name, or without a product, must not reach the ledger.
func TestUnusableLicensesAreLeftOut(t *testing.T) {
	record := store.NewMemory()
	if err := record.PutOrganization(t.Context(), acme(), license.Organization{Status: license.StatusActive}); err != nil {
		t.Fatal(err)
	}
	for _, l := range []license.License{
		{ID: "good", Product: "studio"}, {ID: "pro,2026", Product: "studio"}, {ID: "Pro", Product: "studio"}, {ID: "mute"},
	} {
		if err := record.PutLicense(t.Context(), acme(), l); err != nil {
			t.Fatal(err)
		}
	}
	for _, ttl := range []time.Duration{0, time.Hour} {
		e, err := store.NewCache(record, ttl, time.Now).Entitlements(t.Context(), acme())
		if err != nil || len(e.Licenses) != 1 || e.Licenses[0].ID != "good" {
			t.Errorf("life %v: %v, %v", ttl, e.Licenses, err)
		}
	}
}
