package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// rootLook is how old the rotation's list of the root's versions may be: the look
// is also what tells the log how old the root is.
const rootLook = 15 * time.Minute

// RotatorConfig says what delegations are made with.
type RotatorConfig struct {
	// Key is the root key, as in [Config]. Required.
	Key string
	// EncryptionKey is the symmetric key that encrypts the private keys. Required.
	EncryptionKey string
	// Deadline bounds each call. Zero: [DefaultDeadline].
	Deadline time.Duration
	// Circuit stands before KMS; nil lets every call pass.
	Circuit *circuit.Breaker
	// Log is told the age of the root key now and then; nil logs nothing.
	Log *slog.Logger
	// Now is the clock by which delegations begin and end. Nil: time.Now.
	Now func() time.Time
}

func (c RotatorConfig) withDefaults() RotatorConfig {
	common := Config{Deadline: c.Deadline, Log: c.Log, Now: c.Now}.withDefaults()
	c.Deadline, c.Log, c.Now = common.Deadline, common.Log, common.Now
	return c
}

// Rotator makes delegations and revokes them. It needs to sign with the root key and
// to encrypt, and never decrypts. Any number of them may work on one record: what one
// transaction publishes is what counts, and a rotator that stops at any step leaves
// nothing behind that the next one must know of.
type Rotator struct {
	cfg  RotatorConfig
	root *keySet
	seal envelope
	keys record.Signing
	// made: a key that can sign was seen, so that [Rotator.Ping] costs nothing.
	made atomic.Bool
}

// NewRotator returns a rotator over client, which stays the caller's to close. It
// does no I/O.
func NewRotator(cfg RotatorConfig, client *kms.KeyManagementClient, keys record.Signing) (*Rotator, error) {
	err := errors.Join(checkKey("root", cfg.Key), checkKey("encryption", cfg.EncryptionKey))
	switch {
	case err != nil:
		return nil, err
	case client == nil || keys == nil:
		return nil, errors.New("no KMS client or no record")
	}
	withoutRetries(client)
	cfg = cfg.withDefaults()
	return &Rotator{
		cfg: cfg, keys: keys, seal: envelope{client, cfg.EncryptionKey},
		root: &keySet{client: client, key: cfg.Key, limit: cfg.Deadline, life: rootLook, log: cfg.Log, now: cfg.Now},
	}, nil
}

func checkKey(what, name string) error {
	if err := CheckKeyName(name); err != nil {
		return fmt.Errorf("%s key %q %w", what, name, err)
	}
	return nil
}

// Rotated is what a rotation found and did.
type Rotated struct {
	// Made is the kid of the delegation that was made; empty if none was due.
	Made string
	// Good is how many delegations are good.
	Good int
	// NewestAge is how long ago the newest good delegation that has begun was made;
	// [DelegationLife] where there is none.
	NewestAge time.Duration
}

// Rotate makes the next delegation if one is due. Otherwise it costs one read. A
// delegation that another rotator made meanwhile is as good: ours is forgotten then.
func (r *Rotator) Rotate(ctx context.Context) (Rotated, error) {
	keys, err := r.keys.SigningKeys(ctx)
	if err != nil {
		return Rotated{}, err
	}
	if !due(keys, r.roots(ctx, keys), r.cfg.Now()) {
		return r.found(keys, ""), nil
	}
	made, roots, err := r.make(ctx)
	if err != nil {
		return r.found(keys, ""), err
	}
	after, err := r.keys.ChangeSigningKeys(ctx, func(keys *record.SigningKeys) error {
		add(keys, made, roots, r.cfg.Now())
		return nil
	})
	if err != nil {
		return r.found(keys, ""), err
	}
	return r.found(after, made.KeyID), nil
}

// roots are the usable versions of the root key, as far as they are known. What an old
// list lacks may be newer than the list, so it is read anew before a key counts as orphaned.
func (r *Rotator) roots(ctx context.Context, keys record.SigningKeys) []string {
	set, err := r.root.current(ctx)
	if err == nil && orphaned(keys, set.names(), r.cfg.Now()) {
		set, _ = r.root.renewed(ctx, set)
	}
	return set.names()
}

// found tells what keys are; made is the kid that counts as made if it is among them.
func (r *Rotator) found(keys record.SigningKeys, made string) Rotated {
	now := r.cfg.Now()
	done := Rotated{NewestAge: DelegationLife}
	if good := goodDelegations(keys.Delegations, now); len(good) > 0 {
		done.Good = len(good)
		r.made.Store(true)
		if good = begun(good, now); len(good) > 0 {
			done.NewestAge = max(now.Sub(good[len(good)-1].CreatedAt), 0)
		}
	}
	if slices.ContainsFunc(keys.Delegations, func(d record.Delegation) bool { return d.KeyID == made }) {
		done.Made = made
	}
	return done
}

// Revoke takes the delegation of that kid out of the published keys for good, and
// makes one that signs at once in its place. If the latter fails, the former stands,
// and the next [Rotator.Rotate] makes it. [ErrUnknownDelegation] if there is none.
func (r *Rotator) Revoke(ctx context.Context, kid string) (Rotated, error) {
	_, err := r.keys.ChangeSigningKeys(ctx, func(keys *record.SigningKeys) error {
		return revoke(keys, kid, r.cfg.Now())
	})
	if err != nil {
		return Rotated{}, err
	}
	done, err := r.Rotate(ctx)
	if err != nil {
		return done, &PendingError{Err: err}
	}
	return done, nil
}

// PendingError says that a key was revoked and the next one could not be made yet.
type PendingError struct{ Err error }

// Error implements error.
func (e *PendingError) Error() string {
	return "revoked, and the next key is not made yet: " + e.Err.Error()
}

// Unwrap is why.
func (e *PendingError) Unwrap() error { return e.Err }

// Ping reports whether there is a delegation that can sign, and makes the first one.
// After that it costs nothing: a rotation that fails later is for [Rotator.Rotate] to tell.
func (r *Rotator) Ping(ctx context.Context) error {
	if r.made.Load() {
		return nil
	}
	done, err := r.Rotate(ctx)
	if done.Good > 0 {
		return nil
	}
	return err
}

// make makes a delegation: two calls of KMS. Nobody knows of it until it is recorded.
func (r *Rotator) make(ctx context.Context) (made record.Delegation, roots []string, err error) {
	set, err := r.root.current(ctx)
	if err != nil {
		return made, nil, err
	}
	version, err := SigningVersion(set.versions, r.cfg.Now(), 0)
	if err != nil {
		return made, nil, unavailable(err)
	}
	err = r.cfg.Circuit.Do(ctx, func() (err error) {
		made, err = r.delegate(ctx, version, set.key(version.Name))
		return err
	})
	if versionRefused(err) { // disabled since the list was read: the next run has a new one
		_, _ = r.root.renewed(ctx, set)
	}
	return made, set.names(), unavailable(err)
}

func (r *Rotator) delegate(ctx context.Context, root Version, public *rsa.PublicKey) (made record.Delegation, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return made, err
	}
	kid, err := delegationKeyID(&key.PublicKey)
	if err != nil {
		return made, err
	}
	certificate, err := r.certificate(ctx, root, public, kid, &key.PublicKey)
	if err != nil {
		return made, err
	}
	sealed, err := r.sealed(ctx, kid, key)
	if err != nil {
		return made, err
	}
	return record.Delegation{
		KeyID: kid, Root: root.Name, Certificate: certificate.Raw, PrivateKey: sealed,
		NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter,
	}, nil
}

// certificate begins as long before now as a token does, for clocks that are behind.
func (r *Rotator) certificate(ctx context.Context, root Version, public *rsa.PublicKey, kid string, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Deadline)
	defer cancel()
	now := r.cfg.Now().UTC().Truncate(time.Second)
	signer := &rootSigner{ctx: ctx, client: r.seal.client, version: root, public: public}
	certificate, err := certify(signer, kid, key, now.Add(-licensejwt.NotBeforeMargin), now.Add(DelegationLife))
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	return certificate, licensejwt.RootsOf(public).CheckDelegation(delegationJWK(kid, certificate))
}

// sealed is the private key as it is recorded.
func (r *Rotator) sealed(ctx context.Context, kid string, key *ecdsa.PrivateKey) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Deadline)
	defer cancel()
	plaintext, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	sealed, err := r.seal.seal(ctx, kid, plaintext)
	if err != nil {
		return nil, fmt.Errorf("encrypt a signing key: %w", errors.Join(err, ctx.Err()))
	}
	return sealed, nil
}
