package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Clear implements [Reaping].
func (r *Redis) Clear(ctx context.Context, caller license.Caller, generation string) error {
	for {
		a, err := r.run(ctx, caller, call{script: "clear", args: []argument{{"generation", generation}}})
		if err != nil {
			return err
		}
		if more := a.int(0); more == 0 || a.err != nil {
			return a.err
		}
	}
}
