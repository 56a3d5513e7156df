package record_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

type hook = func(ctx context.Context, rpc string, call func(context.Context) error) error

// wantOutcome checks what an error claims about its write: mark is
// ErrNotWritten, ErrRefused, or nil for an unknown outcome.
func wantOutcome(t *testing.T, err, mark error) {
	t.Helper()
	var away *license.UnavailableError
	if !errors.As(err, &away) || away.Backend != "firestore" {
		t.Fatalf("error %v, want an unavailable firestore", err)
	}
	for _, each := range []error{record.ErrNotWritten, record.ErrRefused} {
		if errors.Is(err, each) != (each == mark) { //nolint:errorlint // the very mark
			t.Errorf("error %v: outcome should be %v", err, mark)
		}
	}
	if errors.Is(err, record.ErrFenced) || errors.Is(err, record.ErrEnded) {
		t.Errorf("error %v tells an outcome twice", err)
	}
}

// wantRecorded checks whether the session's record is there.
func wantRecorded(t *testing.T, r record.Record, want bool) {
	t.Helper()
	_, err := r.Session(t.Context(), acme(), sessionID)
	if want && err != nil || !want && !errors.Is(err, license.ErrSessionNotFound) {
		t.Errorf("reading the session: %v; it should exist: %v", err, want)
	}
}

// answer replaces one RPC by an answer the service never saw the question of.
func answer(rpc string, code codes.Code) hook {
	return func(ctx context.Context, name string, call func(context.Context) error) error {
		if name == rpc {
			return status.Error(code, "injected")
		}
		return call(ctx)
	}
}

// lose performs one RPC and replaces its answer.
func lose(rpc string, code codes.Code) hook {
	return func(ctx context.Context, name string, call func(context.Context) error) error {
		err := call(ctx)
		if name == rpc && err == nil {
			err = status.Error(code, "injected")
		}
		return err
	}
}

func TestFailureBeforeTheCommit(t *testing.T) {
	for name, fault := range map[string]hook{
		"transaction not begun": answer("BeginTransaction", codes.PermissionDenied),
		"epoch not read":        answer("BatchGetDocuments", codes.PermissionDenied),
	} {
		t.Run(name, func(t *testing.T) {
			r, w := wired(t)
			open(t, r)
			w.on = fault
			wantOutcome(t, r.Create(t.Context(), acme(), grant()), record.ErrNotWritten)
			wantOutcome(t, r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}), record.ErrNotWritten)
			wantOutcome(t, errorOf(r.OpenEpoch(t.Context(), acme(), "n")), record.ErrNotWritten)
			w.on = nil
			wantRecorded(t, r, false)
		})
	}
}

func TestCommitRefused(t *testing.T) {
	for _, test := range []struct {
		code codes.Code
		mark error
	}{
		{codes.PermissionDenied, record.ErrRefused},
		{codes.FailedPrecondition, record.ErrRefused},
		{codes.NotFound, record.ErrRefused},
		{codes.Unauthenticated, record.ErrRefused},
		// What the repetition of an applied commit gets, or a broken server gives.
		{codes.InvalidArgument, nil},
		{codes.Internal, nil},
		{codes.DeadlineExceeded, nil},
		{codes.Canceled, nil},
		{codes.Unknown, nil},
	} {
		t.Run(test.code.String(), func(t *testing.T) {
			r, w := wired(t)
			open(t, r)
			w.on = answer("Commit", test.code)
			wantOutcome(t, r.Create(t.Context(), acme(), grant()), test.mark)
			wantOutcome(t, r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}), test.mark)
			w.on = nil
			wantRecorded(t, r, false)
		})
	}
}

// TestContention: the client library repeats a transaction that lost against
// another; all of it lost, until the call's time is over, is certain.
func TestContention(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rollbacks := 0
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		switch rpc {
		case "Commit":
			return status.Error(codes.Aborted, "injected")
		case "Rollback":
			if rollbacks++; rollbacks == 2 {
				defer cancel()
			}
		}
		return call(ctx)
	}
	wantOutcome(t, r.Create(ctx, acme(), grant()), record.ErrRefused)
	w.on = nil
	wantRecorded(t, r, false)
}

// TestQuotaIsWaitedFor: the client library repeats a commit refused for quota;
// all of it refused is certain.
func TestQuotaIsWaitedFor(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	commits := 0
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		if rpc != "Commit" {
			return call(ctx)
		}
		if commits++; commits == 3 {
			return status.Error(codes.PermissionDenied, "injected")
		}
		return status.Error(codes.ResourceExhausted, "injected")
	}
	err := r.End(t.Context(), acme(), first(), []record.End{endOf(grant())})
	wantOutcome(t, err, record.ErrRefused)
	if commits != 3 {
		t.Errorf("%d commits", commits)
	}
}

func TestAnswerToTheCommitLost(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	w.on = lose("Commit", codes.Internal)
	wantOutcome(t, r.Create(t.Context(), acme(), grant()), nil)
	w.on = nil
	wantRecorded(t, r, true)
	must(t, r.Create(t.Context(), acme(), grant())) // the repeat succeeds

	w.on = lose("Commit", codes.Internal)
	wantOutcome(t, r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}), nil)
	w.on = nil
	must(t, r.End(t.Context(), acme(), first(), []record.End{endOf(grant())}))
	if err := r.Create(t.Context(), acme(), grant()); !errors.Is(err, record.ErrEnded) {
		t.Errorf("create after the end: %v", err)
	}
}

// TestRefusalOfARepeatedCommit: the first commit was applied, its answer lost,
// and the client library's repetition of it refused. Nothing about that refusal
// says that nothing was written.
func TestRefusalOfARepeatedCommit(t *testing.T) {
	for _, second := range []codes.Code{codes.PermissionDenied, codes.FailedPrecondition, codes.NotFound} {
		t.Run(second.String(), func(t *testing.T) {
			r, w := wired(t)
			open(t, r)
			commits := 0
			w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
				if rpc != "Commit" {
					return call(ctx)
				}
				if commits++; commits > 1 {
					return status.Error(second, "injected")
				}
				if err := call(ctx); err != nil {
					return err
				}
				return status.Error(codes.Unavailable, "injected: answer lost")
			}
			wantOutcome(t, r.Create(t.Context(), acme(), grant()), nil)
			w.on = nil
			if commits != 2 {
				t.Errorf("%d commits, want the library's repetition", commits)
			}
			wantRecorded(t, r, true)
		})
	}
}

// TestRepetitionMeetsItsOwnRecord lets the real emulator judge the repetition.
func TestRepetitionMeetsItsOwnRecord(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	commits := 0
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		err := call(ctx)
		if rpc != "Commit" {
			return err
		}
		if commits++; commits == 1 && err == nil {
			return status.Error(codes.Unavailable, "injected: answer lost")
		}
		t.Logf("the repetition is answered: %v", err)
		return err
	}
	if err := r.Create(t.Context(), acme(), grant()); err != nil {
		wantOutcome(t, err, nil)
	}
	if commits != 2 {
		t.Errorf("%d commits, want the library's repetition", commits)
	}
	w.on = nil
	wantRecorded(t, r, true)
	must(t, r.Create(t.Context(), acme(), grant()))
}

// TestOwnRecordAlreadyExists: what the service may answer to the repetition of
// an applied create.
func TestOwnRecordAlreadyExists(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	w.on = lose("Commit", codes.AlreadyExists)
	must(t, r.Create(t.Context(), acme(), grant()))

	// The record is there, but cannot be read: the outcome stays open.
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		if rpc == "Commit" {
			w.on = answer("BatchGetDocuments", codes.PermissionDenied)
		}
		return call(ctx)
	}
	wantOutcome(t, r.Create(t.Context(), acme(), grant()), nil)

	// It is said to be there, and is not.
	s := grant()
	s.ID = sessionID[:35] + "2"
	w.on = answer("Commit", codes.AlreadyExists)
	wantOutcome(t, r.Create(t.Context(), acme(), s), nil)
}

// TestFenceAfterALostAnswer: the first commit may have been applied, its
// repetition lost against a rebuild, and the second attempt finds the new epoch.
// ErrFenced would promise that nothing was written.
func TestFenceAfterALostAnswer(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	begins, commits := 0, 0
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		switch {
		case rpc == "BeginTransaction":
			if begins++; begins == 2 {
				rebuild(t, r, w) //nolint:contextcheck // another caller's work
			}
		case rpc == "Commit" && commits == 0:
			commits++
			return errors.Join(call(ctx), status.Error(codes.Unavailable, "injected: answer lost"))
		case rpc == "Commit":
			return status.Error(codes.Aborted, "injected: lost against the rebuild")
		}
		return call(ctx)
	}
	wantOutcome(t, r.Create(t.Context(), acme(), grant()), nil)
	w.on = nil
	wantRecorded(t, r, true)
}

// TestFenceAfterARefusedAttempt: every earlier attempt was refused, so the
// fence's promise holds.
func TestFenceAfterARefusedAttempt(t *testing.T) {
	r, w := wired(t)
	open(t, r)
	begins := 0
	w.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		switch rpc {
		case "BeginTransaction":
			if begins++; begins == 2 {
				rebuild(t, r, w) //nolint:contextcheck // another caller's work
			}
		case "Commit":
			return status.Error(codes.Aborted, "injected: lost against the rebuild")
		}
		return call(ctx)
	}
	if err := r.Create(t.Context(), acme(), grant()); !errors.Is(err, record.ErrFenced) {
		t.Errorf("error %v, want a fence", err)
	}
	wantRecorded(t, r, false)
}

// rebuild moves the epoch from within a hook, which it leaves out meanwhile.
func rebuild(t *testing.T, r record.Record, w *wire) {
	outer := w.on
	w.on = nil
	if _, err := r.OpenEpoch(t.Context(), acme(), "nonce-2"); err != nil {
		t.Error(err)
	}
	w.on = outer
}

// TestWithoutWatching: a client made elsewhere works, and claims less.
func TestWithoutWatching(t *testing.T) {
	w := newWire()
	conn, err := grpc.NewClient("passthrough:///"+servers.Firestore(t),
		append(w.options(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	must(t, err)
	client, err := firestore.NewClient(t.Context(), freshProject(), option.WithGRPCConn(conn))
	must(t, err)
	closeAfter(t, client)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	open(t, r)
	old := grant()
	old.Epoch = license.NewEpoch(7, "nonce-1")
	if err := r.Create(t.Context(), acme(), old); !errors.Is(err, record.ErrFenced) {
		t.Errorf("error %v, want a fence", err)
	}
	w.on = answer("BeginTransaction", codes.PermissionDenied)
	wantOutcome(t, r.Create(t.Context(), acme(), grant()), record.ErrNotWritten)
	w.on = answer("Commit", codes.PermissionDenied)
	wantOutcome(t, r.Create(t.Context(), acme(), grant()), nil)
	w.on = nil
	must(t, r.Create(t.Context(), acme(), grant()))
	must(t, r.Create(t.Context(), acme(), grant()))
}
