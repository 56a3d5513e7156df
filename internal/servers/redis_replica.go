package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// RedisReplica starts a redis-server for this test that replicates another,
// and waits until it has the other's data. Replication is asynchronous, as in
// Memorystore: what the master acknowledged last may be missing here.
func RedisReplica(t testing.TB, of *RedisServer) *RedisServer {
	t.Helper()
	process, err := StartReplica(t.Context(), t.TempDir(), of.Addr())
	if err != nil {
		t.Fatal(err)
	}
	replica := &RedisServer{RedisProcess: process, t: t}
	t.Cleanup(replica.end)
	return replica
}

// StartReplica is [RedisReplica] outside of tests; of is how the replica reaches
// its master, possibly through a proxy.
func StartReplica(ctx context.Context, dir, of string) (*RedisProcess, error) {
	return (*Clocks)(nil).StartReplica(ctx, dir, of)
}

// StartReplica is the function of that name with a clock for the replica.
func (c *Clocks) StartReplica(ctx context.Context, dir, of string, args ...string) (*RedisProcess, error) {
	host, port, err := net.SplitHostPort(of)
	if err != nil {
		return nil, err
	}
	replica, err := c.StartRedis(dir, append([]string{"--replicaof", host + " " + port}, args...)...)
	if err != nil {
		return nil, err
	}
	if err := replica.WaitReplicated(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("replica of %s: %w", of, err), replica.Kill())
	}
	return replica, nil
}

// WaitReplicated waits until a replica has what its master has, for example after the
// master was started again. That its connection is up is not enough: the master sends
// what was written since its snapshot only after the replica has asked for it.
func (r *RedisProcess) WaitReplicated(ctx context.Context) error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	if err := waitFor(r.proc.Exited(), func() bool { return ctx.Err() != nil || hasAll(ctx, client) }); err != nil {
		told, infoErr := replication(ctx, client)
		return errors.Join(fmt.Errorf("%s has not what its master has: %w; it said last: %v", r.Addr(), err, told), infoErr)
	}
	return nil
}

// hasAll reports whether a replica has what its master had a moment ago.
func hasAll(ctx context.Context, replica *redis.Client) bool {
	before, err := replication(ctx, replica)
	if err != nil || before["master_link_status"] != "up" {
		return false
	}
	client := adminClient(net.JoinHostPort(before["master_host"], before["master_port"]))
	defer func() { _ = client.Close() }()
	master, err := replication(ctx, client)
	if err != nil {
		return false
	}
	after, err := replication(ctx, replica)
	return err == nil && after["master_link_status"] == "up" && after["master_replid"] == master["master_replid"] &&
		offset(after["slave_repl_offset"]) >= offset(master["master_repl_offset"])
}

// offset is a place in a history of writes; -1 is none.
func offset(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// replication is what a server tells of its replication (INFO), by name.
func replication(ctx context.Context, client *redis.Client) (map[string]string, error) {
	info, err := client.Info(ctx, "replication").Result()
	if err != nil {
		return nil, err
	}
	told := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		told[name] = value
	}
	return told, nil
}

// ReplicationID is the name of the history of writes that the server is in
// (master_replid); it has another after a promotion.
func (r *RedisProcess) ReplicationID(ctx context.Context) (string, error) {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	told, err := replication(ctx, client)
	if err != nil {
		return "", err
	}
	return told["master_replid"], nil
}

// Admin is a client for commands to a server that is administered, not used. Close it.
func Admin(address string) *redis.Client { return adminClient(address) }

// adminClient is for this package's own commands to a server it started.
func adminClient(address string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: address, DisableIdentity: true, PoolSize: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
