package seats

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// maxAttempts bounds how often an operation begins anew after a rebuild, a
// fence or an end: each repeat means that another request made progress. With
// the pauses between them it is more than fit into a request's deadline, so that
// a crowd's contention ends in a seat or in an honest refusal.
const maxAttempts = 100

// retryError is the one error that makes an operation begin anew.
type retryError struct {
	// obstacle is what was met or removed.
	obstacle string
	// cause is the failure behind it, if there was one.
	cause error
	// contended means that others are at work on the same: wait a little.
	contended bool
	// rebuilt means that the ledger was rebuilt.
	rebuilt bool
}

func (e *retryError) Error() string { return "begin anew: " + e.obstacle }
func (e *retryError) Unwrap() error { return e.cause }

// contended makes a write that the record refused (contention, quota) one to
// try again. Any other error passes.
func contended(err error) error {
	if errors.Is(err, record.ErrRefused) {
		return &retryError{obstacle: "the record refused a write", cause: err, contended: true}
	}
	return err
}

// repeat runs an attempt until it is through. Attempts that met contention wait
// a little, at random, so that racers fall apart.
func (p *Protocol) repeat(ctx context.Context, attempt func() error) error {
	pause := 5 * time.Millisecond
	var retry *retryError
	for n := range maxAttempts {
		err := attempt()
		if !errors.As(err, &retry) {
			return err
		}
		if !retry.contended && n < 3 {
			continue
		}
		if err := p.opts.Wait(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // jitter
			break
		}
		pause = min(2*pause, 200*time.Millisecond)
	}
	return &license.UnavailableError{Backend: "seats", Err: fmt.Errorf("no attempt got through: %w", retry)}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
