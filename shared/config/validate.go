package config

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/topic"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Validate joins every fault of the configuration.
func (c Config) Validate() error { return c.validate(nil) }

// validate leaves out the variables that could not be read: their faults are
// known, and judging their zero values would only add noise.
func (c Config) validate(unread map[string]bool) error {
	v := validator{unread: unread}
	v.function(c)
	v.needs(c)
	v.names(c)
	v.redis(c)
	v.reaper(c)
	v.staff(c)
	v.origins(c)
	v.durations(c)
	v.relations(c)
	v.limits(c)
	return errors.Join(v.errs...)
}

type validator struct {
	unread map[string]bool
	errs   []error
}

// add notes what is wrong with a variable; what it is judged together with must
// have been readable as well.
func (v *validator) add(variable, what, remedy string, others ...string) {
	for _, name := range append(others, variable) {
		if v.unread[name] {
			return
		}
	}
	v.errs = append(v.errs, fmt.Errorf("%s %s: %s", variable, what, remedy))
}

func (v *validator) function(c Config) {
	const remedy = "set it to Acquire, Heartbeat, Release, Reaper, Control, Admin or Deliver, in any case"
	switch c.Function {
	case Acquire, Heartbeat, Release, Reaper, Control, Admin, Deliver:
	case "":
		v.add("FUNCTION_TARGET", "is not set", remedy)
	default:
		v.add("FUNCTION_TARGET", "names no function of this service", remedy)
	}
}

// needs checks what this function cannot do without.
func (v *validator) needs(c Config) {
	reaps, sells := c.Function == Reaper, c.Function == Control
	delivers := c.Function == Deliver
	delegated := c.TokenSigning == string(token.ByDelegation) && (c.Signs() || reaps)
	for _, n := range [...]struct {
		variable        string
		needed, missing bool
		remedy          string
	}{
		{"GOOGLE_CLOUD_PROJECT", true, c.Project == "", "set it to the id of the project the service runs in"},
		{"KMS_KEY", c.Signs() || delegated || c.Delegates(), c.KMSKey == "", "set it to projects/P/locations/L/keyRings/R/cryptoKeys/K, the root key of license tokens"},
		{"KMS_ENCRYPTION_KEY", delegated, c.KMSEncryptionKey == "", "set it to projects/P/locations/L/keyRings/R/cryptoKeys/K, the key that encrypts delegations, or set TOKEN_SIGNING=kms"},
		{"REAPER_AUDIENCE", c.Scheduled(), len(c.ReaperAudiences) == 0, "set it to the address that Cloud Scheduler calls"},
		{"WEBHOOK_KEY", delivers, c.WebhookKey == "", "set it to the secret that the secrets of webhooks are derived from, 32 random characters or more"},
		{"REAPER_SERVICE_ACCOUNT", c.Scheduled(), c.ReaperServiceAccount == "", "set it to the e-mail address of the scheduler's service account"},
		{"STAFF_AUDIENCE", sells, c.StaffAudience == "", "set it to the audience that the staff's tokens are made for, an https URL of the service"},
		{"STAFF_ACCOUNTS", sells, len(c.StaffAccounts) == 0, "set it to who may open the vendor's door: e-mail addresses, or @ and a domain, separated by commas"},
	} {
		if n.needed && n.missing {
			v.add(n.variable, "is not set", n.remedy)
		}
	}
}

// names lets the packages that use them judge the names that are set. The three
// with a default are always judged.
func (v *validator) names(c Config) {
	for _, n := range [...]struct {
		variable, value string
		check           func(string) error
	}{
		{"GOOGLE_CLOUD_PROJECT", c.Project, identity.CheckProject},
		{"REDIS_ADDR", c.RedisAddr, redisconn.CheckAddresses},
		{"REDIS_CA_PEM", c.RedisCA, redisconn.CheckCA},
		{"MEMORYSTORE_INSTANCE", c.MemorystoreInstance, redisconn.CheckInstance},
		{"KMS_KEY", c.KMSKey, token.CheckKeyName},
		{"KMS_ENCRYPTION_KEY", c.KMSEncryptionKey, token.CheckKeyName},
		{"IDENTITY_PROJECT", c.IdentityProject, identity.CheckProject},
		{"REAPER_SERVICE_ACCOUNT", c.ReaperServiceAccount, identity.CheckServiceAccount},
		{"STAFF_AUDIENCE", c.StaffAudience, identity.CheckAudience},
		{"EVENTS_TOPIC", c.EventsTopic, topic.CheckName},
	} {
		if n.value != "" {
			v.judge(n.variable, n.check(n.value))
		}
	}
	v.judge("FIRESTORE_DATABASE", record.CheckDatabase(c.FirestoreDatabase))
	v.judge("TOKEN_ISSUER", token.CheckIssuer(c.TokenIssuer))
	v.judge("TOKEN_SIGNING", token.CheckSigning(c.TokenSigning))
}

// judge passes on what a package says of a value.
func (v *validator) judge(variable string, err error) {
	if err != nil && !v.unread[variable] {
		v.errs = append(v.errs, fmt.Errorf("%s %w", variable, err))
	}
}

// redis checks which settings of the seat ledger go together.
func (v *validator) redis(c Config) {
	const address, instance = "REDIS_ADDR", "MEMORYSTORE_INSTANCE"
	switch {
	case c.MemorystoreInstance != "":
		v.discovered(c)
	case c.RedisAddr == "" && c.Function != Deliver: // which has no way to it
		v.add(address, "and MEMORYSTORE_INSTANCE are both not set", "set one of them: host:port, or projects/P/locations/L/instances/I", instance)
	}
	if c.RedisUsername != "" && c.RedisPassword == "" {
		v.add("REDIS_USERNAME", "is set without REDIS_PASSWORD", "set both: a user has a password", "REDIS_PASSWORD")
	}
	if c.RedisCA != "" && !c.RedisTLS && c.MemorystoreInstance == "" {
		v.add("REDIS_CA_PEM", "is set without REDIS_TLS", "set REDIS_TLS=true: nothing would be encrypted", "REDIS_TLS")
	}
}

// discovered refuses settings that a Memorystore instance tells by itself.
func (v *validator) discovered(c Config) {
	for _, s := range [...]struct {
		variable string
		set      bool
		remedy   string
	}{
		{"REDIS_ADDR", c.RedisAddr != "", "unset one of them: there is one seat ledger"},
		{"REDIS_CLUSTER", c.RedisCluster, "unset it: the instance tells whether it is a cluster"},
		{"REDIS_USERNAME", c.RedisUsername != "", "unset it: Memorystore is entered with IAM"},
		{"REDIS_PASSWORD", c.RedisPassword != "", "unset it: Memorystore is entered with IAM"},
		{"REDIS_TLS", c.RedisTLS, "unset it: the instance tells whether it encrypts"},
		{"REDIS_CA_PEM", c.RedisCA != "", "unset it: the instance tells its certificates"},
	} {
		if s.set {
			v.add(s.variable, "is set together with MEMORYSTORE_INSTANCE", s.remedy)
		}
	}
}

// reaper checks each of the scheduler's audiences.
func (v *validator) reaper(c Config) {
	for _, audience := range c.ReaperAudiences {
		if err := identity.CheckAudience(audience); err != nil {
			v.judge("REAPER_AUDIENCE", err)
			return // once is enough
		}
	}
}

// staff checks each of the accounts, so that all that is wrong is told at once.
func (v *validator) staff(c Config) {
	for i, account := range c.StaffAccounts {
		if err := identity.CheckStaffAccount(account); err != nil {
			v.judge("STAFF_ACCOUNTS", fmt.Errorf("entry %d %w", i+1, err))
		}
	}
}

// origins checks each of the origins, so that all that is wrong is told at once.
func (v *validator) origins(c Config) {
	for i, origin := range c.CORSOrigins {
		if err := web.CheckOrigin(origin); err != nil {
			v.judge("CORS_ORIGINS", fmt.Errorf("entry %d %w", i+1, err))
		}
	}
}

// minClockTolerance is the least CLOCK_TOLERANCE; two clocks are never the same.
const minClockTolerance = 250 * time.Millisecond

// durations checks each on its own: a slip of the unit (6 for 6m, 10h for 10m)
// should fail at start, not at night.
func (v *validator) durations(c Config) {
	for _, d := range [...]struct {
		variable        string
		value, min, max time.Duration
	}{
		{"SESSION_TTL", c.SessionTTL, time.Second, 24 * time.Hour},
		{"HEARTBEAT_INTERVAL", c.HeartbeatInterval, time.Second, 12 * time.Hour},
		{"TOKEN_MIN", c.TokenMin, time.Second, 30 * 24 * time.Hour},
		{"TOKEN_TTL", c.TokenTTL, time.Second, 30 * 24 * time.Hour},
		{"CLOCK_TOLERANCE", c.ClockTolerance, minClockTolerance, time.Hour},
		{"ENTITLEMENT_CACHE_TTL", c.EntitlementCacheTTL, 0, time.Hour},
		{"KEY_ACTIVATION_DELAY", c.KeyActivationDelay, time.Second, 30 * 24 * time.Hour},
		{"REQUEST_DEADLINE", c.RequestDeadline, 100 * time.Millisecond, 5 * time.Minute},
		{"BACKEND_DEADLINE", c.BackendDeadline, 50 * time.Millisecond, time.Minute},
		{"REDIS_DEADLINE", c.RedisDeadline, 20 * time.Millisecond, 5 * time.Second},
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
		v.add("HEARTBEAT_INTERVAL", "is more than half of SESSION_TTL",
			"set it to "+(c.SessionTTL/3).String()+" or so: one lost heartbeat must not cost the seat", "SESSION_TTL")
	}
	if c.TokenMin > c.TokenTTL {
		v.add("TOKEN_MIN", "is above TOKEN_TTL", "lower it: the token of a new session is the shortest", "TOKEN_TTL")
	}
	if c.Signs() && c.TokenSigning == string(token.ByDelegation) && c.TokenTTL > token.MaxDelegatedLife {
		v.add("TOKEN_TTL", "is above "+token.MaxDelegatedLife.String()+", and no token outlives the key that signed it",
			"lower it, or set TOKEN_SIGNING=kms", "TOKEN_SIGNING")
	}
	if c.Signs() && c.TokenSigning == string(token.ByDelegation) && c.KeyActivationDelay > token.MaxActivationDelay {
		v.add("KEY_ACTIVATION_DELAY", "is above "+token.MaxActivationDelay.String()+", and keys of half a day must sign meanwhile",
			"lower it, or set TOKEN_SIGNING=kms", "TOKEN_SIGNING")
	}
	if c.BackendDeadline > c.SessionTTL/4 {
		v.add("BACKEND_DEADLINE", "is more than a quarter of SESSION_TTL", "lower it: a call must not outlive what it was decided on", "SESSION_TTL")
	}
	if c.ClockTolerance >= minClockTolerance && c.ClockTolerance < c.LedgerDeadline() {
		v.add("CLOCK_TOLERANCE", "is shorter than a call to Redis may take", "raise it above "+c.LedgerDeadline().String()+": a slow call is not a wrong clock", "REDIS_DEADLINE", "BACKEND_DEADLINE")
	}
	if c.BackendDeadline > c.RequestDeadline {
		v.add("BACKEND_DEADLINE", "is longer than REQUEST_DEADLINE", "lower it: the request would end first", "REQUEST_DEADLINE")
	}
	if c.KeyActivationDelay <= KeySetMaxAge {
		v.add("KEY_ACTIVATION_DELAY", "is not above "+KeySetMaxAge.String()+", the age a key set in use may have", "raise it: clients must know a key before it signs")
	}
}

const (
	// maxRate bounds RATE_LIMIT_PER_USER; one instance does less than this in all.
	maxRate = 100_000
	// maxInFlight bounds MAX_IN_FLIGHT: a request takes some tens of kilobytes.
	maxInFlight = 100_000
)

// minWebhookKey is what HMAC-SHA256 has use for, in hexadecimal digits of half of it.
const minWebhookKey = 32

// minLogKey is half of what HMAC-SHA256 can use, in hexadecimal digits.
const minLogKey = 32

func (v *validator) limits(c Config) {
	if c.LogKey != "" && len(c.LogKey) < minLogKey {
		v.add("LOG_KEY", "is too short to keep users unknown", "set it to "+strconv.Itoa(minLogKey)+" random characters or more")
	}
	if c.WebhookKey != "" && len(c.WebhookKey) < minWebhookKey {
		v.add("WEBHOOK_KEY", "is too short to keep secrets unknown", "set it to "+strconv.Itoa(minWebhookKey)+" random characters or more")
	}
	if c.RateLimitPerUser < 0 || c.RateLimitPerUser > maxRate {
		v.add("RATE_LIMIT_PER_USER", "is out of range", "set it to a number of requests per second up to "+strconv.Itoa(maxRate)+", or to 0 for no limit")
	}
	if c.MaxInFlight < 0 || c.MaxInFlight > maxInFlight {
		v.add("MAX_IN_FLIGHT", "is out of range", "set it to a number of requests up to "+strconv.Itoa(maxInFlight)+", or to 0 for no limit")
	}
}
