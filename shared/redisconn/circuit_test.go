package redisconn

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/circuit"
)

// brief are timeouts that make a hanging server cost a test little.
func brief(addr string) Config {
	return Config{
		Addr: addr, DialTimeout: 50 * time.Millisecond, ReadTimeout: 20 * time.Millisecond, WriteTimeout: 20 * time.Millisecond,
		PoolTimeout: 20 * time.Millisecond, Cooldown: 200 * time.Millisecond, PoolSize: 4,
	}
}

// untilOpen sends commands until one is refused unsent.
func untilOpen(t *testing.T, send func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for n := 1; ; n++ {
		err := send(ctx)
		switch {
		case errors.Is(err, circuit.ErrOpen) && n > circuit.Failures:
			return
		case err == nil || errors.Is(err, circuit.ErrOpen) || ctx.Err() != nil:
			t.Fatalf("call %d: error = %v, want the server's silence", n, err)
		}
	}
}

// untilBack asks until the server answers again.
func untilBack(t *testing.T, send func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for send(ctx) != nil {
		select {
		case <-ctx.Done():
			t.Fatal("the circuit never closed again")
		case <-tick.C:
		}
	}
}

func TestADeadServerIsNotAskedAgainAndAgain(t *testing.T) {
	server := servers.Redis(t)
	client := dial(t, brief(server.Addr()))
	commands := map[string]func(context.Context) error{
		"command":  func(ctx context.Context) error { return client.Get(ctx, "x").Err() },
		"script":   func(ctx context.Context) error { return client.Eval(ctx, "return 1", nil).Err() },
		"pipeline": func(ctx context.Context) error { return pipelined(ctx, client) },
	}
	server.Kill()
	untilOpen(t, func(ctx context.Context) error { return Verify(ctx, client) })
	for name, send := range commands {
		if err := send(t.Context()); !errors.Is(err, circuit.ErrOpen) {
			t.Errorf("%s: %v, want %v", name, err, circuit.ErrOpen)
		}
	}
	server.Start()
	untilBack(t, func(ctx context.Context) error { return Verify(ctx, client) })
	for name, send := range commands {
		if err := send(t.Context()); err != nil && !errors.Is(err, redis.Nil) {
			t.Errorf("%s: %v after the server came back", name, err)
		}
	}
}

func pipelined(ctx context.Context, client redis.UniversalClient) error {
	var get *redis.StringCmd
	_, _ = client.Pipelined(ctx, func(p redis.Pipeliner) error {
		get = p.Get(ctx, "x")
		return nil
	})
	return get.Err() // who reads the command must see it too
}

// TestAHangingServerPilesUpNothing: connections stay within the pool, and
// commands are refused unsent.
func TestAHangingServerPilesUpNothing(t *testing.T) {
	server := servers.Redis(t)
	client := dial(t, brief(server.Addr()))
	if err := Verify(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	defer server.Resume()
	var all sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 200 {
		all.Go(func() {
			for range 10 {
				if err := client.Get(t.Context(), "x").Err(); errors.Is(err, circuit.ErrOpen) {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if stats := client.PoolStats(); stats.TotalConns > 4 {
		t.Errorf("%d connections, the pool has 4", stats.TotalConns)
	}
	if refused == 0 {
		t.Error("nothing was refused unsent")
	}
	server.Resume()
	untilBack(t, func(ctx context.Context) error { return Verify(ctx, client) })
}

// TestErrorsOfTheServerAreAnswers and open nothing.
func TestErrorsOfTheServerAreAnswers(t *testing.T) {
	client := dial(t, Config{Addr: servers.SharedRedis(t)})
	for range 3 * circuit.Failures {
		err := client.Do(t.Context(), "NOSUCHCOMMAND").Err()
		if err == nil || !strings.Contains(err.Error(), "unknown command") {
			t.Fatalf("error = %v, want the server's", err)
		}
	}
	if err := Verify(t.Context(), client); err != nil {
		t.Error(err)
	}
}

// TestABrokenConnectionIsRepeatedWithinTheCall, on a cluster as on one server: when
// all of a healthy node's connections break at once, nobody notices.
func TestABrokenConnectionIsRepeatedWithinTheCall(t *testing.T) {
	const key, callers = "redisconn:{blip}", 8 // fewer than connections: one is for those who break them
	for name, cfg := range map[string]Config{
		"cluster": {Addr: strings.Join(servers.RedisCluster(t), ",")}, "one server": {Addr: servers.SharedRedis(t)},
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, cfg)
			results := make(chan error, callers)
			for range callers {
				go func() { results <- client.Do(t.Context(), "BLPOP", key, "0.2").Err() }()
			}
			breakConnections(t, nodeOf(t, client, key), "blpop", callers)
			for range callers {
				if err := <-results; !errors.Is(err, redis.Nil) {
					t.Errorf("error = %v, want the answer to the repeat", err)
				}
			}
		})
	}
}

func nodeOf(t *testing.T, client redis.UniversalClient, key string) *redis.Client {
	t.Helper()
	switch c := client.(type) {
	case *redis.Client:
		return c
	case *redis.ClusterClient:
		node, err := c.MasterForKey(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return node
	default:
		t.Fatalf("a client of type %T", client)
		return nil
	}
}

// breakConnections waits until so many clients of the server are in this command,
// and cuts them off.
func breakConnections(t *testing.T, server *redis.Client, command string, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	broken := map[string]bool{}
	for len(broken) < want {
		list, err := server.ClientList(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list) {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			if strings.Contains(line, " cmd="+command+" ") && !broken[id] && len(broken) < want {
				broken[id] = true
				if err := server.ClientKillByFilter(ctx, "ID", id).Err(); err != nil {
					t.Error(err)
				}
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("broke %d connections, want %d", len(broken), want)
		case <-tick.C:
		}
	}
}

// TestEveryNodeHasItsOwnCircuit: what one node does not answer costs no other.
func TestEveryNodeHasItsOwnCircuit(t *testing.T) {
	cfg := brief(strings.Join(servers.RedisCluster(t), ","))
	client, ok := dial(t, cfg).(*redis.ClusterClient)
	if !ok {
		t.Fatal("not a cluster's client")
	}
	var nodes []*redis.Client
	var mu sync.Mutex
	err := client.ForEachMaster(t.Context(), func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, node)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// WAIT for a replica that does not exist takes longer than the client's patience.
	untilOpen(t, func(ctx context.Context) error { return nodes[0].Do(ctx, "WAIT", 1, 1000).Err() })
	for _, node := range nodes[1:] {
		if err := node.Ping(t.Context()).Err(); err != nil {
			t.Errorf("%s: %v", node.Options().Addr, err)
		}
	}
	untilBack(t, func(ctx context.Context) error { return nodes[0].Ping(ctx).Err() })
}
