package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"sync"
)

// derived is key material that everybody can make from its name: the keys of the
// vectors protect nothing, and are the same on every run.
func derived(name string, bytes int) []byte {
	raw, err := hkdf.Key(sha256.New, []byte("license token vectors"), nil, name, bytes)
	if err != nil {
		panic(err) // only for more bytes than any key here has
	}
	return raw
}

func ecKey(name string, curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.ParseRawPrivateKey(curve, derived(name, (curve.Params().BitSize+7)/8))
	if err != nil {
		panic(err) // the name's scalar is out of range: choose another name
	}
	return key
}

// xOf is the x coordinate of a public key of P-256.
func xOf(key *ecdsa.PublicKey) []byte {
	point, err := key.Bytes()
	if err != nil {
		panic(err)
	}
	return point[1:33] // after the mark of an uncompressed point
}

func scalar(key *ecdsa.PrivateKey) []byte {
	raw, err := key.Bytes()
	if err != nil {
		panic(err)
	}
	return raw
}

func edKey(name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(derived(name, ed25519.SeedSize))
}

// rsaKey finds the first primes from two derived numbers on. crypto/rsa itself
// makes no key twice.
func rsaKey(name string, bits int) *rsa.PrivateKey {
	p, q := prime(name+" p", bits/2), prime(name+" q", bits/2)
	one := big.NewInt(1)
	order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		D:         new(big.Int).ModInverse(big.NewInt(65537), order),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		panic(err)
	}
	return key
}

func prime(name string, bits int) *big.Int {
	raw := derived(name, bits/8)
	raw[0] |= 0xc0 // the product of two has its full length
	raw[len(raw)-1] |= 1
	p := new(big.Int).SetBytes(raw)
	for two := big.NewInt(2); !p.ProbablyPrime(20); {
		p.Add(p, two)
	}
	return p
}

// Two roots of the vendor, the second for a change of root, and others' keys.
//
//nolint:gochecknoglobals // found once: primes of this size take a second
var (
	root     = sync.OnceValue(func() *rsa.PrivateKey { return rsaKey("root", 4096) })
	nextRoot = sync.OnceValue(func() *rsa.PrivateKey { return rsaKey("next root", 3072) })
	stranger = sync.OnceValue(func() *rsa.PrivateKey { return rsaKey("stranger's root", 2048) })
	weak     = sync.OnceValue(func() *rsa.PrivateKey { return rsaKey("weak", 1024) })
)

func publicDER(public any) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	return der
}

func publicPEM(public any) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(public)}))
}
