package token

import (
	"context"
	"errors"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/go-jose/go-jose/v4"
)

// Signing is how license tokens are signed.
type Signing string

const (
	// ByDelegation signs in the process (ES256), by a key that the root key in Cloud
	// KMS has certified for some hours: see [Rotator].
	ByDelegation Signing = "delegated"
	// ByRoot signs each token by the root key itself (RS256): a call of KMS for each.
	ByRoot Signing = "kms"
)

// CheckSigning judges the name of a way to sign. Its error reads on from the name of
// a variable.
func CheckSigning(name string) error {
	if s := Signing(name); s != ByDelegation && s != ByRoot {
		return errors.New("names no way to sign tokens: set it to delegated or kms")
	}
	return nil
}

// Signer is a way to sign license tokens. All keys sign as a [crypto.Signer] does; what
// differs is where the key is, and what it depends on. It is safe for concurrent use.
// Failures are *[license.UnavailableError].
type Signer interface {
	// Sign makes a compact JWS (kid and typ in its header) of what payload answers,
	// which is asked with the end of the key that signs: what is signed must not last
	// longer. The zero time is no end. An error of payload is answered as it is.
	Sign(ctx context.Context, payload func(until time.Time) ([]byte, error)) (compact string, err error)
	// Published are the keys to verify with, also those that do not sign yet. They are
	// the same for all instances that have looked at the same time.
	Published(ctx context.Context) ([]jose.JSONWebKey, error)
	// Ready is nil, or why nothing can be signed now as far as the last calls told.
	// It calls nobody.
	Ready() error
	// Ping reports whether a token can be signed, and finds out if it is not known.
	Ping(ctx context.Context) error
}

// NewSigner returns the signer that cfg asks for, over client, which stays the
// caller's to close. It does no I/O.
func NewSigner(cfg Config, client *kms.KeyManagementClient) (Signer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if client == nil {
		return nil, errors.New("no KMS client")
	}
	withoutRetries(client)
	cfg = cfg.withDefaults()
	if cfg.Signing == ByDelegation {
		ring := newKeyring(cfg, client)
		ring.seal = &envelope{client, cfg.EncryptionKey}
		return &delegated{ring}, nil
	}
	root := &byRoot{cfg: cfg, client: client, keys: newKeySet(cfg, client)}
	if cfg.Record != nil {
		root.ring = newKeyring(cfg, client)
		root.ring.signs = root.keys
	}
	return root, nil
}
