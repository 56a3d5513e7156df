package seats_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// TestGuardAResumedRebuild: a rebuild stops at any call, and another process goes
// on with it. Wherever that was, no session is missing.
func TestGuardAResumedRebuild(t *testing.T) {
	const sessions = 400 // more than a page
	w := newWorld(t)
	recordedOnly(w, sessions)
	for _, method := range []string{"Stage", "ActiveSessions"} {
		for nth, stopped := 1, true; stopped; nth++ {
			w.model.Lose()
			calls := 0
			w.failing(func(m string) error {
				if m != method {
					return nil
				}
				if calls++; calls == nth {
					return errCrash
				}
				return nil
			})
			_, err := w.pool(nil).Reap(t.Context(), acme)
			w.failing(nil)
			if stopped = errors.Is(err, errCrash); !stopped && err != nil {
				t.Fatal(err)
			}
			w.model.Advance(ledger.RebuildLease(sessionTTL))
			w.pool(nil).reap()
			if w.sound(sessions); t.Failed() {
				t.Fatalf("stopped at call %d of %s", nth, method)
			}
		}
	}
}

// TestGuardAnOlderLedgerIsRebuilt: beside another primary, which has sold ann's
// seat, this one would answer her from what it knows.
func TestGuardAnOlderLedgerIsRebuilt(t *testing.T) {
	for name, ask := range map[string]func(instance, ledger.Hold) error{
		"acquire": func(p instance, _ ledger.Hold) error {
			req := request("ann", 1)
			req.RecordEpoch = 2
			_, err := p.Acquire(p.Context(), user("ann"), req, signed)
			return err
		},
		"heartbeat": func(p instance, h ledger.Hold) error {
			_, err := p.Heartbeat(p.Context(), user("ann"), ledger.Heartbeat{SessionID: h.ID, RecordEpoch: 2})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(nil)
			ann := p.take("ann", 1)
			p.alive(ann)
			there, end, bob := license.NewEpoch(2, "another primary"), ann.Session, ann.Session
			end.EndedAt, end.EndedReason = w.model.Now(), license.EndDisplaced
			bob.ID, bob.UserID, bob.Epoch = "01890000-0000-7000-8000-000000000000", "bob", there
			service := license.ServiceCaller(acme)
			_, err := w.record.OpenEpoch(t.Context(), service, "another primary")
			if err := errors.Join(err, w.record.End(t.Context(), service, there, []record.End{{Session: end}}), w.record.Create(t.Context(), service, bob)); err != nil {
				t.Fatal(err)
			}
			if err := ask(p, ann); err == nil {
				t.Error("ann was told that she holds bob's seat")
			}
			w.sound(1)
		})
	}
}

// TestASweepNamesWhatItCannotRead, as a rebuild does, and ends the others.
func TestASweepNamesWhatItCannotRead(t *testing.T) {
	w := newWorld(t)
	lost := unledgered(w, w.pool(nil), "ann")
	w.model.Advance(sessionTTL)
	var log bytes.Buffer
	p, err := seats.New(w.model, brokenDocuments{w.record}, seats.Options{SessionTTL: sessionTTL, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if done, err := p.Sweep(t.Context(), acme); err != nil || done.Repaired != 1 {
		t.Errorf("swept %+v, %v", done, err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "3f-broken") {
		t.Errorf("the log says %q", &log)
	}
	w.recorded(lost, license.SessionEnded, license.EndDisplaced)
}
