package torture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// No wait of the quiet time has a length of its own: it lasts as long as somebody
// makes progress, at whatever speed. A wait without any is given up when others
// were served for long, which a slow machine does not do, or after standstill.
const (
	// standstill is far above what anything takes at a hundredth of the usual speed.
	standstill = 10 * time.Minute
	// lookEvery is how often a wait looks again.
	lookEvery = 20 * time.Millisecond
)

// mended waits until nothing is broken any more; the lanes have ended.
func (r *round) mended(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, standstill)
	defer cancel()
	if err := errors.Join(r.clocks.repair(), r.Redis.Working(ctx), r.onTime(ctx)); err != nil {
		return err
	}
	return r.idle(ctx)
}

// onTime starts the function processes anew whose clocks are so wrong that they
// grant and end nothing: with no other there, nobody would reap.
func (r *round) onTime(ctx context.Context) error {
	for i, w := range r.Workers {
		if w.Config().Skew.Abs() <= r.pace.ClockTolerance {
			continue
		}
		if err := r.replace(ctx, i, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// idle waits until no function process has anything in hand: what its client has
// given up may still take a seat.
func (r *round) idle(ctx context.Context) error {
	for {
		busy := 0
		for _, w := range r.Workers {
			s, err := w.Stats(ctx, r.client.http)
			if err != nil {
				return err
			}
			busy += s.InHand
		}
		if busy == 0 {
			return nil
		}
		rig.Sleep(ctx, lookEvery)
	}
}

const (
	// enoughReaps is how many runs of the reaper that left nothing over, and
	// enoughLives how many lives of a session, end every session: it visits an idle
	// organization once more a life later, and looks into its record then;
	// and under a wrong clock a heartbeat counts for up to eleven lives.
	enoughReaps = 20
	enoughLives = 20
)

// reapAll runs the reaper until no session is recorded as active, or until it has
// certainly done all it ever does, and answers the records.
func (r *round) reapAll(ctx context.Context) ([]history.Record, error) {
	left, finished, since := -1, 0, time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		if r.client.reap(ctx, n%len(r.Workers)).Complete {
			finished++
		}
		active, err := r.active(ctx)
		if err != nil {
			return nil, err
		}
		if left < 0 || active < left {
			left, finished, since = active, 0, time.Now()
		}
		waited := time.Since(since)
		if active == 0 || waited > enoughLives*r.pace.SessionTTL && finished >= enoughReaps || waited > standstill {
			break
		}
		rig.Sleep(ctx, r.pace.SessionTTL/3)
	}
	return r.records(ctx)
}

// active counts the sessions that are recorded as active.
func (r *round) active(ctx context.Context) (int, error) {
	n := 0
	for _, org := range r.names {
		docs, err := r.sessions(org).Where("status", "==", string(license.SessionActive)).Select().Documents(ctx).GetAll()
		if err != nil {
			return 0, fmt.Errorf("count the sessions of %s: %w", org, err)
		}
		n += len(docs)
	}
	return n, nil
}

// sessions are the documents of an organization's sessions, read past all faults.
func (r *round) sessions(org string) *firestore.CollectionRef {
	return r.Client.Collection("orgs").Doc(org).Collection("sessions")
}

// records reads every session's document from the emulator directly.
func (r *round) records(ctx context.Context) ([]history.Record, error) {
	var out []history.Record
	for _, org := range r.names {
		docs, err := r.sessions(org).Documents(ctx).GetAll()
		if err != nil {
			return nil, fmt.Errorf("read the sessions of %s: %w", org, err)
		}
		for _, doc := range docs {
			d := history.Record{Org: org, Session: rig.SessionOf(doc.Ref.ID)}
			data := doc.Data()
			d.Status, _ = data["status"].(string)
			d.Reason, _ = data["ended_reason"].(string)
			d.License, _ = data["license_id"].(string)
			d.Acquired, d.EndedAt = instant(data["acquired_at"]), instant(data["ended_at"])
			out = append(out, d)
		}
	}
	return out, nil
}

func instant(v any) history.Instant {
	t, ok := v.(time.Time)
	if !ok || t.IsZero() {
		return 0
	}
	return history.At(t)
}
