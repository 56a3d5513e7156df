package watch

import (
	"context"
	"errors"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Least is the shortest time between two looks. Each one reads all of the organization's
// sessions.
const Least = time.Second

// Watch is what is looked at, and how often.
type Watch struct {
	Organization string
	// Every is the time from the answer to one look until the next.
	Every time.Duration
	Look  func(context.Context) (Sight, error)
	// Wait waits, or ends with the context's error.
	Wait func(context.Context, time.Duration) error
}

// hopeless reports whether looking again cannot help: the service has answered, and it
// says so.
func hopeless(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && !p.Retryable
}

// Lines tells every change until the context ends, which is how a watch succeeds. It
// warns of the first of several looks that fail, and looks on; a first one that fails,
// and a refusal, end it.
func (w Watch) Lines(ctx context.Context, tell func(Change) error, warn func(error)) error {
	var b board
	var away bool
	for {
		sight, err := w.Look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whoever ends a watch has seen what there was
		case err != nil && (b.at.IsZero() || hopeless(err)):
			return err
		case err != nil && !away:
			warn(err)
		case err == nil:
			if err := tellAll(b.see(sight), tell); err != nil {
				return err
			}
		}
		away = err != nil
		if w.Wait(ctx, w.Every) != nil {
			return nil //nolint:nilerr // the same
		}
	}
}

func tellAll(changes []Change, tell func(Change) error) error {
	for _, c := range changes {
		if err := tell(c); err != nil {
			return err
		}
	}
	return nil
}
