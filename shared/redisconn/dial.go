package redisconn

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"cloud.google.com/go/auth"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"google.golang.org/api/option"
)

// Backend is the name of Redis in [license.UnavailableError].
const Backend = "redis"

// Retries. go-redis repeats a command after a refused or broken connection and
// after a timeout; scripts are made to be run twice. Two repeats bridge a
// failover's broken connections, and with refused connections cost
// 2 x 64 ms of waiting at most, so that a dead Redis is reported at once.
const (
	maxRetries      = 2
	minRetryBackoff = 8 * time.Millisecond
	maxRetryBackoff = 64 * time.Millisecond
	// dialAttempts per command attempt: the default of 5, 100 ms apart, would
	// multiply with the retries above.
	dialAttempts = 1
)

// maxConnectionAge ends connections so that each is made anew with a fresh
// token before the token's hour is over. Memorystore keeps an authenticated
// connection beyond its token, but a revoked identity should not live on. The
// jitter spreads the new connections, which Memorystore throttles
// (https://docs.cloud.google.com/memorystore/docs/valkey/about-iam-auth).
const (
	maxConnectionAge    = 45 * time.Minute
	connectionAgeJitter = 5 * time.Minute
)

// stateReload is how old the known topology of a cluster may be: a master that
// was replaced under another address is found within it. go-redis's minute is
// ten heartbeats that many programs cannot spare.
const stateReload = 5 * time.Second

// Option changes how [Dial] reaches Google Cloud. Deployed functions need none.
type Option func(*dialer)

// WithClientOptions passes options to the Memorystore admin client, for
// example another endpoint.
func WithClientOptions(options ...option.ClientOption) Option {
	return func(d *dialer) { d.clientOptions = append(d.clientOptions, options...) }
}

// WithTokens replaces the application default credentials as the source of
// access tokens for IAM authentication.
func WithTokens(tokens auth.TokenProvider) Option {
	return func(d *dialer) { d.tokens = tokens }
}

type dialer struct {
	clientOptions []option.ClientOption
	tokens        auth.TokenProvider
}

// target is what connecting needs to know, from the configuration or from the
// admin API.
type target struct {
	addresses   []string
	cluster     bool
	tls         *tls.Config // nil: not encrypted
	credentials credentials // nil: not authenticated
}

// credentials are asked for each new connection.
type credentials func(ctx context.Context) (username, password string, err error)

// Dial returns a client for the configured Redis. With Addr it connects only
// when first used (see [Verify]); with Instance it asks the Memorystore admin
// API, for 10 s at most. The client honours the deadlines of the contexts it
// is given. Its Close releases everything Dial made.
func Dial(ctx context.Context, cfg Config, options ...Option) (redis.UniversalClient, error) {
	d := &dialer{}
	for _, apply := range options {
		apply(d)
	}
	found, err := d.find(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return newClient(cfg.withDefaults(), found), nil
}

func (d *dialer) find(ctx context.Context, cfg Config) (target, error) {
	if cfg.Instance != "" {
		return d.discover(ctx, cfg)
	}
	if err := CheckAddresses(cfg.Addr); err != nil {
		return target{}, fmt.Errorf("the address of redis %w", err)
	}
	addresses := splitAddresses(cfg.Addr)
	found := target{addresses: addresses, cluster: cfg.Cluster || len(addresses) > 1}
	if cfg.Password != "" {
		found.credentials = fixed(cfg.Username, cfg.Password)
	}
	if !cfg.TLS {
		return found, nil
	}
	var err error
	if found.tls, err = tlsConfig(cfg.CA); err != nil {
		return target{}, fmt.Errorf("the CA of redis %w", err)
	}
	return found, nil
}

func fixed(username, password string) credentials {
	return func(context.Context) (string, string, error) { return username, password, nil }
}

func newClient(cfg Config, to target) redis.UniversalClient {
	options := cfg.options(to)
	if to.cluster {
		// A node's client repeats by itself, inside that node's circuit; the
		// cluster's asks other nodes besides. The caller's deadline bounds both.
		options.MaxRedirects = maxRetries
		forCluster := options.Cluster()
		forCluster.ClusterStateReloadInterval = stateReload
		cluster := redis.NewClusterClient(forCluster)
		cluster.OnNewNode(cfg.guard)
		if cfg.Traced {
			cluster.AddHook(traced{})
		}
		return cluster
	}
	client := redis.NewClient(options.Simple())
	if cfg.Traced {
		client.AddHook(traced{}) // the first hook is the outermost
	}
	client.AddHook(moved{})
	cfg.guard(client)
	return client
}

func (c Config) options(to target) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs:                      to.addresses,
		Dialer:                     dialWith(to.tls),
		TLSConfig:                  to.tls,
		CredentialsProviderContext: to.credentials,

		// Off by default: deadlines would not reach the socket.
		ContextTimeoutEnabled: true,
		DialTimeout:           c.DialTimeout,
		ReadTimeout:           c.ReadTimeout,
		WriteTimeout:          c.WriteTimeout,
		DialerRetries:         dialAttempts,
		MaxRetries:            maxRetries,
		MinRetryBackoff:       minRetryBackoff,
		MaxRetryBackoff:       maxRetryBackoff,

		PoolSize:              c.PoolSize,
		PoolTimeout:           c.PoolTimeout,
		PipelinePoolSize:      -1, // pipelines share the one bounded pool
		ConnMaxLifetime:       maxConnectionAge,
		ConnMaxLifetimeJitter: connectionAgeJitter,

		// CLIENT SETINFO and CLIENT MAINT_NOTIFICATIONS: commands Memorystore lacks.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// dialWith is go-redis's own dialer, except that the TLS handshake respects
// the context: go-redis's is bounded by the dial timeout alone.
func dialWith(config *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	if config == nil {
		return (&net.Dialer{}).DialContext
	}
	return (&tls.Dialer{Config: config}).DialContext
}

// tlsConfig verifies the server against these PEM certificates, or against the
// system's if there are none.
func tlsConfig(pem string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if pem == "" {
		return config, nil
	}
	roots, err := rootCAs(pem)
	config.RootCAs = roots
	return config, err
}
