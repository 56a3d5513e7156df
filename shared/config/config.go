// Package config is what the functions are told by their environment: one
// struct, its defaults beside their meaning, checked as a whole at start. What a
// name must look like is judged by the package that uses it; what settings
// promise each other is judged here.
package config

import (
	"log/slog"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// The functions, as [Load] knows them.
const (
	Acquire   = "acquire"
	Heartbeat = "heartbeat"
	Release   = "release"
	Reaper    = "reaper"
	Control   = "control"
	Admin     = "admin"
	Deliver   = "deliver"
)

// Config is the configuration of one function. [Load] fills and checks it; what
// a function does not need may stay empty. docs/operations.md has the variables as
// a table.
type Config struct {
	// Function is which of the seven this is; not a variable of its own.
	Function string

	// Project is the Google Cloud project of everything named without one:
	// Firestore, traces, and Identity Platform unless IdentityProject says otherwise.
	Project string `env:"GOOGLE_CLOUD_PROJECT"`

	// FirestoreDatabase is the database of the record.
	FirestoreDatabase string `env:"FIRESTORE_DATABASE" envDefault:"(default)"`

	// RedisAddr is host:port of the seat ledger, or several, separated by
	// commas, of a cluster. Exactly one of it and
	// MemorystoreInstance: two would leave open which of them counts.
	RedisAddr string `env:"REDIS_ADDR"`
	// RedisCluster says that the one address in RedisAddr is a cluster's, a node
	// or its discovery endpoint. Several addresses always are a cluster's.
	RedisCluster bool `env:"REDIS_CLUSTER" envDefault:"false"`
	// RedisUsername and RedisPassword are for RedisAddr; without a user the
	// server's default one is meant. Memorystore uses IAM instead.
	RedisUsername string `env:"REDIS_USERNAME"`
	RedisPassword Secret `env:"REDIS_PASSWORD"`
	// RedisTLS encrypts the connection to RedisAddr. A Memorystore instance says
	// whether it encrypts.
	RedisTLS bool `env:"REDIS_TLS" envDefault:"false"`
	// RedisCA holds the PEM certificates that may have signed the certificate of
	// RedisAddr; empty means the system's. Where a variable cannot have lines, \n
	// stands for their ends.
	RedisCA string `env:"REDIS_CA_PEM"`
	// MemorystoreInstance is projects/P/locations/L/instances/I of a Memorystore
	// for Valkey; its endpoints, mode and certificates are discovered at start.
	MemorystoreInstance string `env:"MEMORYSTORE_INSTANCE"`

	// TokenSigning is how license tokens are signed: delegated, by keys of half a day
	// that the reaper makes and KMSKey certifies; or kms, each by KMSKey itself, at the
	// price and the quota of a call for each.
	TokenSigning string `env:"TOKEN_SIGNING" envDefault:"delegated"`
	// KMSKey is the root key of license tokens, as
	// projects/P/locations/L/keyRings/R/cryptoKeys/K. Without a version: which
	// one signs is chosen anew as keys rotate.
	KMSKey string `env:"KMS_KEY"`
	// KMSEncryptionKey is the symmetric key that encrypts delegations, written like
	// KMSKey. Set together with TOKEN_SIGNING=kms, delegations are made and published
	// though none signs: the step between the two ways.
	KMSEncryptionKey string `env:"KMS_ENCRYPTION_KEY"`

	// IdentityProject is the project whose Identity Platform issues the ID
	// tokens; empty means Project.
	IdentityProject string `env:"IDENTITY_PROJECT"`
	// IdentityAPIKey is the key by which programs of IdentityProject's users name it to Identity
	// Platform. By it machines are signed in. Empty: none are, and the customers' door
	// administers no users.
	IdentityAPIKey Secret `env:"IDENTITY_API_KEY"`
	// CheckRevoked asks Identity Platform at every acquire whether the user's
	// tokens were revoked. Off: it is one RPC per call, and a token lives an hour.
	CheckRevoked bool `env:"CHECK_REVOKED" envDefault:"false"`

	// TokenIssuer is `iss` of license tokens; clients compare it exactly.
	TokenIssuer string `env:"TOKEN_ISSUER" envDefault:"https://licenses.coditect.ai"`

	// SessionTTL is how long a seat is kept without a heartbeat: long enough for
	// a laptop's short loss of network, short enough that a crashed program does
	// not cost its seat for long.
	SessionTTL time.Duration `env:"SESSION_TTL" envDefault:"6m"`
	// HeartbeatInterval is what clients are told. At most half of SessionTTL, so
	// that one lost heartbeat costs nobody the seat; a third leaves room for two.
	HeartbeatInterval time.Duration `env:"HEARTBEAT_INTERVAL" envDefault:"2m"`
	// TokenMin is how long the license token of a new session is good offline.
	TokenMin time.Duration `env:"TOKEN_MIN" envDefault:"5m"`
	// TokenTTL is how long a license token is good offline at most. Longer than
	// SessionTTL is a choice for offline work: see [Config.Warnings].
	TokenTTL time.Duration `env:"TOKEN_TTL" envDefault:"1h"`

	// ClockTolerance is by how much the clock of Redis and an instance's may differ
	// before nothing is granted or ended any more: one of them is wrong then. Above
	// the deadline of a call to Redis, which passes between the two looks. A quarter
	// of SessionTTL counts where that is less: a wrong clock may shorten a session so
	// far unseen.
	ClockTolerance time.Duration `env:"CLOCK_TOLERANCE" envDefault:"30s"`

	// EntitlementCacheTTL is how long an organization's entitlements are served
	// from memory: how late a change of a license is seen, save while Firestore
	// cannot be reached (15 min at most). 0 turns the cache off.
	EntitlementCacheTTL time.Duration `env:"ENTITLEMENT_CACHE_TTL" envDefault:"30s"`
	// KeyActivationDelay is how old a new key version must be before it signs.
	// Above [KeySetMaxAge], so that every cached key set has it by then.
	KeyActivationDelay time.Duration `env:"KEY_ACTIVATION_DELAY" envDefault:"10m"`

	// RequestDeadline bounds a request of any function but the reaper as a whole: a
	// client that waited this long has given up. The reaper's requests are bounded by
	// ReapBudget.
	RequestDeadline time.Duration `env:"REQUEST_DEADLINE" envDefault:"10s"`
	// BackendDeadline bounds one call to KMS; one to Redis or Firestore too, where
	// it is shorter than RedisDeadline or record.DefaultDeadline. At most a
	// quarter of SessionTTL: an end or a grant decided in one call must land
	// while what it was decided on still holds.
	BackendDeadline time.Duration `env:"BACKEND_DEADLINE" envDefault:"5s"`
	// RedisDeadline bounds one call to Redis with all its repeats. Every request
	// waits for Redis, which answers in a millisecond or two: so long says
	// that it will not, and leaves a client time to be told so within a second.
	// Where BackendDeadline is shorter, that counts.
	RedisDeadline time.Duration `env:"REDIS_DEADLINE" envDefault:"700ms"`
	// CircuitCooldown is how long a backend that did not answer several calls in a
	// row is left alone; requests that need it are answered 503 at once meanwhile.
	CircuitCooldown time.Duration `env:"CIRCUIT_COOLDOWN" envDefault:"1s"`
	// MaxInFlight is how many requests of known callers an instance works on at a
	// time, of one organization four fifths of it; more are answered 503 at once, so
	// that a slow backend cannot fill the memory. The
	// default is the highest concurrency of Cloud Run
	// (https://docs.cloud.google.com/run/docs/about-concurrency). 0 is no limit.
	MaxInFlight int `env:"MAX_IN_FLIGHT" envDefault:"1000"`

	// CORSOrigins are the origins (scheme://host[:port]), separated by commas, whose
	// pages may take seats in a browser. Empty: none may.
	CORSOrigins []string `env:"CORS_ORIGINS"`

	// ReapBudget is how long one run of the reaper, or of deliver, works before it leaves
	// the rest to the next: below the schedule's minute.
	ReapBudget time.Duration `env:"REAP_BUDGET" envDefault:"45s"`
	// ReaperAudiences are the accepted `aud` of the scheduler's token, separated
	// by commas: the address the schedule calls, and older ones during a move.
	ReaperAudiences []string `env:"REAPER_AUDIENCE"`
	// ReaperServiceAccount is the one e-mail address the scheduler's token may be of.
	ReaperServiceAccount string `env:"REAPER_SERVICE_ACCOUNT"`

	// ReaperIAMChecked says that Cloud Run's own IAM check is on for the reaper: it
	// may take the signature off the scheduler's token once it has checked it, and
	// the reaper then relies on that check for the signature alone. Off: every token
	// must be signed, as it is where the check is off.
	ReaperIAMChecked bool `env:"REAPER_IAM_CHECKED" envDefault:"false"`

	// Events has the record keep what happens to seats and licenses, one document each,
	// until deliver has told it. Off: nothing is kept, and nobody is told. The same for
	// all functions.
	Events bool `env:"EVENTS" envDefault:"false"`
	// EventsTopic is projects/P/topics/T of Pub/Sub, where deliver publishes every event.
	// Empty: it sends to webhooks alone.
	EventsTopic string `env:"EVENTS_TOPIC"`
	// WebhookKey is what the secrets of all webhooks are derived from: the same for
	// deliver, control and admin, and for good, since another one is unknown to every
	// receiver. Empty: control and admin have no webhooks.
	WebhookKey Secret `env:"WEBHOOK_KEY"`

	// StaffAudience is the one accepted `aud` of the tokens of the vendor's staff.
	StaffAudience string `env:"STAFF_AUDIENCE"`
	// StaffAccounts may open the vendor's door, separated by commas: addresses of people
	// and service accounts, or @ and the name of a Google Workspace domain for all of
	// its accounts.
	StaffAccounts []string `env:"STAFF_ACCOUNTS"`
	// StaffIAMChecked is what ReaperIAMChecked is, of the control function.
	StaffIAMChecked bool `env:"STAFF_IAM_CHECKED" envDefault:"false"`

	// RateLimitPerUser is how many requests per second one user may send to one
	// instance, and half of what it may send at once; 0 is no limit. Far above
	// any sane client, far below what an instance can do.
	RateLimitPerUser int `env:"RATE_LIMIT_PER_USER" envDefault:"50"`

	// LogKey keys the digests by which the log names users: the same in all
	// instances, so that one user's lines can be found, and in nobody's hands who
	// reads them. Empty: each instance makes one of its own.
	LogKey Secret `env:"LOG_KEY"`

	// LogLevel is the least level that is logged: debug, info, warn or error. The
	// metrics are made of lines of info: above it they are silent.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"info"`
}

// KeySetMaxAge is how old a key set in use may be: 300 s in caches (Cache-Control
// of GET /.well-known/jwks.json) of a list that an instance reads once a minute.
const KeySetMaxAge = 300*time.Second + time.Minute

// Deadline bounds one request of this function, in all.
func (c Config) Deadline() time.Duration {
	if c.Scheduled() {
		// The budget ends the work; what it started may still finish.
		return c.ReapBudget + c.BackendDeadline
	}
	return c.RequestDeadline
}

// Scheduled reports whether Cloud Scheduler calls this function, and nobody else.
func (c Config) Scheduled() bool { return c.Function == Reaper || c.Function == Deliver }

// LedgerDeadline bounds one call to Redis.
func (c Config) LedgerDeadline() time.Duration { return min(c.RedisDeadline, c.BackendDeadline) }

// EntitlementDeadline bounds one reading of what an organization has bought: the acquire
// that waits for it in vain has a commit to wait for yet.
func (c Config) EntitlementDeadline() time.Duration { return c.BackendDeadline / 5 }

// RedisAttempt bounds one attempt of it: most of the call's time, so that a
// healthy server is not given up, less what a repeat on another connection takes.
func (c Config) RedisAttempt() time.Duration { return c.LedgerDeadline() * 3 / 5 }

// Origins are those whose pages may call this function: no page has business with
// the reaper or deliver, or with the vendor's own door.
func (c Config) Origins() []string {
	if c.Scheduled() || c.Function == Control {
		return nil
	}
	return c.CORSOrigins
}

// Signs reports whether this function signs license tokens.
func (c Config) Signs() bool { return c.Function == Acquire || c.Function == Heartbeat }

// Delegates reports whether this function makes the keys that sign license tokens.
func (c Config) Delegates() bool { return c.Function == Reaper && c.KMSEncryptionKey != "" }

// ListsKeys reports whether this function is to tell which versions of the root key there
// are: the vendor's door, where it is told the key.
func (c Config) ListsKeys() bool { return c.Function == Control && c.KMSKey != "" }

// LongestToken is how long any license token lives at most, as its key ends then; zero
// where keys have no end, or this function is not told how tokens are signed. The key
// may be by a clock that is ahead.
func (c Config) LongestToken() time.Duration {
	if (c.Signs() || c.Function == Reaper) && c.TokenSigning == string(token.ByDelegation) {
		return token.DelegationLife + c.ClockTolerance
	}
	return 0
}

// Warnings are choices that work and should be known. They belong in the log
// at start.
func (c Config) Warnings() []string {
	var ws []string
	if c.LogKey == "" && !c.Scheduled() {
		ws = append(ws, "LOG_KEY is not set: every instance names users in the log by digests of its own, so what one user did cannot be found across instances. "+
			"Set it to a secret of 32 random characters or more, the same for all functions.")
	}
	for _, origin := range c.CORSOrigins {
		if web.IsOpenOrigin(origin) {
			ws = append(ws, "CORS_ORIGINS lets in "+origin+", whose pages travel unencrypted: whoever can change them on their way can take their users' seats. "+
				"Serve them by https.")
		}
	}
	if c.RedisPassword != "" && !c.RedisTLS {
		ws = append(ws, "REDIS_PASSWORD is set and REDIS_TLS is not: the password and every seat travel unencrypted. "+
			"Set REDIS_TLS=true, unless nobody else can see this network.")
	}
	return ws
}

// Secret is a value that must not be printed.
type Secret string

// String hides the secret from fmt.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from encoding/json and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }
