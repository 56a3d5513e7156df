package rig

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// clustered is three masters with a replica each, which tell clients, and each
// other's replication, to come through the proxies.
type clustered struct {
	// nodes are the masters and replicas the replicas at this moment, by shard.
	nodes, replicas []*servers.RedisProcess
	ways            map[*servers.RedisProcess]*Proxy
	// all are the ways in the order in which they were made.
	all []*Proxy
	// moved are the slots that have left the shard they were given to.
	moved map[int64]int
}

const masters = 3

func startClustered(ctx context.Context, dir string, clocks *servers.Clocks) (_ *clustered, err error) {
	c := &clustered{ways: map[*servers.RedisProcess]*Proxy{}, moved: map[int64]int{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	var ports []int
	for i := range 2 * masters {
		way, err := newProxy("node-"+strconv.Itoa(i), "127.0.0.1:1")
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, way)
		port, err := way.port()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	form := func(processes []*servers.RedisProcess) error { return c.open(processes) }
	nodes, err := servers.StartCluster(ctx, dir, servers.ClusterOptions{Replicas: true, Announce: ports, Clocks: clocks, Started: form})
	if err != nil {
		return nil, err
	}
	c.nodes, c.replicas = nodes[:masters], nodes[masters:]
	return c, nil
}

// open makes the ways lead to the servers, through which replicas find their masters.
func (c *clustered) open(processes []*servers.RedisProcess) error {
	for i, p := range processes {
		if err := c.all[i].Open(p.Addr()); err != nil {
			return err
		}
		c.ways[p] = c.all[i]
	}
	return nil
}

// Address implements [Redis].
func (c *clustered) Address(int) string {
	addresses := make([]string, len(c.all))
	for i, way := range c.all {
		addresses[i] = way.Addr()
	}
	return strings.Join(addresses, ",")
}

// Nodes implements [Redis].
func (c *clustered) Nodes() int { return len(c.nodes) }

// Server implements [Redis].
func (c *clustered) Server(i int) *servers.RedisProcess { return c.nodes[i] }

// Replica implements [Redis].
func (c *clustered) Replica(i int) *servers.RedisProcess { return c.replicas[i] }

// Proxies implements [Redis].
func (c *clustered) Proxies(i int) []*Proxy { return []*Proxy{c.ways[c.nodes[i]]} }

// Working implements [Redis].
func (c *clustered) Working(ctx context.Context) error {
	for i := range c.nodes {
		for _, node := range []*servers.RedisProcess{c.nodes[i], c.replicas[i]} {
			if err := servers.WaitClustered(ctx, node); err != nil {
				return err
			}
		}
		if err := c.Followed(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// Followed implements [Redis].
func (c *clustered) Followed(ctx context.Context, i int) error {
	return c.replicas[i].WaitReplicated(ctx)
}

// Failover implements [Redis]. What the replica has is all that is left, and nobody
// reaches the former master before it knows. (Back at once, as [Restored], is not
// played here: the two replicate through the ways that clients take.)
func (c *clustered) Failover(ctx context.Context, i int, lost time.Duration, old Old) error {
	former := c.nodes[i]
	if err := errors.Join(c.Followed(ctx, i), deafen(ctx, c.replicas[i])); err != nil {
		return err
	}
	Sleep(ctx, lost)
	c.ways[former].Cut()
	if old == Killed {
		if err := former.Kill(); err != nil {
			return err
		}
	}
	err := c.succeed(ctx, i, servers.Takeover)
	if err == nil && old == Killed {
		err = former.Start()
	}
	if err == nil {
		err = former.WaitDemoted(ctx)
	}
	if err := errors.Join(err, c.ways[former].Open("")); err != nil {
		return err
	}
	return c.Followed(ctx, i)
}

// Handover implements [Sharded].
func (c *clustered) Handover(ctx context.Context, i int) error {
	if err := c.succeed(ctx, i, servers.Handover); err != nil {
		return err
	}
	return c.Followed(ctx, i)
}

func (c *clustered) succeed(ctx context.Context, i int, how servers.Succession) error {
	if err := c.replicas[i].Succeed(ctx, how); err != nil {
		return err
	}
	c.nodes[i], c.replicas[i] = c.replicas[i], c.nodes[i]
	return hear(ctx, c.nodes[i])
}

// deafen ends a replica's connection to its master, and keeps it from another: it
// offers a password that is not asked for. hear ends that.
func deafen(ctx context.Context, replica *servers.RedisProcess) error {
	if err := replica.Do(ctx, "CONFIG", "SET", "masterauth", "none"); err != nil {
		return err
	}
	return replica.Do(ctx, "CLIENT", "KILL", "TYPE", "master")
}

func hear(ctx context.Context, replica *servers.RedisProcess) error {
	return replica.Do(ctx, "CONFIG", "SET", "masterauth", "")
}

// Attach implements [Redis].
func (c *clustered) Attach(ctx context.Context, i int) error {
	if err := c.replicas[i].Kill(); err != nil {
		return err
	}
	if err := hopeless(ctx, c.nodes[i]); err != nil {
		return err
	}
	if err := c.replicas[i].Start(); err != nil {
		return err
	}
	return c.Followed(ctx, i)
}

// Close implements [Redis].
func (c *clustered) Close() error {
	var errs []error
	for node := range c.ways {
		errs = append(errs, node.Kill())
	}
	for _, way := range c.all {
		way.Cut()
	}
	return errors.Join(errs...)
}
