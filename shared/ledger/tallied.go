package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Tallied implements [Metering].
func (r *Redis) Tallied(ctx context.Context, caller license.Caller, generation string, meters []Meter) error {
	args := []argument{{"of", generation}}
	for _, m := range meters {
		if m.Closed {
			args = append(args, argument{"pool", m.Pool}, argument{"hour", hourOf(m.Hour)})
		}
	}
	if len(args) == 1 {
		return nil
	}
	_, err := r.run(ctx, caller, call{script: "tallied", args: args})
	return err
}
