package refresh_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The times of every test. They differ, so that one cannot pass for another.
const (
	life     = 10 * time.Second
	stale    = 20 * time.Second
	pause    = 3 * time.Second
	deadline = 5 * time.Second
)

var (
	errAway = errors.New("away")
	errTold = errors.New("told")
	errGone = errors.New("gone")
)

func judge(err error) refresh.Meaning {
	switch {
	case errors.Is(err, errTold):
		return refresh.Told
	case errors.Is(err, errGone):
		return refresh.Gone
	}
	return refresh.Away
}

func rules(now func() time.Time) refresh.Rules {
	return refresh.Rules{Now: now, Deadline: deadline, Stale: stale, Pause: pause, Judge: judge}
}

// rig is a value and a backend whose answers the test chooses.
type rig struct {
	t     *testing.T
	value refresh.Value[int]
	rules refresh.Rules
	loads atomic.Int64
	// answer is what the next loads do.
	answer atomic.Pointer[refresh.Load[int]]
}

// inBubble runs a test whose clock moves when everybody waits.
func inBubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, rules: rules(time.Now)}
		r.answers(1)
		test(t, r)
		pass(deadline) // loads that nobody waits for end by themselves
	})
}

func (r *rig) does(load refresh.Load[int]) { r.answer.Store(&load) }

func (r *rig) answers(value int) {
	r.does(func(context.Context) (int, time.Duration, error) { return value, life, nil })
}

func (r *rig) fails(err error) {
	r.does(func(context.Context) (int, time.Duration, error) { return -1, life, err })
}

// hangs lets loads wait until release, or their own end, and then answer value.
func (r *rig) hangs(value int) (release func()) {
	gate := make(chan struct{})
	r.does(func(ctx context.Context) (int, time.Duration, error) {
		select {
		case <-gate:
			return value, life, nil
		case <-ctx.Done():
			return -1, life, errAway
		}
	})
	return func() { close(gate) }
}

func (r *rig) load(ctx context.Context) (int, time.Duration, error) {
	r.loads.Add(1)
	return (*r.answer.Load())(ctx)
}

func (r *rig) get(ctx context.Context) (int, error) { return r.value.Get(ctx, &r.rules, r.load) }

func (r *rig) now(ctx context.Context) (int, error) { return r.value.Now(ctx, &r.rules, r.load) }

// want asks and checks the answer and the number of loads since the last check.
func (r *rig) want(value int, loads int64) {
	r.t.Helper()
	if got, err := r.get(r.t.Context()); err != nil || got != value {
		r.t.Fatalf("answered %d (%v), want %d", got, err, value)
	}
	r.wantLoads(loads)
}

func (r *rig) wantError(want error, loads int64) {
	r.t.Helper()
	if got, err := r.get(r.t.Context()); !errors.Is(err, want) || got != 0 {
		r.t.Fatalf("answered %d, error %v, want %v", got, err, want)
	}
	r.wantLoads(loads)
}

func (r *rig) wantLoads(want int64) {
	r.t.Helper()
	if got := r.loads.Swap(0); got != want {
		r.t.Fatalf("%d loads, want %d", got, want)
	}
}

// outcome is what a caller met.
type outcome struct {
	value    int
	err      error
	panicked any
}

// asks calls from a goroutine of its own and returns when all goroutines wait.
func asks(call func() (int, error)) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			done <- o
		}()
		o.value, o.err = call()
	}()
	synctest.Wait()
	return done
}

// waiting fails the test if the caller was answered already.
func waiting(t *testing.T, done <-chan outcome) {
	t.Helper()
	select {
	case o := <-done:
		t.Fatalf("answered at once: %+v", o)
	default:
	}
}

// pass moves the bubble's clock, and returns when all goroutines wait again.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
