package identity

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// maxTokenBytes bounds a token before anything is spent on it. Identity
// Platform allows 1000 bytes of custom claims, which makes usual tokens 1–3 KiB;
// those of SAML and OIDC providers also carry the provider's attributes
// (firebase.sign_in_attributes), where lists of groups are long.
const maxTokenBytes = 32 << 10

// parseToken takes a compact RS256 JWS apart and answers its claims, which
// nobody has verified yet.
//
// It accepts one spelling of a token only. The libraries behind it are more
// lenient, each in its own way: Go's base64 skips line breaks and ignores
// trailing bits, struct decoding takes "ALG" for "alg", the OIDC validator also
// takes ES256 and panics on a JSON null or on a short ES256 signature. What
// passes here means the same to all of them.
func parseToken(bearer string) (claimSet, error) {
	if len(bearer) > maxTokenBytes {
		return nil, tooLong.refuse()
	}
	segments := strings.Split(bearer, ".")
	if len(segments) != 3 {
		return nil, notJWT.refuse()
	}
	var decoded [3][]byte
	for i, s := range segments {
		b, ok := decodeSegment(s)
		if !ok {
			return nil, malformed.refuse()
		}
		decoded[i] = b
	}
	header, ok := parseObject(decoded[0], "alg", "kid", "crit")
	if !ok {
		return nil, malformed.refuse()
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	claims, ok := parseObject(decoded[1], "iss", "aud", "sub", "exp", "iat", "firebase")
	if !ok {
		return nil, malformed.refuse()
	}
	return claims, nil
}

// decodeSegment decodes unpadded base64url in its one canonical form (RFC 7515
// section 2; RFC 4648 section 3.5).
func decodeSegment(s string) ([]byte, bool) {
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil
}

// checkHeader allows RS256 with a named key and no extension that would have
// to be understood (RFC 7515 section 4.1.11).
func checkHeader(h claimSet) error {
	if alg, _ := h.text("alg"); alg != algorithm {
		return otherAlg.refuse()
	}
	if kid, _ := h.text("kid"); kid == "" {
		return malformed.refuse()
	}
	if _, critical := h["crit"]; critical {
		return malformed.refuse()
	}
	return nil
}

// claimSet is a JSON object whose keys are compared exactly.
type claimSet map[string]json.RawMessage

// parseObject decodes one JSON object with nothing after it. An object with
// a key that differs from one of names only in case is refused, because struct
// decoding elsewhere would take it for that name.
func parseObject(raw []byte, names ...string) (claimSet, bool) {
	var set claimSet
	if err := json.Unmarshal(raw, &set); err != nil || set == nil {
		return nil, false
	}
	for key := range set {
		for _, name := range names {
			if key != name && strings.EqualFold(key, name) {
				return nil, false
			}
		}
	}
	return set, true
}

// text is a string claim; false when it is absent, null or of another type.
func (c claimSet) text(name string) (string, bool) {
	var s *string
	if json.Unmarshal(c[name], &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// seconds is a whole-number claim, such as a NumericDate; false when it is
// absent, null, fractional or of another type.
func (c claimSet) seconds(name string) (int64, bool) {
	var n *int64
	if json.Unmarshal(c[name], &n) != nil || n == nil {
		return 0, false
	}
	return *n, true
}
