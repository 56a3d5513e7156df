package record

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// backend is this store's name in [license.UnavailableError].
const backend = "firestore"

func unavailable(err error) error {
	return &license.UnavailableError{Backend: backend, Err: err}
}

// outcome follows one write through all attempts of the client library, to
// tell afterwards what is certain. The library repeats commits on two levels:
// a whole transaction after Aborted, and, out of our sight, a single commit
// after Unavailable or ResourceExhausted. The last answer alone proves nothing:
// it may refuse the repetition of a commit that was applied and whose answer
// was lost. So every attempt is watched ([WatchCommits]).
type outcome struct {
	mu         sync.Mutex
	closed     bool // the caller has its answer: nothing may be sent any more
	handedOver bool // the client library has all it needs to send the write
	watched    bool // WatchCommits sits in the connection
	attempts   int  // commits sent
	refused    int  // of these, answered with a refusal
}

type outcomeKey struct{}

func withOutcome(ctx context.Context) (context.Context, *outcome) {
	o := &outcome{}
	return context.WithValue(ctx, outcomeKey{}, o), o
}

// commitMethod is the one RPC that writes.
const commitMethod = "/google.firestore.v1.Firestore/Commit"

// WatchCommits is a gRPC interceptor for the connection of a Firestore client,
// installed by [Dial]. With it, [ErrNotWritten] and [ErrRefused] are told
// wherever they are certain; without it, every failure after the write was
// handed to the client library counts as an unknown outcome.
func WatchCommits(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	o, ok := ctx.Value(outcomeKey{}).(*outcome)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	if method != commitMethod {
		o.watch()
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	if err := o.begin(); err != nil {
		return err
	}
	err := invoke(ctx, method, req, reply, cc, opts...)
	o.answered(status.Code(err))
	return err
}

func (o *outcome) watch() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watched = true
}

var errTooLate = status.Error(codes.Canceled, "the call has already been answered")

// handOver is the last step before the client library may send the write.
func (o *outcome) handOver() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errTooLate
	}
	o.handedOver = true
	return nil
}

func (o *outcome) begin() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watched = true
	if o.closed {
		return errTooLate
	}
	o.attempts++
	return nil
}

func (o *outcome) answered(code codes.Code) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if isRefusal(code) {
		o.refused++
	}
}

// isRefusal reports whether the code of a commit's answer can only come from a
// server that did not apply it. InvalidArgument is not among them: "Transaction
// is invalid or closed" is also what the repetition of an applied commit gets.
func isRefusal(code codes.Code) bool {
	switch code {
	case codes.Aborted, codes.AlreadyExists, codes.NotFound, codes.FailedPrecondition,
		codes.PermissionDenied, codes.Unauthenticated, codes.ResourceExhausted:
		return true
	default:
		return false
	}
}

// verdict is what is certain about a write.
type verdict int

const (
	unknown verdict = iota
	notWritten
	refused
)

// close forbids every further attempt and tells what is certain.
func (o *outcome) close() verdict {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	switch {
	case !o.handedOver:
		return notWritten
	case !o.watched || o.attempts > o.refused:
		return unknown
	case o.attempts == 0:
		return notWritten
	default:
		return refused
	}
}

// mark wraps the failure of a write with what is certain about it.
func (v verdict) mark(err error) error {
	switch v {
	case notWritten:
		err = errors.Join(ErrNotWritten, err)
	case refused:
		err = errors.Join(ErrRefused, err)
	case unknown:
	}
	return unavailable(err)
}
