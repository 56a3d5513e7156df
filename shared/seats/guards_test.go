package seats_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// Each test here stops one operation between two steps while others go on, and
// fails without the guard it is named after: most are too rare for random runs.

func TestGuardCreateFencedByEpoch(t *testing.T) {
	w := newWorld(t)
	w.pool(nil).reap() // rebuilt in epoch 1
	g := newGate(seats.StepReserved)
	finish := stopped(t, g, func() (ledger.Hold, error) { return w.pool(g.onStep).acquire("slow", 1) })
	w.model.Lose()
	quick := w.pool(nil).take("quick", 1)
	var full *license.NoSeatsError
	if o := finish(); !errors.As(o.err, &full) {
		t.Errorf("reserved in the lost ledger: %+v, %v, want no seats", o.hold.Session, o.err)
	}
	w.pool(nil).alive(quick)
	w.sound(1)
}

func TestGuardTombstone(t *testing.T) {
	w := newWorld(t)
	w.pool(nil).reap()
	g := newGate(seats.StepReserved)
	finish := stopped(t, g, func() (ledger.Hold, error) { return w.pool(g.onStep).acquire("slow", 1) })
	w.model.Advance(sessionTTL)
	quick := w.pool(nil).take("quick", 1)
	var full *license.NoSeatsError
	if o := finish(); !errors.As(o.err, &full) {
		t.Errorf("created after its end: %+v, %v, want no seats", o.hold.Session, o.err)
	}
	w.model.Lose()
	w.pool(nil).alive(quick)
	w.sound(1)
}

func TestGuardEndsFencedByEpoch(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.model.Advance(sessionTTL)
	g := newGate(seats.StepEnding)
	finish := stopped(t, g, func() (ledger.Hold, error) {
		_, err := w.pool(g.onStep).Reap(t.Context(), acme)
		return ledger.Hold{}, err
	})
	w.model.Lose()
	p.alive(ann) // the rebuild gave the session back
	if o := finish(); o.err != nil {
		t.Fatal(o.err)
	}
	w.recorded(ann, license.SessionActive, "")
	w.model.Lose()
	p.refused("bob", 1)
	p.alive(ann)
	w.sound(1)
}

// TestGuardEndedBeforeItsSeatIsFree: while the end of an expired session cannot
// be recorded, nobody gets its seat.
func TestGuardEndedBeforeItsSeatIsFree(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.model.Advance(sessionTTL)
	w.failing(only("End", recordtest.Outage(record.ErrNotWritten)))
	for range 2 {
		_, err := p.acquire("bob", 1)
		down(t, err)
	}
	w.failing(nil)
	w.recorded(ann, license.SessionActive, "")
	w.model.Lose()
	p.alive(ann) // what is recorded active comes back, so its seat cannot be another's
	p.refused("bob", 1)
	w.sound(1)
}

// TestGuardAnEndedDocumentStays: a sweep has read a session as active and finds
// it gone from the ledger; in between its holder released it.
func TestGuardAnEndedDocumentStays(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 9)
	lost := p.take("lost", 9)
	if n, err := w.model.Remove(t.Context(), license.ServiceCaller(acme), ledger.BySession, lost); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.model.Advance(sessionTTL - time.Second)
	p.alive(ann)
	w.model.Advance(time.Minute)
	known := 0
	w.failing(func(method string) error {
		if method == "Known" {
			known++
			if known == 2 { // the first compares the counts
				p.release(ann)
			}
		}
		return nil
	})
	if _, err := p.Sweep(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	w.failing(nil)
	w.recorded(ann, license.SessionEnded, license.EndReleased)
	w.recorded(lost, license.SessionEnded, license.EndDisplaced)
	w.sound(0)
}

// TestGuardFencedByNonce: the record was put back to an earlier state, and its
// next epoch has the number of the one under which a grant was decided.
func TestGuardFencedByNonce(t *testing.T) {
	w := newWorld(t)
	w.pool(nil).reap() // rebuilt in epoch 1
	g := newGate(seats.StepReserved)
	finish := stopped(t, g, func() (ledger.Hold, error) { return w.pool(g.onStep).acquire("slow", 1) })
	w.model.Lose()
	w.record.Record = record.NewMemory() // without what was opened and granted since
	quick := w.pool(nil).take("quick", 1)
	if quick.Epoch.Number != 1 {
		t.Fatalf("epoch %s, want the number to be given out twice", quick.Epoch)
	}
	var full *license.NoSeatsError
	if o := finish(); !errors.As(o.err, &full) {
		t.Errorf("reserved in the lost ledger: %+v, %v, want no seats", o.hold.Session, o.err)
	}
	w.pool(nil).alive(quick)
	w.sound(1)
}

// TestGuardOneDocumentPerGrant: the end of a holder's expired session is still
// on its way when the holder has a new one.
func TestGuardOneDocumentPerGrant(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	old := p.take("ann", 1)
	w.model.Advance(sessionTTL)
	g := newGate(seats.StepEnding)
	finish := stopped(t, g, func() (ledger.Hold, error) {
		_, err := w.pool(g.onStep).Reap(t.Context(), acme)
		return ledger.Hold{}, err
	})
	next := p.take("ann", 1)
	if o := finish(); o.err != nil {
		t.Fatal(o.err)
	}
	w.recorded(next, license.SessionActive, "")
	w.model.Lose()
	p.refused("bob", 1)
	p.alive(next)
	w.recorded(old, license.SessionEnded, license.EndExpired)
	w.sound(1)
}

// TestGuardRemoveOnlyIfStillEnding: between a reaper's record of an end and its
// removal the ledger is rebuilt, with that session living.
func TestGuardRemoveOnlyIfStillEnding(t *testing.T) {
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 1)
	w.model.Advance(sessionTTL)
	g := newGate(seats.StepEnded)
	finish := stopped(t, g, func() (ledger.Hold, error) {
		_, err := w.pool(g.onStep).Reap(t.Context(), acme)
		return ledger.Hold{}, err
	})
	w.model.Lose()
	nonce, caller := rebuildNonce(t, w.model), license.ServiceCaller(acme)
	err := errors.Join(
		w.model.Stage(t.Context(), caller, nonce, license.NewEpoch(2, nonce), ledger.Chunk{Members: []ledger.Member{{Session: ann.Session, Pools: []string{"pro"}}}}),
		w.model.Load(t.Context(), caller, nonce, license.NewEpoch(2, nonce)),
	)
	if err != nil {
		t.Fatal(err)
	}
	if o := finish(); o.err != nil {
		t.Fatal(o.err)
	}
	if living := w.model.Living(acme, "pro"); !slices.Equal(living, []string{ann.ID}) {
		t.Errorf("living = %v, want ann's %s", living, ann.ID)
	}
}

// TestGuardNotedBeforeTaken: a process stops for good when it has taken a seat of
// an organization that had long left the reaper's index.
func TestGuardNotedBeforeTaken(t *testing.T) {
	w := newWorld(t)
	p, shard := w.pool(nil), w.model.Shard(acme)
	due := func() []string {
		t.Helper()
		d, err := w.model.Due(t.Context(), shard, 1)
		if err == nil && d.Fresh {
			err = w.model.Filled(t.Context(), shard, d.Identity)
		}
		if err != nil {
			t.Fatal(err)
		}
		return d.Organizations
	}
	due()
	p.reap()
	w.model.Advance(sessionTTL)
	if !p.reap().Left {
		t.Fatal("an idle organization stays in the index")
	}
	g := newGate(seats.StepReserved)
	finish := stopped(t, g, func() (ledger.Hold, error) { return w.pool(g.onStep).acquire("ann", 1) })
	w.model.Advance(sessionTTL)
	if got := due(); !slices.Equal(got, []string{acme}) {
		t.Errorf("due = %v, want %s", got, acme)
	}
	if o := finish(); o.err != nil {
		t.Error(o.err)
	}
}

// TestGuardMarkBeforeEnd: the holder acquires again at the moment its release is
// recorded.
func TestGuardMarkBeforeEnd(t *testing.T) {
	w := newWorld(t)
	p, other := w.pool(nil), w.pool(nil)
	old := p.take("ann", 1)
	p.alive(old) // told of, so that no acquire looks into the record for it
	var next ledger.Hold
	var released atomic.Bool
	w.losing(func(method string) error {
		if method == "End" && released.CompareAndSwap(false, true) {
			next = other.take("ann", 1)
		}
		return nil
	})
	p.release(old)
	w.losing(nil)
	if next.ID == old.ID {
		t.Error("granted the session that was being released")
	}
	p.alive(next)
	w.sound(1)
}

// TestGuardASecondReleaseChangesNothing: the first told how and when it ended.
func TestGuardASecondReleaseChangesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	released, expired := p.take("ann", 2), p.take("bob", 2)
	p.release(released)
	w.sound(1)
	w.model.Advance(sessionTTL)
	p.reap()
	for _, h := range []ledger.Hold{released, expired} {
		before := w.session(h.ID)
		w.model.Advance(time.Second)
		p.release(h)
		if err := p.Release(t.Context(), admin("boss"), h.ID); err != nil {
			t.Error(err)
		}
		if after := w.session(h.ID); after != before {
			t.Errorf("released again: %+v, was %+v", after, before)
		}
	}
}

// TestGuardForgetOnAMovedEpoch: a rebuild died after it had opened its epoch, on
// a server that is gone again.
func TestGuardForgetOnAMovedEpoch(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 2)
	if _, err := w.record.OpenEpoch(t.Context(), license.ServiceCaller(acme), "a rebuild that died"); err != nil {
		t.Fatal(err)
	}
	p.take("bob", 2)
	p.alive(ann)
	w.sound(2)
}

func TestGuardEndsForgetAMovedEpoch(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.model.Advance(sessionTTL)
	if _, err := w.record.OpenEpoch(t.Context(), license.ServiceCaller(acme), "a rebuild that died"); err != nil {
		t.Fatal(err)
	}
	if done := p.reap(); done.Sessions != 1 || !done.Rebuilt {
		t.Errorf("reaped %+v, want one session, in the rebuilt ledger", done)
	}
	w.recorded(ann, license.SessionEnded, license.EndExpired)
	w.sound(0)
}

func TestGuardReleaseBySession(t *testing.T) {
	for _, step := range []seats.Step{seats.StepMarked, seats.StepEnded} {
		t.Run(string(step), func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(nil)
			old := p.take("ann", 1)
			g := newGate(step)
			finish := stopped(t, g, func() (ledger.Hold, error) {
				return ledger.Hold{}, w.pool(g.onStep).Release(t.Context(), user("ann"), old.ID)
			})
			next := p.take("ann", 1) // completes the end itself
			if next.ID == old.ID {
				t.Fatal("granted the session that was being released")
			}
			if o := finish(); o.err != nil {
				t.Fatal(o.err)
			}
			p.alive(next)
			w.recorded(old, license.SessionEnded, license.EndReleased)
			w.sound(1)
		})
	}
}

// TestGuardLateRebuild: a rebuild of an incarnation that is gone must not bring
// back what was released since.
func TestGuardLateRebuild(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.model.Promote()
	g := newGate(seats.StepStaged)
	finish := stopped(t, g, func() (ledger.Hold, error) { return w.pool(g.onStep).acquire("bob", 1) })
	w.model.Promote()
	p.release(ann)
	cid := p.take("cid", 1)
	var full *license.NoSeatsError
	if o := finish(); !errors.As(o.err, &full) {
		t.Errorf("after a late rebuild: %+v, %v", o.hold.Session, o.err)
	}
	p.gone(ann, license.EndReleased)
	p.alive(cid)
	w.sound(1)
}

// TestGuardReleaseDuringARebuild: the rebuild read the session before its end
// was recorded and brought it back after; the release takes it out again.
func TestGuardReleaseDuringARebuild(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	marked, staged := newGate(seats.StepMarked), newGate(seats.StepStaged)
	release := stopped(t, marked, func() (ledger.Hold, error) {
		return ledger.Hold{}, w.pool(marked.onStep).Release(t.Context(), user("ann"), ann.ID)
	})
	w.model.Lose()
	rebuild := stopped(t, staged, func() (ledger.Hold, error) { return w.pool(staged.onStep).acquire("bob", 2) })
	recorded, once := make(chan struct{}), sync.Once{}
	w.losing(func(method string) error {
		if method == "End" {
			once.Do(func() { close(recorded) })
		}
		return nil
	})
	done := make(chan outcome, 2)
	go func() { done <- release() }()
	<-recorded // between staging and loading
	go func() { done <- rebuild() }()
	for range 2 {
		if o := <-done; o.err != nil {
			t.Fatal(o.err)
		}
	}
	p.gone(ann, license.EndReleased)
	w.sound(1)
}

// TestGuardRecordedIsPerEpoch: a rebuild brought back a session whose record
// has ended (an end that came late). An instance that once recorded it
// must look again before it answers with it.
func TestGuardRecordedIsPerEpoch(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.model.Lose()
	staged := newGate(seats.StepStaged)
	rebuild := stopped(t, staged, func() (ledger.Hold, error) { return w.pool(staged.onStep).acquire("bob", 2) })
	// The session's end, decided before the loss, is recorded only now.
	end := ann.Session
	end.Status, end.EndedAt, end.EndedReason = license.SessionEnded, w.model.Now(), license.EndReleased
	if err := w.record.End(t.Context(), license.ServiceCaller(acme), license.NewEpoch(2, rebuildNonce(t, w.model)), []record.End{{Session: end}}); err != nil {
		t.Fatal(err)
	}
	if o := rebuild(); o.err != nil {
		t.Fatal(o.err)
	}
	w.recorded(ann, license.SessionEnded, license.EndReleased)
	again := p.take("ann", 2)
	if again.ID == ann.ID {
		t.Fatal("answered with a session whose record has ended")
	}
	w.recorded(again, license.SessionActive, "")
	w.sound(2)
}

// TestGuardReleaseFencedByEpoch: as above, and a heartbeat that was on its way
// arrives in the rebuilt ledger. It must not bring the session back to life beside
// a record that has ended: the next loss would sell its seat again.
func TestGuardReleaseFencedByEpoch(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	marked, staged := newGate(seats.StepMarked), newGate(seats.StepStaged)
	crash := crashAt(seats.StepEnded)
	release := stopped(t, marked, func() (ledger.Hold, error) {
		dying := w.pool(func(s seats.Step) error { return errors.Join(marked.onStep(s), crash(s)) })
		return ledger.Hold{}, dying.Release(t.Context(), user("ann"), ann.ID)
	})
	w.model.Lose()
	rebuild := stopped(t, staged, func() (ledger.Hold, error) { return w.pool(staged.onStep).acquire("bob", 2) })
	if o := release(); !errors.Is(o.err, errCrash) {
		t.Fatal(o.err)
	}
	if o := rebuild(); o.err != nil {
		t.Fatal(o.err)
	}
	p.gone(ann, license.EndReleased)
	if again := p.take("ann", 2); again.ID == ann.ID {
		t.Error("answered with a session whose record has ended")
	}
	w.sound(2)
}

func TestASecondRequestRecordsForItself(t *testing.T) {
	w := newWorld(t)
	w.pool(nil).reap()
	g := newGate(seats.StepReserved)
	finish := stopped(t, g, func() (ledger.Hold, error) { return w.pool(g.onStep).acquire("ann", 1) })
	second, err := w.pool(nil).Acquire(t.Context(), user("ann"), request("ann", 1), func(_ context.Context, h ledger.Hold) error {
		w.recorded(h, license.SessionActive, "") //nolint:contextcheck // looks in the test's own time
		return nil
	})
	if err != nil || !second.Existing {
		t.Fatalf("second: %+v, %v", second, err)
	}
	o := finish()
	if o.err != nil || o.hold.ID != second.ID || o.hold.Existing {
		t.Errorf("first: %+v, %v", o.hold, o.err)
	}
	w.sound(1)
}

// TestRebuildersAgreeOnOneEpoch: all requests after a loss, in many instances.
func TestRebuildersAgreeOnOneEpoch(t *testing.T) {
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 100)
	w.model.Lose()
	done := make(chan error, 32)
	for range 8 {
		p := w.pool(nil)
		for range 4 {
			go func() { done <- p.heartbeat(ann) }()
		}
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	h := w.pool(nil).take("bob", 100)
	if h.Epoch.Number != 2 {
		t.Errorf("epoch = %q after one loss, want 2", h.Epoch)
	}
	w.sound(2)
}

// TestGuardOneEpochPerNonce: two instances have opened the epoch of one loss
// before either has rebuilt.
func TestGuardOneEpochPerNonce(t *testing.T) {
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 9)
	w.model.Lose()
	first, second := newGate(seats.StepOpened), newGate(seats.StepOpened)
	finishFirst := stopped(t, first, func() (ledger.Hold, error) { return ledger.Hold{}, w.pool(first.onStep).heartbeat(ann) })
	finishSecond := stopped(t, second, func() (ledger.Hold, error) { return w.pool(second.onStep).acquire("bob", 9) })
	for _, finish := range []func() outcome{finishFirst, finishSecond} {
		if o := finish(); o.err != nil {
			t.Error(o.err)
		}
	}
	if h := w.pool(nil).take("cid", 9); h.Epoch.Number != 2 {
		t.Errorf("epoch = %q after one loss, want 2", h.Epoch)
	}
	w.sound(3)
}

// TestWaitersOfARebuildHaveTheirOwnDeadlines: the work goes on without them.
func TestWaitersOfARebuildHaveTheirOwnDeadlines(t *testing.T) {
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 2)
	w.model.Lose()
	g := newGate(seats.StepOpened)
	p := w.pool(g.onStep)
	ctx, cancel := context.WithCancel(t.Context())
	finish := stopped(t, g, func() (ledger.Hold, error) {
		return p.Heartbeat(ctx, user("ann"), ledger.Heartbeat{SessionID: ann.ID})
	})
	cancel()
	waiting, end := context.WithCancel(t.Context())
	w.failing(func(string) error {
		end() // once it has begun
		return nil
	})
	_, err := p.Heartbeat(waiting, user("ann"), ledger.Heartbeat{SessionID: ann.ID})
	w.failing(nil)
	var down *license.UnavailableError
	if !errors.As(err, &down) {
		t.Errorf("a waiter without time: %v", err)
	}
	if o := finish(); !errors.As(o.err, &down) {
		t.Errorf("the first, canceled: %v", o.err)
	}
	w.pool(nil).alive(ann)
}

// TestGuardAReleaseTheRecordMissed is acknowledged and stays one, also across a
// rebuild on the same data. Its seat is nobody's until its end is recorded.
func TestGuardAReleaseTheRecordMissed(t *testing.T) {
	for name, after := range map[string]func(*world){
		"ledger kept": func(*world) {}, "ledger rebuilt": func(w *world) { w.model.Promote() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(nil)
			ann := p.take("ann", 1)
			w.failing(only("End", recordtest.Outage(record.ErrNotWritten)))
			p.release(ann)
			p.release(ann)
			after(w)
			w.model.Advance(time.Second)
			if _, err := p.Heartbeat(t.Context(), user("bob"), ledger.Heartbeat{SessionID: ann.ID}); !errors.Is(err, license.ErrSessionNotFound) {
				t.Errorf("another user's heartbeat: %v", err)
			}
			if err := p.Release(t.Context(), user("bob"), ann.ID); !errors.Is(err, license.ErrSessionNotFound) {
				t.Errorf("another member's release: %v", err)
			}
			for what, err := range map[string]error{
				"acquire": func() error { _, err := p.acquire("bob", 1); return err }(),
				"reap":    func() error { _, err := p.Reap(t.Context(), acme); return err }(),
			} {
				var down *license.UnavailableError
				if !errors.As(err, &down) {
					t.Errorf("%s while the record is down: %v", what, err)
				}
			}
			p.gone(ann, license.EndReleased)
			w.failing(nil)
			bob := p.take("bob", 1) // completes the end
			w.recorded(ann, license.SessionEnded, license.EndReleased)
			p.gone(ann, license.EndReleased)
			p.alive(bob)
			w.sound(1)
		})
	}
}

// TestGuardTheReaperCompletesARelease that the record missed, and comes at once.
func TestGuardTheReaperCompletesARelease(t *testing.T) {
	w := newWorld(t)
	p, shard := w.pool(nil), w.model.Shard(acme)
	ann, bob := p.take("ann", 2), p.take("bob", 2)
	p.reap()
	d, err := w.model.Due(t.Context(), shard, 1)
	if err := errors.Join(err, w.model.Filled(t.Context(), shard, d.Identity)); err != nil {
		t.Fatal(err)
	}
	w.failing(only("End", recordtest.Outage(nil)))
	p.release(ann)
	w.failing(nil)
	if d, err := w.model.Due(t.Context(), shard, 1); err != nil || !slices.Equal(d.Organizations, []string{acme}) {
		t.Errorf("due: %v, %v", d.Organizations, err)
	}
	if done := p.reap(); done.Sessions != 1 {
		t.Errorf("reaped %+v", done)
	}
	w.recorded(ann, license.SessionEnded, license.EndReleased)
	p.alive(bob)
	w.sound(1)
}

// TestGuardTheFirstToTellAReleaseLeavesIt for the reaper: whoever was asked to release
// died between the mark and the record.
func TestGuardTheFirstToTellAReleaseLeavesIt(t *testing.T) {
	w := newWorld(t)
	p, shard := w.pool(nil), w.model.Shard(acme)
	ann := p.take("ann", 1)
	p.reap()
	d, err := w.model.Due(t.Context(), shard, 1)
	if err := errors.Join(err, w.model.Filled(t.Context(), shard, d.Identity)); err != nil {
		t.Fatal(err)
	}
	w.failing(only("End", recordtest.Outage(record.ErrNotWritten)))
	dead := errors.New("the process dies")
	dying := w.pool(func(s seats.Step) error {
		if s == seats.StepMarked {
			return dead
		}
		return nil
	})
	if err := dying.Release(t.Context(), user("ann"), ann.ID); !errors.Is(err, dead) {
		t.Fatal(err)
	}
	if d, err := w.model.Due(t.Context(), shard, 1); err != nil || len(d.Organizations) > 0 {
		t.Errorf("due before anyone was told: %v, %v", d.Organizations, err)
	}
	p.gone(ann, license.EndReleased)
	if d, err := w.model.Due(t.Context(), shard, 1); err != nil || !slices.Equal(d.Organizations, []string{acme}) {
		t.Errorf("due: %v, %v", d.Organizations, err)
	}
	w.failing(nil)
	if done := p.reap(); done.Sessions != 1 {
		t.Errorf("reaped %+v", done)
	}
	w.recorded(ann, license.SessionEnded, license.EndReleased)
	w.sound(0)
}

// TestAReleaseTheRecordMissedAndALoss: the loss forgets it. The seat stays taken
// for one more TTL, and is never sold beside it.
func TestAReleaseTheRecordMissedAndALoss(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.failing(only("End", recordtest.Outage(record.ErrNotWritten)))
	p.release(ann)
	w.failing(nil)
	w.model.Lose()
	p.refused("bob", 1)
	w.model.Advance(sessionTTL)
	bob := p.take("bob", 1)
	w.recorded(ann, license.SessionEnded, license.EndExpired)
	w.model.Lose()
	p.alive(bob)
	w.sound(1)
}
