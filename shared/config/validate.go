package config

import (
	"errors"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Validate joins every fault of the configuration.
func (c Config) Validate() error { return c.validate(nil) }

// validate leaves out the variables that could not be read: their faults are
// known, and judging their zero values would only add noise.
func (c Config) validate(unread map[string]bool) error {
	v := validator{unread: unread}
	v.needs(c)
	v.redis(c)
	v.durations(c)
	v.relations(c)
	v.identity(c)
	if c.RateLimitPerUser < 0 || c.RateLimitPerUser > maxRate {
		v.add("RATE_LIMIT_PER_USER", "is out of range", "set it to a number of requests per second up to "+strconv.Itoa(maxRate)+", or to 0 for no limit")
	}
	if c.MaxInFlight < 0 || c.MaxInFlight > maxInFlight {
		v.add("MAX_IN_FLIGHT", "is out of range", "set it to a number of requests up to "+strconv.Itoa(maxInFlight)+", or to 0 for no limit")
	}
	return errors.Join(v.errs...)
}

// maxInFlight bounds MAX_IN_FLIGHT: a request takes some tens of kilobytes.
const maxInFlight = 100_000

// maxRate bounds RATE_LIMIT_PER_USER; one instance does less than this in all.
const maxRate = 100_000

type validator struct {
	unread map[string]bool
	errs   []error
}

func (v *validator) add(variable, what, remedy string) {
	if !v.unread[variable] {
		v.errs = append(v.errs, fault(variable, what, remedy))
	}
}

var (
	keyName      = regexp.MustCompile(`^projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+$`)
	instanceName = regexp.MustCompile(`^projects/[^/\s]+/locations/[^/\s]+/instances/[^/\s]+$`)
)

// needs checks what this function cannot do without.
func (v *validator) needs(c Config) {
	switch c.Function {
	case Acquire, Heartbeat, Release, Reaper:
	default:
		v.add("FUNCTION_TARGET", "names no function of this service", "set it to Acquire, Heartbeat, Release or Reaper")
	}
	if c.Project == "" {
		v.add("GOOGLE_CLOUD_PROJECT", "is not set", "set it to the id of the project the service runs in")
	}
	if c.FirestoreDatabase == "" {
		v.add("FIRESTORE_DATABASE", "is empty", "unset it for (default), or name a database")
	}
	switch {
	case c.KMSKey == "" && c.Signs():
		v.add("KMS_KEY", "is not set", "set it to projects/P/locations/L/keyRings/R/cryptoKeys/K, the key that signs license tokens")
	case strings.Contains(c.KMSKey, "/cryptoKeyVersions"):
		v.add("KMS_KEY", "names a key version", "leave out /cryptoKeyVersions and what follows: versions are chosen as keys rotate")
	case c.KMSKey != "" && !keyName.MatchString(c.KMSKey):
		v.add("KMS_KEY", "is not the name of a key", "write it as projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
}

func (v *validator) redis(c Config) {
	switch {
	case c.RedisAddr == "" && c.MemorystoreInstance == "":
		v.add("REDIS_ADDR", "and MEMORYSTORE_INSTANCE are both not set", "set one of them: host:port, or projects/P/locations/L/instances/I")
	case c.RedisAddr != "" && c.MemorystoreInstance != "":
		v.add("REDIS_ADDR", "and MEMORYSTORE_INSTANCE are both set", "unset one of them: there is one seat ledger")
	}
	if c.RedisAddr != "" && !areHostPorts(c.RedisAddr) {
		v.add("REDIS_ADDR", "is not host:port", "write it like redis.internal:6379; a cluster's addresses are separated by commas")
	}
	if c.MemorystoreInstance == "" {
		return
	}
	if !instanceName.MatchString(c.MemorystoreInstance) {
		v.add("MEMORYSTORE_INSTANCE", "is not the name of an instance", "write it as projects/P/locations/L/instances/I")
	}
	if c.RedisPassword != "" {
		v.add("REDIS_PASSWORD", "is set together with MEMORYSTORE_INSTANCE", "unset it: Memorystore is entered with IAM")
	}
	if c.RedisTLS {
		v.add("REDIS_TLS", "is set together with MEMORYSTORE_INSTANCE", "unset it: the instance tells whether it encrypts")
	}
}

func areHostPorts(addrs string) bool {
	for addr := range strings.SplitSeq(addrs, ",") {
		if !isHostPort(strings.TrimSpace(addr)) {
			return false
		}
	}
	return true
}

func isHostPort(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// durations checks each on its own: a slip of the unit (6 for 6m, 10h for 10m)
// should fail at start, not at night.
func (v *validator) durations(c Config) {
	for _, d := range [...]struct {
		variable        string
		value, min, max time.Duration
	}{
		{"SESSION_TTL", c.SessionTTL, time.Second, 24 * time.Hour},
		{"HEARTBEAT_INTERVAL", c.HeartbeatInterval, time.Second, 12 * time.Hour},
		{"TOKEN_TTL", c.TokenTTL, time.Second, 30 * 24 * time.Hour},
		{"ENTITLEMENT_CACHE_TTL", c.EntitlementCacheTTL, 0, time.Hour},
		{"KEY_ACTIVATION_DELAY", c.KeyActivationDelay, time.Second, 30 * 24 * time.Hour},
		{"REQUEST_DEADLINE", c.RequestDeadline, 100 * time.Millisecond, 5 * time.Minute},
		{"BACKEND_DEADLINE", c.BackendDeadline, 50 * time.Millisecond, time.Minute},
		{"REDIS_DEADLINE", c.RedisDeadline, 20 * time.Millisecond, time.Minute},
		{"CIRCUIT_COOLDOWN", c.CircuitCooldown, 10 * time.Millisecond, 5 * time.Second},
		{"REAP_BUDGET", c.ReapBudget, time.Second, 30 * time.Minute},
	} {
		if d.value < d.min || d.value > d.max {
			v.add(d.variable, "is "+d.value.String()+", which is out of range", "set it between "+d.min.String()+" and "+d.max.String())
		}
	}
}

// relations checks what the durations promise each other.
func (v *validator) relations(c Config) {
	if c.HeartbeatInterval > c.SessionTTL/2 {
		v.relate("HEARTBEAT_INTERVAL", "SESSION_TTL", "is more than half of SESSION_TTL", "set it to "+(c.SessionTTL/3).String()+" or so: one lost heartbeat must not cost the seat")
	}
	if c.BackendDeadline > c.SessionTTL/4 {
		v.relate("BACKEND_DEADLINE", "SESSION_TTL", "is more than a quarter of SESSION_TTL", "lower it: a call must not outlive what it was decided on")
	}
	if c.BackendDeadline > c.RequestDeadline {
		v.relate("BACKEND_DEADLINE", "REQUEST_DEADLINE", "is longer than REQUEST_DEADLINE", "lower it: the request would end first")
	}
	if c.KeyActivationDelay <= KeySetMaxAge {
		v.add("KEY_ACTIVATION_DELAY", "is not above "+KeySetMaxAge.String()+", the age a key set in use may have", "raise it: clients must know a key before it signs")
	}
}

// relate faults a variable against another, if both could be read.
func (v *validator) relate(variable, other, what, remedy string) {
	if !v.unread[other] {
		v.add(variable, what, remedy)
	}
}

// identity checks who may call.
func (v *validator) identity(c Config) {
	if !isHTTPS(c.TokenIssuer) {
		v.add("TOKEN_ISSUER", "is not an https URL", "write it like https://licenses.coditect.ai")
	}
	if c.Function == Reaper && len(c.ReaperAudiences) == 0 {
		v.add("REAPER_AUDIENCE", "is not set", "set it to the address that Cloud Scheduler calls")
	}
	for _, audience := range c.ReaperAudiences {
		if strings.ContainsAny(audience, " \t\n") {
			v.add("REAPER_AUDIENCE", "has an audience with a space in it", "separate audiences by commas")
		}
	}
	if c.ReaperServiceAccount == "" && c.Function == Reaper {
		v.add("REAPER_SERVICE_ACCOUNT", "is not set", "set it to the e-mail address of the scheduler's service account")
	}
	if c.ReaperServiceAccount != "" && !isEmail(c.ReaperServiceAccount) {
		v.add("REAPER_SERVICE_ACCOUNT", "is not an e-mail address", "write it like scheduler@PROJECT.iam.gserviceaccount.com")
	}
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}
