package ledgertest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeredis"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
)

// Client connects as production does, to one server or to a cluster.
func Client(t testing.TB, addresses ...string) redis.UniversalClient {
	t.Helper()
	c := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: addresses, IsClusterMode: len(addresses) > 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ClockTolerance is the suite's, by which two clocks may differ.
const ClockTolerance = 30 * time.Second

// TokenMin is the suite's shortest life of a token, where this is the longest.
func TokenMin(tokenTTL time.Duration) time.Duration { return min(5*time.Minute, tokenTTL/4) }

// NewRedis makes a ledger whose keys begin with prefix, with a deadline that a
// slow machine keeps. It does not look at the caller's clock.
func NewRedis(t testing.TB, c redis.UniversalClient, prefix string, sessionTTL, tokenTTL time.Duration) *ledger.Redis {
	t.Helper()
	return newRedis(t, c, ledger.RedisOptions{Prefix: prefix, SessionTTL: sessionTTL, TokenTTL: tokenTTL})
}

// NewRedisAt is NewRedis for a caller whose clock is now.
func NewRedisAt(t testing.TB, c redis.UniversalClient, prefix string, sessionTTL, tokenTTL time.Duration, now func() time.Time) *ledger.Redis {
	t.Helper()
	return newRedis(t, c, ledger.RedisOptions{
		Prefix: prefix, SessionTTL: sessionTTL, TokenTTL: tokenTTL, ClockTolerance: ClockTolerance, Now: now,
	})
}

func newRedis(t testing.TB, c redis.UniversalClient, opts ledger.RedisOptions) *ledger.Redis {
	t.Helper()
	opts.Deadline, opts.TokenMin = 20*time.Second, TokenMin(opts.TokenTTL)
	r, err := ledger.NewRedis(c, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// OpenShifted makes a ledger of its own on servers that others use as well.
func OpenShifted(t testing.TB, sessionTTL, tokenTTL time.Duration, addresses ...string) (*Shifted, *ledger.Redis) {
	t.Helper()
	c, prefix := Client(t, addresses...), "t"+uuid.NewString()
	s := &Shifted{t: t, client: c, prefix: prefix}
	r := NewRedisAt(t, c, prefix, sessionTTL, tokenTTL, s.callerNow)
	s.Ledger = r
	t.Cleanup(s.Lose)
	return s, r
}

// Fake starts an embedded Redis whose clock stands still from then on.
func Fake(t testing.TB) *fakeredis.Server {
	t.Helper()
	f, err := fakeredis.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	f.Advance(0)
	return f
}
