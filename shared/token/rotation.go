package token

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
)

// Algorithm is the only algorithm of key versions that sign license tokens:
// RS256 with a 4096-bit modulus.
const Algorithm = kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256

// ErrNoSigningVersion means that the key has no enabled version of [Algorithm].
var ErrNoSigningVersion = errors.New("the signing key has no enabled version")

// Version is one version of the signing key, as far as choosing among them
// needs it.
type Version struct {
	// Name is the full resource name, …/cryptoKeys/K/cryptoKeyVersions/N.
	Name string
	// State must be ENABLED for the version to sign or to be published.
	State kmspb.CryptoKeyVersion_CryptoKeyVersionState
	// Algorithm must be [Algorithm].
	Algorithm kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm
	// CreatedAt is when the version could first be published: when its key
	// material came to be, which for HSM keys is later than the version itself.
	CreatedAt time.Time
}

// SigningVersion chooses the version that signs at now: the newest usable one
// whose age has reached activationDelay, so that every cached JWKS has it, else
// the oldest usable one (a new key must be able to sign at once, and the oldest
// is the likeliest to be known). Usable is ENABLED and of [Algorithm]; versions of
// equal age rank by their number. The order of versions does not matter.
// [ErrNoSigningVersion] if none is usable.
//
// KMS does not tell when a disabled version was enabled again: it may sign at
// once though caches lack it. Rotate by a new version rather than by an old one.
func SigningVersion(versions []Version, now time.Time, activationDelay time.Duration) (Version, error) {
	chosen, ok := choose(usable(versions), func(v Version) bool { return now.Sub(v.CreatedAt) >= activationDelay })
	if !ok {
		return Version{}, ErrNoSigningVersion
	}
	return chosen, nil
}

// choose is the rule for all keys that rotate, oldest first: the newest that is ripe
// signs, else the oldest. False if there is none.
func choose[K any](candidates []K, ripe func(K) bool) (chosen K, ok bool) {
	if len(candidates) == 0 {
		return chosen, false
	}
	for _, k := range slices.Backward(candidates) {
		if ripe(k) {
			return k, true
		}
	}
	return candidates[0], true
}

// usable lists the versions that may sign and be published, oldest first.
func usable(versions []Version) []Version {
	out := slices.DeleteFunc(slices.Clone(versions), func(v Version) bool {
		return v.State != kmspb.CryptoKeyVersion_ENABLED || v.Algorithm != Algorithm
	})
	slices.SortFunc(out, func(a, b Version) int {
		return cmp.Or(
			a.CreatedAt.Compare(b.CreatedAt),
			cmp.Compare(a.number(), b.number()),
			strings.Compare(a.Name, b.Name),
		)
	})
	return out
}

// KeyID is the version's `kid`, "<key name>-<version number>". The number alone
// would name other keys' versions too once two keys' sets are merged by a client;
// with the key's name it is unique within a key ring and says where to look.
func (v Version) KeyID() string {
	parts := strings.Split(v.Name, "/")
	if len(parts) < 3 {
		return v.Name
	}
	return parts[len(parts)-3] + "-" + parts[len(parts)-1]
}

// number is the version's decimal id; 0 if it has none.
func (v Version) number() int64 {
	n, err := strconv.ParseInt(v.Name[strings.LastIndexByte(v.Name, '/')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// versionOf reads a version as KMS describes it.
func versionOf(v *kmspb.CryptoKeyVersion) Version {
	created := v.GetCreateTime().AsTime()
	for _, later := range []time.Time{v.GetGenerateTime().AsTime(), v.GetImportTime().AsTime()} {
		if later.After(created) {
			created = later
		}
	}
	return Version{Name: v.GetName(), State: v.GetState(), Algorithm: v.GetAlgorithm(), CreatedAt: created}
}
