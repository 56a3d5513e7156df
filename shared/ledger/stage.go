package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// stageChunk keeps one staging script about a quarter of a millisecond: it is what a
// rebuild of any size may hold up the others by.
const stageChunk = 7

// Chunk is a page of recorded sessions to stage.
type Chunk struct {
	Members []Member
	// Part and Last say how far that part of the record is staged with this chunk.
	// An empty Last says nothing of it.
	Part int
	Last string
}

// Stage implements [Rebuilding]. It rests for three quarters as long as its calls take, most of
// which is their way: other organizations have the server at least half of the time.
func (r *Redis) Stage(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, c Chunk) error {
	var pace pace
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
		if err := lost(r.run(ctx, caller, call{script: "stage", args: args})); err != nil {
			return err
		}
		pace.took(ctx, time.Since(began), len(c.Members) == 0)
		if len(c.Members) == 0 {
			return nil
		}
	}
}

// pace is how a rebuild leaves the server to others: it rests three quarters as long as it has worked.
type pace struct{ owed time.Duration }

const (
	// shortestRest is about what a timer can tell.
	shortestRest = time.Millisecond
	// longestRest bounds the wait for a server that is slow or far away.
	longestRest = 5 * time.Millisecond
)

// took notes a call, and rests when that is worth it, or at the end of the work. A
// context that has ended is told of by the next call.
func (p *pace) took(ctx context.Context, d time.Duration, last bool) {
	if p.owed += min(d*3/4, longestRest); p.owed < shortestRest && !last {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(p.owed):
	}
	p.owed = 0
}
