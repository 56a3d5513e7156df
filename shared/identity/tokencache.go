package identity

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// trustFor bounds how long a verified token is taken from memory, and so how
// long a token signed by a key that Google withdrew would still be taken.
const trustFor = 5 * time.Minute

// tokenKey is the digest of a whole token: signature included, so that only
// the very token that was verified is found, and no token is kept in memory.
type tokenKey [sha256.Size]byte

// tokenCache remembers callers whose token was verified: a heartbeat costs one
// SHA-256 in place of an RSA check. It is bounded and never holds a failure.
type tokenCache struct {
	entries *lru.Cache[tokenKey, trusted]
}

type trusted struct {
	caller license.Caller
	until  time.Time
}

func newTokenCache(size int) (*tokenCache, error) {
	entries, err := lru.New[tokenKey, trusted](size)
	if err != nil {
		return nil, err
	}
	return &tokenCache{entries: entries}, nil
}

func (c *tokenCache) get(key tokenKey, now time.Time) (license.Caller, bool) {
	e, ok := c.entries.Get(key)
	if !ok {
		return license.Caller{}, false
	}
	if !now.Before(e.until) {
		c.entries.Remove(key)
		return license.Caller{}, false
	}
	return e.caller, true
}

func (c *tokenCache) put(key tokenKey, caller license.Caller, until time.Time) {
	c.entries.Add(key, trusted{caller: caller, until: until})
}
