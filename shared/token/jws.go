package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// jws makes compact JWS (RFC 7515, section 7.1) with one key: alg, kid and typ in the
// header, nothing else. Every answer has a token, and a library that makes header and
// objects anew for each takes as long again as half a signature; so this is ours.
type jws struct {
	// head is the encoded header and its dot.
	head string
	// sign makes the signature, as the algorithm has it in a JWS, of a SHA-256 digest.
	sign func(digest []byte) ([]byte, error)
}

func newJWS(algorithm jose.SignatureAlgorithm, kid string, sign func(digest []byte) ([]byte, error)) (*jws, error) {
	header, err := json.Marshal(struct {
		Algorithm jose.SignatureAlgorithm `json:"alg"`
		KeyID     string                  `json:"kid"`
		Type      string                  `json:"typ"`
	}{algorithm, kid, licensejwt.Type})
	if err != nil {
		return nil, fmt.Errorf("license token header: %w", err)
	}
	return &jws{head: base64.RawURLEncoding.EncodeToString(header) + ".", sign: sign}, nil
}

// compact signs payload.
func (j *jws) compact(payload []byte) (string, error) {
	const signature = 700 // of RSA-4096, encoded
	out := make([]byte, 0, len(j.head)+base64.RawURLEncoding.EncodedLen(len(payload))+signature)
	out = append(out, j.head...)
	out = base64.RawURLEncoding.AppendEncode(out, payload)
	digest := sha256.Sum256(out)
	signed, err := j.sign(digest[:])
	if err != nil {
		return "", err
	}
	out = append(out, '.')
	return string(base64.RawURLEncoding.AppendEncode(out, signed)), nil
}

// es256 signs for ES256 (RFC 7518, section 3.4): R and S of 32 bytes each. The
// signature is the deterministic one of RFC 6979, which no random source can spoil.
func es256(key *ecdsa.PrivateKey) func([]byte) ([]byte, error) {
	return func(digest []byte) ([]byte, error) {
		der, err := key.Sign(nil, digest, crypto.SHA256)
		if err != nil {
			return nil, err
		}
		var of struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &of); err != nil {
			return nil, fmt.Errorf("an ECDSA signature: %w", err)
		}
		out := make([]byte, 64)
		of.R.FillBytes(out[:32])
		of.S.FillBytes(out[32:])
		return out, nil
	}
}
