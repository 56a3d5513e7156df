// Package redisconn connects to the Redis that holds the seat ledger: one
// server or a cluster by address, or a Memorystore for Valkey instance by name,
// whose addresses, mode, certificates and credentials are discovered.
package redisconn

import (
	"log/slog"
	"time"
)

// Config says which Redis to use and how patiently. Zero durations and sizes mean
// their defaults. Which variables fill it, and which of them go together, is said
// in shared/config; what a single value must look like, in this package's checks.
type Config struct {
	// Addr is one host:port, or several separated by commas: the seeds of a
	// cluster. See [CheckAddresses].
	Addr string
	// Cluster says that a single Addr is a cluster's, for example its discovery
	// endpoint. Several addresses always are.
	Cluster bool
	// Username and Password authenticate connections to Addr (AUTH, ACL). An empty
	// user is the server's default one.
	Username, Password string
	// TLS encrypts connections to Addr, 1.2 at least, and verifies the server.
	TLS bool
	// CA holds the PEM certificates that may have signed the server's; empty: the
	// system's. It counts with TLS alone. See [CheckCA].
	CA string

	// Instance is the full name of a Memorystore for Valkey instance, see
	// [CheckInstance]. It counts instead of everything above: the instance tells
	// its addresses, its mode, its CA, and whether IAM authenticates.
	Instance string

	// PoolSize bounds the connections to one server. Default 20: a function
	// instance has 80 requests at most, each on a connection for less than a
	// millisecond; and Memorystore throttles new connections.
	PoolSize int
	// DialTimeout bounds a connection's set-up, TLS included. Default 1 s.
	DialTimeout time.Duration
	// ReadTimeout and WriteTimeout bound one exchange, in addition to the
	// caller's deadline. Default 300 ms: a planned failover blocks writes for tens
	// of milliseconds, a healthy answer takes one or two, and a repeat on another
	// connection must fit into the caller's deadline.
	ReadTimeout, WriteTimeout time.Duration
	// PoolTimeout bounds the wait for a free connection. Default 300 ms.
	PoolTimeout time.Duration

	// Cooldown is how long a server that did not answer is left alone; default
	// [circuit.DefaultCooldown].
	Cooldown time.Duration
	// Traced makes a span of every command, for processes that export traces.
	Traced bool
	// Log is told when a server stops answering and when it is back; nil is silence.
	Log *slog.Logger
}

// Defaults of Config's fields, whose comments give the reasons.
const (
	defaultPoolSize    = 20
	defaultDialTimeout = time.Second
	defaultTimeout     = 300 * time.Millisecond
)

// withDefaults fills what was left zero.
func (c Config) withDefaults() Config {
	orDefault := func(value *time.Duration, fallback time.Duration) {
		// go-redis gives negative values meanings such as "for ever".
		if *value <= 0 {
			*value = fallback
		}
	}
	if c.PoolSize <= 0 {
		c.PoolSize = defaultPoolSize
	}
	orDefault(&c.DialTimeout, defaultDialTimeout)
	orDefault(&c.ReadTimeout, defaultTimeout)
	orDefault(&c.WriteTimeout, defaultTimeout)
	orDefault(&c.PoolTimeout, defaultTimeout)
	return c
}

// String names the target only, so that a printed configuration shows no
// password. It serves fmt and slog alike.
func (c Config) String() string {
	if c.Instance != "" {
		return "Memorystore " + c.Instance
	}
	return "Redis " + c.Addr
}

// GoString is String: %#v must not show the password either.
func (c Config) GoString() string { return c.String() }
