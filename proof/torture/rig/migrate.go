package rig

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// slots is the number of hash slots of every Redis Cluster.
const slots = 16384

// migration is one slot on its way from a master to another.
type migration struct {
	from, to     *servers.RedisProcess
	source       *redis.Client
	fromID, toID string
	slot         int64
}

// Migrate implements [Sharded] as redis-cli --cluster reshard does
// (https://redis.io/docs/latest/commands/cluster-setslot/).
func (c *clustered) Migrate(ctx context.Context, tag string, pause time.Duration) error {
	slot, err := slotOf(ctx, c.nodes[0], tag)
	if err != nil {
		return err
	}
	owner := c.owner(slot)
	next := (owner + 1) % masters
	m := migration{from: c.nodes[owner], to: c.nodes[next], source: servers.Admin(c.nodes[owner].Addr()), slot: slot}
	defer func() { _ = m.source.Close() }()
	if err := m.begin(ctx); err != nil {
		return fmt.Errorf("slot %d: %w", slot, err)
	}
	for moved := 1; moved > 0; {
		if moved, err = m.moveSome(ctx); err != nil {
			return fmt.Errorf("slot %d: %w", slot, err)
		}
		Sleep(ctx, pause)
	}
	c.moved[slot] = next
	return m.end(ctx, c.nodes)
}

func (c *clustered) owner(slot int64) int {
	if shard, ok := c.moved[slot]; ok {
		return shard
	}
	for i := range masters {
		if slot < int64((i+1)*slots/masters) {
			return i
		}
	}
	return masters - 1
}

func slotOf(ctx context.Context, node *servers.RedisProcess, tag string) (int64, error) {
	client := servers.Admin(node.Addr())
	defer func() { _ = client.Close() }()
	return client.ClusterKeySlot(ctx, "{"+tag+"}").Result()
}

func (m *migration) begin(ctx context.Context) (err error) {
	if m.fromID, err = m.from.NodeID(ctx); err != nil {
		return err
	}
	if m.toID, err = m.to.NodeID(ctx); err != nil {
		return err
	}
	if err := m.to.Do(ctx, "CLUSTER", "SETSLOT", m.slot, "IMPORTING", m.fromID); err != nil {
		return err
	}
	return m.from.Do(ctx, "CLUSTER", "SETSLOT", m.slot, "MIGRATING", m.toID)
}

// migrateLimit bounds the move of a few small keys on the slowest machine.
const migrateLimit = time.Minute

// atATime is few, so that keys of one organization are on both nodes for a while.
const atATime = 2

func (m *migration) moveSome(ctx context.Context) (int, error) {
	keys, err := m.source.ClusterGetKeysInSlot(ctx, int(m.slot), atATime).Result()
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	host, port, err := net.SplitHostPort(m.to.Addr())
	if err != nil {
		return 0, err
	}
	move := func(options ...any) error {
		command := append([]any{"MIGRATE", host, port, "", 0, migrateLimit.Milliseconds()}, options...)
		command = append(command, "KEYS")
		for _, key := range keys {
			command = append(command, key)
		}
		return m.patiently(ctx, command)
	}
	// A replica that was promoted before it heard that the slot had moved away still has
	// its keys. Those of the slot's owner count, as redis-cli --cluster-replace has it.
	if err = move(); err != nil && strings.Contains(err.Error(), "BUSYKEY") {
		err = move("REPLACE")
	}
	return len(keys), err
}

// patiently repeats a command while its target takes the cluster for down: a node that
// was not given the processor in time is counted out, and comes back by itself.
func (m *migration) patiently(ctx context.Context, command []any) error {
	ctx, cancel := context.WithTimeout(ctx, migrateLimit)
	defer cancel()
	for {
		err := m.source.Do(ctx, command...).Err()
		if err == nil || !strings.Contains(err.Error(), "CLUSTERDOWN") || ctx.Err() != nil {
			return err
		}
		Sleep(ctx, 50*time.Millisecond)
	}
}

// end gives the slot to its new owner, which is told first.
func (m *migration) end(ctx context.Context, masters []*servers.RedisProcess) error {
	for _, node := range append([]*servers.RedisProcess{m.to, m.from}, masters...) {
		if err := node.Do(ctx, "CLUSTER", "SETSLOT", m.slot, "NODE", m.toID); err != nil {
			return fmt.Errorf("slot %d: %w", m.slot, err)
		}
	}
	return nil
}
