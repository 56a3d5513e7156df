package seats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// recordedOnly makes the record have n active sessions that the ledger knows nothing of.
func recordedOnly(w *world, n int) {
	w.Helper()
	caller := license.ServiceCaller(acme)
	epoch, err := w.record.Record.OpenEpoch(w.Context(), caller, "before")
	if err != nil {
		w.Fatal(err)
	}
	for i := range n {
		s := license.Session{
			ID: fmt.Sprintf("0199abcd-0000-7000-8000-%012d", i), Epoch: epoch, Status: license.SessionActive,
			Holder:     license.Holder{LicenseID: "pro", UserID: fmt.Sprint("u-", i), HardwareID: "hw"},
			AcquiredAt: w.model.Now(), LastHeartbeatAt: w.model.Now(), ExpiresAt: w.model.Now().Add(sessionTTL),
		}
		if err := w.record.Record.Create(w.Context(), caller, s); err != nil {
			w.Fatal(err)
		}
	}
}

// TestARebuildGoesOnWhereAnotherStopped: what a process has staged before it
// died is not read again.
func TestARebuildGoesOnWhereAnotherStopped(t *testing.T) {
	w := newWorld(t)
	recordedOnly(w, 10_000)
	stages := 0
	w.failing(func(method string) error {
		if method == "Stage" {
			if stages++; stages == 20 {
				return errCrash
			}
		}
		return nil
	})
	if _, err := w.pool(nil).Reap(t.Context(), acme); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.failing(nil)
	w.model.Advance(ledger.RebuildLease(sessionTTL))
	calls := w.cost(func() { w.pool(nil).reap() })
	again := len(slices.DeleteFunc(calls, func(c string) bool { return c != "Stage" }))
	if whole := 10_000/300 + record.Parts; again > whole-15 {
		t.Errorf("%d pages were staged after 20 of some %d", again, whole)
	}
	w.sound(10_000)
}

// slowPages is a record that takes its time for every page.
type slowPages struct {
	record.Record
	each time.Duration
}

func (r slowPages) ActiveSessions(ctx context.Context, c license.Caller, part int, after string, visit func(record.Page) error) error {
	return r.Record.ActiveSessions(ctx, c, part, after, func(page record.Page) error {
		select {
		case <-ctx.Done():
			return &license.UnavailableError{Backend: "firestore", Err: ctx.Err()}
		case <-time.After(r.each):
			return visit(page)
		}
	})
}

// TestARebuildMayTakeLong as long as it comes forward: a large organization is
// no failure, a record that hangs is one.
func TestARebuildMayTakeLong(t *testing.T) {
	for _, tt := range []struct {
		page time.Duration
		ok   bool
	}{{50 * time.Second, true}, {61 * time.Second, false}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			recordedOnly(w, 1000)
			p, err := seats.New(w.model, slowPages{w.record, tt.page}, seats.Options{SessionTTL: sessionTTL, Parallel: 1})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = p.Reap(t.Context(), acme)
			if (err == nil) != tt.ok {
				t.Errorf("pages of %s: %v", tt.page, err)
			}
			if took := time.Since(start); tt.ok && took < 5*time.Minute || !tt.ok && took > 2*time.Minute {
				t.Errorf("pages of %s: it took %s", tt.page, took)
			}
		})
	}
}

// brokenDocuments is a record in which some cannot be read.
type brokenDocuments struct{ record.Record }

func (r brokenDocuments) ActiveSessions(ctx context.Context, c license.Caller, part int, after string, visit func(record.Page) error) error {
	return r.Record.ActiveSessions(ctx, c, part, after, func(page record.Page) error {
		page.Unreadable = []string{"3f-broken"}
		return visit(page)
	})
}

// TestADocumentThatCannotBeRead stops no organization, and is named in the log.
func TestADocumentThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	ann := w.pool(nil).take("ann", 9)
	w.model.Lose()
	var log bytes.Buffer
	p, err := seats.New(w.model, brokenDocuments{w.record}, seats.Options{SessionTTL: sessionTTL, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: ann.ID}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "3f-broken") {
		t.Errorf("the log says %q", &log)
	}
}

// TestReapingSeveralTransactionsAtATime, and none twice.
func TestReapingSeveralTransactionsAtATime(t *testing.T) {
	w := newWorld(t)
	recordedOnly(w, 5*record.MaxEnds)
	w.pool(nil).reap()
	w.model.Advance(sessionTTL)
	ends, most, now := 0, 0, 0
	open := make(chan struct{})
	w.failing(func(method string) error {
		if method != "End" {
			return nil
		}
		w.mu.Lock()
		ends++
		now++
		most = max(most, now)
		if now == 4 {
			close(open)
		}
		w.mu.Unlock()
		<-open // until four are under way
		return nil
	})
	p, err := seats.New(w.ledger, w.record, seats.Options{SessionTTL: sessionTTL, Parallel: 4, Now: w.model.Now})
	if err != nil {
		t.Fatal(err)
	}
	done, err := p.Reap(t.Context(), acme)
	if err != nil || done.Sessions != 5*record.MaxEnds || ends != 5 {
		t.Errorf("reaped %+v in %d transactions, %v", done, ends, err)
	}
	w.failing(nil)
	w.sound(0)
}

// TestTheClocksAlarm: whoever is refused for the clock is told so, and an
// operator once a minute.
func TestTheClocksAlarm(t *testing.T) {
	w := newWorld(t)
	var log bytes.Buffer
	p, err := seats.New(w.model, w.record, seats.Options{SessionTTL: sessionTTL, Now: w.model.CallersNow, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ann, err := p.Acquire(t.Context(), user("ann"), request("ann", 2), signed)
	if err != nil {
		t.Fatal(err)
	}
	w.model.Step(time.Hour)
	for _, wait := range []time.Duration{0, time.Second, 2 * time.Minute} {
		w.model.Advance(wait)
		_, err := p.Acquire(t.Context(), user("bob"), request("bob", 2), signed)
		var down *license.UnavailableError
		if !errors.As(err, &down) || !errors.As(err, new(*ledger.ClockError)) {
			t.Errorf("acquire: %v", err)
		}
		if _, err := p.Reap(t.Context(), acme); !errors.As(err, new(*ledger.ClockError)) {
			t.Errorf("reap: %v", err)
		}
		if _, err := p.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: ann.ID}); err != nil {
			t.Errorf("heartbeat: %v", err)
		}
	}
	if n := strings.Count(log.String(), "msg=clock"); n != 2 {
		t.Errorf("the alarm was raised %d times, want 2: %s", n, &log)
	}
	w.model.Step(-time.Hour)
	if _, err := p.Acquire(t.Context(), user("bob"), request("bob", 2), signed); err != nil {
		t.Error(err)
	}
	if ledgertest.ClockTolerance >= sessionTTL/4 {
		t.Error("the tolerance is not far below a session's life")
	}
}
