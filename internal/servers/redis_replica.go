package servers

import (
	"context"
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
	host, port, err := net.SplitHostPort(of.Addr())
	if err != nil {
		t.Fatal(err)
	}
	replica := Redis(t, "--replicaof", host+" "+port)
	if err := replica.synced(); err != nil {
		t.Fatalf("replica of %s: %v", of.Addr(), err)
	}
	return replica
}

// Follow makes a running server a replica of another, as happens to the old
// master after a failover: it stays the same process, gives up what it has, and
// has the other's data when Follow returns.
func (r *RedisServer) Follow(of *RedisServer) {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	host, port, err := net.SplitHostPort(of.Addr())
	if err == nil {
		err = client.Do(context.Background(), "REPLICAOF", host, port).Err()
	}
	if err == nil {
		err = r.synced()
	}
	r.check(err)
}

// synced waits until a replica has its master's data.
func (r *RedisServer) synced() error {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	return waitFor(r.proc.exited, func() bool {
		info, err := client.Info(context.Background(), "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
}

// Promote makes a replica a master, as a failover does: it keeps the data it
// has, takes writes, and has a new replication id (master_replid).
func (r *RedisServer) Promote() {
	client := adminClient(r.Addr())
	defer func() { _ = client.Close() }()
	r.check(client.Do(context.Background(), "REPLICAOF", "NO", "ONE").Err())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.args = nil // a later Start runs a master, not a replica of the old one
}

// adminClient is for this package's own commands to a server it started.
func adminClient(address string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: address, DisableIdentity: true, PoolSize: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
