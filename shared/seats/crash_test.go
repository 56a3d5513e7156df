package seats_test

import (
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// TestCrashAtEveryStep lets a process die at each step of each operation, before
// anything else, and wants every promise kept by those that remain: with and
// without the loss of the ledger on top.
func TestCrashAtEveryStep(t *testing.T) {
	type operation struct {
		name  string
		steps []seats.Step
		ready func(w *world, victim ledger.Hold) // what makes the operation take its steps
		do    func(p instance, victim ledger.Hold) error
	}
	acquire := func(p instance, _ ledger.Hold) error { _, err := p.acquire("new", 3); return err }
	reap := func(p instance, _ ledger.Hold) error { _, err := p.Reap(p.Context(), acme); return err }
	beat := func(p instance, victim ledger.Hold) error { return p.heartbeat(victim) }
	release := func(p instance, victim ledger.Hold) error {
		return p.Release(p.Context(), user(victim.UserID), victim.ID)
	}
	calm := func(*world, ledger.Hold) {}
	expired := func(w *world, _ ledger.Hold) { w.model.Advance(sessionTTL / 2) }
	lost := func(w *world, _ ledger.Hold) { w.model.Lose() }
	ending := []seats.Step{seats.StepEnding, seats.StepEnded, seats.StepRemoved}
	rebuilding := []seats.Step{seats.StepOpened, seats.StepStaged, seats.StepLoaded}
	for _, op := range []operation{
		{"acquire", []seats.Step{seats.StepReserved, seats.StepRecorded, seats.StepSigned}, calm, acquire},
		{"acquire that ends", ending, expired, func(p instance, _ ledger.Hold) error { _, err := p.acquire("new", 2); return err }},
		{"unsigned acquire", ending, calm, func(p instance, _ ledger.Hold) error {
			_, err := p.Acquire(p.Context(), user("new"), request("new", 3), unsigned)
			return err
		}},
		{"acquire that rebuilds", rebuilding, lost, acquire},
		{"late heartbeat", ending, expired, beat},
		{"heartbeat that rebuilds", rebuilding, lost, beat},
		{"release", []seats.Step{seats.StepMarked, seats.StepEnded, seats.StepRemoved}, calm, release},
		{"release that rebuilds", rebuilding, lost, release},
		{"reap", ending, expired, reap},
		{"reap that files usage", []seats.Step{seats.StepTallied, seats.StepFiled, seats.StepForgotten}, calm, reap},
		{"reap that rebuilds", rebuilding, lost, reap},
	} {
		for _, step := range op.steps {
			for _, alsoLost := range []bool{false, true} {
				name := op.name + " at " + string(step)
				if alsoLost {
					name += ", ledger lost"
				}
				t.Run(name, func(t *testing.T) {
					w := newWorld(t)
					p := w.pool(nil)
					victim := p.take("victim", 3)
					w.model.Advance(sessionTTL / 2)
					bystander := p.take("bystander", 3)
					op.ready(w, victim)
					err := op.do(w.pool(crashAt(step)), victim)
					if !errors.Is(err, errCrash) && !errors.Is(err, errUnsigned) {
						t.Fatalf("error = %v, want the crash", err)
					}
					if alsoLost {
						w.model.Lose()
					}
					afterCrash(w, p, victim, bystander)
				})
			}
		}
	}
}

// afterCrash: the bystander never notices, nothing is oversold, within a TTL
// every seat is free again, and every session is recorded as what it is.
func afterCrash(w *world, p instance, victim, bystander ledger.Hold) {
	w.Helper()
	p.alive(bystander)
	if again := p.take("bystander", 3); again.ID != bystander.ID {
		w.Error("the bystander lost its session")
	}
	if n := len(w.model.Living(acme, "pro")); n > 3 {
		w.Errorf("%d of 3 seats are held", n)
	}
	w.model.Advance(sessionTTL - time.Millisecond)
	p.alive(bystander)
	w.model.Advance(sessionTTL / 2)
	first, second := p.take("first", 3), p.take("second", 3)
	p.refused("third", 3)
	p.reap()
	if _, err := p.Sweep(w.Context(), acme); err != nil {
		w.Fatal(err)
	}
	for _, h := range []ledger.Hold{bystander, first, second} {
		p.alive(h)
	}
	if s := w.session(victim.ID); s.Status != license.SessionEnded || s.EndedReason == "" {
		w.Errorf("the victim's record: %q %q", s.Status, s.EndedReason)
	}
	w.sound(3)
}
