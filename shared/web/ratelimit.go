package web

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// limitedUsers bounds the memory of a [Limiter]: about 200 bytes each. Users
// beyond it push out those not seen for longest, who start with a full burst.
const limitedUsers = 10_000

// Limiter bounds how often one user of one organization may call. It counts
// in this process alone: the edge (Cloud Armor) limits addresses and floods,
// and this keeps a single runaway client from taking an instance to itself.
// A nil Limiter limits nobody.
type Limiter struct {
	users *lru.Cache[userKey, *rate.Limiter]
	rate  rate.Limit
	burst int
	now   func() time.Time
}

type userKey struct{ organization, user string }

// NewLimiter allows every user perSecond requests per second, and twice as many
// at once. Zero or less is no limit.
func NewLimiter(perSecond int, now func() time.Time) *Limiter {
	if perSecond <= 0 {
		return nil
	}
	users, err := lru.New[userKey, *rate.Limiter](limitedUsers)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &Limiter{users: users, rate: rate.Limit(perSecond), burst: 2 * perSecond, now: now}
}

// wait takes one request from the caller's allowance, or tells how long until
// there is one.
func (l *Limiter) wait(c license.Caller) time.Duration {
	if l == nil {
		return 0
	}
	key := userKey{c.OrganizationID, c.UserID}
	user, ok := l.users.Get(key)
	if !ok {
		user = rate.NewLimiter(l.rate, l.burst)
		if earlier, raced, _ := l.users.PeekOrAdd(key, user); raced {
			user = earlier
		}
	}
	now := l.now()
	r := user.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now) // a refused request costs nothing
	}
	return wait
}
