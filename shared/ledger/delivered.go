package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Delivered implements [Reaping].
func (r *Redis) Delivered(ctx context.Context, caller license.Caller, sessionIDs ...string) error {
	_, err := r.run(ctx, caller, call{script: "delivered", args: sessions(sessionIDs)})
	return err
}
