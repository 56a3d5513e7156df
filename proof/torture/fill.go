package torture

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

const (
	// freeWithin is how long a seat may take to be had again after its session's
	// end, beside the session TTL.
	freeWithin = 2 * time.Second
	// atOnce bounds the requests of the quiet time under way: on a slow machine many
	// at once would all come too late for their deadlines.
	atOnce = 12
	// enoughOthers is how many strangers are served one after the other, from
	// nothing to nothing, while somebody is not: then it is not the machine.
	enoughOthers = 20
)

// filling is the demand for every seat there is, once everybody has gone.
type filling struct {
	*round
	room chan struct{}
	// served is closed, by close, when everybody had a seat once; over ends the demand.
	served      chan struct{}
	close, over func()

	mu sync.Mutex
	// unserved counts the holders without a seat so far, unturned the licenses
	// whose one too many was not refused so far.
	unserved, unturned int
	// others were served since the last progress, which was at since.
	others int
	since  time.Time
}

// fillUp sends new holders for every seat there is, and one more for each
// license. What to think of their answers is for the checker to say.
func (r *round) fillUp(ctx context.Context) {
	var fills []history.Fill
	for _, org := range slices.Sorted(maps.Keys(r.plan.orgs)) {
		fills = append(fills, fillsOf(org, r.bought[org].sells())...)
	}
	from := history.Now()
	enough, done := context.WithCancel(ctx)
	defer done()
	f := newFilling(r, fills, done)
	var everybody sync.WaitGroup
	for i, fill := range fills {
		for j, user := range fill.Users {
			p := &program{round: r, rand: r.random(uint64(2000 + 1000*i + j)), holder: holderOf(fill, user)}
			everybody.Go(func() { f.take(enough, p) })
		}
		if fill.Turned != "" {
			p := &program{round: r, rand: r.random(uint64(2999 + 1000*i)), holder: holderOf(fill, fill.Turned)}
			everybody.Go(func() { f.beTurned(enough, p) })
		}
	}
	everybody.Go(func() { f.serveOthers(enough) })
	everybody.Wait()
	for _, fill := range fills {
		fill.From, fill.Until, fill.Within, fill.Others = from, history.Now(), r.pace.SessionTTL+freeWithin, f.others
		r.recorder.Fill(fill)
	}
}

func newFilling(r *round, fills []history.Fill, over func()) *filling {
	served := make(chan struct{})
	f := &filling{
		round: r, room: make(chan struct{}, atOnce), served: served, close: sync.OnceFunc(func() { close(served) }), over: over,
		since: time.Now(),
	}
	for _, fill := range fills {
		f.unserved += len(fill.Users)
		if fill.Turned != "" {
			f.unturned++
		}
	}
	f.progress(0, 0)
	return f
}

func holderOf(f history.Fill, user string) history.Holder {
	return history.Holder{Org: f.Org, License: f.License, User: user, Hardware: "hw"}
}

// fillAtMost is how many seats of one license are demanded: as many as can be kept
// at once on any machine. Of a license with more, nobody is one too many.
const fillAtMost = 20

// fillsOf splits an organization's cap among its licenses.
func fillsOf(id string, org history.Org) []history.Fill {
	var out []history.Fill
	left := org.Cap
	for _, lic := range slices.Sorted(maps.Keys(org.Licenses)) {
		f := history.Fill{Org: id, License: lic}
		seats := min(left, org.Licenses[lic])
		if seats <= fillAtMost {
			f.Turned = "turned"
		}
		for i := range min(seats, fillAtMost) {
			f.Users = append(f.Users, fmt.Sprint("fill-", i))
		}
		left -= seats
		out = append(out, f)
	}
	return out
}

// do sends one request when there is room for it.
func (f *filling) do(request func() history.Op) history.Op {
	f.room <- struct{}{}
	defer func() { <-f.room }()
	return request()
}

// progress notes that somebody had a seat for the first time, or was turned away.
func (f *filling) progress(served, turned int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unserved, f.unturned = f.unserved-served, f.unturned-turned
	f.others, f.since = 0, time.Now()
	if f.unserved == 0 {
		f.close()
	}
	if f.unserved == 0 && f.unturned == 0 {
		f.over()
	}
}

// take takes a seat, keeps it until all are taken and tried, and gives it back.
func (f *filling) take(enough context.Context, p *program) {
	ctx := context.WithoutCancel(enough)
	taken := false
	for enough.Err() == nil {
		p.noteHold(f.do(func() history.Op { return p.keep(ctx) }))
		if p.session != "" && !taken {
			taken = true
			f.progress(1, 0)
		}
		p.pause(enough, f.pace.SessionTTL/3)
	}
	if p.session != "" {
		f.do(func() history.Op { return f.client.release(ctx, p.worker(), p.holder, p.session) })
	}
}

// keep asks for a seat, or extends the one there is.
func (p *program) keep(ctx context.Context) history.Op {
	if p.session == "" {
		return p.client.acquire(ctx, p.worker(), p.holder)
	}
	return p.client.heartbeat(ctx, p.worker(), p.holder, p.session)
}

// beTurned asks for a seat when all are taken.
func (f *filling) beTurned(enough context.Context, p *program) {
	ctx := context.WithoutCancel(enough)
	select {
	case <-enough.Done():
		return
	case <-f.served:
	}
	for enough.Err() == nil {
		op := f.do(func() history.Op { return f.client.acquire(ctx, p.worker(), p.holder) })
		switch op.Result {
		case history.Full:
			f.progress(0, 1)
			return
		case history.Granted, history.Found: // somebody was too slow to keep its own
			f.do(func() history.Op { return f.client.release(ctx, p.worker(), p.holder, op.Session) })
		default:
		}
		p.pause(enough, 50*time.Millisecond)
	}
}

// serveOthers sends strangers of another organization, one after the other: what
// they get in a time is what the machine and the service can do in it.
func (f *filling) serveOthers(enough context.Context) {
	ctx := context.WithoutCancel(enough)
	p := &program{round: f.round, rand: f.random(1999)}
	for n := 0; enough.Err() == nil; n++ {
		h := history.Holder{Org: f.plan.control, License: controlLicense, User: fmt.Sprint("other-", n), Hardware: "hw"}
		op := f.do(func() history.Op { return f.client.acquire(ctx, p.worker(), h) })
		if op.Result == history.Granted {
			op = f.do(func() history.Op { return f.client.release(ctx, p.worker(), h, op.Session) })
		}
		if f.otherServed(op.Result == history.Released) {
			f.over()
		}
		p.pause(enough, f.pace.SessionTTL/5)
	}
}

// otherServed says that there is nothing to wait for any more.
func (f *filling) otherServed(served bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if served {
		f.others++
	}
	waited := time.Since(f.since)
	return waited > 2*(f.pace.SessionTTL+freeWithin) && f.others >= enoughOthers || waited > standstill
}
