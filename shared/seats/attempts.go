package seats

import (
	"context"
	"sync"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// attempts are the grants this process is at work on, by organization. Their
// seats are taken in the ledger, and will be free again if record or signature
// fail: no client is told that all seats are held before that is known.
type attempts struct {
	mu    sync.Mutex
	byOrg map[string]*atWork
}

// atWork are one organization's.
type atWork struct {
	attempts map[*attempt]bool
	// failure is closed when one of them comes to nothing, and then made anew.
	failure chan struct{}
}

// attempt is one grant at work.
type attempt struct {
	in  *attempts
	org string
	// over is closed at its end, failure if any of the organization's comes to
	// nothing from its beginning on.
	over, failure chan struct{}
}

// begin notes a grant before it takes a seat. Its end must be called.
func (u *attempts) begin(org string) *attempt {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byOrg == nil {
		u.byOrg = map[string]*atWork{}
	}
	w := u.byOrg[org]
	if w == nil {
		w = &atWork{attempts: map[*attempt]bool{}, failure: make(chan struct{})}
		u.byOrg[org] = w
	}
	a := &attempt{in: u, org: org, over: make(chan struct{}), failure: w.failure}
	w.attempts[a] = true
	return a
}

// end takes the grant out and answers the others at work. lost says that it
// took a seat which no holder got. Only the first call does anything.
func (a *attempt) end(lost bool) (others []*attempt) {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	w := a.in.byOrg[a.org]
	if w == nil || !w.attempts[a] {
		return nil
	}
	delete(w.attempts, a)
	for other := range w.attempts {
		others = append(others, other)
	}
	if len(others) == 0 {
		delete(a.in.byOrg, a.org)
	}
	if lost {
		close(w.failure)
		w.failure = make(chan struct{})
	}
	close(a.over)
	return others
}

// refused ends a grant for which there was no seat, and passes the refusal on
// once all other grants at work have their seats. If one of them fails there
// may be a seat, and the grant begins anew. So in an outage of the record
// clients are told of the outage, and not that all seats are held.
func (a *attempt) refused(ctx context.Context, refusal error) error {
	for _, other := range a.end(false) { // ended first, or two refusals would wait for each other
		select {
		case <-ctx.Done():
			return &license.UnavailableError{Backend: "seats", Err: ctx.Err()}
		case <-a.failure:
			return &retryError{obstacle: "a grant at work came to nothing"}
		case <-other.over:
		}
	}
	select {
	case <-a.failure: // closed before the end of the one that failed
		return &retryError{obstacle: "a grant at work came to nothing"}
	default:
		return refusal
	}
}
