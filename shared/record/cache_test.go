package record_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

const ttl = 30 * time.Second

// cacheRig is a cache over a record that can fail, with a clock that is moved.
type cacheRig struct {
	*record.Cache
	t      *testing.T
	record *record.Memory
	loads  atomic.Int64
	fault  atomic.Pointer[func(ctx context.Context) error] // instead of a load
	now    atomic.Int64                                    // nanoseconds
}

func newCacheRig(t *testing.T) *cacheRig {
	rig := &cacheRig{t: t, record: record.NewMemory()}
	rig.now.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano())
	faulty := &recordtest.Faulty{Record: rig.record, Before: func(ctx context.Context, _ string) error {
		rig.loads.Add(1)
		if fault := rig.fault.Load(); fault != nil {
			return (*fault)(ctx)
		}
		return nil
	}}
	rig.Cache = record.NewCache(faulty, record.CacheOptions{TTL: ttl, Now: func() time.Time { return time.Unix(0, rig.now.Load()) }})
	rig.put(1)
	return rig
}

// put sets the organization's cap, by which answers are told apart.
func (rig *cacheRig) put(seats int) {
	rig.t.Helper()
	must(rig.t, rig.record.PutOrganization(rig.t.Context(), acme(), license.Organization{MaxConcurrentSeats: seats}))
	must(rig.t, rig.record.PutLicense(rig.t.Context(), acme(), license.License{ID: "l", Product: "studio", Entitlements: []string{"export"}}))
}

func (rig *cacheRig) pass(d time.Duration) { rig.now.Add(int64(d)) }

func (rig *cacheRig) failWith(fault func(ctx context.Context) error) { rig.fault.Store(&fault) }

func (rig *cacheRig) heal() { rig.fault.Store(nil) }

func (rig *cacheRig) outage() {
	rig.failWith(func(context.Context) error { return recordtest.Outage(nil) })
}

// want asks for the caller's entitlements and checks the answer and the number
// of loads since the last check.
func (rig *cacheRig) want(seats int, loads int64) {
	rig.t.Helper()
	got, err := rig.Get(rig.t.Context(), acme(), record.Usual)
	if err != nil || got.Organization.MaxConcurrentSeats != seats {
		rig.t.Fatalf("answered %d seats (%v), want %d", got.Organization.MaxConcurrentSeats, err, seats)
	}
	rig.wantLoads(loads)
}

func (rig *cacheRig) wantError(want error, loads int64) {
	rig.t.Helper()
	if _, err := rig.Get(rig.t.Context(), acme(), record.Usual); !errors.Is(err, want) {
		rig.t.Fatalf("error %v, want %v", err, want)
	}
	rig.wantLoads(loads)
}

func (rig *cacheRig) wantUnavailable(loads int64) {
	rig.t.Helper()
	var away *license.UnavailableError
	if _, err := rig.Get(rig.t.Context(), acme(), record.Usual); !errors.As(err, &away) {
		rig.t.Fatalf("error %v, want unavailable", err)
	}
	rig.wantLoads(loads)
}

func (rig *cacheRig) wantLoads(want int64) {
	rig.t.Helper()
	if got := rig.loads.Swap(0); got != want {
		rig.t.Fatalf("%d loads, want %d", got, want)
	}
}

func TestCacheLife(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	rig.put(2)
	rig.pass(ttl - 1)
	rig.want(1, 0)
	rig.pass(1)
	rig.want(2, 1)
}

func TestCacheOff(t *testing.T) {
	rig := newCacheRig(t)
	rig.Cache = record.NewCache(&recordtest.Faulty{Record: rig.record, Before: func(context.Context, string) error {
		rig.loads.Add(1)
		return nil
	}}, record.CacheOptions{Now: time.Now})
	rig.want(1, 1)
	rig.put(2)
	rig.want(2, 1)
}

// TestCacheLongerThanStale: a ttl above StaleFor still counts.
func TestCacheLongerThanStale(t *testing.T) {
	rig := newCacheRig(t)
	rig.Cache = record.NewCache(rig.record, record.CacheOptions{TTL: 2 * record.StaleFor, Now: func() time.Time { return time.Unix(0, rig.now.Load()) }})
	rig.want(1, 0)
	rig.put(2)
	rig.pass(2*record.StaleFor - 1)
	rig.want(1, 0)
	rig.pass(1)
	rig.want(2, 0)
}

func TestCacheKeepsOrganizationsApart(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	if _, err := rig.Get(t.Context(), license.ServiceCaller("globex"), record.Usual); !errors.Is(err, license.ErrOrganizationNotFound) {
		t.Errorf("another organization: %v", err)
	}
}

func TestCacheAnswersCopies(t *testing.T) {
	rig := newCacheRig(t)
	for range 3 { // the loader's own answer, and those from the cache
		got, err := rig.Get(t.Context(), acme(), record.Usual)
		must(t, err)
		if got.Licenses[0].ID != "l" || got.Licenses[0].Entitlements[0] != "export" {
			t.Fatalf("corrupted: %+v", got)
		}
		got.Licenses[0].Entitlements[0] = "stolen"
		got.Licenses[0].ID = "stolen"
	}
}

func TestCacheKeepsNoErrors(t *testing.T) {
	rig := newCacheRig(t)
	rig.outage()
	rig.wantUnavailable(1)
	rig.wantUnavailable(1)
	rig.heal()
	rig.want(1, 1)
}

func TestCacheDropsWhatIsGone(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	rig.pass(ttl)
	rig.failWith(func(context.Context) error { return license.ErrOrganizationNotFound })
	rig.wantError(license.ErrOrganizationNotFound, 1)
	rig.outage() // nothing stale is left to answer
	rig.wantUnavailable(1)
}

// TestCacheTellsOtherErrors: a damaged document is not an outage.
func TestCacheTellsOtherErrors(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	rig.pass(ttl)
	damaged := errors.New("damaged")
	rig.failWith(func(context.Context) error { return damaged })
	rig.wantError(damaged, 1)
}

func TestCacheInAnOutage(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	rig.put(2)
	rig.outage()
	rig.pass(ttl)
	rig.want(1, 1)
	rig.want(1, 0) // no further try within a second
	rig.pass(time.Second - 1)
	rig.want(1, 0)
	rig.pass(1)
	rig.want(1, 1)
	rig.heal()
	rig.want(1, 0)
	rig.pass(time.Second)
	rig.want(2, 1)
	rig.pass(ttl - 1)
	rig.want(2, 0)
}

func TestCacheStaleOnlySoLong(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	rig.outage()
	rig.pass(record.StaleFor - 1)
	rig.want(1, 1)
	rig.pass(1)
	rig.wantUnavailable(1)
	rig.heal()
	rig.want(1, 1)
}

func TestCacheForget(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	rig.put(2)
	rig.Forget("globex")
	rig.want(1, 0)
	rig.Forget("acme")
	rig.want(2, 1)
	rig.Forget("acme")
	rig.outage() // nothing stale is left to answer
	rig.wantUnavailable(1)
}

func TestCacheIsBounded(t *testing.T) {
	rig := newCacheRig(t)
	rig.want(1, 1)
	for i := range record.CachedOrganizations {
		org := license.ServiceCaller(fmt.Sprintf("org-%d", i))
		must(t, rig.record.PutOrganization(t.Context(), org, license.Organization{}))
		must(t, errorOf(rig.Get(t.Context(), org, record.Usual)))
	}
	rig.wantLoads(record.CachedOrganizations)
	rig.want(1, 1) // the longest unused one had to go
}
