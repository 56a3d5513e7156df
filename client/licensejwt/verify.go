package licensejwt

import (
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

// maxCompact bounds the work done on an unverified string. Real tokens are
// about 1.5 kB; only a very long list of entitlements brings one near it.
const maxCompact = 16 << 10

// Verify checks a license token offline and returns its claims. keys is the
// service's JWKS, from the service itself (a program that may read it from
// elsewhere pins [Roots]); now is the client's clock and leeway how wrong it may be,
// in both directions. The token must be a compact JWS in canonical base64url with
// typ [Type], signed with ES256 or RS256 as its key in the set says, and made by
// issuer for audience. The error is one of [ErrExpired], [ErrNotYetValid],
// [ErrUnknownKey] and [ErrInvalid], never quotes the token, and leaves the claims
// empty.
//
// Whether the token is for this machine is the caller's to compare:
// [Claims.HardwareID].
func Verify(compact string, keys jose.JSONWebKeySet, now time.Time, leeway time.Duration, issuer, audience string) (Claims, error) {
	claims, _, err := genuine(compact, keys, issuer, audience)
	if err != nil {
		return Claims{}, err
	}
	if err := checkTimes(claims, now, leeway); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// genuine returns the claims, of whatever time, that a key of the set has signed,
// and that key.
func genuine(compact string, keys jose.JSONWebKeySet, issuer, audience string) (Claims, jose.JSONWebKey, error) {
	if err := checkSpelling(compact); err != nil {
		return Claims{}, jose.JSONWebKey{}, err
	}
	payload, key, err := authentic(compact, keys)
	if err != nil {
		return Claims{}, jose.JSONWebKey{}, err
	}
	claims, err := decode(payload)
	if err != nil {
		return Claims{}, jose.JSONWebKey{}, err
	}
	if claims.Issuer != issuer || claims.Audience != audience {
		return Claims{}, jose.JSONWebKey{}, fmt.Errorf("%w: made by another issuer or for another product", ErrInvalid)
	}
	return claims, key, nil
}

// checkSpelling accepts three segments of unpadded base64url without stray bits,
// line breaks or padding. JOSE libraries accept more, and a token with many
// spellings defeats any list of tokens. ES256 leaves two spellings: of each (r, s)
// anybody can make (r, n-s). So lists of tokens go by [Claims.SessionID].
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

// authentic returns the payload if its signature is by a key of the set, and that key.
func authentic(compact string, keys jose.JSONWebKeySet) ([]byte, jose.JSONWebKey, error) {
	jws, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		// The library's text may quote the header; it says nothing a client can use.
		return nil, jose.JSONWebKey{}, fmt.Errorf("%w: not a compact JWS signed with ES256 or RS256", ErrInvalid)
	}
	if err := checkHeader(compact); err != nil {
		return nil, jose.JSONWebKey{}, err
	}
	header := jws.Signatures[0].Protected
	key, err := pick(keys, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, jose.JSONWebKey{}, err
	}
	payload, err := jws.Verify(key.Key)
	if err != nil {
		return nil, jose.JSONWebKey{}, fmt.Errorf("%w: the signature does not match", ErrInvalid)
	}
	return payload, key, nil
}

// checkHeader refuses a token of another type, one that brings or names its own
// key (RFC 8725, section 3.10: such a header is the attacker's word), and one that
// wants to be read in another way. Other members are ignored (RFC 7515, section 4).
func checkHeader(compact string) error {
	encoded, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("%w: not canonical base64url", ErrInvalid)
	}
	var header map[string]any
	if err := josejson.Unmarshal(raw, &header); err != nil {
		return fmt.Errorf("%w: the header cannot be read", ErrInvalid)
	}
	if header["typ"] != Type {
		return fmt.Errorf("%w: typ is not %s", ErrInvalid, Type)
	}
	for _, name := range []string{"jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "crit", "b64"} {
		if _, there := header[name]; there {
			return fmt.Errorf("%w: the header has %s", ErrInvalid, name)
		}
	}
	return nil
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
