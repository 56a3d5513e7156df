package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Retoken implements [Seats].
func (r *Redis) Retoken(ctx context.Context, caller license.Caller, sessionID string, ends time.Time) error {
	_, err := r.run(ctx, caller, call{script: "retoken", args: []argument{
		{"session", packID(sessionID)},
		{"token", unixMilli(ends)},
	}})
	return err
}
