package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// program is one holder at work: it takes a seat, keeps it for a while, and
// ends in one of the ways in which programs end.
type program struct {
	*round
	rand   *rand.Rand
	holder history.Holder
	number int
	// session is what it holds until the time told last; empty: nothing.
	session string
	until   history.Instant
}

// work goes on until the active time is over. Requests in flight end by
// themselves: a client's patience is short.
func (p *program) work(active context.Context) {
	ctx := context.WithoutCancel(active)
	for active.Err() == nil {
		wait := 150 * time.Millisecond
		if p.load.admits(p.number) {
			op := p.client.acquire(ctx, p.worker(), p.holder)
			if p.noteHold(op); op.Result == history.Refused { // as its Retry-After says
				wait = p.pace.SessionTTL
			}
		}
		if p.session == "" {
			p.pause(active, wait)
			continue
		}
		p.live(active, ctx)
	}
}

// steal takes a seat, keeps the token, gives the seat back and comes again as another
// machine, for as many good tokens as there are to be had.
func (p *program) steal(active context.Context) {
	ctx := context.WithoutCancel(active)
	for n := 0; active.Err() == nil; n++ {
		p.holder.Hardware = fmt.Sprint("stolen-", n)
		if op := p.client.acquire(ctx, p.worker(), p.holder); op.Result == history.Granted {
			p.seen.add(op.Holder, op.Session)
			p.client.release(ctx, p.worker(), p.holder, op.Session)
		}
		p.pause(active, p.pace.SessionTTL/5)
	}
}

func (p *program) worker() int { return p.rand.IntN(len(p.Workers)) }

func (p *program) pause(active context.Context, d time.Duration) {
	rig.Sleep(active, rig.Jitter(p.rand, d))
}

// chance is true n times in a hundred.
func (p *program) chance(n int) bool { return p.rand.IntN(100) < n }

// noteHold remembers what an answer told.
func (p *program) noteHold(op history.Op) {
	switch op.Result {
	case history.Granted, history.Found, history.Extended:
		p.session, p.until = op.Session, op.Expires
		p.seen.add(op.Holder, op.Session)
	case history.Inactive:
		if op.Kind == history.Heartbeat {
			p.session = ""
		}
	case history.Ended, history.NotFound:
		p.session = ""
	default: // nothing certain
	}
}

// live heartbeats for a while, then ends.
func (p *program) live(active, ctx context.Context) {
	for range 1 + p.rand.IntN(6) {
		p.pause(active, p.pace.SessionTTL/3)
		if active.Err() != nil {
			break
		}
		if p.chance(6) {
			p.twice(ctx)
		} else {
			p.noteHold(p.client.heartbeat(ctx, p.worker(), p.holder, p.session))
		}
		if p.session == "" {
			return
		}
	}
	p.end(active, ctx)
}

// twice acquires from two processes at once, as a retry or a second tab does.
func (p *program) twice(ctx context.Context) {
	workers := [2]int{p.worker(), p.worker()}
	ops := make([]history.Op, len(workers))
	var both sync.WaitGroup
	for i, w := range workers {
		both.Go(func() { ops[i] = p.client.acquire(ctx, w, p.holder) })
	}
	both.Wait()
	for _, op := range ops {
		p.noteHold(op)
	}
}

// end gives the seat back, or crashes, or comes late.
func (p *program) end(active, ctx context.Context) {
	session := p.session
	switch n := p.rand.IntN(100); {
	case n < 45:
		p.client.release(ctx, p.worker(), p.holder, session)
		p.session = ""
		p.afterwards(ctx, session)
	case n < 65: // a crash: it starts anew at some time, with nothing in mind
		p.session = ""
		p.pause(active, time.Duration(p.rand.Int64N(int64(2*p.pace.SessionTTL))))
	case n < 85: // asleep for too long
		p.pause(active, p.pace.SessionTTL*5/4)
		p.noteHold(p.client.heartbeat(ctx, p.worker(), p.holder, session))
	default: // a late release of the session before must not touch this one
		p.pause(active, p.pace.SessionTTL*5/4)
		p.session = ""
		p.noteHold(p.client.acquire(ctx, p.worker(), p.holder))
		p.client.release(ctx, p.worker(), p.holder, session)
		if p.session == session {
			p.session = ""
		}
	}
}

// afterwards tries what must not work on a released session.
func (p *program) afterwards(ctx context.Context, session string) {
	if p.chance(40) {
		p.client.heartbeat(ctx, p.worker(), p.holder, session)
	}
	if p.chance(20) {
		p.client.release(ctx, p.worker(), p.holder, session)
	}
}
