package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Load implements [Rebuilding].
func (r *Redis) Load(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch) error {
	return lost(r.run(ctx, caller, call{script: "load", args: []argument{
		{"opened", epoch.String()},
		{"nonce", nonce},
		{"ttl", r.opts.SessionTTL.Milliseconds()},
	}}))
}
