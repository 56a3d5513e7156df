package ledger

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// stageChunk keeps one staging script at about a millisecond, so that a rebuild
// of 100,000 sessions never holds up the others.
const stageChunk = 100

// Stage implements [Rebuilding].
func (r *Redis) Stage(ctx context.Context, caller license.Caller, nonce string, epoch int64, members []Member) error {
	for len(members) > 0 {
		chunk := members[:min(stageChunk, len(members))]
		members = members[len(chunk):]
		args := []argument{
			{"number", epoch},
			{"nonce", nonce},
			{"ttl", r.opts.SessionTTL.Milliseconds()},
			{"lease_ttl", RebuildLease(r.opts.SessionTTL).Milliseconds()},
		}
		for _, m := range chunk {
			args = append(args,
				argument{"session", packID(m.ID)}, argument{"holder", digest(m.Holder)},
				argument{"data", m.data(epoch)}, argument{"token_life", r.tokenLife(m.ID).Milliseconds()})
		}
		if err := lost(r.run(ctx, caller, call{script: "stage", args: args})); err != nil {
			return err
		}
	}
	return nil
}

// tokenLife is what is taken for the rest of a rebuilt session's token, which
// the record does not know. A heartbeating holder has about half a life or
// more; the renewals are spread over the following quarter, so that a rebuild
// is not followed by one signature per session at once. Short tokens leave no
// time to spread: they are renewed at the next heartbeat.
func (r *Redis) tokenLife(sessionID string) time.Duration {
	if r.opts.TokenTTL < 4*r.opts.SessionTTL {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(sessionID))
	spread := time.Duration(float64(r.opts.TokenTTL/4) * float64(h.Sum32()) / (1 << 32))
	return r.opts.TokenTTL/2 + spread
}
