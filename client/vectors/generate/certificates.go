package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// certified is a key set of one delegation. Its token is genuine as far as the
// key goes; the certificate decides.
type certified struct {
	what   string
	entry  object
	reason string
	// signer is the current delegation's key where nil.
	signer func(input []byte) []byte
}

// token is by the key of the entry, under its kid and alg.
func (c certified) token() string {
	sign := c.signer
	if sign == nil {
		sign = es256(current())
	}
	head := object{"alg": c.entry["alg"], "kid": c.entry["kid"], "typ": licensejwt.Type}
	return token(head.json(), claims().json(), sign)
}

// changed is the current delegation with one thing wrong in its certificate.
func changed(what string, change func(*x509.Certificate)) certified {
	chain := x5c(certificate(kid(), &current().PublicKey, root(), change))
	return certified{what: what, entry: jwk(&current().PublicKey, kid(), "ES256").with("x5c", chain), reason: invalid}
}

// chained is the current delegation with another x5c.
func chained(what string, chain any) certified {
	return certified{what: what, entry: jwk(&current().PublicKey, kid(), "ES256").with("x5c", chain), reason: invalid}
}

func certificates() []certified {
	all := append(uses(), chains()...)
	all = append(all, subjects()...)
	fine := changed("the certificate says that it is no CA", func(c *x509.Certificate) { c.BasicConstraintsValid = true })
	fine.reason = ""
	over := changed("the certificate has ended", func(c *x509.Certificate) { c.NotAfter = time.Unix(now-1, 0) })
	over.reason = expired
	later := changed("the certificate begins between grant and now", func(c *x509.Certificate) { c.NotBefore = time.Unix(granted+61, 0) })
	return append(all, fine, over, later)
}

// uses are certificates of the root for something else, or for more.
func uses() []certified {
	other := asn1.ObjectIdentifier{2, 999, 1, 2}
	return []certified{
		changed("no extended key usage", func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil }),
		changed("another extended key usage", func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{other} }),
		changed("the extended key usage and another", func(c *x509.Certificate) { c.UnknownExtKeyUsage = append(c.UnknownExtKeyUsage, other) }),
		changed("the extended key usage and client authentication", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
		changed("any extended key usage", func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}),
		changed("server authentication", func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}),
		changed("no key usage", func(c *x509.Certificate) { c.KeyUsage = 0 }),
		changed("another key usage", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }),
		changed("signatures and key agreement", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyAgreement }),
		changed("a CA", func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = true, true }),
		changed("may sign certificates", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }),
		changed("a critical extension that nobody knows", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 999, 2}, Critical: true, Value: []byte{5, 0}}}
		}),
		changed("signed with SHA-512", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA512WithRSA }),
	}
}

// chains are x5c members that are not one certificate of the root.
func chains() []certified {
	genuine := certificate(kid(), &current().PublicKey, root(), nil)
	damaged := bytes.Clone(genuine)
	damaged[len(damaged)-1] ^= 1
	armoured := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: genuine})
	none := chained("no certificate", nil)
	none.entry = none.entry.with("x5c", nil)
	return []certified{
		none,
		chained("an empty chain", []string{}),
		chained("the certificate twice", x5c(genuine, genuine)),
		chained("the certificate and another", x5c(genuine, certificate("x", &next().PublicKey, root(), nil))),
		chained("another's certificate first", x5c(certificate("x", &next().PublicKey, root(), nil), genuine)),
		chained("signed by itself", x5c(bySelf())),
		chained("signed by a CA of the root", x5c(byCA()...)),
		chained("the certificate's signature damaged", x5c(damaged)),
		chained("the certificate cut", x5c(genuine[:len(genuine)-1])),
		chained("the certificate with a byte more", x5c(append(bytes.Clone(genuine), 0))),
		chained("the certificate in PEM", []string{string(armoured)}),
		chained("the certificate no list", base64.StdEncoding.EncodeToString(genuine)),
	}
}

// bySelf is right in everything, and signed by its own key.
func bySelf() []byte {
	return issuedBy(&current().PublicKey, current(), pkix.Name{CommonName: kid()})
}

// byCA is a delegation of the next delegation, which the root made a CA.
func byCA() [][]byte {
	ca := certificate("CA", &next().PublicKey, root(), func(c *x509.Certificate) {
		c.BasicConstraintsValid, c.IsCA, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	return [][]byte{issuedBy(&current().PublicKey, next(), pkix.Name{CommonName: "CA"}), ca}
}

// issuedBy certifies with an EC key, deterministically.
func issuedBy(public *ecdsa.PublicKey, by *ecdsa.PrivateKey, issuer pkix.Name) []byte {
	template := delegation(kid())
	template.SignatureAlgorithm = x509.ECDSAWithSHA256
	der, err := x509.CreateCertificate(nil, template, &x509.Certificate{Subject: issuer}, public, by)
	if err != nil {
		panic(err)
	}
	return der
}

// subjects are certificates for another key, or under another name.
func subjects() []certified {
	short := "delegation-1"
	renamed := jwk(&current().PublicKey, short, "ES256").with("x5c", x5c(certificate(short, &current().PublicKey, root(), nil)))
	wide := thumbprint(&p384().PublicKey)
	curve := jwk(&p384().PublicKey, wide, "ES256").with("x5c", x5c(certificate(wide, &p384().PublicKey, root(), nil)))
	large := thumbprint(&stranger().PublicKey)
	rsaKey := jwk(&stranger().PublicKey, large, "RS256").with("x5c", x5c(certificate(large, &stranger().PublicKey, root(), nil)))
	return []certified{
		changed("a subject that is not the kid", func(c *x509.Certificate) { c.Subject.CommonName = thumbprint(&next().PublicKey) }),
		changed("a subject of more than the kid", func(c *x509.Certificate) { c.Subject.Organization = []string{"Example"} }),
		changed("no subject", func(c *x509.Certificate) { c.Subject = pkix.Name{} }),
		chained("a certificate of another key", x5c(certificate(kid(), &next().PublicKey, root(), nil))),
		{what: "a kid that is not the key's thumbprint", entry: renamed, reason: invalid},
		{what: "a delegation of P-384", entry: curve, reason: invalid, signer: es256(p384())},
		{what: "a delegation to an RSA key", entry: rsaKey, reason: invalid, signer: rs(stranger(), crypto.SHA256)},
	}
}
