package web

import (
	"errors"
	"sync"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// crowd counts the requests of known callers that are being worked on, in all and
// by organization, and turns away what is too much: when a backend is slow they
// would otherwise fill the memory, and those of one organization (whose ledger is
// being rebuilt, say) would keep everybody else out.
type crowd struct {
	max int // 0: no limit

	mu     sync.Mutex
	inside int
	byOrg  map[string]int
}

// Of the places, this part is the most that one organization may have.
const (
	shareNumerator   = 4
	shareDenominator = 5
)

var (
	errCrowded = errors.New("the instance has all the requests it may have at a time")
	errShare   = errors.New("the organization has its share of the requests the instance may have at a time")
)

// enter takes a place, before it is known whose.
func (c *crowd) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.max > 0 && c.inside >= c.max {
		return &fault{code: api.Unavailable, cause: errCrowded}
	}
	c.inside++
	return nil
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside--
}

// join counts the place as an organization's, until part.
func (c *crowd) join(org string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.max > 0 && c.byOrg[org] >= max(1, c.max*shareNumerator/shareDenominator) {
		return &fault{code: api.Unavailable, cause: errShare}
	}
	if c.byOrg == nil {
		c.byOrg = map[string]int{}
	}
	c.byOrg[org]++
	return nil
}

func (c *crowd) part(org string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byOrg[org]--; c.byOrg[org] == 0 {
		delete(c.byOrg, org)
	}
}
