package redisconn

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// moved is a hook that says what to do when a server that is used as the only
// one turns out to be a cluster's: the server's own answer, MOVED, names
// another node and does not say what to do. [Verify] says the same at start,
// unless the server does not answer then.
type moved struct{ plainDials }

// ProcessHook implements [redis.Hook].
func (moved) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return explainMoved(next(ctx, cmd)) }
}

// ProcessPipelineHook implements [redis.Hook].
func (moved) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			cmd.SetErr(explainMoved(cmd.Err()))
		}
		return explainMoved(err)
	}
}

func explainMoved(err error) error {
	if _, ok := redis.IsMovedError(err); !ok {
		return err
	}
	return fmt.Errorf("this server is one node of a cluster and is used as a single server: %s: %w", useCluster, err)
}
