package redisconn

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

// plainDials is the part of a hook that leaves the making of connections alone.
type plainDials struct{}

// DialHook implements [redis.Hook].
func (plainDials) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// traced is a hook that makes a span of every command, its repeats included. The
// span has the command's name and nothing else: keys and arguments hold hardware
// ids and organizations.
type traced struct{ plainDials }

// ProcessHook implements [redis.Hook].
func (traced) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, end := telemetry.Span(ctx, "redis."+cmd.Name())
		err := next(ctx, cmd)
		end(failure(err))
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook]: what is sent at once is one span.
func (traced) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, end := telemetry.Span(ctx, "redis.pipeline")
		err := next(ctx, cmds)
		end(failure(err))
		return err
	}
}

// failure is nil for the answer that there is nothing.
func failure(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
