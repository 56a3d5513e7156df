// Package circuit spares requests the wait for a backend that does not answer.
//
// A deadline bounds what one request waits; with a backend that hangs, every
// request waits that long, and requests, goroutines and connections pile up. A
// [Breaker] notices that the last calls all went unanswered and then refuses
// further ones at once, for a cooldown, after which a single call finds out
// whether the backend is back. Refused calls were never sent.
//
// The state machine is gobreaker's (github.com/sony/gobreaker).
package circuit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// DefaultCooldown is how long a backend is left alone: a client that is told
	// to come again in seconds loses nothing by it, and a backend that is starting
	// is not met by everybody at once.
	DefaultCooldown = time.Second
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
	// Cooldown is how long an open circuit refuses everything; zero is [DefaultCooldown].
	Cooldown time.Duration
	// Unanswered reports whether an error says that the backend did not answer;
	// refusals are answers. Nil is [Unanswered].
	Unanswered func(error) bool
	// Log is told when the circuit opens and closes; nil is silence.
	Log *slog.Logger
}

// Breaker stands before one backend, or one server of it. It is safe for
// concurrent use. A nil Breaker lets every call pass.
type Breaker struct {
	state *gobreaker.CircuitBreaker[struct{}]
}

// New makes a closed circuit.
func New(opts Options) *Breaker {
	unanswered := opts.Unanswered
	if unanswered == nil {
		unanswered = Unanswered
	}
	return &Breaker{gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          opts.Backend,
		MaxRequests:   1,
		Timeout:       cmp.Or(opts.Cooldown, DefaultCooldown),
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= Failures },
		IsSuccessful:  func(err error) bool { return !unanswered(err) },
		IsExcluded:    abandoned,
		OnStateChange: report(opts.Log),
	})}
}

// Do makes the call, or answers [ErrOpen] without it.
func (b *Breaker) Do(call func() error) error {
	if b == nil {
		return call()
	}
	_, err := b.state.Execute(func() (struct{}, error) { return struct{}{}, call() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return ErrOpen
	}
	return err
}

// Unanswered is the judgement for gRPC backends: nobody was reached, or nobody
// answered in time.
func Unanswered(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}

// abandoned calls say nothing about the backend: their caller went away.
func abandoned(err error) bool {
	return errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled
}

func report(log *slog.Logger) func(name string, from, to gobreaker.State) {
	if log == nil {
		return nil
	}
	return func(name string, _, to gobreaker.State) {
		switch to {
		case gobreaker.StateOpen:
			log.Warn("a backend does not answer: calls are refused at once", slog.String("backend", name))
		case gobreaker.StateClosed:
			log.Warn("a backend answers again", slog.String("backend", name))
		case gobreaker.StateHalfOpen:
		}
	}
}
