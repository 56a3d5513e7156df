package fakekms

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
)

// keyBits is the size of the keys of RSA_SIGN_PKCS1_4096_SHA256.
const keyBits = 4096

// shared memoizes keys for the life of the process. It only ever grows by what
// [SharedKey] returns, so no test can see another through it.
var shared pool //nolint:gochecknoglobals // see above

type pool struct {
	mu   sync.Mutex
	keys []*rsa.PrivateKey
}

// SharedKey returns the process's n-th RSA-4096 key, n counting from 0, and
// generates it at first use: 0.1–2 s each, many times that under load with the
// race detector, which is why tests share them. Fresh in every process; fit for
// tests and local runs alone.
func SharedKey(n int) (*rsa.PrivateKey, error) {
	if n < 0 {
		return nil, fmt.Errorf("fakekms: no key %d", n)
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	for len(shared.keys) <= n {
		key, err := rsa.GenerateKey(rand.Reader, keyBits)
		if err != nil {
			return nil, fmt.Errorf("fakekms: %w", err)
		}
		shared.keys = append(shared.keys, key)
	}
	return shared.keys[n], nil
}
