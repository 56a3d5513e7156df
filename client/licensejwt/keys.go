package licensejwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
)

const (
	// minModulusBits is the least RS256 allows (RFC 7518, section 3.3).
	minModulusBits = 2048
	// maxModulusBits bounds the work that a key set from anywhere can ask for.
	maxModulusBits = 8192
)

// ParseKeySet reads a JWKS (RFC 7517). An entry that cannot be read, of a key type
// that is not known here for one, spoils no other: it counts with its kid alone, and
// a token that names it is invalid.
func ParseKeySet(raw []byte) (jose.JSONWebKeySet, error) {
	var set struct {
		Keys []josejson.RawMessage `json:"keys"`
	}
	if err := josejson.Unmarshal(raw, &set); err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("key set: %w", err)
	}
	if set.Keys == nil {
		return jose.JSONWebKeySet{}, errors.New("key set: no member keys")
	}
	parsed := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(set.Keys))}
	for i, entry := range set.Keys {
		if err := parsed.Keys[i].UnmarshalJSON(entry); err == nil {
			continue
		}
		var named struct {
			KeyID string `json:"kid"`
		}
		_ = josejson.Unmarshal(entry, &named) // without a kid no token can name it
		parsed.Keys[i] = jose.JSONWebKey{KeyID: named.KeyID}
	}
	return parsed, nil
}

// pick finds the one signing key named kid, for signatures of algorithm alg. The
// key's own type, alg and use decide which that is, whatever the token's header
// wishes (RFC 8725, section 3.1).
func pick(keys jose.JSONWebKeySet, kid, alg string) (jose.JSONWebKey, error) {
	if kid == "" {
		return jose.JSONWebKey{}, fmt.Errorf("%w: kid is missing", ErrInvalid)
	}
	found := keys.Key(kid)
	switch len(found) {
	case 0:
		return jose.JSONWebKey{}, ErrUnknownKey
	case 1:
	default:
		return jose.JSONWebKey{}, fmt.Errorf("%w: the key set has its kid more than once", ErrInvalid)
	}
	if !signs(found[0], alg) {
		return jose.JSONWebKey{}, fmt.Errorf("%w: its key is not a signing key for its alg", ErrInvalid)
	}
	return found[0], nil
}

// signs: a public key for signatures of algorithm alg, of the type and size that
// these need.
func signs(key jose.JSONWebKey, alg string) bool {
	if key.Use != "sig" || key.Algorithm != alg {
		return false
	}
	switch public := key.Key.(type) {
	case *ecdsa.PublicKey:
		return alg == string(jose.ES256) && public.Curve == elliptic.P256()
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return alg == string(jose.RS256) && bits >= minModulusBits && bits <= maxModulusBits
	default:
		return false
	}
}
