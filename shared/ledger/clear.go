package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Clear implements [Reaping].
func (r *Redis) Clear(ctx context.Context, caller license.Caller, generation string) error {
	_, err := r.run(ctx, caller, call{script: "clear", args: []argument{{"generation", generation}}})
	return err
}
