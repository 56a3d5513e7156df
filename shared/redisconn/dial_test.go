package redisconn

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func dial(t *testing.T, cfg Config, options ...Option) redis.UniversalClient {
	t.Helper()
	client, err := Dial(t.Context(), cfg, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// wantUnavailable checks the type that handlers turn into 503.
func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	var unavailable *license.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.Backend != Backend {
		t.Errorf("error = %v (%T), want unavailable redis", err, err)
	}
}

func TestDialOneServer(t *testing.T) {
	client := dial(t, Config{Addr: servers.SharedRedis(t)})
	if _, single := client.(*redis.Client); !single {
		t.Errorf("client is %T", client)
	}
	if err := Verify(t.Context(), client); err != nil {
		t.Error(err)
	}
}

func TestDialClusterBySeedsAndByOneEndpoint(t *testing.T) {
	addresses := servers.RedisCluster(t)
	for name, cfg := range map[string]Config{
		"seeds":        {Addr: strings.Join(addresses, ",")},
		"one endpoint": {Addr: addresses[1], Cluster: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, cfg)
			if err := Verify(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			for i := range 20 { // on all three masters, or MOVED is not followed
				key := "redisconn:" + strconv.Itoa(i)
				if err := client.Set(t.Context(), key, i, time.Minute).Err(); err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
}

func TestDialPassword(t *testing.T) {
	server := servers.Redis(t, "--requirepass", "open sesame")
	if err := Verify(t.Context(), dial(t, Config{Addr: server.Addr(), Password: "open sesame"})); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"", "guess"} {
		err := Verify(t.Context(), dial(t, Config{Addr: server.Addr(), Password: wrong}))
		wantUnavailable(t, err)
		if wrong != "" && strings.Contains(err.Error(), wrong) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestDialVerifiesTheServersCertificate(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	_, port := tlsRedis(t, ca, "127.0.0.1")
	_, misnamedPort := tlsRedis(t, ca, "192.0.2.1")
	addr, misnamed := hostPortOf(port), hostPortOf(misnamedPort)
	if err := Verify(t.Context(), dial(t, Config{Addr: addr, TLS: true, CA: ca.pem})); err != nil {
		t.Error(err)
	}
	for name, cfg := range map[string]Config{
		"signed by a stranger":  {Addr: addr, TLS: true, CA: stranger.pem},
		"not a system CA's":     {Addr: addr, TLS: true},
		"for another address":   {Addr: misnamed, TLS: true, CA: ca.pem},
		"asked in the clear":    {Addr: addr},
		"two CAs, both strange": {Addr: addr, TLS: true, CA: stranger.pem + newAuthority(t).pem},
	} {
		t.Run(name, func(t *testing.T) { wantUnavailable(t, Verify(t.Context(), dial(t, cfg))) })
	}
}

func hostPortOf(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// patient makes every timeout but the context's far longer than the tests'
// bounds, which only tell "the deadline counted" from "it did not".
func patient(addr string) Config {
	const longestTimeout = 5 * time.Second
	return Config{Addr: addr, DialTimeout: longestTimeout, ReadTimeout: longestTimeout, WriteTimeout: longestTimeout, PoolTimeout: longestTimeout}
}

const bound = 4 * time.Second

func pingWithin(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := client.Ping(ctx).Err()
	if err == nil {
		t.Fatal("answered")
	}
	if took := time.Since(start); took > bound {
		t.Errorf("returned after %s with a deadline of 100 ms: %v", took, err)
	}
}

func TestTheContextsDeadlineCounts(t *testing.T) {
	server := servers.Redis(t)
	t.Run("on an open connection", func(t *testing.T) {
		client := dial(t, patient(server.Addr()))
		if err := Verify(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		server.Pause()
		defer server.Resume()
		pingWithin(t, client)
	})
	t.Run("on a new connection", func(t *testing.T) {
		server.Pause()
		defer server.Resume()
		pingWithin(t, dial(t, patient(server.Addr())))
	})
}

func TestTheTLSHandshakeRespectsItsContext(t *testing.T) {
	var listen net.ListenConfig
	mute, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts in the kernel, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	config, err := tlsConfig("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := dialWith(config)(ctx, "tcp", mute.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestADeadServerIsUnavailableAndComesBack(t *testing.T) {
	server := servers.Redis(t)
	client := dial(t, Config{Addr: server.Addr()})
	if err := Verify(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	wantUnavailable(t, Verify(t.Context(), client))
	server.Start()
	if err := Verify(t.Context(), client); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestADeadClusterIsUnavailable(t *testing.T) {
	client := dial(t, Config{Addr: hostPortOf(servers.FreePort(t)), Cluster: true})
	wantUnavailable(t, Verify(t.Context(), client))
}

// TestConnectionOptions checks what no server of the tests can show: that
// options whose absence hurts in the cloud are set on both kinds of client.
func TestConnectionOptions(t *testing.T) {
	single, ok := dial(t, Config{Addr: "127.0.0.1:1"}).(*redis.Client)
	if !ok {
		t.Fatal("not a single client")
	}
	cluster, ok := dial(t, Config{Addr: "127.0.0.1:1,127.0.0.1:2"}).(*redis.ClusterClient)
	if !ok {
		t.Fatal("not a cluster client")
	}
	s, c := single.Options(), cluster.Options()
	for name, good := range map[string][2]bool{
		"deadlines":     {s.ContextTimeoutEnabled, c.ContextTimeoutEnabled},
		"no identity":   {s.DisableIdentity, c.DisableIdentity},
		"no notices":    {s.MaintNotificationsConfig.Mode == "disabled", c.MaintNotificationsConfig.Mode == "disabled"},
		"bounded age":   {s.ConnMaxLifetime == maxConnectionAge, c.ConnMaxLifetime == maxConnectionAge},
		"spread age":    {s.ConnMaxLifetimeJitter > 0, c.ConnMaxLifetimeJitter > 0},
		"young tokens":  {maxConnectionAge+connectionAgeJitter < time.Hour, true},
		"bounded pool":  {s.PoolSize == defaultPoolSize, c.PoolSize == defaultPoolSize},
		"bounded wait":  {s.PoolTimeout <= time.Second, c.PoolTimeout <= time.Second},
		"bounded dial":  {s.DialTimeout <= time.Second, c.DialTimeout <= time.Second},
		"bounded read":  {s.ReadTimeout <= time.Second, c.ReadTimeout <= time.Second},
		"bounded write": {s.WriteTimeout <= time.Second, c.WriteTimeout <= time.Second},
		"few repeats":   {s.MaxRetries == maxRetries, c.MaxRedirects == maxRetries},
		"few dials":     {s.DialerRetries == dialAttempts, c.DialerRetries == dialAttempts},
		"short backoff": {s.MaxRetryBackoff == maxRetryBackoff, c.MaxRetryBackoff == maxRetryBackoff},
	} {
		if !good[0] || !good[1] {
			t.Errorf("%s: single %t, cluster %t", name, good[0], good[1])
		}
	}
}
