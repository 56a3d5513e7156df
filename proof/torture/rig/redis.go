package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// Redis is the seat ledger's servers behind their proxies. Its methods are
// called by one goroutine at a time.
type Redis interface {
	// Address is what the i-th worker is told.
	Address(worker int) string
	// Nodes is how many servers can fail by themselves.
	Nodes() int
	// Server is the process that serves node i at this moment, Replica the one that
	// follows it.
	Server(i int) *servers.RedisProcess
	Replica(i int) *servers.RedisProcess
	// Proxies lead to node i: one per worker, or one for all.
	Proxies(i int) []*Proxy
	// Failover makes the replica of node i the master after losing what was written
	// for a while.
	Failover(ctx context.Context, i int, lost time.Duration, old Old) error
	// Attach gives node i a new replica, after a time in which it had none and has
	// given up hope for one.
	Attach(ctx context.Context, i int) error
	// Followed waits until the replica of node i follows it.
	Followed(ctx context.Context, i int) error
	// Working waits until everything is served again.
	Working(ctx context.Context) error
	Close() error
}

// Sharded is a Redis whose nodes agree among each other on who serves what.
type Sharded interface {
	Redis
	// Handover makes the replica of node i the master, with nothing lost.
	Handover(ctx context.Context, i int) error
	// Migrate moves all keys with this hash tag from the node they are on to the
	// next, one after the other, with pauses.
	Migrate(ctx context.Context, tag string, pause time.Duration) error
}

// All are the servers there are at this moment.
func All(r Redis) []*servers.RedisProcess {
	var out []*servers.RedisProcess
	for i := range r.Nodes() {
		out = append(out, r.Server(i))
		if replica := r.Replica(i); replica != nil {
			out = append(out, replica)
		}
	}
	return out
}

// Old is what becomes of the primary in a failover.
type Old int

// The fates.
const (
	// Killed: it is gone, and another replica takes its place.
	Killed Old = iota
	// Demoted: it lives on as the replica.
	Demoted
	// Restored: it lives on as the replica and is at once promoted again, before
	// any client has come to the other.
	Restored
)

// givesUp is how a primary is told to give up hope for a replica after a second,
// and goesOn to wait for one for an hour, which is the default.
var givesUp, goesOn = []any{"CONFIG", "SET", "repl-backlog-ttl", "1"}, []any{"CONFIG", "SET", "repl-backlog-ttl", "3600"} //nolint:gochecknoglobals // constants

func pings(ctx context.Context, r *servers.RedisProcess) error {
	if err := r.Do(ctx, "PING"); err != nil {
		return fmt.Errorf("redis %s: %w", r.Addr(), err)
	}
	return nil
}

// Sleep waits in real time, which is what a torture run is made of.
func Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Jitter is d, more or less by a quarter.
func Jitter(r *rand.Rand, d time.Duration) time.Duration {
	return d*3/4 + time.Duration(r.Int64N(int64(d/2)+1))
}

// hopeless waits until the server has given up hope for a replica: the next one
// begins another history.
func hopeless(ctx context.Context, primary *servers.RedisProcess) error {
	before, err := primary.ReplicationID(ctx)
	if err != nil {
		return err
	}
	if err := primary.Do(ctx, givesUp...); err != nil {
		return err
	}
	for after := before; after == before; {
		Sleep(ctx, 20*time.Millisecond)
		if after, err = primary.ReplicationID(ctx); err != nil {
			return err
		}
	}
	return primary.Do(ctx, goesOn...)
}
