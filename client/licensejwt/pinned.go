package licensejwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DelegationUsage is the extended key usage of a delegation's certificate: it
// signs license tokens, and nothing else has this usage. The arc is the one for
// examples (ITU-T X.660), which belongs to nobody; a vendor with an arc of its own
// puts it here before the first program is shipped, never later.
//
//nolint:gochecknoglobals // the type has no constants
var DelegationUsage = asn1.ObjectIdentifier{2, 999, 1, 1}

// Roots are the vendor's root keys, compiled into a program that takes nothing
// else on trust: the key set may then come from anywhere, a file included. The zero
// value accepts no token.
type Roots struct {
	keys []*rsa.PublicKey
}

// ParseRoots reads one or more RSA public keys, each a PEM block PUBLIC KEY
// (SubjectPublicKeyInfo), as Cloud KMS shows them. Two are pinned while a new root
// takes over. Text that is partly damaged is refused as a whole.
func ParseRoots(text []byte) (Roots, error) {
	var roots Roots
	begun := strings.Count(string(text), "-----BEGIN ")
	for len(roots.keys) < begun {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "PUBLIC KEY" {
			return Roots{}, errors.New("root keys: not PEM blocks of type PUBLIC KEY")
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return Roots{}, fmt.Errorf("root keys: %w", err)
		}
		key, ok := parsed.(*rsa.PublicKey)
		if !ok || key.N.BitLen() < minModulusBits || key.N.BitLen() > maxModulusBits {
			return Roots{}, fmt.Errorf("root keys: not RSA of %d to %d bits", minModulusBits, maxModulusBits)
		}
		roots.keys, text = append(roots.keys, key), rest
	}
	if begun == 0 {
		return Roots{}, errors.New("root keys: no PEM block")
	}
	return roots, nil
}

// Verify is [Verify] with a key set that is not trusted. A token by a delegation is
// accepted if the one certificate beside its key (x5c) is signed by a root, is for
// that key, kid and [DelegationUsage] alone, and is in its time, both now and when
// the token was issued; a token by a root itself if the set lists that root. So a
// token ends with its delegation ([ErrExpired]) where its exp is later. Nothing is
// fetched and no address is dialled.
func (r Roots) Verify(compact string, keys jose.JSONWebKeySet, now time.Time, leeway time.Duration, issuer, audience string) (Claims, error) {
	claims, key, err := genuine(compact, keys, issuer, audience)
	if err != nil {
		return Claims{}, err
	}
	if err := r.checkKey(key, claims, now, leeway); err != nil {
		return Claims{}, err
	}
	if err := checkTimes(claims, now, leeway); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// checkKey wants a root, or a delegation of a root that was in its time when the
// claims were issued and is now.
func (r Roots) checkKey(key jose.JSONWebKey, claims Claims, now time.Time, leeway time.Duration) error {
	if public, ok := key.Key.(*rsa.PublicKey); ok {
		if !slices.ContainsFunc(r.keys, func(root *rsa.PublicKey) bool { return root.Equal(public) }) {
			return fmt.Errorf("%w: its key is no pinned root", ErrInvalid)
		}
		return nil
	}
	if err := r.CheckDelegation(key); err != nil {
		return err
	}
	return checkPeriod(key.Certificates[0], time.Unix(claims.IssuedAt, 0), now, leeway)
}

// signed: by one of the roots. A root is a bare key, so there is no chain to build.
func (r Roots) signed(c *x509.Certificate) bool {
	return c.SignatureAlgorithm == x509.SHA256WithRSA && slices.ContainsFunc(r.keys, func(root *rsa.PublicKey) bool {
		parent := x509.Certificate{PublicKeyAlgorithm: x509.RSA, PublicKey: root}
		return parent.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
	})
}

// certifies: the certificate is for this key, whose kid is the key's own
// thumbprint (RFC 7638) and the certificate's whole subject.
func certifies(c *x509.Certificate, key jose.JSONWebKey) bool {
	public, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || !public.Equal(key.Key) {
		return false
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	return err == nil && key.KeyID == base64.RawURLEncoding.EncodeToString(thumbprint) &&
		len(c.Subject.Names) == 1 && c.Subject.CommonName == key.KeyID
}

// delegates: the certificate allows signing license tokens, and nothing more.
func delegates(c *x509.Certificate) bool {
	return !c.IsCA && c.KeyUsage == x509.KeyUsageDigitalSignature &&
		len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 1 && c.UnknownExtKeyUsage[0].Equal(DelegationUsage) &&
		len(c.UnhandledCriticalExtensions) == 0
}

// checkPeriod: who gets hold of a delegation's key can write any iat into a token,
// but not move the end of the certificate. The beginning has the margin of a token's
// own: the first delegation signs in the second that it is made, by another clock.
func checkPeriod(c *x509.Certificate, issued, now time.Time, leeway time.Duration) error {
	switch {
	case issued.After(c.NotAfter) || issued.Add(NotBeforeMargin).Before(c.NotBefore):
		return fmt.Errorf("%w: it was not issued in its delegation's time", ErrInvalid)
	case now.Add(-leeway).After(c.NotAfter):
		return ErrExpired
	case now.Add(leeway).Add(NotBeforeMargin).Before(c.NotBefore):
		return ErrNotYetValid
	}
	return nil
}
