package fakeidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// keyBits is the size of Google's token keys.
const keyBits = 2048

// key signs tokens; its certificate is self-signed, as Google's are.
type key struct {
	id          string
	private     *rsa.PrivateKey
	certificate []byte // PEM
}

// keyRing holds the published keys; the last one signs.
type keyRing []key

func (r keyRing) with(k key) keyRing {
	if len(r) == 0 {
		return keyRing{k}
	}
	return keyRing{r[len(r)-1], k}
}

func (r keyRing) current() key { return r[len(r)-1] }

// made memoizes a few keys for the life of the process: a test process starts a
// hundred providers, and under the race detector a key takes a tenth of a second.
var made pool //nolint:gochecknoglobals // see above

// pool hands out its keys in turn, so that neighbors never share one. A key that
// comes again gets another certificate, and with it another id.
type pool struct {
	mu   sync.Mutex
	keys [8]*rsa.PrivateKey
	next int
}

func (p *pool) take() (*rsa.PrivateKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	place := &p.keys[p.next%len(p.keys)]
	if *place == nil {
		private, err := generate()
		if err != nil {
			return nil, err
		}
		*place = private
	}
	p.next++
	return *place, nil
}

func generate() (*rsa.PrivateKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("fakeidp: %w", err)
	}
	return private, nil
}

func (i *IDP) newKey() (key, error) {
	now := i.now()
	private, err := i.private()
	if err != nil {
		return key{}, err
	}
	// The serial number is drawn by CreateCertificate.
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "securetoken.system.gserviceaccount.com"},
		NotBefore: now.Add(-time.Hour),
		NotAfter:  now.Add(16 * 24 * time.Hour),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return key{}, fmt.Errorf("fakeidp: %w", err)
	}
	sum := sha256.Sum256(der)
	return key{
		id:          hex.EncodeToString(sum[:20]),
		private:     private,
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}, nil
}

// certificates is Google's map of key id to PEM certificate.
func (r keyRing) certificates() map[string]string {
	m := make(map[string]string, len(r))
	for _, k := range r {
		m[k.id] = string(k.certificate)
	}
	return m
}

// jwk is one RSA key of a JWK set (RFC 7518 section 6.3.1).
type jwk struct {
	ID        string `json:"kid"`
	Type      string `json:"kty"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

// keySet is a JWK set (RFC 7517 section 5).
func (r keyRing) keySet() map[string][]jwk {
	keys := make([]jwk, 0, len(r))
	for _, k := range r {
		public := k.private.PublicKey
		keys = append(keys, jwk{
			ID: k.id, Type: "RSA", Algorithm: "RS256", Use: "sig",
			Modulus:  base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		})
	}
	return map[string][]jwk{"keys": keys}
}
