package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// WaitReplicated waits until a replica's connection to its master is up, for example
// after the master was started again.
func (r *RedisProcess) WaitReplicated(ctx context.Context) error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	return waitFor(r.proc.Exited(), func() bool {
		info, err := client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
}

// ReplicationID is the name of the history of writes that the server is in
// (master_replid); it has another after a promotion.
func (r *RedisProcess) ReplicationID(ctx context.Context) (string, error) {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	info, err := client.Info(ctx, "replication").Result()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(info) {
		if id, found := strings.CutPrefix(line, "master_replid:"); found {
			return strings.TrimSpace(id), nil
		}
	}
	return "", errors.New("INFO tells no master_replid")
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
