package token

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/go-jose/go-jose/v4"
	"google.golang.org/api/iterator"

	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

const (
	// KeySetLife is how long a process uses its list of key versions before it
	// asks KMS again. A version's activation delay must exceed this plus the
	// JWKS's max-age, or some verifier meets the version's signatures before its key.
	KeySetLife = time.Minute
	// failedReloadPause is how long a list that could not be renewed is used
	// before the next attempt: not every request of an outage should wait for KMS.
	failedReloadPause = 5 * time.Second
)

// keySet knows the usable versions of one key and their public keys. It is a
// cache that may vanish: KMS is the truth.
type keySet struct {
	client *kms.KeyManagementClient
	key    string
	limit  time.Duration
	delay  time.Duration
	life   time.Duration // zero: [KeySetLife]
	log    *slog.Logger
	now    func() time.Time
	read   refresh.Value[*snapshot]
}

func newKeySet(cfg Config, client *kms.KeyManagementClient) *keySet {
	return &keySet{
		client: client, key: cfg.Key, limit: cfg.Deadline, delay: cfg.ActivationDelay, log: cfg.Log, now: cfg.Now,
	}
}

// snapshot is one consistent reading of the key; it never changes.
type snapshot struct {
	// versions are the usable ones, oldest first; may be empty.
	versions []Version
	// public has the key of each of versions, by resource name.
	public map[string]*rsa.PublicKey
}

// current returns the key's versions, at most [KeySetLife] old, or older while
// KMS does not answer: a verifier is better served by yesterday's keys than by none.
// It fails only if KMS never answered this process.
func (k *keySet) current(ctx context.Context) (*snapshot, error) {
	s, err := k.read.Get(ctx, k.rules(), k.reload)
	return s, unavailable(err)
}

// renewed is current for a caller that has just learned that seen is out of
// date: it does not answer seen from the cache.
func (k *keySet) renewed(ctx context.Context, seen *snapshot) (*snapshot, error) {
	k.read.Expire(func(known *snapshot) bool { return known == seen })
	return k.current(ctx)
}

// known returns the cached snapshot, nil if there is none.
func (k *keySet) known() *snapshot {
	s, _ := k.read.Peek(k.now())
	return s
}

// rules give a reading half of the time a caller has, so that the caller can
// still sign with what it gets.
func (k *keySet) rules() *refresh.Rules {
	return &refresh.Rules{Now: k.now, Deadline: k.limit / 2, Stale: refresh.Forever, Pause: failedReloadPause}
}

// reload reads the key anew.
func (k *keySet) reload(ctx context.Context) (*snapshot, time.Duration, error) {
	loaded, err := k.load(ctx, k.known())
	if err != nil {
		return nil, 0, err
	}
	k.tellAge(ctx, loaded)
	return loaded, cmp.Or(k.life, KeySetLife), nil
}

// tellAge logs how old the signing version is whenever the key is read:
// without the line, a rotation that stopped would leave no trace.
func (k *keySet) tellAge(ctx context.Context, s *snapshot) {
	now := k.now()
	v, err := SigningVersion(s.versions, now, k.delay)
	if err != nil {
		return // every signature will say so
	}
	k.log.LogAttrs(ctx, slog.LevelInfo, "the signing key was read",
		slog.String("kid", v.KeyID()), slog.Float64("key_age_days", days(max(now.Sub(v.CreatedAt), 0))))
}

// days is a duration in days, with one decimal.
func days(d time.Duration) float64 { return math.Round(d.Hours()/24*10) / 10 }

// load lists the versions and completes their public keys. Those known already
// are not fetched again: the key of a version never changes. One version that
// cannot be read fails the whole: a set that lacks a key would refuse its tokens.
func (k *keySet) load(ctx context.Context, previous *snapshot) (*snapshot, error) {
	all, err := k.list(ctx)
	if err != nil {
		return nil, err
	}
	s := &snapshot{versions: usable(all), public: map[string]*rsa.PublicKey{}}
	for _, v := range s.versions {
		key := previous.key(v.Name)
		if key == nil {
			if key, err = fetchPublicKey(ctx, k.client, v); err != nil {
				return nil, fmt.Errorf("public key of %s: %w", v.KeyID(), err)
			}
		}
		s.public[v.Name] = key
	}
	return s, nil
}

// list reads all versions, whatever their state. It does not let KMS filter:
// a key gathers a few versions a year, and what is usable has one definition.
func (k *keySet) list(ctx context.Context) ([]Version, error) {
	listed, err := retried(ctx, func() ([]*kmspb.CryptoKeyVersion, error) {
		request := &kmspb.ListCryptoKeyVersionsRequest{Parent: k.key}
		return collect(k.client.ListCryptoKeyVersions(ctx, request).Next)
	})
	if err != nil {
		return nil, fmt.Errorf("list key versions: %w", err)
	}
	out := make([]Version, len(listed))
	for i, v := range listed {
		if !strings.HasPrefix(v.GetName(), k.key+"/cryptoKeyVersions/") {
			return nil, damaged("the list names a version of another key")
		}
		out[i] = versionOf(v)
	}
	return out, nil
}

// collect reads an iterator to its end.
func collect[T any](next func() (T, error)) ([]T, error) {
	var all []T
	for {
		one, err := next()
		if errors.Is(err, iterator.Done) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
}

// key is the public key of a version; nil if this snapshot has none, or is nil.
func (s *snapshot) key(version string) *rsa.PublicKey {
	if s == nil {
		return nil
	}
	return s.public[version]
}

// published are the versions as verifiers get them, oldest first.
func (s *snapshot) published() []jose.JSONWebKey {
	out := make([]jose.JSONWebKey, len(s.versions))
	for i, v := range s.versions {
		out[i] = rootJWK(v, s.public[v.Name])
	}
	return out
}

// names are the versions' resource names.
func (s *snapshot) names() []string {
	if s == nil {
		return nil
	}
	out := make([]string, len(s.versions))
	for i, v := range s.versions {
		out[i] = v.Name
	}
	return out
}
