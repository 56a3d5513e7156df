package seats

import (
	"context"
	"sync"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// undecided are the grants this process is at work on, by organization. Their
// seats are taken in the ledger, and will be free again if record or signature
// fail: nobody is told that all seats are held before that is known.
type undecided struct {
	mu    sync.Mutex
	byOrg map[string]map[*attempt]bool
}

// attempt is one grant at work.
type attempt struct {
	// over is closed at its end, after which failed says that it holds no seat.
	over   chan struct{}
	failed bool
}

// begin notes a grant before it takes a seat; end must be called.
func (u *undecided) begin(org string) (end func(failed bool)) {
	a := &attempt{over: make(chan struct{})}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byOrg == nil {
		u.byOrg = map[string]map[*attempt]bool{}
	}
	if u.byOrg[org] == nil {
		u.byOrg[org] = map[*attempt]bool{}
	}
	u.byOrg[org][a] = true
	return func(failed bool) {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.byOrg[org], a)
		if len(u.byOrg[org]) == 0 {
			delete(u.byOrg, org)
		}
		a.failed = failed
		close(a.over)
	}
}

func (u *undecided) of(org string) []*attempt {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make([]*attempt, 0, len(u.byOrg[org]))
	for a := range u.byOrg[org] {
		all = append(all, a)
	}
	return all
}

// full passes a refusal on, unless one of the grants that this process had at
// work when it was made came to nothing: then there may be a seat, errAgain.
// In an outage of the record the requests that wait here so learn that it is
// that, and not that all seats are held.
func (u *undecided) full(ctx context.Context, org string, refusal error) error {
	for _, a := range u.of(org) {
		select {
		case <-ctx.Done():
			return &license.UnavailableError{Backend: "seats", Err: ctx.Err()}
		case <-a.over:
			if a.failed {
				return errAgain
			}
		}
	}
	return refusal
}
