package rig

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// cluster is one with a client as workers have it.
func cluster(t *testing.T) (*clustered, *redis.ClusterClient) {
	t.Helper()
	servers.SharedRedis(t) // says so where redis-server is not installed
	c, err := startClustered(t.Context(), t.TempDir(), servers.SharedClocks(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for i := range masters {
			if t.Failed() {
				t.Logf("master %d wrote:\n%s\nits replica wrote:\n%s", i, c.Server(i).Output(), c.Replica(i).Output())
			}
		}
	})
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(c.Address(0), ","), DisableIdentity: true})
	t.Cleanup(func() { _ = client.Close() })
	return c, client
}

// keys are one of each node's.
func keys() []string { return []string{"{b}", "{a}", "{c}"} }

func setAll(t *testing.T, client *redis.ClusterClient, value string) {
	t.Helper()
	eventually(t, func() bool {
		var errs []error
		for _, key := range keys() {
			errs = append(errs, client.Set(t.Context(), key, value, 0).Err())
		}
		return errors.Join(errs...) == nil
	})
}

// get is what the cluster has, once it is served.
func get(t *testing.T, client *redis.ClusterClient, key string) (value string) {
	t.Helper()
	eventually(t, func() bool {
		var err error
		value, err = client.Get(t.Context(), key).Result()
		return err == nil || errors.Is(err, redis.Nil)
	})
	return value
}

// TestClusterFailover: what was written last is lost with its master alone, a
// handover loses nothing, and each master has a replica again afterwards.
func TestClusterFailover(t *testing.T) {
	c, client := cluster(t)
	for n, old := range []Old{Killed, Demoted} {
		setAll(t, client, "kept")
		for i := range masters {
			eventually(t, func() bool {
				one, err := c.nodes[i].ReplicationID(t.Context())
				two, otherErr := c.replicas[i].ReplicationID(t.Context())
				return err == nil && otherErr == nil && one == two
			})
		}
		former := c.Server(n)
		done := make(chan error)
		go func() { done <- c.Failover(t.Context(), n, 2*time.Second, old) }()
		eventually(t, func() bool { // until its replica has gone deaf
			client := servers.Admin(c.replicas[n].Addr())
			defer func() { _ = client.Close() }()
			info, err := client.Info(t.Context(), "replication").Result()
			return err == nil && strings.Contains(info, "master_link_status:down")
		})
		setAll(t, client, "lost")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if c.Server(n) == former || c.Replica(n) != former {
			t.Error("the roles are as before")
		}
		lost := 0
		for _, key := range keys() {
			if get(t, client, key) == "kept" {
				lost++
			}
		}
		if lost != 1 {
			t.Errorf("fate %d: %d of three masters lost what was written last", old, lost)
		}
	}
	setAll(t, client, "handed over")
	if err := c.Handover(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := c.Working(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys() {
		if got := get(t, client, key); got != "handed over" {
			t.Errorf("%s is %q after a handover", key, got)
		}
	}
}

// TestMigrate: the keys of a tag are on another node afterwards, and served.
func TestMigrate(t *testing.T) {
	c, client := cluster(t)
	tagged := []string{"{acme}1", "{acme}2", "{acme}3", "{acme}4", "{acme}5"}
	for _, key := range tagged {
		if err := client.Set(t.Context(), key, key, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	slot, err := slotOf(t.Context(), c.nodes[0], "acme")
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // once around, and from there again
		before := c.owner(slot)
		leaveBehind(t, c, slot, tagged[0])
		if err := c.Migrate(t.Context(), "acme", time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if c.owner(slot) == before {
			t.Error("it is where it was")
		}
		direct := servers.Admin(c.Server(c.owner(slot)).Addr())
		if n, err := direct.ClusterCountKeysInSlot(t.Context(), int(slot)).Result(); err != nil || int(n) != len(tagged) {
			t.Errorf("%d keys have arrived (%v)", n, err)
		}
		_ = direct.Close()
		for _, key := range tagged {
			if got := get(t, client, key); got != key {
				t.Errorf("%s is %q", key, got)
			}
		}
	}
}

// leaveBehind puts a key on the node to which the slot will move, as a replica has it that
// was promoted before it heard that the slot had moved away.
func leaveBehind(t *testing.T, c *clustered, slot int64, key string) {
	t.Helper()
	next := c.nodes[(c.owner(slot)+1)%masters]
	owner, err := c.nodes[c.owner(slot)].NodeID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "IMPORTING", owner); err != nil {
		t.Fatal(err)
	}
	direct := servers.Admin(next.Addr())
	defer func() { _ = direct.Close() }()
	_, err = direct.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Do(t.Context(), "ASKING")
		p.Set(t.Context(), key, "left behind", 0)
		return nil
	})
	if err := errors.Join(err, next.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "STABLE")); err != nil {
		t.Fatal(err)
	}
}

// TestAttach: a first replica after none begins another history, which nothing is
// lost with.
func TestAttach(t *testing.T) {
	c, client := cluster(t)
	setAll(t, client, "kept")
	before, err := c.Server(1).ReplicationID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Attach(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if after, err := c.Server(1).ReplicationID(t.Context()); err != nil || after == before {
		t.Errorf("the history is the same (%v)", err)
	}
	for _, key := range keys() {
		if got := get(t, client, key); got != "kept" {
			t.Errorf("%s is %q", key, got)
		}
	}
}
