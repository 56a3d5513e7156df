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

// down wants an unavailable backend that says nothing of attempts to repeat.
func down(t *testing.T, err error) {
	t.Helper()
	var unavailable *license.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.Backend != "firestore" {
		t.Fatalf("error = %v, want firestore unavailable", err)
	}
}

func TestASeatThatWasNotRecordedIsGivenBack(t *testing.T) {
	for name, mark := range map[string]error{"not written": record.ErrNotWritten, "refused": record.ErrRefused} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(nil)
			p.reap()
			w.failing(only("Create", recordtest.Outage(mark)))
			calls := w.cost(func() {
				_, err := p.acquire("ann", 1)
				down(t, err)
			})
			reserved := 0
			for _, c := range calls {
				if c == "Reserve" {
					reserved++
				}
			}
			if reserved != 1 {
				t.Errorf("tried %d times: the record's failure is the client's to wait for", reserved)
			}
			w.failing(nil)
			w.sound(0)
			p.take("bob", 1)
		})
	}
}

func TestAnUnknownOutcomeLeavesTheSeatToItsHolder(t *testing.T) {
	outages := map[string]func(*world, func(string) error){
		"before the effect": func(w *world, f func(string) error) { w.failing(f) },
		"after the effect":  func(w *world, f func(string) error) { w.losing(f) },
	}
	for name, inject := range outages {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(nil)
			p.reap()
			inject(w, only("Create", recordtest.Outage(nil)))
			_, err := p.acquire("ann", 1)
			down(t, err)
			inject(w, nil)
			p.refused("bob", 1)
			again := p.take("ann", 1)
			if !again.Existing {
				t.Errorf("again = %+v", again)
			}
			w.recorded(again, license.SessionActive, "")
			w.sound(1)
		})
	}
}

func TestAnUnknownOutcomeExpires(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.reap()
	w.losing(only("Create", recordtest.Outage(nil)))
	_, err := p.acquire("ann", 1)
	down(t, err)
	w.losing(nil)
	w.model.Advance(sessionTTL)
	p.take("bob", 1)
	w.sound(1)
}

// TestAFailedRecordOfAFoundSession must not take the seat from its holder.
func TestAFailedRecordOfAFoundSession(t *testing.T) {
	for _, mark := range []error{record.ErrNotWritten, record.ErrRefused, nil} {
		w := newWorld(t)
		ann := w.pool(nil).take("ann", 1)
		w.failing(only("Create", recordtest.Outage(mark)))
		_, err := w.pool(nil).acquire("ann", 1)
		down(t, err)
		w.failing(nil)
		w.pool(nil).alive(ann)
		w.sound(1)
	}
}

func TestAnUnsignedSeatIsGivenBack(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	var failed ledger.Hold
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Acquire(ctx, user("ann"), request("ann", 1), func(_ context.Context, h ledger.Hold) error {
		failed = h
		cancel() // the client has gone, too
		return errUnsigned
	})
	if !errors.Is(err, errUnsigned) {
		t.Fatal(err)
	}
	w.recorded(failed, license.SessionEnded, license.EndFailed)
	w.sound(0)
	p.take("bob", 1)
}

func TestAFoundSeatStaysWhenUnsigned(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	if _, err := p.Acquire(t.Context(), user("ann"), request("ann", 1), unsigned); !errors.Is(err, errUnsigned) {
		t.Fatal(err)
	}
	p.alive(ann)
	w.sound(1)
}

// TestAFailedGrantSparesTheSecondRequest: the first request cannot complete; the
// same holder's second has answered with the session meanwhile.
func TestAFailedGrantSparesTheSecondRequest(t *testing.T) {
	between := map[string]func(*world){
		"same ledger":    func(*world) {},
		"lost":           func(w *world) { w.model.Lose() },
		"failed over":    func(w *world) { w.model.Promote() },
		"first beat too": nil,
	}
	for name, event := range between {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(nil)
			g := newGate(seats.StepRecorded)
			finish := stopped(t, g, func() (ledger.Hold, error) {
				return w.pool(g.onStep).Acquire(t.Context(), user("ann"), request("ann", 1), unsigned)
			})
			second := p.take("ann", 1)
			if event != nil {
				event(w)
				p.refused("bob", 1) // rebuilds, if need be
			} else {
				p.alive(second)
			}
			if o := finish(); !errors.Is(o.err, errUnsigned) {
				t.Fatal(o.err)
			}
			w.recorded(second, license.SessionActive, "")
			p.alive(second)
			w.sound(1)
		})
	}
}

// TestAWithdrawnGrantSparesTheSecondRequest: the first request's record was
// never sent; the second's was.
func TestAWithdrawnGrantSparesTheSecondRequest(t *testing.T) {
	for _, mark := range []error{record.ErrNotWritten, record.ErrRefused} {
		for _, rebuilt := range []bool{false, true} {
			w := newWorld(t)
			p := w.pool(nil)
			p.reap()
			g := newGate(seats.StepReserved)
			finish := stopped(t, g, func() (ledger.Hold, error) { return w.pool(g.onStep).acquire("ann", 1) })
			second := p.take("ann", 1)
			if rebuilt {
				w.model.Lose()
				p.refused("bob", 1)
			}
			w.failing(only("Create", recordtest.Outage(mark)))
			down(t, finish().err)
			w.failing(nil)
			p.alive(second)
			w.sound(1)
		}
	}
}

// TestCompensationThatFailsLeavesNothingForLong: the ledger is away as well.
func TestCompensationThatFailsLeavesNothingForLong(t *testing.T) {
	for _, failing := range []string{"Mark", "Remove", "End"} {
		t.Run(failing, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(nil)
			p.reap()
			w.failing(only(failing, recordtest.Outage(nil)))
			if _, err := p.Acquire(t.Context(), user("ann"), request("ann", 1), unsigned); !errors.Is(err, errUnsigned) {
				t.Fatal(err)
			}
			w.failing(nil)
			if failing != "Mark" {
				p.take("bob", 1) // an end that was begun is completed by whoever meets it
			}
			w.model.Advance(sessionTTL)
			p.take("cid", 1)
			w.sound(1)
		})
	}
}

// TestALostAnswerOfTheLedgerIsSafe: what was done is found by the next attempt.
func TestALostAnswerOfTheLedgerIsSafe(t *testing.T) {
	lost := (&license.UnavailableError{Backend: "redis", Err: errUnsigned})
	w := newWorld(t)
	p := w.pool(nil)
	p.reap()
	w.losing(only("Reserve", lost))
	if _, err := p.acquire("ann", 1); err == nil {
		t.Fatal("no error")
	}
	w.losing(nil)
	ann := p.take("ann", 1)
	for _, method := range []string{"Mark", "Remove"} {
		w.losing(only(method, lost))
		if err := p.Release(t.Context(), user("ann"), ann.ID); err == nil {
			t.Fatalf("no error from a lost %s", method)
		}
		w.losing(nil)
	}
	p.release(ann)
	w.recorded(ann, license.SessionEnded, license.EndReleased)
	w.sound(0)
}
