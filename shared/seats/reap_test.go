package seats_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// unledgered makes a session that is recorded active and not in the ledger.
func unledgered(w *world, p instance, userID string) ledger.Hold {
	h := p.take(userID, 9)
	if n, err := w.model.Remove(w.Context(), license.ServiceCaller(acme), ledger.BySession, h); n != 1 || err != nil {
		w.Fatal(n, err)
	}
	return h
}

func TestDisplacedSessionsAreEnded(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h := unledgered(w, p, "ann")
	if _, err := p.Heartbeat(t.Context(), user("bob"), ledger.Heartbeat{SessionID: h.ID}); !errors.Is(err, license.ErrSessionNotFound) {
		t.Errorf("another user: %v", err)
	}
	w.recorded(h, license.SessionActive, "")
	p.gone(h, license.EndDisplaced)
	w.recorded(h, license.SessionEnded, license.EndDisplaced)
	p.gone(h, license.EndDisplaced)
}

func TestReleaseOfASessionTheLedgerDoesNotHold(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h, other := unledgered(w, p, "ann"), unledgered(w, p, "bob")
	if err := p.Release(t.Context(), user("bob"), h.ID); !errors.Is(err, license.ErrSessionNotFound) {
		t.Fatalf("another member: %v", err)
	}
	p.release(h)
	w.recorded(h, license.SessionEnded, license.EndReleased)
	if err := p.Release(t.Context(), admin("boss"), other.ID); err != nil {
		t.Fatal(err)
	}
	w.recorded(other, license.SessionEnded, license.EndRevoked)
	if err := p.Release(t.Context(), user("ann"), "01890000-0000-7000-8000-000000000000"); !errors.Is(err, license.ErrSessionNotFound) {
		t.Errorf("no such session: %v", err)
	}
	third := unledgered(w, p, "cid")
	w.failing(only("End", recordtest.Outage(record.ErrRefused)))
	var down *license.UnavailableError
	var err error
	calls := w.cost(func() { err = p.Release(t.Context(), user("cid"), third.ID) })
	if !errors.As(err, &down) || down.Backend != "firestore" || len(calls) != 3 || calls[2] != "End" {
		t.Errorf("record down: %v after %v, want one try", err, calls)
	}
}

func TestSweepEndsWhatTheLedgerForgot(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h, old := unledgered(w, p, "ann"), p.take("old", 9)
	swept := func() int {
		t.Helper()
		done, err := p.Sweep(t.Context(), acme)
		if err != nil {
			t.Fatal(err)
		}
		return done.Repaired
	}
	if n := swept(); n != 0 {
		t.Fatalf("swept %d that may still be on their way", n)
	}
	w.model.Advance(sessionTTL / 2)
	p.alive(old)
	w.model.Advance(sessionTTL / 2)
	living := p.take("bob", 9)
	if n := swept(); n != 1 {
		t.Fatalf("swept %d, want 1", n)
	}
	w.recorded(h, license.SessionEnded, license.EndDisplaced)
	p.alive(living)
	p.alive(old)
	if calls := w.cost(func() { swept() }); !slices.Equal(calls, []string{"Known", "CountActive"}) {
		t.Errorf("a sound organization costs %v", calls)
	}
	w.model.Lose()
	if done, err := p.Sweep(t.Context(), acme); err != nil || !done.Rebuilt {
		t.Errorf("after a loss: %+v, %v", done, err)
	}
	w.sound(2)
}

// TestGuardTheReaperLeavesItsOwnWorkAlone: a record that is slow still works at the
// reaper's ends when it looks for what others have left over.
func TestGuardTheReaperLeavesItsOwnWorkAlone(t *testing.T) {
	w := newWorld(t)
	recordedOnly(w, record.MaxEnds+1)
	w.pool(nil).reap() // rebuilds
	w.model.Advance(sessionTTL)
	p, err := seats.New(w.ledger, w.record, seats.Options{SessionTTL: sessionTTL, Parallel: 4})
	if err != nil {
		t.Fatal(err)
	}
	const untilNothingExpired = 3
	visits, ends, looked := 0, atomic.Int32{}, make(chan struct{})
	w.losing(func(method string) error {
		if method == "Visit" {
			if visits++; visits == untilNothingExpired {
				close(looked)
			}
		}
		return nil
	})
	w.failing(func(method string) error {
		if method == "End" {
			ends.Add(1)
			<-looked
		}
		return nil
	})
	done, err := p.Reap(t.Context(), acme)
	if err != nil || done.Sessions != record.MaxEnds+1 || ends.Load() != 2 {
		t.Errorf("reaped %+v with %d transactions, %v; want each once in 2", done, ends.Load(), err)
	}
	w.sound(0)
}

func TestReapClearsAndReschedules(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	for i := range 450 { // more than one transaction ends
		p.take(fmt.Sprint(i), 1000)
	}
	w.model.Promote()
	if done := p.reap(); !done.Rebuilt || done.Sessions != 0 || done.Left {
		t.Errorf("after a failover: %+v", done)
	}
	v, err := w.model.Visit(t.Context(), license.ServiceCaller(acme), 1)
	if err != nil || len(v.Dead) != 0 {
		t.Errorf("the dead generation is not cleared: %v, %v", v.Dead, err)
	}
	w.model.Advance(sessionTTL)
	if done := p.reap(); done.Sessions != 450 || done.Left {
		t.Errorf("reaped %+v", done)
	}
	w.model.Advance(sessionTTL)
	if done := p.reap(); !done.Left {
		t.Errorf("an idle organization stays: %+v", done)
	}
	w.sound(0)
}
