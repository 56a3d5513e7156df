package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// stageChunk keeps one staging script below half a millisecond: it is what a
// rebuild of any size may hold up the others by.
const stageChunk = 25

// longestRest bounds what a rebuild waits for a server that is slow or far away.
const longestRest = 5 * time.Millisecond

// Chunk is a page of recorded sessions to stage.
type Chunk struct {
	Members []Member
	// Part and Last say how far that part of the record is staged with this chunk.
	// An empty Last says nothing of it.
	Part int
	Last string
}

// Stage implements [Rebuilding]. It rests after each script for as long as that took:
// other organizations have the server at least half of the time.
func (r *Redis) Stage(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, c Chunk) error {
	for {
		now := c.Members[:min(stageChunk, len(c.Members))]
		c.Members = c.Members[len(now):]
		last := c.Last
		if len(c.Members) > 0 {
			last = "" // only the whole page is progress
		}
		args := []argument{
			{"opened", epoch.String()},
			{"nonce", nonce},
			{"lease_ttl", RebuildLease(r.opts.SessionTTL).Milliseconds()},
			{"part", c.Part},
			{"last", last},
			{"token_min", r.opts.TokenMin.Milliseconds()},
		}
		for _, m := range now {
			args = append(args,
				argument{"session", packID(m.ID)}, argument{"holder", digest(m.Holder)},
				argument{"data", m.data(epoch.Number)}, argument{"token_ttl", r.tokenTTL(m.TokenTTL)})
		}
		began := time.Now()
		if err := lost(r.run(ctx, caller, call{script: "stage", args: args})); err != nil || len(c.Members) == 0 {
			return err
		}
		rest(ctx, time.Since(began))
	}
}

// rest waits; a context that has ended is told of by the next call.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(min(d, longestRest)):
	}
}
