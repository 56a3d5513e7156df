package redisconn

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
)

// guarded is a hook that puts one server's circuit around its commands: a
// command with all its repeats is one call. Of a cluster every node has its own,
// so that one dead master costs only the organizations it holds.
type guarded struct {
	plainDials // connections are made for commands, which are guarded
	circuit    *circuit.Breaker
}

func (cfg Config) guard(client *redis.Client) {
	client.AddHook(guarded{circuit: circuit.New(circuit.Options{
		Backend: Backend + " " + client.Options().Addr, Cooldown: cfg.Cooldown, Unanswered: unanswered, Log: cfg.Log,
		Patience: cfg.ReadTimeout,
	})})
}

// ProcessHook implements [redis.Hook].
func (g guarded) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return g.pass(ctx, func(ctx context.Context) error { return next(ctx, cmd) }, cmd)
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (g guarded) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return g.pass(ctx, func(ctx context.Context) error { return next(ctx, cmds) }, cmds...)
	}
}

// inside marks the context of a command that passed its circuit. go-redis sends
// what sets up a new connection through the same hooks, as part of the command
// that needed it: refusing that would keep the circuit open for ever.
type inside struct{}

func (g guarded) pass(ctx context.Context, send func(context.Context) error, cmds ...redis.Cmder) error {
	if ctx.Value(inside{}) != nil {
		return send(ctx)
	}
	err := g.circuit.Do(ctx, func() error { return send(context.WithValue(ctx, inside{}, true)) })
	// Callers read the error of their command, not the client's.
	if errors.Is(err, circuit.ErrOpen) {
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
	}
	return err
}

// unanswered: an error that the server itself sent is an answer too.
func unanswered(err error) bool {
	var said redis.Error
	return err != nil && !errors.As(err, &said)
}
