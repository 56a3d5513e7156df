package ledger

import "context"

// DueShards implements [Index].
func (r *Redis) DueShards() int { return dueShards }

// Shard implements [Index].
func (r *Redis) Shard(organizationID string) int { return shardOf(organizationID) }

// Schedule implements [Index].
func (r *Redis) Schedule(ctx context.Context, now bool, organizationIDs ...string) error {
	after := r.opts.SessionTTL
	if now {
		after = 0
	}
	shards := map[int][]argument{}
	for _, id := range organizationIDs {
		shard := shardOf(id)
		if shards[shard] == nil {
			shards[shard] = []argument{{"after", after.Milliseconds()}}
		}
		shards[shard] = append(shards[shard], argument{"organization", id})
	}
	for shard, args := range shards {
		keys := []string{r.keys.due(shard), r.keys.idle(shard)}
		if _, err := r.eval(ctx, call{script: "schedule", keys: keys, args: args}); err != nil {
			return err
		}
	}
	return nil
}
