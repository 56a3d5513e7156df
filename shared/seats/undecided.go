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
	byOrg map[string]*atWork
}

// atWork are one organization's.
type atWork struct {
	// over has for each a channel that is closed at its end.
	over map[chan struct{}]bool
	// failure is closed when one of them came to nothing, and then made anew.
	failure chan struct{}
}

// begin notes a grant before it takes a seat; end must be called, and says
// whether it took one that nobody holds.
func (u *undecided) begin(org string) (end func(failed bool)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byOrg == nil {
		u.byOrg = map[string]*atWork{}
	}
	w := u.byOrg[org]
	if w == nil {
		w = &atWork{over: map[chan struct{}]bool{}, failure: make(chan struct{})}
		u.byOrg[org] = w
	}
	over := make(chan struct{})
	w.over[over] = true
	return func(failed bool) {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(w.over, over)
		if len(w.over) == 0 {
			delete(u.byOrg, org)
		}
		if failed {
			close(w.failure)
			w.failure = make(chan struct{})
		}
		close(over)
	}
}

// refusal waits for the grants that were at work about the time of a refusal.
type refusal struct {
	over    []chan struct{}
	failure []chan struct{}
}

// observe adds those at work now.
func (r *refusal) observe(u *undecided, org string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w := u.byOrg[org]
	if w == nil {
		return
	}
	r.failure = append(r.failure, w.failure)
	for over := range w.over {
		r.over = append(r.over, over)
	}
}

// orAgain passes a refusal on once all of them hold their seats. As soon as one
// comes to nothing there may be a seat: errAgain. In an outage of the record
// those who are refused so learn that it is that, and not that all seats are held.
func (r *refusal) orAgain(ctx context.Context, err error) error {
	var first, second chan struct{} // nil channels never happen
	switch len(r.failure) {
	case 0:
		return err
	case 1:
		first = r.failure[0]
	default:
		first, second = r.failure[0], r.failure[1]
	}
	for _, over := range r.over {
		select {
		case <-ctx.Done():
			return &license.UnavailableError{Backend: "seats", Err: ctx.Err()}
		case <-first:
			return errAgain
		case <-second:
			return errAgain
		case <-over:
		}
	}
	select { // a failure closes both: its own end must not hide it
	case <-first:
		return errAgain
	case <-second:
		return errAgain
	default:
		return err
	}
}
