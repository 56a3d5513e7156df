package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

// delegated is the [Signer] that signs in this process, by delegations. It asks KMS
// for each key once: to decrypt it. While KMS is away it goes on until the last key
// that it holds ends; while the record is away too.
type delegated struct{ ring *keyring }

// Sign implements [Signer]. It calls nobody while what is known of the keys is fresh.
func (d *delegated) Sign(ctx context.Context, payload func(time.Time) ([]byte, error)) (string, error) {
	ring, err := d.ring.current(ctx)
	if err != nil {
		return "", err
	}
	key, err := d.ring.signing(ring)
	if err != nil {
		return "", err
	}
	body, err := payload(key.NotAfter)
	if err != nil {
		return "", err
	}
	compact, err := key.signer.compact(body)
	if err != nil {
		return "", unavailable(fmt.Errorf("sign with %s: %w", key.KeyID, err))
	}
	return compact, nil
}

// Published implements [Signer]: the delegations, and the root's versions while tokens
// that they signed may be good.
func (d *delegated) Published(ctx context.Context) ([]jose.JSONWebKey, error) {
	ring, err := d.ring.current(ctx)
	if err != nil {
		return nil, err
	}
	now := d.ring.now()
	return append(ring.delegations(now), ring.rootKeys(now)...), nil
}

// Ready implements [Signer]. Where the last look is old, the next may find a key: the
// call for which it is asked looks.
func (d *delegated) Ready() error {
	ring, state := d.ring.read.Peek(d.ring.now())
	if state != refresh.Fresh {
		return nil
	}
	_, err := d.ring.signing(ring)
	return err
}

// Ping implements [Signer].
func (d *delegated) Ping(ctx context.Context) error {
	ring, err := d.ring.current(ctx)
	if err != nil {
		return err
	}
	_, err = d.ring.signing(ring)
	return err
}

// signing is the key of ring that signs now: of those that this process holds.
func (k *keyring) signing(ring *ring) (*heldKey, error) {
	chosen, err := SigningDelegation(ring.held(), k.now(), k.delay)
	if err != nil {
		return nil, unavailable(errors.Join(err, ring.locked))
	}
	return ring.key(chosen.KeyID), nil
}
