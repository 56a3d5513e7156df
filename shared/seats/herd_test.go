package seats_test

import (
	"context"
	"errors"
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

// TestHundredsOfInstancesRebuildOnce: after a loss all of them notice at the same
// moment. One reads the record; the others wait for it and lose nothing.
func TestHundredsOfInstancesRebuildOnce(t *testing.T) {
	const instances = 300
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 100)
	var epochs, reads atomic.Int32
	reading := make(chan struct{}) // closed once everybody has asked
	w.failing(func(method string) error {
		switch method {
		case "OpenEpoch":
			epochs.Add(1)
		case "ActiveSessions":
			reads.Add(1)
			<-reading
		}
		return nil
	})
	w.model.Lose()
	var asked sync.WaitGroup
	asked.Add(instances)
	var done sync.WaitGroup
	for range instances {
		p := w.waiting(sync.OnceFunc(asked.Done))
		done.Go(func() {
			if err := p.heartbeat(ann); err != nil {
				t.Error(err)
			}
		})
	}
	// One never waits: it is the one that reads.
	asked.Done()
	asked.Wait()
	close(reading)
	done.Wait()
	if epochs.Load() != 1 || reads.Load() != 1 {
		t.Errorf("%d epochs opened and %d parts of the record read for one loss in %d instances", epochs.Load(), reads.Load(), instances)
	}
	w.failing(nil)
	w.sound(1)
}

// waiting is an instance that really waits, and tells when it begins to.
func (w *world) waiting(begins func()) instance {
	w.Helper()
	p, err := seats.New(w.ledger, w.record, seats.Options{
		SessionTTL: sessionTTL, Now: w.model.Now,
		Wait: func(ctx context.Context, _ time.Duration) error {
			begins()
			timer := time.NewTimer(time.Millisecond)
			defer timer.Stop()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
				return nil
			}
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	return instance{w, p}
}

// TestARebuilderThatDied is followed by another as soon as its lease has ended.
func TestARebuilderThatDied(t *testing.T) {
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 100)
	w.model.Lose()
	if err := w.pool(crashAt(seats.StepOpened)).heartbeat(ann); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.model.Advance(ledger.RebuildLease(sessionTTL))
	calls := w.cost(func() { w.pool(nil).alive(ann) })
	claims := 0
	for _, c := range calls {
		if c == "Claim" {
			claims++
		}
	}
	if claims != 2 { // taken, and renewed
		t.Errorf("asked %d times for a lease that had ended", claims)
	}
	w.sound(1)
}

// TestARebuildThatFailed gives its lease back: the next request finds out for
// itself, and does not wait for one that has given up.
func TestARebuildThatFailed(t *testing.T) {
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 100)
	w.model.Lose()
	for range 2 {
		w.failing(only("OpenEpoch", recordtest.Outage(record.ErrNotWritten)))
		var down *license.UnavailableError
		calls := w.cost(func() {
			if err := w.pool(nil).heartbeat(ann); !errors.As(err, &down) {
				t.Errorf("error = %v", err)
			}
		})
		if want := 4; len(calls) != want { // Beat, Claim, OpenEpoch, Disclaim
			t.Errorf("calls %v", calls)
		}
	}
	w.failing(nil)
	w.pool(nil).alive(ann)
	w.sound(1)
}
