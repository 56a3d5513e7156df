package seats_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeredis"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/seats/seatstest"
)

// client connects as production does, to one server or to a cluster.
func client(t testing.TB, addresses ...string) redis.UniversalClient {
	t.Helper()
	c := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: addresses, IsClusterMode: len(addresses) > 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newRedis(t testing.TB, c redis.UniversalClient, prefix string, sessionTTL, tokenTTL time.Duration) *seats.Redis {
	t.Helper()
	r, err := seats.NewRedis(c, seats.RedisOptions{
		Prefix: prefix, SessionTTL: sessionTTL, TokenTTL: tokenTTL, Deadline: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openShifted makes a ledger of its own on servers that others use as well.
func openShifted(t *testing.T, sessionTTL, tokenTTL time.Duration, addresses ...string) (*shifted, *seats.Redis) {
	t.Helper()
	c, prefix := client(t, addresses...), "t"+uuid.NewString()
	r := newRedis(t, c, prefix, sessionTTL, tokenTTL)
	s := &shifted{Ledger: r, t: t, client: c, prefix: prefix}
	t.Cleanup(s.Lose)
	return s, r
}

func openSingle(t *testing.T, sessionTTL, tokenTTL time.Duration) seatstest.Subject {
	t.Helper()
	s, _ := openShifted(t, sessionTTL, tokenTTL, servers.SharedRedis(t))
	return seatstest.Subject{Ledger: s, Advance: s.Advance, Lose: s.Lose, Promote: s.Promote}
}

func openCluster(t *testing.T, sessionTTL, tokenTTL time.Duration) seatstest.Subject {
	t.Helper()
	s, _ := openShifted(t, sessionTTL, tokenTTL, servers.RedisCluster(t)...)
	return seatstest.Subject{Ledger: s, Advance: s.Advance, Lose: s.Lose, Promote: s.Promote}
}

// fake starts an embedded Redis whose clock stands still from then on.
func fake(t testing.TB) *fakeredis.Server {
	t.Helper()
	f, err := fakeredis.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	f.Advance(0)
	return f
}

func openFake(t *testing.T, sessionTTL, tokenTTL time.Duration) seatstest.Subject {
	t.Helper()
	f := fake(t)
	r := newRedis(t, client(t, f.Addr()), "", sessionTTL, tokenTTL)
	return seatstest.Subject{Ledger: r, Advance: f.Advance, Lose: f.Lose, Promote: f.Promote}
}

func TestLedgerContract(t *testing.T) {
	for name, open := range map[string]func(*testing.T, time.Duration, time.Duration) seatstest.Subject{
		"embedded": openFake, "redis-server": openSingle, "cluster": openCluster,
	} {
		t.Run(name, func(t *testing.T) { seatstest.Run(t, open) })
	}
}
