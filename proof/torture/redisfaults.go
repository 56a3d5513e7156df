package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

func (r *round) playServer(ctx context.Context, f planned) error {
	switch f.kind {
	case redisPause:
		server := r.Redis.Server(f.target)
		err := server.Pause()
		rig.Sleep(ctx, f.length)
		return errors.Join(err, server.Resume())
	case redisFull:
		return r.fillMemory(ctx, f)
	case redisFlush:
		return r.flush(ctx, f)
	case redisFlushLate, redisFlushPaused:
		return r.playBeside(ctx, f)
	case redisRestart:
		return r.restart(ctx, f)
	case clockNudged, clockAhead, clockBack:
		return r.playClock(ctx, f)
	default:
		return r.playReplica(ctx, f)
	}
}

// playReplica plays what happens between a node and its replica.
func (r *round) playReplica(ctx context.Context, f planned) error {
	switch f.kind {
	case clocksApart:
		return errors.Join(
			r.clocks.set(r.Redis.Replica(f.target), f.amount),
			r.Redis.Failover(ctx, f.target, f.length, rig.Demoted))
	case redisFailover:
		return r.Redis.Failover(ctx, f.target, f.length, rig.Killed)
	case redisSwitch:
		return r.Redis.Failover(ctx, f.target, f.length, rig.Demoted)
	case redisBack:
		return r.Redis.Failover(ctx, f.target, f.length, rig.Restored)
	case redisAttach:
		return r.Redis.Attach(ctx, f.target)
	default:
		return r.playShards(ctx, f)
	}
}

// playShards plays what happens between the nodes of a cluster.
func (r *round) playShards(ctx context.Context, f planned) error {
	sharded, ok := r.Redis.(rig.Sharded)
	if !ok {
		return fmt.Errorf("no cluster plays %s", f.kind)
	}
	if f.kind == redisHandover {
		if err := sharded.Handover(ctx, f.target); !errors.Is(err, servers.ErrNotAgreed) {
			return err
		}
		return nil // then there was none, only the delay of asking
	}
	orgs := slices.Sorted(maps.Keys(r.plan.orgs))
	return sharded.Migrate(ctx, orgs[int(f.chance%uint64(len(orgs)))], f.amount/10) //nolint:gosec // an index
}

// restart waits for the replica: its coming begins another history of the server's.
func (r *round) restart(ctx context.Context, f planned) error {
	server := r.Redis.Server(f.target)
	err := server.Kill()
	rig.Sleep(ctx, f.length)
	return errors.Join(err, server.Start(), r.Redis.Followed(ctx, f.target))
}

// flush empties one node, or all of them one after the other.
func (r *round) flush(ctx context.Context, f planned) error {
	return r.each(f, func(s *servers.RedisProcess) error { return s.Do(ctx, "FLUSHALL") })
}

// fillMemory makes one node, or all, refuse what may need more memory.
func (r *round) fillMemory(ctx context.Context, f planned) error {
	limit := func(bytes string) error {
		return r.each(f, func(s *servers.RedisProcess) error { return s.Do(ctx, "CONFIG", "SET", "maxmemory", bytes) })
	}
	err := limit("1")
	rig.Sleep(ctx, f.length)
	return errors.Join(err, limit("0"))
}

// each does something to the node that a fault happens to, or to all of them one
// after the other.
func (r *round) each(f planned, do func(*servers.RedisProcess) error) error {
	if !f.all {
		return do(r.Redis.Server(f.target))
	}
	var errs []error
	for i := range r.Redis.Nodes() {
		errs = append(errs, do(r.Redis.Server(i)))
	}
	return errors.Join(errs...)
}

// playClock moves the clock of one node, or of all: a nudge stays, a jump is
// repaired after a while.
func (r *round) playClock(ctx context.Context, f planned) error {
	offset := f.amount
	if f.kind == clockBack {
		offset = -offset
	}
	if f.kind == clockNudged {
		return r.each(f, func(s *servers.RedisProcess) error { return r.clocks.set(s, offset) })
	}
	before := map[*servers.RedisProcess]time.Duration{}
	err := r.each(f, func(s *servers.RedisProcess) error {
		before[s] = s.ClockOffset()
		return r.clocks.set(s, before[s]+offset)
	})
	rig.Sleep(ctx, f.length)
	for s, offset := range before {
		err = errors.Join(err, r.clocks.set(s, offset))
	}
	return err
}

const (
	// between is how long an acquire waits for the record when it must have its
	// seat in Redis already: a refusal takes a fraction.
	between = 20 * time.Millisecond
	// chanceFor bounds the wait for such an acquire.
	chanceFor = 400 * time.Millisecond
)

// playBeside flushes Redis while one process is between two steps of an acquire,
// which goes on when the others have rebuilt. The loss waits for that moment:
// left to chance it is met once in minutes.
func (r *round) playBeside(ctx context.Context, f planned) error {
	w := r.Workers[f.beside]
	if f.kind == redisFlushPaused {
		defer w.Claim()()
		r.awaitAcquire(ctx, f.beside, between/4)
		return r.lossWithin(ctx, f, w.Pause, w.Resume)
	}
	defer w.Firestore.Claim()()
	hold := func() error {
		err := w.Firestore.Hold()
		r.awaitAcquire(ctx, f.beside, between)
		return err
	}
	return r.lossWithin(ctx, f, hold, func() error { w.Firestore.Mend(ctx); return nil })
}

// awaitAcquire waits until an acquire has been at the worker for so long.
func (r *round) awaitAcquire(ctx context.Context, worker int, since time.Duration) {
	const tick = 2 * time.Millisecond
	for waited := time.Duration(0); waited < chanceFor && !r.client.waits(worker, since); waited += tick {
		rig.Sleep(ctx, tick)
	}
}

// lossWithin flushes Redis between stop and goOn.
func (r *round) lossWithin(ctx context.Context, f planned, stop, goOn func() error) error {
	err := errors.Join(stop(), r.flush(ctx, f))
	rig.Sleep(ctx, f.amount)
	return errors.Join(err, goOn())
}
