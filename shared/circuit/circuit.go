// Package circuit spares requests the wait for a backend that does not answer.
//
// A deadline bounds what one request waits; with a backend that hangs, every
// request waits that long, and requests, goroutines and connections pile up. A
// [Breaker] notices that the last calls all went unanswered and then refuses
// further ones at once, for a cooldown, after which a single call finds out
// whether the backend is back. Refused calls were never sent.
package circuit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// DefaultCooldown is how long a backend is left alone: a client that is told
	// to come again in seconds loses nothing by it, and a backend that is starting
	// is not met by everybody at once.
	DefaultCooldown = time.Second
	// DefaultPatience is above what any healthy backend takes.
	DefaultPatience = 250 * time.Millisecond
	// Failures in a row open the circuit: more than a broken connection or two
	// produce, few enough that a trickle of requests notices an outage.
	Failures = 5
)

// ErrOpen is the answer to a call that was not sent: the backend did not answer
// the last ones.
var ErrOpen = errors.New("not tried: the last calls went unanswered")

// Options configure a [Breaker].
type Options struct {
	// Backend is its name in the log.
	Backend string
	// Cooldown is how long an open circuit refuses everything, and for how long no
	// call must have succeeded before it opens: a process that is starved of its
	// processor sees calls time out together, but some of them succeed. Zero is
	// [DefaultCooldown].
	Cooldown time.Duration
	// Patience is how long a call must have waited to say anything about the
	// backend if its caller's time ended it: a caller with ten milliseconds left
	// must not close the backend to all others. Zero is [DefaultPatience].
	Patience time.Duration
	// Unanswered reports whether an error says that the backend did not answer;
	// refusals are answers. Nil is [Unanswered].
	Unanswered func(error) bool
	// Log is told when the circuit opens and closes; nil is silence.
	Log *slog.Logger
}

// Breaker stands before one backend, or one server of it. It is safe for
// concurrent use. A nil Breaker lets every call pass.
type Breaker struct {
	state      machine
	unanswered func(error) bool
	patience   time.Duration
	cooldown   time.Duration
	// answered is when the latest call was, in Unix nanoseconds.
	answered atomic.Int64
	// last is the latest failure, for the log.
	last atomic.Pointer[error]
}

// New makes a closed circuit.
func New(opts Options) *Breaker {
	b := &Breaker{unanswered: opts.Unanswered, patience: cmp.Or(opts.Patience, DefaultPatience)}
	if b.unanswered == nil {
		b.unanswered = Unanswered
	}
	b.cooldown = cmp.Or(opts.Cooldown, DefaultCooldown)
	b.answered.Store(time.Now().UnixNano())
	b.state = machine{cooldown: b.cooldown, trips: b.silent, changed: b.report(opts.Backend, opts.Log)}
	return b
}

// Do makes the call, whose caller's context is ctx, or answers [ErrOpen] without it.
func (b *Breaker) Do(ctx context.Context, call func() error) error {
	if b == nil {
		return call()
	}
	turn, ok := b.state.begin()
	if !ok {
		return ErrOpen
	}
	result := failure // of a call that panics
	defer func() { b.state.end(turn, result) }()
	start := time.Now()
	err := call()
	switch {
	case err != nil && ctx.Err() != nil && time.Since(start) < b.patience:
		result = nothing
	case b.unanswered(err):
		b.last.Store(&err)
	case !abandoned(err):
		b.answered.Store(time.Now().UnixNano())
		result = success
	}
	return err
}

// Open reports whether a call would be refused at once.
func (b *Breaker) Open() bool { return b != nil && b.state.now() == open }

// silent reports whether no call was answered for a cooldown.
func (b *Breaker) silent() bool {
	return time.Since(time.Unix(0, b.answered.Load())) >= b.cooldown
}

// Unanswered judges the errors of gRPC backends: no server was reached, or none
// answered in time.
func Unanswered(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}

// abandoned: the caller went away, after a wait that was long enough.
func abandoned(err error) bool {
	return errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled
}

// report logs the beginning and the end of an outage, not every look in between.
func (b *Breaker) report(backend string, log *slog.Logger) func(from, to state) {
	if log == nil {
		return func(state, state) {}
	}
	return func(from, to state) {
		switch {
		case from == closed:
			why := "its callers left unanswered"
			if err := b.last.Load(); err != nil {
				why = (*err).Error()
			}
			log.Warn("a backend does not answer: calls are refused at once", slog.String("backend", backend), slog.String("error", why))
		case to == closed:
			log.Info("a backend answers again", slog.String("backend", backend))
		}
	}
}
