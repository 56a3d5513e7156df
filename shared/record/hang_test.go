package record_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// hang stops one RPC until its context is over, and tells that it was reached.
func hang(rpc string, reached func()) hook {
	return func(ctx context.Context, name string, call func(context.Context) error) error {
		if name != rpc {
			return call(ctx)
		}
		reached()
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
}

func TestHangingCommit(t *testing.T) {
	calls := map[string]func(context.Context, *record.Firestore) error{
		"Create": func(ctx context.Context, r *record.Firestore) error { return r.Create(ctx, acme(), grant()) },
		"End": func(ctx context.Context, r *record.Firestore) error {
			return r.End(ctx, acme(), first(), []record.End{endOf(grant())})
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			r, w := wired(t)
			open(t, r)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.on = hang("Commit", cancel)
			err := call(ctx, r)
			wantOutcome(t, err, nil)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v does not say why", err)
			}
		})
	}
}

func TestHangingBeforeTheCommit(t *testing.T) {
	for _, rpc := range []string{"BeginTransaction", "BatchGetDocuments"} {
		t.Run(rpc, func(t *testing.T) {
			r, w := wired(t)
			open(t, r)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.on = hang(rpc, cancel)
			wantOutcome(t, r.Create(ctx, acme(), grant()), record.ErrNotWritten)
		})
	}
}

// TestOwnDeadline: a call ends by itself, whatever the caller's context allows.
func TestOwnDeadline(t *testing.T) {
	w := newWire()
	w.on = func(ctx context.Context, _ string, _ func(context.Context) error) error {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	r := record.NewFirestore(dial(t, w.options()...), record.FirestoreOptions{Deadline: 20 * time.Millisecond})
	for name, call := range map[string]func() error{
		"Create":  func() error { return r.Create(t.Context(), acme(), grant()) },
		"End":     func() error { return r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}) },
		"Session": func() error { return errorOf(r.Session(t.Context(), acme(), sessionID)) },
		"OwnSessions": func() error {
			return errorOf(r.OwnSessions(t.Context(), license.Caller{OrganizationID: "acme", UserID: "u"}, "l", 1))
		},
		"Licenses":        func() error { return errorOf(r.Licenses(t.Context(), acme())) },
		"Entitlements":    func() error { return errorOf(r.Entitlements(t.Context(), acme())) },
		"CountActive":     func() error { return errorOf(r.CountActive(t.Context(), acme())) },
		"ActiveSessions":  func() error { return r.ActiveSessions(t.Context(), acme(), 0, "", nil) },
		"OrganizationIDs": func() error { return errorOf(r.OrganizationIDs(t.Context(), "", 1)) },
		"Ping":            func() error { return r.Ping(t.Context()) },
	} {
		err := call()
		var away *license.UnavailableError
		if !errors.As(err, &away) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyWaitsForTheRollback: it may take the client library another 5 s.
func TestNobodyWaitsForTheRollback(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answered, rolledBack := make(chan struct{}), make(chan struct{})
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		switch rpc {
		case "Commit":
			cancel()
			<-ctx.Done()
			return status.FromContextError(ctx.Err()).Err()
		case "Rollback":
			<-answered
			defer close(rolledBack)
		}
		return call(ctx)
	}
	wantOutcome(t, r.Create(ctx, acme(), grant()), nil)
	close(answered)
	<-rolledBack // it was sent all the same: a pessimistic database's lock is free
}

// TestNothingIsSentAfterTheAnswer: a caller was told that nothing was written.
// A step that went on regardless must not make that untrue.
func TestNothingIsSentAfterTheAnswer(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	w.spent()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answered, rolledBack := make(chan struct{}), make(chan struct{})
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		switch rpc {
		case "BatchGetDocuments":
			cancel()
			<-answered
			return call(context.WithoutCancel(ctx))
		case "Rollback":
			defer close(rolledBack)
		}
		return call(ctx)
	}
	wantOutcome(t, r.Create(ctx, acme(), grant()), record.ErrNotWritten)
	close(answered)
	<-rolledBack
	if calls, _, _ := w.spent(); calls["Commit"] != 0 {
		t.Errorf("%d commits after the answer", calls["Commit"])
	}
}
