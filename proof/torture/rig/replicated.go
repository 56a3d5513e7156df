package rig

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// replicated is a primary with a replica.
type replicated struct {
	dir              string
	clocks           *servers.Clocks
	primary, replica *servers.RedisProcess
	started          int
	ways             []*Proxy // one per worker
	// link is how the replica reaches its primary.
	link *Proxy
}

// startReplicated starts a primary, a replica, and a way to it per worker.
func startReplicated(ctx context.Context, dir string, clocks *servers.Clocks, workers int) (_ *replicated, err error) {
	r := &replicated{dir: dir, clocks: clocks}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	home, err := r.newDir()
	if err != nil {
		return nil, err
	}
	if r.primary, err = clocks.StartRedis(home); err != nil { //nolint:contextcheck // looks for a port, at once
		return nil, err
	}
	if r.link, err = newProxy("replication", r.primary.Addr()); err != nil {
		return nil, err
	}
	for i := range workers {
		way, err := newProxy("redis-"+strconv.Itoa(i), r.primary.Addr())
		if err != nil {
			return nil, err
		}
		r.ways = append(r.ways, way)
	}
	err = r.newReplica(ctx)
	return r, err
}

func (r *replicated) newReplica(ctx context.Context) error {
	home, err := r.newDir()
	if err != nil {
		return err
	}
	replica, err := r.clocks.StartReplica(ctx, home, r.link.Addr())
	if err == nil {
		r.replica = replica
	}
	return err
}

// newDir is a folder for one more server.
func (r *replicated) newDir() (string, error) {
	r.started++
	home := filepath.Join(r.dir, "redis-"+strconv.Itoa(r.started))
	return home, os.Mkdir(home, 0o700)
}

// Address implements [Redis].
func (r *replicated) Address(worker int) string { return r.ways[worker].Addr() }

// Nodes implements [Redis].
func (r *replicated) Nodes() int { return 1 }

// Server implements [Redis].
func (r *replicated) Server(int) *servers.RedisProcess { return r.primary }

// Replica implements [Redis].
func (r *replicated) Replica(int) *servers.RedisProcess { return r.replica }

// Proxies implements [Redis].
func (r *replicated) Proxies(int) []*Proxy { return r.ways }

// Working implements [Redis].
func (r *replicated) Working(ctx context.Context) error {
	if err := pings(ctx, r.primary); err != nil {
		return err
	}
	return r.Followed(ctx, 0)
}

// Followed implements [Redis].
func (r *replicated) Followed(ctx context.Context, _ int) error { return r.replica.WaitReplicated(ctx) }

// Attach implements [Redis].
func (r *replicated) Attach(ctx context.Context, _ int) error {
	if err := r.replica.Kill(); err != nil {
		return err
	}
	r.replica = nil
	if err := hopeless(ctx, r.primary); err != nil {
		return err
	}
	return r.newReplica(ctx)
}

// Failover loses what the primary acknowledges for a while, then fences it off
// (Memorystore does; two primaries at once are beyond what the service
// promises) and promotes the replica.
func (r *replicated) Failover(ctx context.Context, _ int, lost time.Duration, old Old) error {
	if err := r.link.Swallow(); err != nil {
		return err
	}
	Sleep(ctx, lost)
	for _, way := range r.ways {
		way.Cut()
	}
	err := r.promote(ctx, old == Killed)
	if err == nil && old == Restored {
		err = r.promote(ctx, false)
	}
	for _, way := range r.ways {
		err = errors.Join(err, way.Open(r.primary.Addr()))
	}
	if err == nil && r.replica == nil {
		err = r.newReplica(ctx)
	}
	return err
}

// promote makes the replica the primary, which no client reaches meanwhile.
func (r *replicated) promote(ctx context.Context, kill bool) error {
	if kill {
		if err := r.primary.Kill(); err != nil {
			return err
		}
	}
	if err := r.replica.Promote(ctx); err != nil {
		return err
	}
	old := r.primary
	r.primary, r.replica = r.replica, nil
	r.link.Mend(ctx)
	if err := r.link.Open(r.primary.Addr()); err != nil || kill {
		return err
	}
	if err := old.Follow(ctx, r.link.Addr()); err != nil {
		return err
	}
	r.replica = old
	return nil
}

// Close implements [Redis].
func (r *replicated) Close() error {
	var errs []error
	for _, p := range []*servers.RedisProcess{r.primary, r.replica} {
		if p != nil {
			errs = append(errs, p.Kill())
		}
	}
	for _, way := range append(r.ways, r.link) {
		if way != nil {
			way.Cut()
		}
	}
	return errors.Join(errs...)
}
