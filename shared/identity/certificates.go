package identity

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Where Google publishes the keys its tokens are signed with. Both libraries
// ask exactly these addresses.
const (
	// userKeysURL: X.509 certificates by key id, for ID tokens.
	// https://firebase.google.com/docs/auth/admin/verify-id-tokens
	userKeysURL = "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
	// serviceKeysURL: a JWK set, for OIDC tokens of service accounts
	// (jwks_uri of https://accounts.google.com/.well-known/openid-configuration).
	serviceKeysURL = "https://www.googleapis.com/oauth2/v3/certs"
)

// Bounds for what Cache-Control says. Google answers about six hours. The floor
// keeps an answer without a lifetime from turning every request into a fetch;
// the ceiling is how long a withdrawn key could be trusted after one odd answer.
const (
	minFresh = time.Minute
	maxFresh = 24 * time.Hour
)

var errNoKeys = errors.New("the answer holds no usable keys")

// checkCertificates accepts a JSON object of key id → PEM certificate in which
// every entry is usable, since the Admin SDK refuses the whole if one is not.
func checkCertificates(body []byte) error {
	var certificates map[string]string
	if json.Unmarshal(body, &certificates) != nil || len(certificates) == 0 {
		return errNoKeys
	}
	for _, text := range certificates {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return errNoKeys
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return errNoKeys
		}
		if _, ok := certificate.PublicKey.(*rsa.PublicKey); !ok {
			return errNoKeys
		}
	}
	return nil
}

// checkKeySet accepts a JWK set in which every key is a named RSA key.
func checkKeySet(body []byte) error {
	var set struct {
		Keys []struct {
			ID      string `json:"kid"`
			Type    string `json:"kty"`
			Modulus string `json:"n"`
		} `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil || len(set.Keys) == 0 {
		return errNoKeys
	}
	for _, k := range set.Keys {
		n, err := base64.RawURLEncoding.DecodeString(k.Modulus)
		if err != nil || len(n) == 0 || k.ID == "" || k.Type != "RSA" {
			return errNoKeys
		}
	}
	return nil
}

// freshFor is the remaining lifetime a response gives itself (RFC 9111 section
// 4.2: max-age less Age), within [minFresh, maxFresh].
func freshFor(h http.Header) time.Duration {
	var fresh time.Duration
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if strings.EqualFold(name, "max-age") {
			fresh = wholeSeconds(value)
		}
	}
	return min(max(fresh-wholeSeconds(h.Get("Age")), minFresh), maxFresh)
}

// wholeSeconds reads delta-seconds; anything that is not a small count is none.
func wholeSeconds(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
