package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Spent is a license token that outlives its session.
type Spent struct {
	// Holder is whose session it was, Pool the key of the license's own pool.
	Holder license.Holder
	Pool   string
	// Ends is when the token ends.
	Ends time.Time
}

// Spend implements [Rebuilding].
func (r *Redis) Spend(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, spent []Spent) error {
	var pace pace
	for len(spent) > 0 {
		chunk := spent[:min(stageChunk, len(spent))]
		spent = spent[len(chunk):]
		args := []argument{
			{"opened", epoch.String()},
			{"nonce", nonce},
			{"lease_ttl", RebuildLease(r.opts.SessionTTL).Milliseconds()},
		}
		for _, s := range chunk {
			args = append(args, argument{"holder", digest(s.Holder)}, argument{"pool", s.Pool}, argument{"ends", s.Ends.UnixMilli()})
		}
		began := time.Now()
		if err := lost(r.run(ctx, caller, call{script: "spend", args: args})); err != nil {
			return err
		}
		pace.took(ctx, time.Since(began), len(spent) == 0)
	}
	return nil
}
