package redisconn

import (
	"errors"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func wantMisconfigured(t *testing.T, err error, words ...string) {
	t.Helper()
	if _, ok := errors.AsType[*MisconfiguredError](err); !ok {
		t.Fatalf("error = %v (%T), want that the server is misconfigured", err, err)
	}
	for _, want := range words {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// TestAServerThatEvictsIsRefused, whatever it evicts, and taken once it stops.
func TestAServerThatEvictsIsRefused(t *testing.T) {
	server := servers.Redis(t)
	client := dial(t, Config{Addr: server.Addr()})
	for _, policy := range []string{"allkeys-lru", "volatile-lru", "allkeys-random", "volatile-ttl"} {
		if err := client.ConfigSet(t.Context(), "maxmemory-policy", policy).Err(); err != nil {
			t.Fatal(err)
		}
		wantMisconfigured(t, Verify(t.Context(), client), policy, "set maxmemory-policy noeviction")
	}
	if err := client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	if err := Verify(t.Context(), client); err != nil {
		t.Error(err)
	}
}

// TestAClusterBehindOneAddress: each command's refusal says what to do, and so
// does the question at start.
func TestAClusterBehindOneAddress(t *testing.T) {
	client := dial(t, Config{Addr: servers.RedisCluster(t)[0]})
	wantMisconfigured(t, Verify(t.Context(), client), "one node of a cluster", "REDIS_CLUSTER=true", "REDIS_ADDR")
	refused := 0
	for _, key := range []string{"{a}", "{b}", "{c}", "{d}", "{e}"} {
		err := client.Get(t.Context(), key).Err()
		if err == nil || !strings.Contains(err.Error(), "MOVED") {
			continue
		}
		refused++
		pipeline := client.Pipeline()
		get := pipeline.Get(t.Context(), key)
		_, together := pipeline.Exec(t.Context())
		for _, err := range []error{err, get.Err(), together} {
			if err == nil || !strings.Contains(err.Error(), "set REDIS_CLUSTER=true") {
				t.Errorf("%v does not say what to do", err)
			}
		}
	}
	if refused == 0 {
		t.Error("no key is at another node")
	}
}

// TestAClusterThatEvictsIsRefused though it be one master of three.
func TestAClusterThatEvictsIsRefused(t *testing.T) {
	addresses := servers.RedisCluster(t)
	client := dial(t, Config{Addr: addresses[0], Cluster: true})
	node := dial(t, Config{Addr: addresses[2]})
	set := func(policy string) {
		if err := node.ConfigSet(t.Context(), "maxmemory-policy", policy).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("allkeys-lfu")
	err := Verify(t.Context(), client)
	set("noeviction") // the servers are shared
	wantMisconfigured(t, err, "allkeys-lfu")
	if err := Verify(t.Context(), client); err != nil {
		t.Error(err)
	}
}

func TestASingleServerUsedAsACluster(t *testing.T) {
	client := dial(t, Config{Addr: servers.SharedRedis(t), Cluster: true})
	wantMisconfigured(t, Verify(t.Context(), client), "no cluster", "unset REDIS_CLUSTER")
}

// TestAnUserWhoMayNotAsk is told so: the scripts read INFO as well.
func TestAnUserWhoMayNotAsk(t *testing.T) {
	server := servers.Redis(t)
	admin := dial(t, Config{Addr: server.Addr()})
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "seats", "on", ">secret", "~*", "+@all", "-info").Err(); err != nil {
		t.Fatal(err)
	}
	client := dial(t, Config{Addr: server.Addr(), Username: "seats", Password: "secret"})
	err := Verify(t.Context(), client)
	wantUnavailable(t, err)
	if !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("%v does not say why", err)
	}
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "seats", "+info", "-cluster").Err(); err != nil {
		t.Fatal(err)
	}
	if err := Verify(t.Context(), client); err != nil {
		t.Errorf("without CLUSTER: %v", err)
	}
}
