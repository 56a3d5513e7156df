package web

import (
	"errors"
	"sync"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// admission counts the requests of known callers that are being worked on, in all
// and by organization (tenant), and turns away what is too much. When a backend is
// slow they would otherwise fill the memory, and those of one organization (while
// its ledger is rebuilt, for example) would keep all others out.
type admission struct {
	max int // 0: no limit

	mu       sync.Mutex
	inside   int
	byTenant map[string]int
}

// Of the places, this part is the most that one organization may have.
const (
	shareNumerator   = 4
	shareDenominator = 5
)

var (
	errFull  = errors.New("the instance has all the requests it may have at a time")
	errShare = errors.New("the organization has its share of the requests the instance may have at a time")
)

// enter takes a place before the caller is known.
func (a *admission) enter() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.max > 0 && a.inside >= a.max {
		return &fault{code: api.Unavailable, cause: errFull}
	}
	a.inside++
	return nil
}

func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside--
}

// enterTenant counts the place as an organization's, until leaveTenant.
func (a *admission) enterTenant(org string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.max > 0 && a.byTenant[org] >= max(1, a.max*shareNumerator/shareDenominator) {
		return &fault{code: api.Unavailable, cause: errShare}
	}
	if a.byTenant == nil {
		a.byTenant = map[string]int{}
	}
	a.byTenant[org]++
	return nil
}

func (a *admission) leaveTenant(org string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byTenant[org]--; a.byTenant[org] == 0 {
		delete(a.byTenant, org)
	}
}
