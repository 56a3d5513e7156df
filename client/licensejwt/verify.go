package licensejwt

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
)

// What [Verify] answers. Each asks something different of the client: renew,
// set the clock, fetch the key set again, refuse.
var (
	// ErrExpired: the token was genuine, and its time is over.
	ErrExpired = errors.New("license token has expired")
	// ErrNotYetValid: the token is genuine and begins in the future; the
	// client's clock is probably slow.
	ErrNotYetValid = errors.New("license token is not valid yet")
	// ErrUnknownKey: the key set has no key of the token's kid. The set may be
	// older than a key rotation.
	ErrUnknownKey = errors.New("license token is signed by a key that is not in the key set")
	// ErrInvalid: not a genuine license token of this issuer and product.
	ErrInvalid = errors.New("license token is invalid")
)

const (
	// maxCompact bounds the work done on an unverified string. Real tokens are
	// about 1.5 kB; only a very long list of entitlements brings one near it.
	maxCompact = 16 << 10
	// minModulusBits is the least RS256 allows (RFC 7518, section 3.3).
	minModulusBits = 2048
)

// Verify checks a license token offline and returns its claims. keys is the
// service's JWKS; now is the client's clock and leeway how wrong it may be, in
// both directions. The token must be the one canonical spelling of a compact JWS
// with typ [Type], signed with RS256 by a key of the set, issued by issuer for
// audience. The error is one of [ErrExpired], [ErrNotYetValid], [ErrUnknownKey]
// and [ErrInvalid], never quotes the token, and leaves the claims empty.
//
// Whether the token is for this machine is the caller's to compare:
// [Claims.HardwareID].
func Verify(compact string, keys jose.JSONWebKeySet, now time.Time, leeway time.Duration, issuer, audience string) (Claims, error) {
	if err := checkSpelling(compact); err != nil {
		return Claims{}, err
	}
	payload, err := authentic(compact, keys)
	if err != nil {
		return Claims{}, err
	}
	claims, err := decode(payload)
	if err != nil {
		return Claims{}, err
	}
	if claims.Issuer != issuer || claims.Audience != audience {
		return Claims{}, fmt.Errorf("%w: made by another issuer or for another product", ErrInvalid)
	}
	if err := checkTimes(claims, now, leeway); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// checkSpelling accepts exactly one spelling per token: three segments of
// unpadded base64url without stray bits, line breaks or padding. JOSE libraries
// accept more, and a token with many spellings defeats any list of tokens.
func checkSpelling(compact string) error {
	if len(compact) > maxCompact {
		return fmt.Errorf("%w: too long", ErrInvalid)
	}
	segments := strings.Split(compact, ".")
	if len(segments) != 3 {
		return fmt.Errorf("%w: not a compact JWS", ErrInvalid)
	}
	for _, s := range segments {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		// Encoding again catches what decoding forgives: stray bits and CR, LF.
		if err != nil || base64.RawURLEncoding.EncodeToString(raw) != s {
			return fmt.Errorf("%w: not canonical base64url", ErrInvalid)
		}
	}
	return nil
}

// authentic returns the payload if its signature is by a key of the set.
func authentic(compact string, keys jose.JSONWebKeySet) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		// The library's text may quote the header; it says nothing a client can use.
		return nil, fmt.Errorf("%w: not a compact JWS signed with RS256", ErrInvalid)
	}
	header := jws.Signatures[0].Protected
	if typ, ok := header.ExtraHeaders[jose.HeaderType].(string); !ok || typ != Type {
		return nil, fmt.Errorf("%w: typ is not %s", ErrInvalid, Type)
	}
	key, err := pick(keys, header.KeyID)
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, fmt.Errorf("%w: the signature does not match", ErrInvalid)
	}
	return payload, nil
}

// pick finds the one signing key named kid. The key's own alg and use bind it
// to RS256 signatures, whatever the token's header wishes (RFC 8725, section 3.1).
func pick(keys jose.JSONWebKeySet, kid string) (*rsa.PublicKey, error) {
	if kid == "" {
		return nil, fmt.Errorf("%w: kid is missing", ErrInvalid)
	}
	found := keys.Key(kid)
	switch len(found) {
	case 0:
		return nil, ErrUnknownKey
	case 1:
	default:
		return nil, fmt.Errorf("%w: the key set has its kid more than once", ErrInvalid)
	}
	public, ok := found[0].Key.(*rsa.PublicKey)
	if !ok || found[0].Algorithm != string(jose.RS256) || found[0].Use != "sig" || public.N.BitLen() < minModulusBits {
		return nil, fmt.Errorf("%w: its key is not an RSA signing key for RS256", ErrInvalid)
	}
	return public, nil
}

// decode reads the claims with names matched exactly and duplicates refused,
// which encoding/json does not do.
func decode(payload []byte) (Claims, error) {
	var claims Claims
	if err := josejson.Unmarshal(payload, &claims); err != nil {
		return Claims{}, fmt.Errorf("%w: claims cannot be read", ErrInvalid)
	}
	if err := claims.Validate(); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if claims.Entitlements == nil {
		claims.Entitlements = []string{}
	}
	return claims, nil
}

// checkTimes compares the claims with the client's clock. A token ends at the
// very second of exp (RFC 7519, section 4.1.4).
func checkTimes(c Claims, now time.Time, leeway time.Duration) error {
	if !now.Before(time.Unix(c.ExpiresAt, 0).Add(leeway)) {
		return ErrExpired
	}
	latest := now.Add(leeway)
	// iat gets the margin that nbf already has inside it: else the margin would
	// be without effect.
	if latest.Before(time.Unix(c.NotBefore, 0)) || latest.Add(NotBeforeMargin).Before(time.Unix(c.IssuedAt, 0)) {
		return ErrNotYetValid
	}
	return nil
}
