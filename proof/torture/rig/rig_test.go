package rig

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.Main(m),
		// toxiproxy leaves these behind when a connection's far end is gone while
		// something is on its way to it: its writer ends, and they wait for it.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}

// client is what a worker has at this address, without retries.
func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: addr, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: 200 * time.Millisecond, DisableIdentity: true,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestProxy: each way of breaking a connection breaks it, and mending mends it.
func TestProxy(t *testing.T) {
	server := servers.Redis(t)
	p, err := newProxy("test", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Cut()
	for name, tt := range map[string]struct {
		broken func() error
		mend   func() error
		// arrives says that what is sent while it is broken reaches the server in the end.
		arrives bool
	}{
		"cut":     {func() error { p.Cut(); return nil }, func() error { return p.Open("") }, false},
		"swallow": {p.Swallow, func() error { p.Mend(t.Context()); return nil }, false},
		"mute":    {p.Mute, func() error { p.Mend(t.Context()); return nil }, true},
		"hold":    {p.Hold, func() error { p.Mend(t.Context()); return nil }, true},
		"slow":    {func() error { return p.Slow(2 * time.Second) }, func() error { p.Mend(t.Context()); return nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, p.Addr())
			if err := c.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			if err := tt.broken(); err != nil {
				t.Fatal(err)
			}
			if err := c.Set(t.Context(), name, "sent", 0).Err(); err == nil {
				t.Error("it was answered")
			}
			if err := tt.mend(); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return c.Ping(t.Context()).Err() == nil })
			direct := client(t, server.Addr())
			if tt.arrives {
				eventually(t, func() bool { return direct.Exists(t.Context(), name).Val() == 1 })
			} else if direct.Exists(t.Context(), name).Val() == 1 {
				t.Error("it arrived")
			}
		})
	}
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for !done() {
		Sleep(ctx, 10*time.Millisecond)
		if ctx.Err() != nil {
			t.Fatal("it never came")
		}
	}
}

// TestFailover: what was written last is lost, whoever is the primary afterwards,
// and clients find it at the same address.
func TestFailover(t *testing.T) {
	servers.SharedRedis(t) // says so where redis-server is not installed
	r, err := startReplicated(t.Context(), t.TempDir(), servers.SharedClocks(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := client(t, r.Address(0))
	for n, old := range []Old{Killed, Demoted, Restored, Killed} {
		first := r.Server(0).Addr()
		set := func(key string) error { return c.Set(t.Context(), key, n, 0).Err() }
		eventually(t, func() bool { return set("kept") == nil })
		eventually(t, func() bool { return client(t, r.replica.Addr()).Get(t.Context(), "kept").Val() != "" })
		done := make(chan error)
		go func() { done <- r.Failover(t.Context(), 0, 300*time.Millisecond, old) }()
		eventually(t, func() bool { return r.link.proxy.Toxics.GetToxic("timeout_downstream") != nil })
		if err := set("lost"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return c.Ping(t.Context()).Err() == nil })
		if c.Exists(t.Context(), "kept").Val() != 1 || c.Exists(t.Context(), "lost").Val() != 0 {
			t.Errorf("fate %d: the new primary has %v", old, c.Keys(t.Context(), "*").Val())
		}
		if same := r.Server(0).Addr() == first; same != (old == Restored) {
			t.Errorf("fate %d: the primary is the same process: %t", old, same)
		}
	}
}
