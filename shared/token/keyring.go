package token

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
	"github.com/coditect-ai/coditect-licenses/shared/circuit"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

// ringPatience is how long a request that has keys to fall back on waits for a look
// at the record: one that hangs must not hold up heartbeats.
const ringPatience = 250 * time.Millisecond

// keyring is what this process knows of the delegations in the record. It believes
// none that the root key in KMS has not certified: who can write to the record alone
// can neither sign nor publish a key.
type keyring struct {
	client  *kms.KeyManagementClient
	record  record.Signing
	root    string
	seal    *envelope // nil where delegations are published and do not sign
	signs   *keySet   // the root's versions where they sign; nil where they do not
	circuit *circuit.Breaker
	limit   time.Duration
	delay   time.Duration
	log     *slog.Logger
	now     func() time.Time
	read    refresh.Value[*ring]
}

func newKeyring(cfg Config, client *kms.KeyManagementClient) *keyring {
	return &keyring{
		client: client, record: cfg.Record, root: cfg.Key, circuit: cfg.Circuit,
		limit: cfg.Deadline, delay: cfg.ActivationDelay, log: cfg.Log, now: cfg.Now,
	}
}

// current is the record's state, at most [KeySetLife] old, or older while it or KMS
// does not answer. It fails only if they never answered this process.
func (k *keyring) current(ctx context.Context) (*ring, error) {
	if _, state := k.read.Peek(k.now()); state == refresh.Stale {
		hurried, cancel := context.WithTimeout(ctx, ringPatience)
		defer cancel()
		ctx = hurried
	}
	rules := &refresh.Rules{Now: k.now, Deadline: k.limit, Stale: refresh.Forever, Pause: failedReloadPause}
	r, err := k.read.Get(ctx, rules, k.load)
	return r, unavailable(err)
}

// load reads the record and completes what is new in it. A key that KMS cannot
// decrypt now is tried again at the next look; until then another one signs, if one can.
func (k *keyring) load(ctx context.Context) (*ring, time.Duration, error) {
	keys, err := k.record.SigningKeys(ctx)
	if err != nil {
		return nil, 0, err
	}
	known, _ := k.read.Peek(k.now())
	r := &ring{rootsUntil: keys.RootsUntil, public: known.publicKeys()}
	missing := k.adoptAll(ctx, r, known, keys)
	if missing != nil && known == nil {
		return nil, 0, missing // a key set that lacks a key that signs is worse than none
	}
	if k.signs != nil {
		k.note(ctx, keys)
	}
	life := KeySetLife
	if missing != nil {
		life = failedReloadPause
		k.log.LogAttrs(ctx, slog.LevelWarn, "signing keys are left out until KMS answers",
			slog.String("backend", "kms"), slog.String("error", missing.Error()))
	}
	if k.seal == nil {
		return r, life, nil
	}
	k.unlock(ctx, r)
	if _, err := k.signing(r); err != nil {
		life = failedReloadPause // whoever signs says why; looked for again soon
	}
	return r, life, nil
}

// adoptAll takes the good delegations and the root's versions into the ring. It tells
// what is missing because KMS does not answer: an instance that knows no key yet waits
// for it, another one goes on with the rest, and without what was revoked.
func (k *keyring) adoptAll(ctx context.Context, r, known *ring, keys record.SigningKeys) error {
	var missing []error
	for _, d := range goodDelegations(keys.Delegations, k.now()) {
		missing = append(missing, k.adopt(ctx, r, known, d))
	}
	missing = append(missing, k.adoptRoots(ctx, r, keys))
	return errors.Join(missing...)
}

// adopt takes a delegation into the ring if the root has certified it. Only a KMS that
// does not answer is an error: an entry that somebody broke spoils no other.
func (k *keyring) adopt(ctx context.Context, r, known *ring, d record.Delegation) error {
	if r.key(d.KeyID) != nil {
		return nil // verifiers refuse a key set that has a kid twice
	}
	if held := known.key(d.KeyID); held != nil && bytes.Equal(held.Certificate, d.Certificate) {
		d.NotBefore, d.NotAfter = held.NotBefore, held.NotAfter
		r.keys = append(r.keys, heldKey{Delegation: d, public: held.public, signer: held.signer})
		return nil
	}
	public, err := k.rootKey(ctx, r, d.Root)
	if err == nil {
		var held heldKey
		if held, err = certified(d, public); err == nil {
			r.keys = append(r.keys, held)
			return nil
		}
	}
	return k.leftOut(ctx, d.KeyID, err)
}

// certified checks a delegation's certificate. Its own times count, not the record's.
func certified(d record.Delegation, root *rsa.PublicKey) (heldKey, error) {
	certificate, err := x509.ParseCertificate(d.Certificate)
	if err != nil {
		return heldKey{}, errNotCertified
	}
	jwk := delegationJWK(d.KeyID, certificate)
	if licensejwt.RootsOf(root).CheckDelegation(jwk) != nil {
		return heldKey{}, errNotCertified
	}
	d.NotBefore, d.NotAfter = certificate.NotBefore, certificate.NotAfter
	return heldKey{Delegation: d, public: jwk}, nil
}

// errNotCertified means that a recorded key is not one that the root has certified.
var errNotCertified = errors.New("the root key has not certified it")

// leftOut decides whether a key is left out of the ring for good, or is missing from it
// because KMS does not answer, which is an error.
func (k *keyring) leftOut(ctx context.Context, kid string, err error) error {
	if !versionRefused(err) && !errors.Is(err, errNotCertified) {
		return fmt.Errorf("public key of the root: %w", err)
	}
	k.log.LogAttrs(ctx, slog.LevelError, "a recorded signing key is not used",
		slog.String("kid", kid), slog.String("error", err.Error()))
	return nil
}

// adoptRoots takes in the versions of the root that are still published.
func (k *keyring) adoptRoots(ctx context.Context, r *ring, keys record.SigningKeys) error {
	if !k.now().Before(keys.RootsUntil) || k.signs != nil {
		return nil
	}
	var missing []error
	for _, name := range keys.Roots {
		public, err := k.rootKey(ctx, r, name)
		if err == nil {
			r.roots = append(r.roots, rootJWK(Version{Name: name}, public))
			continue
		}
		missing = append(missing, k.leftOut(ctx, Version{Name: name}.KeyID(), err))
	}
	return errors.Join(missing...)
}

// rootKey is the public key of a version of the root: from KMS once, from then on
// from what is known, since it never changes.
func (k *keyring) rootKey(ctx context.Context, r *ring, name string) (*rsa.PublicKey, error) {
	if known := r.public[name]; known != nil {
		return known, nil
	}
	if !strings.HasPrefix(name, k.root+"/cryptoKeyVersions/") {
		return nil, errNotCertified
	}
	var public *rsa.PublicKey
	err := k.circuit.Do(ctx, func() (err error) {
		public, err = fetchPublicKey(ctx, k.client, Version{Name: name})
		return err
	})
	if err == nil {
		r.public[name] = public
	}
	return public, err
}

// unlock decrypts the keys that sign now or will next: from the newest back to the
// first that is ripe. What was decrypted before is not decrypted again.
func (k *keyring) unlock(ctx context.Context, r *ring) {
	for i := range slices.Backward(r.keys) {
		held := &r.keys[i]
		if held.signer == nil {
			if err := k.decrypt(ctx, held); err != nil {
				r.locked = errors.Join(r.locked, fmt.Errorf("decrypt %s: %w", held.KeyID, err))
				k.log.LogAttrs(ctx, slog.LevelWarn, "a signing key cannot be decrypted now",
					slog.String("backend", "kms"), slog.String("kid", held.KeyID), slog.String("error", err.Error()))
				continue
			}
		}
		if ripe(held.Delegation, k.now(), k.delay) && held.NotAfter.Sub(k.now()) > k.delay {
			return
		}
	}
}

func (k *keyring) decrypt(ctx context.Context, held *heldKey) error {
	var plaintext []byte
	err := k.circuit.Do(ctx, func() (err error) {
		plaintext, err = k.seal.open(ctx, held.KeyID, held.PrivateKey)
		return err
	})
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	defer clear(plaintext)
	parsed, err := x509.ParsePKCS8PrivateKey(plaintext)
	if err != nil {
		return errors.New("it is not a private key in PKCS #8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(held.public.Key) {
		return errors.New("it is another key's private key")
	}
	held.signer, err = newJWS(jose.ES256, held.KeyID, es256(key))
	return err
}

// note records that the root signs tokens itself, so that its versions are published
// when delegations take over. No signature depends on it.
func (k *keyring) note(ctx context.Context, keys record.SigningKeys) {
	roots := k.signs.known().names()
	if len(roots) == 0 || rootsNoted(keys, roots, k.now()) {
		return
	}
	_, err := k.record.ChangeSigningKeys(ctx, func(keys *record.SigningKeys) error {
		publishRoots(keys, roots, k.now().Add(rootsGrace))
		return nil
	})
	if err != nil {
		k.log.LogAttrs(ctx, slog.LevelWarn, "it is not recorded yet that the root key signs tokens", slog.String("error", err.Error()))
	}
}
