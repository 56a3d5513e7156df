package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// jwk is the entry of a public key in a key set, without a certificate.
func jwk(public any, kid, alg string) object {
	raw, err := jose.JSONWebKey{Key: public, KeyID: kid, Algorithm: alg, Use: "sig"}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return parsed(raw)
}

func thumbprint(public any) string {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		panic(err)
	}
	return encode(sum)
}

// delegation is the certificate of a delegation named kid, not signed yet.
func delegation(kid string) *x509.Certificate {
	serial := new(big.Int).SetBytes(derived("serial "+kid, 16))
	return &x509.Certificate{
		SerialNumber:       serial.SetBit(serial, 127, 0),
		Subject:            pkix.Name{CommonName: kid},
		NotBefore:          time.Unix(begins, 0),
		NotAfter:           time.Unix(ends, 0),
		KeyUsage:           x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{licensejwt.DelegationUsage},
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
}

// certificate is a delegation's for the key named kid; change makes it wrong.
func certificate(kid string, public any, by *rsa.PrivateKey, change func(*x509.Certificate)) []byte {
	template := delegation(kid)
	if change != nil {
		change(template)
	}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: "License token root"}}
	der, err := x509.CreateCertificate(nil, template, parent, public, by)
	if err != nil {
		panic(err)
	}
	return der
}

func x5c(certificates ...[]byte) []string {
	chain := make([]string, len(certificates))
	for i, der := range certificates {
		chain[i] = base64.StdEncoding.EncodeToString(der)
	}
	return chain
}
