package record_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// TestNobodyWaitsForAHangingStore who has a stale answer to fall back on: half a
// second, not the deadline, and whoever has none still waits.
func TestNobodyWaitsForAHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := record.NewMemory()
		must(t, memory.PutOrganization(t.Context(), acme(), license.Organization{MaxConcurrentSeats: 7}))
		hanging := false
		faulty := &recordtest.Faulty{Record: memory, Before: func(ctx context.Context, _ string) error {
			if !hanging {
				return nil
			}
			<-ctx.Done()
			return recordtest.Outage(nil)
		}}
		cache := record.NewCache(faulty, record.CacheOptions{TTL: 30 * time.Second, Now: time.Now})
		ask := func() (took time.Duration, err error) {
			start := time.Now()
			e, err := cache.Get(t.Context(), acme(), record.Hurried)
			if err == nil && e.Organization.MaxConcurrentSeats != 7 {
				t.Errorf("answered %+v", e)
			}
			return time.Since(start), err
		}
		if _, err := ask(); err != nil {
			t.Fatal(err)
		}
		hanging = true
		<-time.After(31 * time.Second) // the bubble's clock
		for range 20 {
			if took, err := ask(); err != nil || took > 500*time.Millisecond {
				t.Errorf("%v after %s, want the stale entry within half a second", err, took)
			}
			<-time.After(300 * time.Millisecond)
		}
		<-time.After(record.StaleFor)
		if took, err := ask(); err == nil || took != time.Second {
			t.Errorf("%v after %s, want the failure at the deadline", err, took)
		}
	})
}

// TestFreshnessIsPatience: with a stale entry and a store that hangs, who grants
// something waits for the load to fail, who must go on for half a second, and who
// refuses somebody is told that the store cannot be asked.
func TestFreshnessIsPatience(t *testing.T) {
	for freshness, want := range map[record.Freshness]struct {
		took time.Duration
		ok   bool
	}{
		record.Usual: {time.Second, true}, record.Hurried: {500 * time.Millisecond, true}, record.Now: {time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			rig := newCacheRig(t)
			rig.want(1, 1)
			rig.pass(ttl)
			rig.failWith(func(ctx context.Context) error {
				<-ctx.Done()
				return recordtest.Outage(nil)
			})
			began := time.Now() // the bubble's clock
			got, err := rig.Get(t.Context(), acme(), freshness)
			if took := time.Since(began); took != want.took || (err == nil) != want.ok || want.ok && got.Organization.MaxConcurrentSeats != 1 {
				t.Errorf("freshness %d: %+v, %v after %v", freshness, got.Organization, err, took)
			}
			<-time.After(time.Second) // the load ends by itself
		})
	}
}
