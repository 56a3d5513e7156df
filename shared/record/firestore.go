package record

import (
	"cmp"
	"context"
	"errors"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
)

// DefaultDeadline is how long one call to Firestore may take with all its
// retries: far above its usual 10–50 ms, and as long as somebody who waits for a
// seat should wait for a store that hangs. A commit that is given up may have been
// applied all the same; the seat protocol lives with that.
const DefaultDeadline = 2 * time.Second

// transactionAttempts is how often one call tries a transaction that lost
// against another. Only a rebuild's new epoch and two ends of one session compete
// for a document, so more attempts would wait for something else.
const transactionAttempts = 5

// Firestore is the record in Cloud Firestore, in Native mode. It is safe for
// concurrent use. SessionPage and SessionsDuring alone need composite indexes.
type Firestore struct {
	client   *firestore.Client
	deadline time.Duration
	circuit  *circuit.Breaker
	events   bool
	groups   groups
}

// FirestoreOptions are the settings of [NewFirestore].
type FirestoreOptions struct {
	// Deadline bounds every single call, in addition to its context's own
	// deadline. Zero means [DefaultDeadline].
	Deadline time.Duration
	// Circuit stands before every call; nil lets all pass.
	Circuit *circuit.Breaker
	// Events has transactions tell what they do: see [Outbox].
	Events bool
}

// NewFirestore makes a record of a client, which stays the caller's to close.
// Clients made by [Dial] let it tell more about failed writes: see [WatchCommits].
func NewFirestore(client *firestore.Client, options FirestoreOptions) *Firestore {
	return &Firestore{
		client: client, deadline: cmp.Or(options.Deadline, DefaultDeadline), circuit: options.Circuit, events: options.Events,
	}
}

var _ Record = (*Firestore)(nil)

// read runs one call that writes nothing. What fn returns is a failure to
// reach the store.
func (f *Firestore) read(caller context.Context, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(caller, f.deadline)
	defer cancel()
	err := f.circuit.Do(caller, func() error {
		if err := fn(ctx); err != nil {
			return withCause(ctx, err)
		}
		return nil
	})
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// get reads one document; a missing one is a nil snapshot.
func (f *Firestore) get(ctx context.Context, ref *firestore.DocumentRef) (*firestore.DocumentSnapshot, error) {
	var snapshot *firestore.DocumentSnapshot
	err := f.read(ctx, func(ctx context.Context) (err error) {
		snapshot, err = ref.Get(ctx)
		if status.Code(err) == codes.NotFound {
			snapshot, err = nil, nil
		}
		return err
	})
	return snapshot, err
}

// write makes a call that ends with an error of [outcome]; what the circuit does
// not let pass was not written.
func (f *Firestore) write(ctx context.Context, call func() error) error {
	err := f.circuit.Do(ctx, call)
	if errors.Is(err, circuit.ErrOpen) {
		return notWritten.mark(err)
	}
	return err
}

// set runs one write that depends on nothing read.
func (f *Firestore) set(ctx context.Context, ref *firestore.DocumentRef, data any, options ...firestore.SetOption) error {
	return f.write(ctx, func() error { return f.trySet(ctx, ref, data, options...) })
}

func (f *Firestore) trySet(ctx context.Context, ref *firestore.DocumentRef, data any, options ...firestore.SetOption) error {
	ctx, cancel := context.WithTimeout(ctx, f.deadline)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return notWritten.mark(err)
	}
	ctx, o := withOutcome(ctx)
	err := o.handOver()
	if err == nil {
		_, err = ref.Set(ctx, data, options...)
	}
	if err != nil {
		return o.close().mark(withCause(ctx, err))
	}
	return nil
}

// decision is an error of this package's contract, found inside a transaction:
// the transaction is given up, and the caller is told exactly this.
type decision struct{ error }

func (d decision) Unwrap() error { return d.error }

// transact runs fn as one transaction; fn reads, decides and queues writes. It
// may run again after a collision.
//
// It runs beside the caller: after a failure the client library sends a
// rollback, for which it takes up to 5 s of its own whatever the context says.
// The rollback must be sent, since in a database in pessimistic mode (the
// emulator is one) an open transaction's locks would hold up a rebuild, but nobody
// needs to wait for it past the deadline.
func (f *Firestore) transact(
	ctx context.Context, fn func(*firestore.Transaction) error, options ...firestore.TransactionOption,
) error {
	return f.write(ctx, func() error {
		ctx, o := withOutcome(ctx)
		return f.tryTransact(ctx, o, fn, options...)
	})
}

func (f *Firestore) tryTransact(
	ctx context.Context, o *outcome, fn func(*firestore.Transaction) error, options ...firestore.TransactionOption,
) error {
	ctx, cancel := context.WithTimeout(ctx, f.deadline)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return notWritten.mark(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- f.client.RunTransaction(ctx, func(_ context.Context, tx *firestore.Transaction) error {
			if err := fn(tx); err != nil {
				return err
			}
			return o.handOver()
		}, append(options, firestore.MaxAttempts(transactionAttempts))...)
	}()
	select {
	case err := <-done:
		return resultOf(ctx, o, err)
	case <-ctx.Done():
		return resultOf(ctx, o, ctx.Err())
	}
}

// resultOf turns the end of a transaction into this package's errors.
func resultOf(ctx context.Context, o *outcome, err error) error {
	if err == nil {
		return nil
	}
	certain := o.close()
	var decided decision
	switch {
	case !errors.As(err, &decided):
		return certain.mark(withCause(ctx, err))
	case certain != unknown:
		return decided.error
	default:
		// A decision promises that nothing was written. A second attempt cannot
		// promise that for a first one whose answer was lost.
		return unknown.mark(errors.New("the answer to an earlier attempt was lost"))
	}
}

// withCause adds the context's own error, which gRPC's statuses do not wrap.
func withCause(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return errors.Join(cause, err)
	}
	return err
}
