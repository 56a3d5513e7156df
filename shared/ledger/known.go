package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Holdings is what the ledger knows of some sessions.
type Holdings struct {
	Epoch license.Epoch
	Now   time.Time
	// Held counts the sessions in the ledger.
	Held int
	// Known says for each session asked for whether the ledger holds it.
	Known []bool
}

// Known implements [Reaping].
func (r *Redis) Known(ctx context.Context, caller license.Caller, sessionIDs []string) (Holdings, error) {
	a, err := r.run(ctx, caller, call{script: "known", args: sessions(sessionIDs)})
	if err != nil {
		return Holdings{}, err
	}
	h := Holdings{Epoch: a.epoch, Now: a.now, Held: int(a.int(0)), Known: make([]bool, len(sessionIDs))}
	for i := range h.Known {
		h.Known[i] = a.int(i+1) == 1
	}
	return h, a.err
}

// sessions are ids as arguments.
func sessions(ids []string) []argument {
	out := make([]argument, len(ids))
	for i, id := range ids {
		out[i] = argument{"session", packID(id)}
	}
	return out
}
