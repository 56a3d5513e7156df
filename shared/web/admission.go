package web

import (
	"errors"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// places are how many requests may be in one stage of the funnel at a time, shared
// out so that slow or greedy callers own nothing: whatever they hold, there is a
// place left for somebody else. When a backend is slow requests would otherwise
// fill the memory, and those of one organization (while its ledger is rebuilt, or
// with bodies that do not come) would keep all others out.
//
// An organization gets another place while it has fewer than are free: the
// dynamic threshold of A. Choudhury and E. Hahne (Dynamic queue length thresholds
// for shared-memory packet switches, IEEE/ACM Transactions on Networking 6(2),
// 1998). Alone it comes to half of all; n that want all they can get come to one
// part of n+1 each, and one part stays free for the next. Where others are inside
// it has a fifth at most, and a user never more than placesOfUser.
type places struct {
	max int // 0: no limit

	mu     sync.Mutex
	taken  int
	byOrg  map[string]int
	byUser map[userKey]int
}

type userKey struct{ organization, user string }

const (
	// placesOfUser is how many requests of one user are in a stage at a time: a
	// program has one, and 16 that take 20 ms each are 800 a second.
	placesOfUser = 16
	// shareOfMany is the part of all places (one of so many) that an organization has
	// at most while others are inside.
	shareOfMany = 5
)

var (
	errFull  = errors.New("the instance has all the requests it may have at a time")
	errShare = errors.New("the organization has its share of the requests the instance may have at a time")
	errUser  = errors.New("the user has as many requests at a time as one may have")
)

// enterAnybody takes a place for a caller that is not known yet.
func (p *places) enterAnybody() (leave func(), err error) {
	return p.enter(license.Caller{})
}

// enter takes a place for the caller, until leave. A caller without an organization
// (the platform's own) has no share to keep to.
func (p *places) enter(c license.Caller) (leave func(), err error) {
	if p.max == 0 {
		return func() {}, nil
	}
	user := userKey{c.OrganizationID, c.UserID}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refuses(user); err != nil {
		return nil, err
	}
	if p.byOrg == nil {
		p.byOrg, p.byUser = map[string]int{}, map[userKey]int{}
	}
	p.taken++
	count(p.byOrg, user.organization, 1)
	count(p.byUser, user, 1)
	return func() { p.leave(user) }, nil
}

// refuses says why the user gets no further place.
func (p *places) refuses(u userKey) error {
	free, mine := p.max-p.taken, p.byOrg[u.organization]
	switch {
	case u.user != "" && p.byUser[u] >= placesOfUser:
		return errUser
	case free <= 0:
		return errFull
	case u.organization == "":
		return nil
	case mine >= free, p.taken > mine && mine >= max(1, p.max/shareOfMany):
		return errShare
	}
	return nil
}

func (p *places) leave(u userKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	count(p.byOrg, u.organization, -1)
	count(p.byUser, u, -1)
}

// count keeps no key that counts nothing: a map must not remember everybody.
func count[K comparable](m map[K]int, key K, n int) {
	if m[key] += n; m[key] == 0 {
		delete(m, key)
	}
}

// crowded is the refusal of a request that found no place to be worked on: what it
// would wait for is ours to finish, unless it is the user's own doing.
func crowded(err error) error {
	if errors.Is(err, errUser) {
		return &fault{code: api.RateLimited, retryAfter: time.Second, cause: err}
	}
	return &fault{code: api.Unavailable, cause: err}
}

// stalled is the refusal of a request that found no place for its body to be read:
// others of the same caller are on their way there and do not arrive. It is not a
// failure of the service, unless nobody's body can be read any more.
func stalled(err error) error {
	if errors.Is(err, errFull) {
		return crowded(err)
	}
	return &fault{
		code: api.RateLimited, retryAfter: time.Second, cause: err,
		detail: "The bodies of too many requests of this account or organization are still on their way. Send them whole, and wait as long as Retry-After says.",
	}
}
