package record_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// TestRefreshReadsNow: past the cache's life, for everybody after it too, and
// without taking from the others what they live on during an outage.
func TestRefreshReadsNow(t *testing.T) {
	faulty := &recordtest.Faulty{Record: record.NewMemory()}
	cache := record.NewCache(faulty, record.CacheOptions{TTL: time.Hour, Now: time.Now})
	put := func(seats int) {
		org := license.Organization{MaxConcurrentSeats: seats, Status: license.StatusActive}
		if err := faulty.PutOrganization(t.Context(), acme(), org); err != nil {
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
	if n := seats(cache.Get(t.Context(), acme(), record.Usual)); n != 1 {
		t.Fatalf("read %d", n)
	}
	put(2)
	if n := seats(cache.Get(t.Context(), acme(), record.Usual)); n != 1 {
		t.Errorf("%d: not cached", n)
	}
	if n := seats(cache.Get(t.Context(), acme(), record.Now)); n != 2 {
		t.Errorf("refreshed to %d", n)
	}
	if n := seats(cache.Get(t.Context(), acme(), record.Usual)); n != 2 {
		t.Errorf("the refresh was not kept: %d", n)
	}
	faulty.Before = func(context.Context, string) error { return recordtest.Outage(nil) }
	var away *license.UnavailableError
	if _, err := cache.Get(t.Context(), acme(), record.Now); !errors.As(err, &away) {
		t.Errorf("refresh during an outage: %v", err)
	}
	if n := seats(cache.Get(t.Context(), acme(), record.Usual)); n != 2 {
		t.Errorf("a failed refresh dropped what was cached: %d", n)
	}
}

// TestUnusableLicensesAreLeftOut: a document that somebody wrote by hand with an
// id no request can name, or without a product, must not reach the ledger.
func TestUnusableLicensesAreLeftOut(t *testing.T) {
	memory := record.NewMemory()
	if err := memory.PutOrganization(t.Context(), acme(), license.Organization{Status: license.StatusActive}); err != nil {
		t.Fatal(err)
	}
	for _, l := range []license.License{
		{ID: "good", Product: "studio"}, {ID: "pro,2026", Product: "studio"}, {ID: "Pro", Product: "studio"}, {ID: "mute"},
	} {
		if err := memory.PutLicense(t.Context(), acme(), l); err != nil {
			t.Fatal(err)
		}
	}
	for _, ttl := range []time.Duration{0, time.Hour} {
		e, err := record.NewCache(memory, record.CacheOptions{TTL: ttl, Now: time.Now}).Get(t.Context(), acme(), record.Usual)
		if err != nil || len(e.Licenses) != 1 || e.Licenses[0].ID != "good" {
			t.Errorf("life %v: %v, %v", ttl, e.Licenses, err)
		}
	}
}
