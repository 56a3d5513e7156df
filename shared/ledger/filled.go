package ledger

import "context"

// Filled implements [Index].
func (r *Redis) Filled(ctx context.Context, shard int, identity string) error {
	_, err := r.eval(ctx, call{
		script: "filled",
		keys:   []string{r.keys.filled(shard)},
		args:   []argument{{"identity", identity}},
	})
	return err
}
