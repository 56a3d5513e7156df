package record_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// blocked makes loads wait; started tells of each, and release lets all go on.
func (rig *cacheRig) blocked() (started <-chan struct{}, release func()) {
	begun, gate := make(chan struct{}, 100), make(chan struct{})
	rig.failWith(func(context.Context) error {
		begun <- struct{}{}
		<-gate
		return nil
	})
	return begun, sync.OnceFunc(func() { close(gate) })
}

func TestCacheSharesOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newCacheRig(t)
		_, release := rig.blocked()
		const callers = 50
		var wg sync.WaitGroup
		var failed atomic.Int64
		for range callers {
			wg.Go(func() {
				got, err := rig.Get(t.Context(), acme(), record.Usual)
				if err != nil || got.Organization.MaxConcurrentSeats != 1 {
					failed.Add(1)
					return
				}
				got.Licenses[0].Entitlements[0] = "stolen" // each has its own copy (race detector)
			})
		}
		synctest.Wait() // all of them wait for the load
		release()
		wg.Wait()
		if failed.Load() > 0 {
			t.Errorf("%d callers failed", failed.Load())
		}
		rig.wantLoads(1)
		rig.want(1, 0)
	})
}

// TestCacheSurvivesACanceledCaller: the first caller gives up, the second still
// gets the answer of the load that the first one began.
func TestCacheSurvivesACanceledCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newCacheRig(t)
		_, release := rig.blocked()
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- errorOf(rig.Get(ctx, acme(), record.Usual)) }()
		synctest.Wait()
		go func() { second <- errorOf(rig.Get(t.Context(), acme(), record.Usual)) }()
		synctest.Wait()
		cancel()
		var away *license.UnavailableError
		if err := <-first; !errors.As(err, &away) || !errors.Is(err, context.Canceled) {
			t.Errorf("the canceled caller: %v", err)
		}
		release()
		must(t, <-second)
		rig.wantLoads(1)
	})
}

// TestCacheLoadEndsByItself: the shared load has a deadline of its own.
func TestCacheLoadEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newCacheRig(t)
		rig.failWith(func(ctx context.Context) error {
			<-ctx.Done()
			return &license.UnavailableError{Backend: "firestore", Err: ctx.Err()}
		})
		begun := time.Now() // the bubble's clock
		if _, err := rig.Get(t.Context(), acme(), record.Usual); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("the load took %s of the bubble's time", took)
		}
	})
}

// TestCacheOutageCostsOneDeadline: while one caller tries the store again, the
// others are answered at once.
func TestCacheOutageCostsOneDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newCacheRig(t)
		rig.want(1, 1)
		rig.put(2)
		rig.outage()
		rig.pass(ttl)
		rig.want(1, 1) // the outage is noticed
		rig.pass(time.Second)
		_, release := rig.blocked()
		retry := make(chan license.Entitlements, 1)
		go func() {
			got, err := rig.Get(t.Context(), acme(), record.Usual)
			if err != nil {
				t.Error(err)
			}
			retry <- got
		}()
		synctest.Wait()
		rig.want(1, 1) // answered although that load hangs
		rig.pass(time.Second)
		rig.want(1, 0)
		release()
		if got := <-retry; got.Organization.MaxConcurrentSeats != 2 {
			t.Errorf("the retry answered %+v", got.Organization)
		}
		rig.want(2, 0)
	})
}

// TestCacheGivingUpAnswersStale: a caller whose own time runs out first still
// has the stale entry.
func TestCacheGivingUpAnswersStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newCacheRig(t)
		rig.want(1, 1)
		rig.pass(ttl)
		_, release := rig.blocked()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := rig.Get(ctx, acme(), record.Usual)
		if err != nil || got.Organization.MaxConcurrentSeats != 1 {
			t.Errorf("answered %+v, %v", got.Organization, err)
		}
		release()
		synctest.Wait()
	})
}

// TestCacheForgetDuringALoad: what a load began to read before Forget may be
// old. It is neither kept nor shared with callers who come after.
func TestCacheForgetDuringALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newCacheRig(t)
		gate := make(chan struct{})
		slow := &recordtest.Faulty{Record: rig.record, After: func(_ context.Context, _ string, err error) error {
			if rig.loads.Add(1) == 1 {
				<-gate // the first load has read, and is slow to say so
			}
			return err
		}}
		rig.Cache = record.NewCache(slow, record.CacheOptions{TTL: ttl, Now: func() time.Time { return time.Unix(0, rig.now.Load()) }})
		before := make(chan license.Entitlements, 1)
		go func() {
			got, err := rig.Get(t.Context(), acme(), record.Usual)
			if err != nil {
				t.Error(err)
			}
			before <- got
		}()
		synctest.Wait()
		rig.put(2)
		rig.Forget("acme")
		rig.want(2, 2) // its own load, beside the one under way
		close(gate)
		if got := <-before; got.Organization.MaxConcurrentSeats != 1 {
			t.Errorf("the load under way answered %+v", got.Organization)
		}
		rig.want(2, 0)
	})
}

// TestCacheForgetLeavesNoOldLoad: as above, with nobody asking in between.
func TestCacheForgetLeavesNoOldLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newCacheRig(t)
		_, release := rig.blocked()
		done := make(chan error, 1)
		go func() { done <- errorOf(rig.Get(t.Context(), acme(), record.Usual)) }()
		synctest.Wait()
		rig.Forget("acme")
		release()
		must(t, <-done)
		rig.wantLoads(1)
		rig.heal()
		rig.want(1, 1)
	})
}
