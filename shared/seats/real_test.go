package seats_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/redis/go-redis/v9"
)

// TestKilledRedisThrowsNobodyOut kills redis-server under heartbeating holders
// and starts it empty: everybody keeps the seat, nobody gets another one's.
func TestKilledRedisThrowsNobodyOut(t *testing.T) {
	server, record := servers.Redis(t), record.NewMemory()
	const holders = 20
	pools := make([]*seats.Protocol, 4)
	for i := range pools {
		pools[i] = realPool(t, ledgertest.NewRedis(t, ledgertest.Client(t, server.Addr()), "", sessionTTL, tokenTTL), record)
	}
	holds := make([]ledger.Hold, holders)
	for i := range holds {
		var err error
		holds[i], err = pools[0].Acquire(t.Context(), user(fmt.Sprint(i)), request(fmt.Sprint(i), holders), signed)
		if err != nil {
			t.Fatal(err)
		}
	}
	for round := range 2 {
		server.Kill()
		server.Start()
		var wg sync.WaitGroup
		for i, h := range holds {
			wg.Go(func() {
				if err := beatUntilAnswered(t.Context(), pools[i%len(pools)], h); err != nil {
					t.Errorf("round %d: heartbeat %d: %v", round, i, err)
				}
			})
		}
		wg.Wait()
		if got := tryAcquire(t.Context(), pools[0], "late", holders); got.refused != 1 {
			t.Errorf("round %d: one more: %+v, want refused", round, got)
		}
	}
}

// beatUntilAnswered repeats a heartbeat that a backend failed, as clients do.
func beatUntilAnswered(ctx context.Context, p *seats.Protocol, h ledger.Hold) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, err := p.Heartbeat(ctx, user(h.UserID), ledger.Heartbeat{SessionID: h.ID})
		var down *license.UnavailableError
		if !errors.As(err, &down) || ctx.Err() != nil {
			return err
		}
	}
}

// TestFailoverOfARealReplica loses the master's last writes: the replica was
// cut off before them, and is promoted.
func TestFailoverOfARealReplica(t *testing.T) {
	master, record := servers.Redis(t), record.NewMemory()
	before := realPool(t, ledgertest.NewRedis(t, ledgertest.Client(t, master.Addr()), "", sessionTTL, tokenTTL), record)
	acquire := func(p *seats.Protocol, userID string) ledger.Hold {
		t.Helper()
		h, err := p.Acquire(t.Context(), user(userID), request(userID, 2), signed)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	released, kept := acquire(before, "released"), acquire(before, "kept")
	replica := servers.RedisReplica(t, master)
	replica.Promote() // as a network partition would have it: two masters for a moment
	if err := before.Release(t.Context(), user("released"), released.ID); err != nil {
		t.Fatal(err)
	}
	lost := acquire(before, "lost")
	master.Kill()
	after := realPool(t, ledgertest.NewRedis(t, ledgertest.Client(t, replica.Addr()), "", sessionTTL, tokenTTL), record)
	for _, h := range []ledger.Hold{kept, lost} {
		if err := beatUntilAnswered(t.Context(), after, h); err != nil {
			t.Errorf("%s: %v", h.UserID, err)
		}
	}
	var ended *license.SessionEndedError
	if err := beatUntilAnswered(t.Context(), after, released); !errors.As(err, &ended) || ended.Reason != license.EndReleased {
		t.Errorf("released: %v", err)
	}
	if got := tryAcquire(t.Context(), after, "late", 2); got.refused != 1 {
		t.Errorf("one more: %+v, want refused", got)
	}
}

// TestFailOverAndBack is the same process with another replication id: writes
// were lost in between, so its data cannot be trusted.
func TestFailOverAndBack(t *testing.T) {
	server, record := servers.Redis(t), record.NewMemory()
	c := ledgertest.Client(t, server.Addr())
	p := realPool(t, ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL), record)
	h, err := p.Acquire(t.Context(), user("ann"), request("ann", 1), signed)
	if err != nil {
		t.Fatal(err)
	}
	replicaOf(t, c, "127.0.0.1", "1") // of nobody who answers
	replicaOf(t, c, "NO", "ONE")
	if _, err := ledgertest.NewRedis(t, c, "", sessionTTL, tokenTTL).Visit(t.Context(), license.ServiceCaller(acme), 1); !errors.As(err, new(*ledger.RebuildError)) {
		t.Errorf("after fail over and back: %v, want a call for a rebuild", err)
	}
	if err := beatUntilAnswered(t.Context(), p, h); err != nil {
		t.Error(err)
	}
}

// TestFailOverAndBackLosesWrites: the master is cut off from its replica, which
// takes over; then it follows the replica, and takes over again. It is the same
// process all the time, and what it wrote while cut off is gone.
func TestFailOverAndBackLosesWrites(t *testing.T) {
	master, record := servers.Redis(t), record.NewMemory()
	instance := func() *seats.Protocol {
		return realPool(t, ledgertest.NewRedis(t, ledgertest.Client(t, master.Addr()), "", sessionTTL, tokenTTL), record)
	}
	acquire := func(p *seats.Protocol, userID string) ledger.Hold {
		t.Helper()
		h, err := p.Acquire(t.Context(), user(userID), request(userID, 2), signed)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := instance()
	kept := acquire(before, "kept")
	replica := servers.RedisReplica(t, master)
	replica.Promote()
	lost := acquire(before, "lost")
	master.Follow(replica)
	master.Promote()
	for _, p := range []*seats.Protocol{before, instance()} {
		for _, h := range []ledger.Hold{kept, lost} {
			if err := beatUntilAnswered(t.Context(), p, h); err != nil {
				t.Errorf("%s: %v", h.UserID, err)
			}
		}
		if got := tryAcquire(t.Context(), p, "late", 2); got.refused != 1 {
			t.Errorf("one more: %+v, want refused", got)
		}
	}
}

// TestPausedRedis answers nothing: callers get a retryable error in time, and
// nothing is lost.
func TestPausedRedis(t *testing.T) {
	server, record := servers.Redis(t), record.NewMemory()
	l, err := ledger.NewRedis(ledgertest.Client(t, server.Addr()), ledger.RedisOptions{
		SessionTTL: sessionTTL, TokenTTL: tokenTTL, Deadline: 300 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := realPool(t, l, record)
	h, err := p.Acquire(t.Context(), user("ann"), request("ann", 1), signed)
	if err != nil {
		t.Fatal(err)
	}
	server.Pause()
	var down *license.UnavailableError
	for name, err := range map[string]error{
		"heartbeat": func() error {
			_, err := p.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: h.ID})
			return err
		}(),
		"release": p.Release(t.Context(), user("ann"), h.ID),
		"ping":    l.Ping(t.Context()),
		"clear":   l.Clear(t.Context(), license.ServiceCaller(acme), "1.x"),
		"due":     func() error { _, err := l.Due(t.Context(), 0, 1); return err }(),
	} {
		if !errors.As(err, &down) || down.Backend != "redis" {
			t.Errorf("%s: %v, want redis unavailable", name, err)
		}
	}
	server.Resume()
	if got := tryAcquire(t.Context(), p, "ann", 1); got.granted != 1 {
		t.Errorf("after the pause: %+v", got)
	}
}

func replicaOf(t *testing.T, c redis.UniversalClient, host, port string) {
	t.Helper()
	if err := c.Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
		t.Fatal(err)
	}
}

func rebuildNonce(t *testing.T, l ledger.Ledger) string {
	t.Helper()
	_, err := l.Visit(t.Context(), license.ServiceCaller(acme), 1)
	var fresh *ledger.RebuildError
	if !errors.As(err, &fresh) {
		t.Fatalf("error = %v, want a call for a rebuild", err)
	}
	return fresh.Nonce
}
