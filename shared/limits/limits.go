// Package limits counts what callers may ask. Its limiters keep the contract of
// web.Limiter, which limitstest tests.
package limits

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// maxUsers bounds the memory of a [Memory]: about 200 bytes each. Users beyond it
// push out those not seen for longest, who start with a full burst.
const maxUsers = 10_000

// Memory counts in this process alone: the edge (Cloud Armor) limits addresses
// and floods, and this keeps a single runaway client from taking an instance to
// itself. It is the generic cell rate algorithm (ITU-T I.371, annex A): one time
// for each user, at which its allowance is whole again.
type Memory struct {
	// interval is how long one request takes to come back; zero limits nobody.
	interval time.Duration
	// burst is how far a user's time may lie ahead: the requests at once.
	burst time.Duration
	now   func() time.Time

	mu    sync.Mutex
	users *simplelru.LRU[user, time.Time]
}

type user struct{ organization, id string }

// NewMemory allows every user of every organization perSecond requests per
// second, and twice as many at once. Zero or less is no limit.
func NewMemory(perSecond int, now func() time.Time) *Memory {
	users, err := simplelru.NewLRU[user, time.Time](maxUsers, nil)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	m := &Memory{now: now, users: users}
	if perSecond > 0 {
		m.interval = time.Second / time.Duration(perSecond)
		m.burst = 2 * time.Duration(perSecond) * m.interval
	}
	return m
}

// Take takes one request from the caller's allowance, as web.Limiter says.
func (m *Memory) Take(_ context.Context, c license.Caller) time.Duration {
	if m.interval <= 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key, now := user{c.OrganizationID, c.UserID}, m.now()
	whole, _ := m.users.Get(key)
	next, wait := take(whole, now, m.interval, m.burst)
	m.users.Add(key, next)
	return wait
}

// take is the algorithm. From whole, the time at which the allowance is whole
// again, it computes that time after one more request, or how long to wait for
// one. An allowance is never less than empty: after a clock was set back, whole
// could lie any distance ahead.
func take(whole, now time.Time, interval, burst time.Duration) (next time.Time, wait time.Duration) {
	if whole.Before(now) {
		whole = now
	}
	if empty := now.Add(burst); whole.After(empty) {
		whole = empty
	}
	if wait = whole.Add(interval - burst).Sub(now); wait > 0 {
		return whole, wait
	}
	return whole.Add(interval), 0
}
