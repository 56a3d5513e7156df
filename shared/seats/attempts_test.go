package seats_test

import (
	"context"
	"errors"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// TestARefusalWaitsForTheGrantAtWork that took the last seat: is its record down,
// the seat is free again, and what is to be told is the outage.
func TestARefusalWaitsForTheGrantAtWork(t *testing.T) {
	down := recordtest.Outage(record.ErrNotWritten)
	for name, tt := range map[string]struct {
		record error
		want   func(error) bool
	}{
		"recorded":    {nil, func(err error) bool { return errors.As(err, new(*license.NoSeatsError)) }},
		"record down": {down, func(err error) bool { return errors.As(err, new(*license.UnavailableError)) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pool(nil).reap() // rebuilt
			g := newGate(seats.StepReserved)
			p := w.pool(g.onStep)
			finish := stopped(t, g, func() (ledger.Hold, error) { return p.acquire("ann", 1) })
			w.failing(only("Create", tt.record))
			refused, done := make(chan struct{}), make(chan error, 1)
			w.onceRefused(func() { close(refused) })
			go func() {
				_, err := p.acquire("bob", 1)
				done <- err
			}()
			<-refused
			if o := finish(); (o.err != nil) != (tt.record != nil) {
				t.Fatal(o.err)
			}
			if err := <-done; !tt.want(err) {
				t.Errorf("the one refused meanwhile: %v", err)
			}
		})
	}
}

// onceRefused calls f when the ledger has refused somebody.
func (w *world) onceRefused(f func()) {
	after := w.ledger.After
	w.ledger.After = func(ctx context.Context, method string, err error) error {
		if errors.As(err, new(*ledger.FullError)) && f != nil {
			f()
			f = nil
		}
		return after(ctx, method, err)
	}
}

// TestWhoHasWaitedAsksAgainWhetherTokensAreSigned: the grant that it waited for could
// not be signed, and neither could its own.
func TestWhoHasWaitedAsksAgainWhetherTokensAreSigned(t *testing.T) {
	w := newWorld(t)
	w.pool(nil).reap()
	g := newGate(seats.StepReserved)
	p := w.pool(g.onStep)
	finish := stopped(t, g, func() (ledger.Hold, error) {
		return p.Acquire(t.Context(), user("ann"), request("ann", 1), unsigned)
	})
	refused, done := make(chan struct{}), make(chan error, 1)
	w.onceRefused(func() { close(refused) })
	asked := 0
	bobs := request("bob", 1)
	bobs.Ready = func() error {
		if asked++; asked > 1 {
			return errUnsigned
		}
		return nil
	}
	go func() {
		_, err := p.Acquire(t.Context(), user("bob"), bobs, func(context.Context, ledger.Hold) error {
			return errors.New("a seat was taken in vain")
		})
		done <- err
	}()
	<-refused
	if o := finish(); !errors.Is(o.err, errUnsigned) {
		t.Fatal(o.err)
	}
	if err := <-done; !errors.Is(err, errUnsigned) {
		t.Errorf("the one who waited: %v", err)
	}
	w.sound(0)
}

// TestARefusalDoesNotOutwaitItsRequest: with its time over it is told neither.
func TestARefusalDoesNotOutwaitItsRequest(t *testing.T) {
	w := newWorld(t)
	w.pool(nil).reap()
	g := newGate(seats.StepReserved)
	p := w.pool(g.onStep)
	finish := stopped(t, g, func() (ledger.Hold, error) { return p.acquire("ann", 1) })
	ctx, cancel := context.WithCancel(t.Context())
	w.onceRefused(cancel)
	_, err := p.Acquire(ctx, user("bob"), request("bob", 1), signed)
	var down *license.UnavailableError
	if !errors.As(err, &down) {
		t.Errorf("error = %v", err)
	}
	if o := finish(); o.err != nil {
		t.Fatal(o.err)
	}
}

// TestAPanicIsAnAttemptThatFailed, not one to wait for.
func TestAPanicIsAnAttemptThatFailed(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	func() {
		defer func() { _ = recover() }()
		_, _ = p.Acquire(t.Context(), user("ann"), request("ann", 1), func(context.Context, ledger.Hold) error { panic("a fault") })
	}()
	p.refused("bob", 1) // at once: the seat lives until its holder is back, or its TTL is over
}
