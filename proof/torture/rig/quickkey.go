package rig

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// quickKey is an RSA key of 4,096 bits that signs many times as fast as one of
// two primes, so that a run's time goes into what it tests: it has thirty-two primes,
// each of which takes a small part of the work. It protects nothing: primes of that
// size are found by whoever looks for them.
type quickKey struct {
	public  rsa.PublicKey
	factors []factor
}

// factor is a prime with the private exponent modulo it, and what a remainder by it
// is multiplied with (the Chinese remainder theorem).
type factor struct{ prime, exponent, weight *big.Int }

const (
	keyBits     = 4096
	primeBits   = 128
	primes      = keyBits / primeBits
	publicPower = 65537
	// sha256Prefix comes before a SHA-256 digest in a signature (RFC 8017, section 9.2,
	// note 1).
	sha256Prefix = "3031300d060960864801650304020105000420"
)

func newQuickKey() (*quickKey, error) {
	k := &quickKey{public: rsa.PublicKey{N: big.NewInt(1), E: publicPower}}
	for try := 0; len(k.factors) < primes; try++ {
		bits := primeBits
		if len(k.factors) == primes-1 { // the last one makes up the length, or is a bit longer
			bits = keyBits - k.public.N.BitLen() + try%2
		}
		if err := k.add(bits); err != nil {
			return nil, fmt.Errorf("a key that signs quickly: %w", err)
		}
	}
	for i := range k.factors {
		f := &k.factors[i]
		others := new(big.Int).Div(k.public.N, f.prime)
		f.weight = others.Mul(others, new(big.Int).ModInverse(others, f.prime))
	}
	return k, nil
}

// add adds a prime of so many bits, if with it the key is not too long.
func (k *quickKey) add(bits int) error {
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		return err
	}
	exponent := new(big.Int).ModInverse(big.NewInt(publicPower), new(big.Int).Sub(p, big.NewInt(1)))
	product := new(big.Int).Mul(k.public.N, p)
	last := len(k.factors) == primes-1
	if exponent == nil || new(big.Int).Mod(k.public.N, p).Sign() == 0 || last && product.BitLen() != keyBits {
		return nil // the next one, then
	}
	k.public.N = product
	k.factors = append(k.factors, factor{prime: p, exponent: exponent})
	return nil
}

// sign signs a SHA-256 digest by RSASSA-PKCS1-v1_5.
func (k *quickKey) sign(digest []byte) ([]byte, error) {
	prefix, err := hex.DecodeString(sha256Prefix)
	if err != nil {
		return nil, err
	}
	padded := make([]byte, keyBits/8)
	text := slices.Concat(prefix, digest)
	if len(text)+11 > len(padded) {
		return nil, errors.New("the digest is too long")
	}
	padded[1] = 1
	for i := 2; i < len(padded)-len(text)-1; i++ {
		padded[i] = 0xff
	}
	copy(padded[len(padded)-len(text):], text)
	message, sum := new(big.Int).SetBytes(padded), new(big.Int)
	for _, f := range k.factors {
		part := new(big.Int).Mod(message, f.prime)
		part.Exp(part, f.exponent, f.prime)
		sum.Add(sum, part.Mul(part, f.weight))
	}
	return sum.Mod(sum, k.public.N).FillBytes(padded), nil
}
