package torture

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// seen remembers the sessions of late, for those who meddle with them.
type seen struct {
	mu   sync.Mutex
	last []sighting
}

type sighting struct {
	holder  history.Holder
	session string
}

// remembered is how many sessions are known; most of them still live.
const remembered = 40

func (s *seen) add(h history.Holder, session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) == remembered {
		s.last = s.last[1:]
	}
	s.last = append(s.last, sighting{h, session})
}

// any is one of them.
func (s *seen) any(r *rand.Rand) (sighting, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) == 0 {
		return sighting{}, false
	}
	return s.last[r.IntN(len(s.last))], true
}

// other is somebody who holds no seat.
type other struct {
	*round
	rand *rand.Rand
}

// meddle revokes, and tries what is not allowed.
func (o *other) meddle(active context.Context) {
	ctx := context.WithoutCancel(active)
	for o.next(active, 250*time.Millisecond) {
		target, ok := o.seen.any(o.rand)
		if !ok {
			continue
		}
		worker := o.rand.IntN(len(o.Workers))
		switch o.rand.IntN(6) {
		case 0:
			o.client.revoke(ctx, worker, target.holder, target.session)
		case 1:
			o.client.intrude(ctx, worker, o.foreign(target), target.holder, target.session, http.MethodPatch)
		case 2:
			o.client.intrude(ctx, worker, o.foreign(target), target.holder, target.session, http.MethodDelete)
		case 3:
			o.client.intrude(ctx, worker, target.holder.Org, target.holder, target.session, http.MethodPatch)
		case 4:
			o.client.intrude(ctx, worker, target.holder.Org, target.holder, target.session, http.MethodDelete)
		case 5:
			victim := history.Holder{Org: target.holder.Org, License: "no-such-license"}
			o.client.intrude(ctx, worker, o.foreign(target), victim, "", http.MethodPost)
		}
	}
}

// foreign is another organization than the target's.
func (o *other) foreign(target sighting) string {
	for {
		if org := o.names[o.rand.IntN(len(o.names))]; org != target.holder.Org {
			return org
		}
	}
}

// reap plays the scheduler, more often than once a minute.
func (o *other) reap(active context.Context) {
	ctx := context.WithoutCancel(active)
	for o.next(active, 400*time.Millisecond) {
		o.client.reap(ctx, o.rand.IntN(len(o.Workers)))
	}
}

func (o *other) next(active context.Context, d time.Duration) bool {
	(&program{round: o.round, rand: o.rand}).pause(active, d)
	return active.Err() == nil
}
