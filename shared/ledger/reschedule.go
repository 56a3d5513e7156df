package ledger

import "context"

// Reschedule implements [Index].
func (r *Redis) Reschedule(ctx context.Context, organizationID string, v Visit) (bool, error) {
	shard := shardOf(organizationID)
	a, err := r.eval(ctx, call{
		script: "reschedule",
		keys:   []string{r.keys.due(shard), r.keys.idle(shard)},
		args: []argument{
			{"organization", organizationID},
			{"earliest", unixMilli(v.Earliest)},
			{"as_of", v.Now.UnixMilli()},
			{"ttl", r.opts.SessionTTL.Milliseconds()},
		},
	})
	if err != nil {
		return false, err
	}
	return a.int(0) == 1, a.err
}
