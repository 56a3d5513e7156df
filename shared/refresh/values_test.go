package refresh_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

// echo answers the key itself, and counts.
type echo struct {
	loads atomic.Int64
	gate  atomic.Pointer[chan struct{}] // loads wait for it
	fault atomic.Pointer[error]
}

func (e *echo) load(ctx context.Context, key string) (string, time.Duration, error) {
	e.loads.Add(1)
	if gate := e.gate.Load(); gate != nil {
		select {
		case <-*gate:
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
	}
	if fault := e.fault.Load(); fault != nil {
		return "", 0, *fault
	}
	return strings.Clone(key), life, nil
}

func (e *echo) wantLoads(t *testing.T, want int64) {
	t.Helper()
	if got := e.loads.Swap(0); got != want {
		t.Fatalf("%d loads, want %d", got, want)
	}
}

func wantKey(t *testing.T, values *refresh.Values[string, string], keys ...string) {
	t.Helper()
	for _, key := range keys {
		if got, err := values.Get(t.Context(), key); got != key || err != nil {
			t.Fatalf("%s answered %q, %v", key, got, err)
		}
	}
}

func TestValuesKeepKeysApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e echo
		values := refresh.NewValues(3, rules(time.Now), e.load)
		wantKey(t, values, "a", "b", "c", "a", "b", "c")
		e.wantLoads(t, 3)
		pass(life)
		if values.State("a") != refresh.Stale || values.State("z") != refresh.Absent {
			t.Errorf("states %v, %v", values.State("a"), values.State("z"))
		}
		if got, err := values.Now(t.Context(), "b"); got != "b" || err != nil {
			t.Errorf("b is %q now, %v", got, err)
		}
		if values.State("a") != refresh.Stale || values.State("b") != refresh.Fresh {
			t.Errorf("states %v, %v", values.State("a"), values.State("b"))
		}
		e.wantLoads(t, 1)
	})
}

// TestValuesAreBounded: the key unused for longest goes; to look at a state is no use.
func TestValuesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e echo
		values := refresh.NewValues(2, rules(time.Now), e.load)
		wantKey(t, values, "a", "b", "a")
		values.State("b")
		wantKey(t, values, "c")
		e.wantLoads(t, 3)
		wantKey(t, values, "a", "c")
		e.wantLoads(t, 0)
		if values.State("b") != refresh.Absent {
			t.Error("b is still known")
		}
		wantKey(t, values, "b")
		e.wantLoads(t, 1)
	})
}

func TestValuesPanicWithoutRoom(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a size of 0 was accepted")
		}
	}()
	refresh.NewValues(0, rules(time.Now), new(echo).load)
}

// TestForgetDuringALoad: what it began to read before may be old. It is neither
// kept nor shared with callers who come after.
func TestForgetDuringALoad(t *testing.T) {
	for name, ask := range map[string]func(*refresh.Values[string, string], context.Context, string) (string, error){
		"shared": (*refresh.Values[string, string]).Get, "now": (*refresh.Values[string, string]).Now,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var e echo
				values := refresh.NewValues(2, rules(time.Now), e.load)
				gate := make(chan struct{})
				e.gate.Store(&gate)
				before := make(chan error, 1)
				go func() { _, err := ask(values, t.Context(), "a"); before <- err }()
				synctest.Wait()
				values.Forget("a")
				e.gate.Store(nil)
				e.fault.Store(new(errAway))
				if _, err := values.Get(t.Context(), "a"); !errors.Is(err, errAway) {
					t.Errorf("the call after joined the load before: %v", err)
				}
				e.fault.Store(nil)
				close(gate)
				if err := <-before; err != nil {
					t.Error(err)
				}
				if values.State("a") != refresh.Absent {
					t.Error("the load before was kept")
				}
				e.wantLoads(t, 2)
			})
		})
	}
}

// TestFailedKeysShareTheirLoads too: a key of which nothing is known yet.
func TestFailedKeysShareTheirLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e echo
		values := refresh.NewValues(2, rules(time.Now), e.load)
		for range 2 {
			gate := make(chan struct{})
			e.gate.Store(&gate)
			e.fault.Store(new(errAway))
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if _, err := values.Get(t.Context(), "a"); !errors.Is(err, errAway) {
						t.Errorf("error %v", err)
					}
				})
			}
			synctest.Wait()
			close(gate)
			all.Wait()
			e.wantLoads(t, 1)
		}
	})
}

// TestFromManyGoroutines is for the race detector: everything at once, with a
// clock that lets values age and keys that push each other out.
func TestFromManyGoroutines(t *testing.T) {
	var e echo
	var seconds atomic.Int64
	values := refresh.NewValues(2, rules(func() time.Time { return time.Unix(seconds.Load(), 0) }), e.load)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 200 {
				key := []string{"a", "b", "c"}[(n+i)%3]
				ask := values.Get
				switch i % 10 {
				case 3:
					seconds.Add(int64(life.Seconds()))
				case 5:
					values.Forget(key)
				case 7:
					ask = values.Now
				case 9:
					values.State(key)
				}
				if got, err := ask(t.Context(), key); got != key || err != nil {
					t.Errorf("%s answered %q, %v", key, got, err)
				}
			}
		})
	}
	all.Wait()
}
