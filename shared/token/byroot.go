package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/shared/circuit"
)

// byRoot is the [Signer] whose every signature is Cloud KMS's.
type byRoot struct {
	cfg    Config
	client *kms.KeyManagementClient
	keys   *keySet
	// ring has delegations to publish beside the root's versions, for the way from
	// one [Signing] to the other; nil without a record.
	ring *keyring
	// signs: the last signature succeeded.
	signs atomic.Bool
}

// Ready implements [Signer].
func (r *byRoot) Ready() error {
	if r.cfg.Circuit.Open() {
		return unavailable(circuit.ErrOpen)
	}
	return nil
}

// Sign implements [Signer]: one KMS call while the key set is cached; a second one if
// the first answer fails an integrity check.
func (r *byRoot) Sign(ctx context.Context, payload func(time.Time) ([]byte, error)) (compact string, err error) {
	body, err := payload(time.Time{})
	if err != nil {
		return "", err
	}
	err = r.cfg.Circuit.Do(ctx, func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, r.cfg.Deadline)
		defer cancel()
		compact, err = r.sign(ctx, body)
		return err
	})
	r.signs.Store(err == nil)
	return compact, unavailable(err)
}

// sign signs with the version of the day. If KMS refuses that very version
// (disabled since the list was read), it asks for the list once and tries the
// version that is left.
func (r *byRoot) sign(ctx context.Context, payload []byte) (compact string, err error) {
	set, err := r.keys.current(ctx)
	if err != nil {
		return "", err
	}
	compact, refused, err := r.signWith(ctx, set, payload)
	if !versionRefused(err) {
		return compact, err
	}
	renewed, listErr := r.keys.renewed(ctx, set)
	if listErr != nil || renewed.key(refused.Name) != nil {
		return "", err
	}
	compact, _, err = r.signWith(ctx, renewed, payload)
	return compact, err
}

// signWith signs once, with the version that set gives for now.
func (r *byRoot) signWith(ctx context.Context, set *snapshot, payload []byte) (string, Version, error) {
	version, err := SigningVersion(set.versions, r.cfg.Now(), r.cfg.ActivationDelay)
	if err != nil {
		return "", Version{}, unavailable(err)
	}
	key := &rootSigner{ctx: ctx, client: r.client, version: version, public: set.key(version.Name)}
	signer, err := newJWS(jose.RS256, version.KeyID(), func(digest []byte) ([]byte, error) {
		return key.Sign(nil, digest, crypto.SHA256)
	})
	if err != nil {
		return "", version, err
	}
	compact, err := signer.compact(payload)
	if err != nil {
		// gRPC's CANCELED hides the context's own error, which tells a client that
		// went away from a KMS that failed. Join leaves out a nil.
		return "", version, unavailable(fmt.Errorf("sign with %s: %w", version.KeyID(), errors.Join(err, ctx.Err())))
	}
	return compact, version, nil
}

// Published implements [Signer]: every enabled version, and the delegations that the
// record has.
func (r *byRoot) Published(ctx context.Context) ([]jose.JSONWebKey, error) {
	set, err := r.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	if r.ring == nil {
		return set.published(), nil
	}
	ring, err := r.ring.current(ctx)
	if err != nil {
		return nil, err
	}
	return append(set.published(), ring.delegations(r.cfg.Now())...), nil
}

// Ping implements [Signer]: the key set is loadable, and the last signature
// succeeded. Until one has, it makes one itself, which nobody gets to see; after that
// it costs nothing while the key set is cached.
func (r *byRoot) Ping(ctx context.Context) error {
	set, err := r.keys.current(ctx)
	if err != nil {
		return err
	}
	if r.ring != nil {
		_, _ = r.ring.current(ctx) // notes that the root signs: no signature waits for that
	}
	switch {
	case len(set.versions) == 0:
		return unavailable(ErrNoSigningVersion)
	case r.signs.Load():
		return nil
	}
	_, err = r.Sign(ctx, func(time.Time) ([]byte, error) { return []byte("{}"), nil })
	return err
}
