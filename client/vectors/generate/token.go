package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"strings"

	// The digests of ES384 and RS512.
	_ "crypto/sha512"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// object is a header, a payload or a JWK that can be wrong in every way.
type object map[string]any

// with is a copy with one member set; nil leaves it out.
func (o object) with(name string, value any) object {
	changed := maps.Clone(o)
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
}

func (o object) json() []byte {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return raw
}

// parsed is the object of a JSON text. Numbers stay as they are written.
func parsed(raw []byte) object {
	var o object
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		panic(err)
	}
	return o
}

func header(alg, kid string) object {
	return object{"alg": alg, "kid": kid, "typ": licensejwt.Type}
}

// claims of a token for ten minutes from granted on.
func claims() object {
	return object{
		"iss": issuer, "aud": product, "sub": "ann", "jti": "0199a000-0000-7000-8000-000000000001",
		"iat": granted, "nbf": granted - 60, "exp": granted + life,
		"tenant_id": "acme", "license_id": "acme-pro", "plan": "pro", "entitlements": []string{"export"}, "hardware_id": "hw-1",
	}
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// token signs by hand, as a JOSE library would not for most of the cases.
func token(head, payload []byte, sign func(input []byte) []byte) string {
	input := encode(head) + "." + encode(payload)
	return input + "." + encode(sign([]byte(input)))
}

func digest(hash crypto.Hash, input []byte) []byte {
	h := hash.New()
	_, _ = h.Write(input)
	return h.Sum(nil)
}

type ecSignature struct{ R, S *big.Int }

// ecdsaPair is the deterministic signature of RFC 6979.
func ecdsaPair(key *ecdsa.PrivateKey, hash crypto.Hash, input []byte) ecSignature {
	der, err := key.Sign(nil, digest(hash, input), hash)
	if err != nil {
		panic(err)
	}
	var pair ecSignature
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		panic(err)
	}
	return pair
}

// jose is the signature as JWS has it: r and s, each as long as the field.
func (p ecSignature) jose(size int) []byte {
	return append(p.R.FillBytes(make([]byte, size)), p.S.FillBytes(make([]byte, size))...)
}

func es(key *ecdsa.PrivateKey, hash crypto.Hash) func([]byte) []byte {
	size := (key.Curve.Params().BitSize + 7) / 8
	return func(input []byte) []byte { return ecdsaPair(key, hash, input).jose(size) }
}

func es256(key *ecdsa.PrivateKey) func([]byte) []byte { return es(key, crypto.SHA256) }

func rs(key *rsa.PrivateKey, hash crypto.Hash) func([]byte) []byte {
	return func(input []byte) []byte {
		signature, err := rsa.SignPKCS1v15(nil, key, hash, digest(hash, input))
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		_, _ = mac.Write(input)
		return mac.Sum(nil)
	}
}

// fixed is a signature that does not look at what it signs.
func fixed(signature []byte) func([]byte) []byte { return func([]byte) []byte { return signature } }

func payloadOf(compact string) object {
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[1])
	if err != nil {
		panic(err)
	}
	return parsed(raw)
}

// segments replaces one segment of a token.
func segments(compact string, at int, change func(string) string) string {
	parts := strings.Split(compact, ".")
	parts[at] = change(parts[at])
	return strings.Join(parts, ".")
}
