package rig

import (
	"context"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/record"
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
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
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
	r, err := startReplicated(t.Context(), t.TempDir(), 1)
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
		go func() { done <- r.Failover(t.Context(), 300*time.Millisecond, old) }()
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

// behindGateway is a client behind the gateway, and one beside it.
func behindGateway(t *testing.T) (addr string, direct *firestore.DocumentRef) {
	t.Helper()
	emulator := servers.Firestore(t)
	s := &Shared{emulator: emulator}
	if err := s.serveFirestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	direct = document(t, emulator)
	if _, err := direct.Set(t.Context(), map[string]any{"n": 0}); err != nil {
		t.Fatal(err)
	}
	return s.firestore, direct
}

func document(t *testing.T, addr string) *firestore.DocumentRef {
	t.Helper()
	return dial(t, addr).Collection("gateway").Doc(t.Name())
}

func dial(t *testing.T, addr string) *firestore.Client {
	t.Helper()
	c, err := record.Dial(t.Context(), record.Target{ProjectID: devstack.Project, Emulator: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestGatewayWounds: of two transactions that read and write one document the
// older commits at once, and the younger is aborted, which its client repeats.
func TestGatewayWounds(t *testing.T) {
	addr, direct := behindGateway(t)
	older, younger := document(t, addr), document(t, addr)
	olderRead, youngerRead := make(chan struct{}), make(chan struct{})
	write := func(doc *firestore.DocumentRef, c *firestore.Client, hasRead, wait chan struct{}, attempts int) error {
		return c.RunTransaction(t.Context(), func(_ context.Context, tx *firestore.Transaction) error {
			s, err := tx.Get(doc)
			if err != nil {
				return err
			}
			n, _ := s.Data()["n"].(int64)
			if wait != nil {
				close(hasRead)
				<-wait
				wait = nil
			}
			return tx.Set(doc, map[string]any{"n": n + 1})
		}, firestore.MaxAttempts(attempts))
	}
	result := make(chan error)
	go func() { result <- write(older, dial(t, addr), olderRead, youngerRead, 1) }()
	<-olderRead
	done := make(chan struct{})
	go func() { result <- write(younger, dial(t, addr), youngerRead, done, 5) }()
	<-youngerRead
	if err := <-result; err != nil {
		t.Errorf("the older one: %v", err)
	}
	close(done)
	if err := <-result; err != nil {
		t.Errorf("the younger one, repeated: %v", err)
	}
	s, err := direct.Get(t.Context())
	if n, _ := s.Data()["n"].(int64); err != nil || n != 2 {
		t.Errorf("n = %d, %v", n, err)
	}
}

// TestGatewayForgetsTheDead: a transaction whose client is gone holds up nobody.
func TestGatewayForgetsTheDead(t *testing.T) {
	addr, _ := behindGateway(t)
	p, err := newProxy("firestore", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Cut()
	dead, doc := document(t, p.Addr()), document(t, addr)
	hasRead, over := make(chan struct{}), make(chan error)
	stop := make(chan struct{})
	c := dial(t, p.Addr())
	go func() {
		over <- c.RunTransaction(t.Context(), func(_ context.Context, tx *firestore.Transaction) error {
			if _, err := tx.Get(dead); err != nil {
				return err
			}
			close(hasRead)
			<-stop
			return status.Error(codes.Internal, "gone")
		}, firestore.MaxAttempts(1))
	}()
	<-hasRead
	p.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // the emulator alone takes a minute
	defer cancel()
	err = dial(t, addr).RunTransaction(ctx, func(_ context.Context, tx *firestore.Transaction) error {
		if _, err := tx.Get(doc); err != nil {
			return err
		}
		return tx.Set(doc, map[string]any{"n": 1})
	})
	if err != nil {
		t.Error(err)
	}
	close(stop)
	if err := <-over; err == nil {
		t.Error("the dead one succeeded")
	}
}
