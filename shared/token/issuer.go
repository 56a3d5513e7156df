package token

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Defaults of [Config].
const (
	// DefaultDeadline is far below a session's TTL, as the seat protocol needs
	// of every backend, and far above a healthy signature (about 10 ms).
	DefaultDeadline = 5 * time.Second
)

// Config says which key signs and how.
type Config struct {
	// Key is the full resource name of an asymmetric signing key,
	// projects/P/locations/L/keyRings/R/cryptoKeys/K. Required.
	Key string
	// Name is the iss claim of license tokens, the service's own URL.
	Name string
	// ActivationDelay is how old a key version must be before it signs while an
	// older one can; see [SigningVersion] and [KeySetLife]. Zero: at once.
	ActivationDelay time.Duration
	// Deadline bounds each call of the issuer. Zero: [DefaultDeadline].
	Deadline time.Duration
	// Circuit stands before KMS; nil lets every call pass.
	Circuit *circuit.Breaker
	// Log is told the age of the key that signs, whenever the key set is read anew;
	// nil logs nothing.
	Log *slog.Logger
	// Now is the clock that ages key versions and the cached key set; it never
	// decides about the life of a token. Nil: time.Now.
	Now func() time.Time
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var faults []error
	if err := CheckKeyName(c.Key); err != nil {
		faults = append(faults, fmt.Errorf("signing key %q %w", c.Key, err))
	}
	if c.ActivationDelay < 0 {
		faults = append(faults, fmt.Errorf("activation delay %v is negative", c.ActivationDelay))
	}
	if c.Deadline < 0 {
		faults = append(faults, fmt.Errorf("signing deadline %v is negative", c.Deadline))
	}
	return errors.Join(faults...)
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	if c.Deadline == 0 {
		c.Deadline = DefaultDeadline
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Token is a signed license token.
type Token struct {
	// Compact is the JWS. It is a credential of its holder: never log it.
	Compact string
	// ExpiresAt is the token's exp, in UTC.
	ExpiresAt time.Time
}

// Issuer signs license tokens and publishes the keys to check them with. It is
// safe for concurrent use.
type Issuer struct {
	cfg    Config
	keys   *keySet
	signer *Signer
	// signs: the last signature succeeded.
	signs atomic.Bool
}

// Ready is nil, or why no token can be signed now as far as the last calls told:
// asked before work is begun that would have to be undone. It calls nobody.
func (i *Issuer) Ready() error {
	if i.cfg.Circuit.Open() {
		return unavailable(circuit.ErrOpen)
	}
	return nil
}

// NewIssuer returns an issuer over client, which stays the caller's to close. It
// does no I/O: the first call loads the key set.
func NewIssuer(cfg Config, client *kms.KeyManagementClient) (*Issuer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if client == nil {
		return nil, errors.New("no KMS client")
	}
	cfg = cfg.withDefaults()
	return &Issuer{
		cfg: cfg,
		keys: &keySet{
			client: client, key: cfg.Key, limit: cfg.Deadline, delay: cfg.ActivationDelay, log: cfg.Log, now: cfg.Now,
		},
		signer: NewSigner(client),
	}, nil
}

// Issue signs a token with these claims: one KMS call while the key set is
// cached. Failures of KMS are *[license.UnavailableError]. Claims that end before
// they begin are [license.ErrLicenseExpired]: only the license's own end can be
// earlier than a grant. Claims that lack something are refused.
func (i *Issuer) Issue(ctx context.Context, claims Claims) (Token, error) {
	if claims.ExpiresAt < claims.IssuedAt {
		return Token{}, fmt.Errorf("license token: %w", license.ErrLicenseExpired)
	}
	if err := claims.Validate(); err != nil {
		return Token{}, fmt.Errorf("license token: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return Token{}, fmt.Errorf("license token: %w", err)
	}
	compact, err := i.signed(ctx, payload)
	if err != nil {
		return Token{}, err
	}
	return Token{Compact: compact, ExpiresAt: time.Unix(claims.ExpiresAt, 0).UTC()}, nil
}

// signed signs within the circuit and the deadline.
func (i *Issuer) signed(ctx context.Context, payload []byte) (compact string, err error) {
	err = i.cfg.Circuit.Do(ctx, func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, i.cfg.Deadline)
		defer cancel()
		compact, _, err = i.sign(ctx, payload)
		return err
	})
	i.signs.Store(err == nil)
	return compact, unavailable(err)
}

// sign signs with the version of the day. If KMS refuses that very version
// (disabled since the list was read), it asks for the list once and tries the
// version that is left.
func (i *Issuer) sign(ctx context.Context, payload []byte) (string, Version, error) {
	set, err := i.keys.current(ctx)
	if err != nil {
		return "", Version{}, err
	}
	compact, refused, err := i.signWith(ctx, set, payload)
	if !versionRefused(err) {
		return compact, refused, err
	}
	renewed, listErr := i.keys.renewed(ctx, set)
	if listErr != nil || renewed.key(refused.Name) != nil {
		return "", refused, err
	}
	return i.signWith(ctx, renewed, payload)
}

// signWith signs once, with the version that set gives for now.
func (i *Issuer) signWith(ctx context.Context, set *snapshot, payload []byte) (string, Version, error) {
	version, err := SigningVersion(set.versions, i.cfg.Now(), i.cfg.ActivationDelay)
	if err != nil {
		return "", Version{}, unavailable(err)
	}
	compact, err := i.signer.Sign(ctx, version, set.key(version.Name), payload)
	return compact, version, err
}

// JWKS returns the published key set (RFC 7517): every enabled version, also
// those too young to sign, so that verifiers know them in time. No I/O while the
// key set is cached. With all versions disabled the set is empty, not an error.
func (i *Issuer) JWKS(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, i.cfg.Deadline)
	defer cancel()
	set, err := i.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(set.jwks), nil
}

// Ping reports whether tokens can be signed: the key set is loadable, and the last
// signature succeeded. Until one has, it makes one itself, which nobody gets to see;
// after that it costs nothing while the key set is cached.
func (i *Issuer) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, i.cfg.Deadline)
	defer cancel()
	set, err := i.keys.current(ctx)
	if err != nil {
		return err
	}
	if len(set.versions) == 0 {
		return unavailable(ErrNoSigningVersion)
	}
	if i.signs.Load() {
		return nil
	}
	_, err = i.signed(ctx, []byte("{}"))
	return err
}
