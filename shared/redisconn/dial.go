package redisconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"cloud.google.com/go/auth"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"google.golang.org/api/option"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Backend is the name of Redis in [license.UnavailableError].
const Backend = "redis"

// pingTimeout bounds Ping when the caller's deadline is later: what answers
// later than this answers nobody's request either.
const pingTimeout = 750 * time.Millisecond

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

// target is what connecting needs to know, whoever found it out.
type target struct {
	addresses   []string
	cluster     bool
	tls         *tls.Config // nil: not encrypted
	credentials credentials // nil: not authenticated
}

// credentials are asked for each new connection.
type credentials func(ctx context.Context) (username, password string, err error)

// Dial returns a client for the configured Redis. With Addr it connects only
// when first used (see [Ping]); with Instance it asks the Memorystore admin
// API, for 10 s at most. The client honours the deadlines of the contexts it
// is given. Its Close releases everything Dial made.
func Dial(ctx context.Context, cfg Config, options ...Option) (redis.UniversalClient, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
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

// Ping checks that the server, or every master of a cluster, answers and
// accepts our credentials. The error is a [*license.UnavailableError].
func Ping(ctx context.Context, client redis.UniversalClient) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	var err error
	if cluster, ok := client.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			return master.Ping(ctx).Err()
		})
	} else {
		err = client.Ping(ctx).Err()
	}
	if err != nil {
		return &license.UnavailableError{Backend: Backend, Err: err}
	}
	return nil
}

func (d *dialer) find(ctx context.Context, cfg Config) (target, error) {
	if cfg.Instance != "" {
		return d.discover(ctx, cfg)
	}
	addresses, err := cfg.addresses()
	if err != nil {
		return target{}, err
	}
	found := target{addresses: addresses, cluster: cfg.Cluster || len(addresses) > 1}
	if cfg.TLS {
		found.tls, err = tlsConfig(cfg.CA)
	}
	if cfg.Password != "" {
		found.credentials = fixed(cfg.Username, cfg.Password)
	}
	return found, err
}

func fixed(username, password string) credentials {
	return func(context.Context) (string, string, error) { return username, password, nil }
}

func newClient(cfg Config, to target) redis.UniversalClient {
	options := &redis.UniversalOptions{
		Addrs:                      to.addresses,
		Dialer:                     dialWith(to.tls),
		TLSConfig:                  to.tls,
		CredentialsProviderContext: to.credentials,

		// Off by default: deadlines would not reach the socket.
		ContextTimeoutEnabled: true,
		DialTimeout:           cfg.DialTimeout,
		ReadTimeout:           cfg.ReadTimeout,
		WriteTimeout:          cfg.WriteTimeout,
		DialerRetries:         dialAttempts,
		MaxRetries:            maxRetries,
		MinRetryBackoff:       minRetryBackoff,
		MaxRetryBackoff:       maxRetryBackoff,

		PoolSize:              cfg.PoolSize,
		PoolTimeout:           cfg.PoolTimeout,
		PipelinePoolSize:      -1, // pipelines share the one bounded pool
		ConnMaxLifetime:       maxConnectionAge,
		ConnMaxLifetimeJitter: connectionAgeJitter,

		// CLIENT SETINFO and CLIENT MAINT_NOTIFICATIONS: commands Memorystore lacks.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if to.cluster {
		// The cluster client repeats by itself, at other nodes if need be.
		options.MaxRedirects, options.MaxRetries = maxRetries, -1
		cluster := redis.NewClusterClient(options.Cluster())
		cluster.OnNewNode(cfg.guard)
		return cluster
	}
	client := redis.NewClient(options.Simple())
	cfg.guard(client)
	return client
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

func rootCAs(pems ...string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, pem := range pems {
		if !pool.AppendCertsFromPEM([]byte(pem)) {
			return nil, errors.New("a CA certificate for Redis is not valid PEM")
		}
	}
	return pool, nil
}
