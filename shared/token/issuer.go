package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Defaults of [Config].
const (
	// DefaultDeadline is far below a session's TTL, as the seat protocol needs
	// of every backend, and far above a healthy signature (about 10 ms).
	DefaultDeadline = 5 * time.Second
)

// Config says which key signs and how.
type Config struct {
	// Signing is who signs. Empty: [ByRoot].
	Signing Signing
	// Record has the delegations: required to sign by them. With [ByRoot] they are
	// published beside the root's versions if it is set.
	Record record.Signing
	// EncryptionKey is the symmetric key that decrypts them. Required with [ByDelegation].
	EncryptionKey string
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
	if c.Signing == ByDelegation {
		faults = append(faults, checkKey("encryption", c.EncryptionKey))
		if c.Record == nil {
			faults = append(faults, errors.New("no record to read delegations from"))
		}
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
	signer Signer
}

// Ready is nil, or why no token can be signed now as far as the last calls told:
// asked before work is begun that would have to be undone. It calls nobody.
func (i *Issuer) Ready() error { return i.signer.Ready() }

// NewIssuer returns an issuer over client, which stays the caller's to close. It
// does no I/O: the first call loads the key set.
func NewIssuer(cfg Config, client *kms.KeyManagementClient) (*Issuer, error) {
	signer, err := NewSigner(cfg, client)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Issuer{cfg: cfg, signer: signer}, nil
}

// Issue signs a token with these claims; where its key ends earlier, so does the
// token. Failures of a backend are *[license.UnavailableError]. Claims that end before
// they begin are [license.ErrLicenseExpired]: only the license's own end can be
// earlier than a grant. Claims that lack something are refused.
func (i *Issuer) Issue(ctx context.Context, claims Claims) (Token, error) {
	if claims.ExpiresAt < claims.IssuedAt {
		return Token{}, fmt.Errorf("license token: %w", license.ErrLicenseExpired)
	}
	if err := claims.Validate(); err != nil {
		return Token{}, fmt.Errorf("license token: %w", err)
	}
	compact, err := i.signer.Sign(ctx, func(until time.Time) ([]byte, error) {
		if !until.IsZero() {
			claims.ExpiresAt = min(claims.ExpiresAt, until.Unix())
		}
		if claims.ExpiresAt < claims.IssuedAt { // the clock of the grant is ahead of this one
			return nil, unavailable(ErrNoDelegation)
		}
		return json.Marshal(claims)
	})
	if err != nil {
		return Token{}, err
	}
	return Token{Compact: compact, ExpiresAt: time.Unix(claims.ExpiresAt, 0).UTC()}, nil
}

// JWKS returns the published key set (RFC 7517): every key that signs or will, so that
// verifiers know it in time. No I/O while what is known is fresh. Without any key the
// set is empty, not an error.
func (i *Issuer) JWKS(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, i.cfg.Deadline)
	defer cancel()
	keys, err := i.signer.Published(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{}, keys...)})
}

// Ping reports whether tokens can be signed; see [Signer].
func (i *Issuer) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, i.cfg.Deadline)
	defer cancel()
	return i.signer.Ping(ctx)
}
