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
	host, port, err := net.SplitHostPort(of)
	if err != nil {
		return nil, err
	}
	replica, err := StartRedis(dir, "--replicaof", host+" "+port)
	if err != nil {
		return nil, err
	}
	if err := replica.waitReplicated(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("replica of %s: %w", of, err), replica.Kill())
	}
	return replica, nil
}

func (r *RedisProcess) waitReplicated(ctx context.Context) error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	return waitFor(r.proc.Exited(), func() bool {
		info, err := client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
}

// adminClient is for this package's own commands to a server it started.
func adminClient(address string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: address, DisableIdentity: true, PoolSize: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
