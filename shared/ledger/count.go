package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Count implements [Looking].
func (r *Redis) Count(ctx context.Context, caller license.Caller, pools []string) ([]int, error) {
	args := make([]argument, len(pools))
	for i, pool := range pools {
		args[i] = argument{"pool", pool}
	}
	a, err := r.run(ctx, caller, call{script: "count", args: args})
	if err != nil {
		return nil, err
	}
	living := make([]int, len(pools))
	for i := range living {
		living[i] = int(a.int(i))
	}
	return living, a.err
}
