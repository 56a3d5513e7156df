package rig

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// behindGateway is the address of a gateway of this mode.
func behindGateway(t *testing.T, mode Firestore) (addr string) {
	t.Helper()
	s := &Shared{emulator: servers.Firestore(t), mode: mode}
	if err := s.serveFirestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := document(t, s.firestore, "n").Set(t.Context(), map[string]any{"n": 0}); err != nil {
		t.Fatal(err)
	}
	return s.firestore
}

func document(t *testing.T, addr, name string) *firestore.DocumentRef {
	t.Helper()
	return dial(t, addr).Collection("gateway").Doc(strings.ReplaceAll(t.Name(), "/", "-") + "-" + name)
}

func dial(t *testing.T, addr string) *firestore.Client {
	t.Helper()
	c, err := record.Dial(t.Context(), record.Target{ProjectID: devstack.Project, Emulator: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// count is a transaction that reads a document, waits, and writes one more; attempts
// bounds how often. It tells that it has read, at its first attempt.
type count struct {
	hasRead, goOn chan struct{}
	result        chan error
	ran           int
}

func (c *count) run(ctx context.Context, t *testing.T, addr string, attempts int) {
	t.Helper()
	doc, client := document(t, addr, "n"), dial(t, addr) //nolint:contextcheck // the test's own time
	c.hasRead, c.goOn, c.result = make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		c.result <- client.RunTransaction(ctx, func(_ context.Context, tx *firestore.Transaction) error {
			s, err := tx.Get(doc)
			if err != nil {
				return err
			}
			n, _ := s.Data()["n"].(int64)
			if c.ran++; c.ran == 1 {
				close(c.hasRead)
				<-c.goOn
			}
			return tx.Set(doc, map[string]any{"n": n + 1})
		}, firestore.MaxAttempts(attempts))
	}()
	<-c.hasRead
}

func (c *count) commit() error { close(c.goOn); return <-c.result }

func total(t *testing.T, addr string) int64 {
	t.Helper()
	s, err := document(t, addr, "n").Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, _ := s.Data()["n"].(int64)
	return n
}

// TestOptimistic: of two transactions that read and write one document the one that
// commits later is aborted, whichever began first, and goes through when repeated.
func TestOptimistic(t *testing.T) {
	addr := behindGateway(t, Firestore{Optimistic, time.Minute})
	var one, two, three count
	one.run(t.Context(), t, addr, 1)
	two.run(t.Context(), t, addr, 5)
	three.run(t.Context(), t, addr, 1)
	if err := one.commit(); err != nil {
		t.Errorf("the first to commit: %v", err)
	}
	if err := two.commit(); err != nil || two.ran != 2 {
		t.Errorf("the second, repeated: %v after %d attempts", err, two.ran)
	}
	if err := three.commit(); status.Code(err) != codes.Aborted {
		t.Errorf("the third: %v", err)
	}
	if n := total(t, addr); n != 2 {
		t.Errorf("n = %d", n)
	}
}

// TestOptimisticPlainWrites: a write without a transaction aborts who has read before.
func TestOptimisticPlainWrites(t *testing.T) {
	addr := behindGateway(t, Firestore{Optimistic, time.Minute})
	var one count
	one.run(t.Context(), t, addr, 1)
	if _, err := document(t, addr, "n").Set(t.Context(), map[string]any{"n": 7}); err != nil {
		t.Fatal(err)
	}
	if err := one.commit(); status.Code(err) != codes.Aborted {
		t.Errorf("it has read before: %v", err)
	}
	if n := total(t, addr); n != 7 {
		t.Errorf("n = %d", n)
	}
}

// TestOptimisticAside: who reads the same and writes something else is in nobody's way.
func TestOptimisticAside(t *testing.T) {
	addr := behindGateway(t, Firestore{Optimistic, time.Minute})
	shared, mine := document(t, addr, "n"), document(t, addr, "mine")
	client := dial(t, addr)
	var errs []error
	err := client.RunTransaction(t.Context(), func(_ context.Context, tx *firestore.Transaction) error {
		if _, err := tx.Get(shared); err != nil {
			return err
		}
		errs = append(errs, client.RunTransaction(t.Context(), func(_ context.Context, tx *firestore.Transaction) error { //nolint:contextcheck // another one, beside it
			if _, err := tx.Get(shared); err != nil {
				return err
			}
			return tx.Set(mine, map[string]any{"n": 1})
		}, firestore.MaxAttempts(1)))
		return tx.Set(document(t, addr, "other"), map[string]any{"n": 1}) //nolint:contextcheck // the test's own time
	}, firestore.MaxAttempts(1))
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Error(err)
	}
}

// TestPessimistic: a commit waits for who has read what it writes; of two that wait
// for each other the later one is aborted.
func TestPessimistic(t *testing.T) {
	addr := behindGateway(t, Firestore{Pessimistic, time.Minute})
	var one, two count
	one.run(t.Context(), t, addr, 5)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := document(t, addr, "n").Set(short, map[string]any{"n": 7}); err == nil {
		t.Error("a write went past the lock")
	}
	two.run(t.Context(), t, addr, 5)
	// Each is in the way of the other; which of them commits later is theirs to settle.
	close(one.goOn)
	close(two.goOn)
	if err := errors.Join(<-one.result, <-two.result); err != nil || one.ran+two.ran != 3 {
		t.Errorf("one of the two, repeated: %v after %d and %d attempts", err, one.ran, two.ran)
	}
	if n := total(t, addr); n != 2 {
		t.Errorf("n = %d", n)
	}
}

// TestTheDead: what a process that has gone has read is in the way of others until
// it was idle for long enough, and in optimistic mode never.
func TestTheDead(t *testing.T) {
	for _, mode := range []Firestore{{Optimistic, time.Minute}, {Pessimistic, 300 * time.Millisecond}} {
		t.Run(string(mode.Mode), func(t *testing.T) {
			addr := behindGateway(t, mode)
			p, err := newProxy("firestore", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Cut()
			var dead count
			dead.run(t.Context(), t, p.Addr(), 1)
			p.Cut()
			begin := time.Now()
			if _, err := document(t, addr, "n").Set(t.Context(), map[string]any{"n": 7}); err != nil {
				t.Error(err)
			}
			if waited := time.Since(begin); mode.Mode == Pessimistic && waited < mode.Idle/2 {
				t.Errorf("it waited %s", waited)
			}
			if err := p.Open(""); err != nil {
				t.Fatal(err)
			}
			if err := dead.commit(); err == nil {
				t.Error("the dead one succeeded")
			}
			if n := total(t, addr); n != 7 {
				t.Errorf("n = %d", n)
			}
		})
	}
}
