package ledger

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// readyLife is how long what Ping writes stays: it proves itself by having been written.
const readyLife = time.Minute

// Ping implements [Ledger]: it writes. On a cluster it does so in every shard of the
// index, which lie on all of its masters, or nearly.
func (r *Redis) Ping(ctx context.Context) error {
	shards := 1
	if _, cluster := r.client.(*redis.ClusterClient); cluster {
		shards = dueShards
	}
	for shard := range shards {
		_, err := r.eval(ctx, call{
			script: "ready",
			keys:   []string{r.keys.ready(shard)},
			args:   []argument{{"life", readyLife.Milliseconds()}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
