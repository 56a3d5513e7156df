package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// rootName is the issuer of every delegation's certificate. The root is a bare key,
// so the name is for people to read.
const rootName = "coditect-licenses root"

// serialBits is what RFC 5280, section 4.1.2.2, leaves of 20 octets.
const serialBits = 159

// certify makes the certificate of a delegation's public key: for the one use
// [licensejwt.DelegationUsage], in its time, signed by root.
func certify(root crypto.Signer, kid string, public *ecdsa.PublicKey, notBefore, notAfter time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(root.Public())
	if err != nil {
		return nil, err
	}
	rootID := sha256.Sum256(spki)
	parent := &x509.Certificate{
		Subject: pkix.Name{CommonName: rootName}, PublicKey: root.Public(), SubjectKeyId: rootID[:20], // RFC 7093, section 2
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: kid},
		NotBefore: notBefore, NotAfter: notAfter, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, UnknownExtKeyUsage: []asn1.ObjectIdentifier{licensejwt.DelegationUsage},
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, root)
	if err != nil {
		return nil, fmt.Errorf("certify a signing key: %w", err)
	}
	return x509.ParseCertificate(der)
}

// delegationKeyID is the kid of a delegation: the SHA-256 thumbprint of its public
// key (RFC 7638), in base64url.
func delegationKeyID(public *ecdsa.PublicKey) (string, error) {
	thumbprint, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(thumbprint), nil
}

// delegationJWK is how a delegation is published (RFC 7517).
func delegationJWK(kid string, certificate *x509.Certificate) jose.JSONWebKey {
	return jose.JSONWebKey{
		Key: certificate.PublicKey, KeyID: kid, Algorithm: string(jose.ES256), Use: "sig",
		Certificates: []*x509.Certificate{certificate},
	}
}

// rootJWK is how a version of the root that signs tokens itself is published.
func rootJWK(v Version, public any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: public, KeyID: v.KeyID(), Algorithm: string(jose.RS256), Use: "sig"}
}
