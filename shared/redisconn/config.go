// Package redisconn connects to the Redis that holds the seat ledger: one
// server or a cluster by address, or a Memorystore for Valkey instance by name,
// whose addresses, mode, certificates and credentials are discovered.
package redisconn

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Config says which Redis to use and how patiently. Exactly one of Addr and
// Instance is set. Zero durations and sizes mean their defaults.
type Config struct {
	// Addr is one host:port, or several separated by commas: the seeds of a
	// cluster.
	Addr string `env:"REDIS_ADDR"`
	// Cluster says that a single Addr is a cluster's, for example its discovery
	// endpoint. Several addresses always are.
	Cluster bool `env:"REDIS_CLUSTER"`
	// Instance is the full name of a Memorystore for Valkey instance,
	// projects/P/locations/L/instances/I. It decides about cluster mode, TLS and
	// IAM authentication by itself.
	Instance string `env:"MEMORYSTORE_INSTANCE"`

	// Username and Password authenticate connections (AUTH, ACL). With Instance
	// they are for the authorization mode TOKEN_AUTH alone; IAM needs neither.
	Username string `env:"REDIS_USERNAME"`
	Password string `env:"REDIS_PASSWORD"`
	// TLS encrypts connections to Addr, 1.2 at least, and verifies the server.
	TLS bool `env:"REDIS_TLS"`
	// CA holds the PEM certificates that may have signed the server's; empty:
	// the system's. Needs TLS.
	CA string `env:"REDIS_CA_PEM"`

	// PoolSize bounds the connections to one server. Default 20: a function
	// instance has 80 requests at most, each on a connection for less than a
	// millisecond; and Memorystore throttles new connections.
	PoolSize int `env:"REDIS_POOL_SIZE"`
	// DialTimeout bounds a connection's set-up, TLS included. Default 1 s.
	DialTimeout time.Duration `env:"REDIS_DIAL_TIMEOUT"`
	// ReadTimeout and WriteTimeout bound one exchange, in addition to the
	// caller's deadline. Default 300 ms: a planned failover blocks writes for tens
	// of milliseconds, a healthy answer takes one or two, and a repeat on another
	// connection must fit into the caller's deadline.
	ReadTimeout  time.Duration `env:"REDIS_READ_TIMEOUT"`
	WriteTimeout time.Duration `env:"REDIS_WRITE_TIMEOUT"`
	// PoolTimeout bounds the wait for a free connection. Default 300 ms.
	PoolTimeout time.Duration `env:"REDIS_POOL_TIMEOUT"`

	// Cooldown is how long a server that did not answer is left alone; default
	// [circuit.DefaultCooldown].
	Cooldown time.Duration `env:"CIRCUIT_COOLDOWN"`
	// Log is told when a server stops answering and when it is back; nil is silence.
	Log *slog.Logger `env:"-"`
}

// Defaults of Config's fields, whose comments give the reasons.
const (
	defaultPoolSize    = 20
	defaultDialTimeout = time.Second
	defaultTimeout     = 300 * time.Millisecond
)

// longestTimeout bounds every configured timeout: several exchanges must fit
// into the service's deadline for a backend (5 s).
const longestTimeout = 5 * time.Second

// instancePattern is a resource name as the admin API takes it
// (https://docs.cloud.google.com/memorystore/docs/valkey/reference/rest).
var instancePattern = regexp.MustCompile(
	`^(projects/[a-z0-9][a-z0-9:.-]*/locations/[a-z0-9-]+)/instances/[a-z0-9][a-z0-9-]{0,62}$`)

// Validate returns everything that is wrong with the configuration, joined.
func (c Config) Validate() error {
	return errors.Join(c.validateTarget(), c.validateAuth(), c.validateLimits())
}

func (c Config) validateTarget() error {
	switch {
	case c.Addr == "" && c.Instance == "":
		return errors.New("no Redis configured: set REDIS_ADDR (host:port) or MEMORYSTORE_INSTANCE")
	case c.Addr != "" && c.Instance != "":
		return errors.New("REDIS_ADDR and MEMORYSTORE_INSTANCE are both set: unset one")
	case c.Instance != "":
		return c.validateInstance()
	}
	_, err := c.addresses()
	return err
}

func (c Config) validateInstance() error {
	var errs []error
	if !instancePattern.MatchString(c.Instance) {
		errs = append(errs, fmt.Errorf(
			"MEMORYSTORE_INSTANCE %q is not of the form projects/PROJECT/locations/REGION/instances/INSTANCE", c.Instance))
	}
	if c.TLS || c.CA != "" || c.Cluster {
		errs = append(errs, errors.New(
			"REDIS_TLS, REDIS_CA_PEM and REDIS_CLUSTER go with REDIS_ADDR only: a Memorystore instance decides these itself"))
	}
	return errors.Join(errs...)
}

func (c Config) validateAuth() error {
	var errs []error
	if c.Username != "" && c.Password == "" {
		errs = append(errs, errors.New("REDIS_USERNAME is set without REDIS_PASSWORD"))
	}
	if c.CA != "" && !c.TLS && c.Instance == "" {
		errs = append(errs, errors.New("REDIS_CA_PEM is set without REDIS_TLS: connections would not be encrypted"))
	}
	if c.CA != "" {
		_, err := rootCAs(c.CA)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c Config) validateLimits() error {
	var errs []error
	if c.PoolSize < 0 {
		errs = append(errs, fmt.Errorf("REDIS_POOL_SIZE %d is negative", c.PoolSize))
	}
	for _, timeout := range []struct {
		name  string
		value time.Duration
	}{
		{"REDIS_DIAL_TIMEOUT", c.DialTimeout},
		{"REDIS_READ_TIMEOUT", c.ReadTimeout},
		{"REDIS_WRITE_TIMEOUT", c.WriteTimeout},
		{"REDIS_POOL_TIMEOUT", c.PoolTimeout},
		{"CIRCUIT_COOLDOWN", c.Cooldown},
	} {
		// go-redis gives negative values meanings such as "for ever".
		if timeout.value < 0 || timeout.value > longestTimeout {
			errs = append(errs, fmt.Errorf("%s %s is not between 0 and %s", timeout.name, timeout.value, longestTimeout))
		}
	}
	return errors.Join(errs...)
}

// addresses splits and checks Addr.
func (c Config) addresses() ([]string, error) {
	var addresses []string
	var errs []error
	for part := range strings.SplitSeq(c.Addr, ",") {
		address := strings.TrimSpace(part)
		host, port, err := net.SplitHostPort(address)
		number, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || host == "" || number == 0 {
			errs = append(errs, fmt.Errorf("REDIS_ADDR: %q is not host:port", address))
		}
		addresses = append(addresses, address)
	}
	return addresses, errors.Join(errs...)
}

// withDefaults fills what was left zero.
func (c Config) withDefaults() Config {
	orDefault := func(value *time.Duration, fallback time.Duration) {
		if *value == 0 {
			*value = fallback
		}
	}
	if c.PoolSize == 0 {
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
