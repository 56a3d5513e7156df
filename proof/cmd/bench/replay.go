package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
)

// replayRequest asks to send one command over and over.
type replayRequest struct {
	Redis string
	// Command is made of bytes: session ids are sent packed.
	Command     [][]byte
	Connections int
	Duration    time.Duration
}

// replay sends the command and does nothing with the answer: what the client
// library and the server cost by themselves.
func replay(ctx context.Context, r replayRequest) (s sample, err error) {
	client, err := redisconn.Dial(ctx, redisconn.Config{Addr: r.Redis, PoolSize: r.Connections})
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	command := make([]any, len(r.Command))
	for i, word := range r.Command {
		command[i] = word
	}
	return repeat(ctx, r.Connections, r.Duration, func(ctx context.Context, _ int) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, exchangeLimit) // a deadline per call, as the ledger has
		defer cancel()
		answer, err := client.Do(ctx, command...).Slice()
		if err == nil && (len(answer) == 0 || answer[0] != int64(0)) {
			err = fmt.Errorf("the script does not answer OK: %.1v", answer) // a refusal is cheap and no measure
		}
		return true, err
	})
}

// captureBeat is the very command that a heartbeat of the session sends.
func captureBeat(ctx context.Context, addr string, caller license.Caller, sessionID string) (command [][]byte, err error) {
	client, err := redisconn.Dial(ctx, redisconn.Config{Addr: addr, PoolSize: 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	heard := &listener{}
	client.AddHook(heard)
	counting, err := ledger.NewRedis(client, ledger.RedisOptions{SessionTTL: sessionTTL, TokenTTL: tokenTTL})
	if err != nil {
		return nil, err
	}
	if _, err := counting.Heartbeat(ctx, caller, ledger.Heartbeat{SessionID: sessionID}); err != nil {
		return nil, fmt.Errorf("one heartbeat, to listen to it: %w", err)
	}
	return heard.last, nil
}

// listener remembers the last script call: the first of a new ledger is told
// the organization's generation, the last is what any later one looks like.
type listener struct{ last [][]byte }

// DialHook is not of interest.
func (*listener) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook is not of interest.
func (*listener) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook listens.
func (l *listener) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" {
			l.last = nil
			for _, word := range cmd.Args() {
				l.last = append(l.last, wire(word))
			}
		}
		return next(ctx, cmd)
	}
}

// wire is a word of a command as go-redis sends it.
func wire(word any) []byte {
	if b, ok := word.([]byte); ok {
		return b
	}
	return fmt.Append(nil, word) // strings and whole numbers
}
