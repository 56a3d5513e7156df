package rig

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	// Server is the process that serves node i at this moment.
	Server(i int) *servers.RedisProcess
	// Proxies lead to node i: one per worker, or one for all.
	Proxies(i int) []*Proxy
	// Failover makes the replica the master after losing what was written for a
	// while; ErrNoReplica if there is none.
	Failover(ctx context.Context, lost time.Duration, old Old) error
	// Working waits until everything is served again.
	Working(ctx context.Context) error
	Close() error
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

// ErrNoReplica says that there is nobody to fail over to.
var ErrNoReplica = errors.New("no replica")

// replicated is a primary with a replica.
type replicated struct {
	dir              string
	primary, replica *servers.RedisProcess
	started          int
	ways             []*Proxy // one per worker
	// link is how the replica reaches its primary.
	link *Proxy
}

// startReplicated starts a primary, a replica, and a way to it per worker.
func startReplicated(ctx context.Context, dir string, workers int) (_ *replicated, err error) {
	r := &replicated{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	home, err := r.newDir()
	if err != nil {
		return nil, err
	}
	if r.primary, err = servers.StartRedis(home); err != nil { //nolint:contextcheck // looks for a port, at once
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
	replica, err := servers.StartReplica(ctx, home, r.link.Addr())
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

// Proxies implements [Redis].
func (r *replicated) Proxies(int) []*Proxy { return r.ways }

// Working implements [Redis].
func (r *replicated) Working(ctx context.Context) error { return pings(ctx, r.primary) }

// Failover loses what the primary acknowledges for a while, then fences it off
// (Memorystore does; two primaries at once are beyond what the service
// promises) and promotes the replica.
func (r *replicated) Failover(ctx context.Context, lost time.Duration, old Old) error {
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

// clustered is three masters, which tell clients to come through the proxies.
type clustered struct {
	nodes []*servers.RedisProcess
	ways  []*Proxy
}

const masters = 3

func startClustered(ctx context.Context, dir string) (_ *clustered, err error) {
	c := &clustered{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	var ports []int
	for i := range masters {
		way, err := newProxy("node-"+strconv.Itoa(i), "127.0.0.1:1")
		if err != nil {
			return nil, err
		}
		c.ways = append(c.ways, way)
		port, err := way.port()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	if c.nodes, err = servers.StartCluster(ctx, dir, ports...); err != nil {
		return nil, err
	}
	for i, node := range c.nodes {
		if err := c.ways[i].Open(node.Addr()); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Address implements [Redis].
func (c *clustered) Address(int) string {
	addresses := make([]string, len(c.ways))
	for i, way := range c.ways {
		addresses[i] = way.Addr()
	}
	return strings.Join(addresses, ",")
}

// Nodes implements [Redis].
func (c *clustered) Nodes() int { return len(c.nodes) }

// Server implements [Redis].
func (c *clustered) Server(i int) *servers.RedisProcess { return c.nodes[i] }

// Proxies implements [Redis].
func (c *clustered) Proxies(i int) []*Proxy { return c.ways[i : i+1] }

// Working implements [Redis].
func (c *clustered) Working(ctx context.Context) error {
	for _, node := range c.nodes {
		if err := servers.WaitClustered(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// Failover implements [Redis].
func (c *clustered) Failover(context.Context, time.Duration, Old) error { return ErrNoReplica }

// Close implements [Redis].
func (c *clustered) Close() error {
	var errs []error
	for _, node := range c.nodes {
		errs = append(errs, node.Kill())
	}
	for _, way := range c.ways {
		way.Cut()
	}
	return errors.Join(errs...)
}

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
