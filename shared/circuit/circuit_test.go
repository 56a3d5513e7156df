package circuit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var errDown = status.Error(codes.Unavailable, "nobody is there")

// pass moves a bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

// call makes one call with this outcome and reports whether it was sent.
func call(b *Breaker, outcome error) (sent bool, err error) {
	err = b.Do(context.Background(), func() error {
		sent = true
		return outcome
	})
	return sent, err
}

func fail(t *testing.T, b *Breaker, times int, outcome error) {
	t.Helper()
	for range times {
		if sent, err := call(b, outcome); !sent || !errors.Is(err, outcome) {
			t.Fatalf("sent %v, error %v, want the call's own", sent, err)
		}
	}
}

func wantOpen(t *testing.T, b *Breaker) {
	t.Helper()
	if sent, err := call(b, nil); sent || !errors.Is(err, ErrOpen) {
		t.Errorf("sent %v, error %v, want a refusal at once", sent, err)
	}
}

func wantClosed(t *testing.T, b *Breaker) {
	t.Helper()
	if sent, err := call(b, nil); !sent || err != nil {
		t.Errorf("sent %v, error %v, want the call to pass", sent, err)
	}
}

func TestOpensAfterFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{Backend: "redis"})
		pass(DefaultCooldown)
		fail(t, b, Failures-1, errDown)
		wantClosed(t, b)                // an answer begins the count anew
		fail(t, b, 3*Failures, errDown) // together: somebody was answered a moment ago
		pass(DefaultCooldown)
		fail(t, b, 1, errDown)
		wantOpen(t, b)
		pass(DefaultCooldown)
		wantOpen(t, b)
		pass(1)
		fail(t, b, 1, errDown)
		wantOpen(t, b) // the one that looked found nobody
		pass(DefaultCooldown + 1)
		wantClosed(t, b)
		pass(DefaultCooldown)
		fail(t, b, Failures-1, errDown)
		wantClosed(t, b)
	})
}

// TestOneCallLooks after the cooldown, however many come.
func TestOneCallLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{Backend: "redis", Cooldown: time.Minute})
		pass(time.Minute)
		fail(t, b, Failures, errDown)
		pass(time.Minute + 1)
		answered := make(chan error)
		go func() {
			answered <- b.Do(t.Context(), func() error {
				pass(time.Second)
				return nil
			})
		}()
		synctest.Wait()
		for range 10 {
			wantOpen(t, b)
		}
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		wantClosed(t, b)
	})
}

// TestWhatIsNoFailure: refusals are answers.
func TestWhatIsNoFailure(t *testing.T) {
	b := New(Options{Backend: "firestore"})
	for _, outcome := range []error{
		errors.New("a refusal"), status.Error(codes.Aborted, "contention"), status.Error(codes.PermissionDenied, "no"),
	} {
		fail(t, b, 3*Failures, outcome)
		wantClosed(t, b)
	}
}

// TestOnlyThosePatientEnoughCount: whoever comes with little time, or leaves at
// once, says nothing about the backend, also when it was the one that looked.
func TestOnlyThosePatientEnoughCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{Backend: "firestore", Patience: time.Second})
		wait := func(d time.Duration, outcome error) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			if err := b.Do(ctx, func() error { <-ctx.Done(); return outcome }); !errors.Is(err, outcome) {
				t.Errorf("error = %v, want the call's own", err)
			}
		}
		gone := status.Error(codes.Canceled, "gone")
		for range 3 * Failures {
			wait(time.Second-1, context.DeadlineExceeded)
			wait(time.Second-1, context.Canceled)
			wait(0, gone)
		}
		wantClosed(t, b)
		for range Failures {
			wait(time.Second, gone) // longer than the cooldown, in all
		}
		wantOpen(t, b)
		pass(DefaultCooldown + 1)
		wait(10*time.Millisecond, context.DeadlineExceeded)
		wantClosed(t, b)
	})
}

func TestUnanswered(t *testing.T) {
	for err, want := range map[error]bool{
		errDown: true, status.Error(codes.DeadlineExceeded, "slow"): true, context.DeadlineExceeded: true,
		errors.Join(errors.New("x"), errDown): true, fmt.Errorf("wrapped: %w", errDown): true,
		nil: false, errors.New("x"): false, status.Error(codes.Aborted, "again"): false, status.Error(codes.NotFound, "no"): false,
	} {
		if got := Unanswered(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

func TestANilBreakerLetsAllPass(t *testing.T) {
	var b *Breaker
	fail(t, b, 3*Failures, errDown)
	wantClosed(t, b)
}

func TestTheLogTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := New(Options{Backend: "kms", Log: slog.New(slog.NewTextHandler(&out, nil))})
		pass(DefaultCooldown)
		fail(t, b, Failures, errDown)
		for range 3 {
			pass(DefaultCooldown + 1)
			fail(t, b, 1, errDown) // a look in between is no news
		}
		pass(DefaultCooldown + 1)
		wantClosed(t, b)
		log := out.String()
		if strings.Count(log, "\n") != 2 || strings.Count(log, "backend=kms") != 2 || !strings.Contains(log, "answers again") ||
			!strings.Contains(log, "nobody is there") {
			t.Errorf("logged:\n%s", log)
		}
	})
}
