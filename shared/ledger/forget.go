package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Forget implements [Rebuilding].
func (r *Redis) Forget(ctx context.Context, caller license.Caller, epoch license.Epoch) error {
	_, err := r.run(ctx, caller, call{script: "forget", args: []argument{{"epoch", epoch.String()}}})
	return err
}
