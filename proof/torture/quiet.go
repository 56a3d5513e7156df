package torture

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

const (
	// freeWithin is how long a seat may take to be had again after its session's
	// end, beside the session TTL.
	freeWithin = 2 * time.Second
	// serveWithin bounds the wait for all seats to be taken, on a machine that
	// does other things as well.
	serveWithin = 30 * time.Second
)

// fillUp sends new holders for every seat there is, and one more for each
// license, once everybody else has gone. What to think of their answers is for
// the checker to say.
func (r *round) fillUp(ctx context.Context) {
	enough, done := context.WithTimeout(ctx, serveWithin)
	defer done()
	var fills []history.Fill
	for _, org := range r.names {
		fills = append(fills, fillsOf(org, r.plan.orgs[org])...)
	}
	from := history.Now()
	var everybody sync.WaitGroup
	full := newGate(fills)
	for i, f := range fills {
		for j, user := range f.Users {
			p := &program{round: r, rand: r.random(uint64(2000 + 100*i + j)), holder: holderOf(f, user)}
			everybody.Go(func() { p.fill(enough, full) })
		}
		p := &program{round: r, rand: r.random(uint64(2099 + 100*i)), holder: holderOf(f, f.Turned)}
		everybody.Go(func() { p.beTurned(enough, full, done) })
	}
	everybody.Wait()
	for _, f := range fills {
		f.From, f.Until, f.Within = from, history.Now(), r.pace.SessionTTL+freeWithin
		r.recorder.Fill(f)
	}
}

func holderOf(f history.Fill, user string) history.Holder {
	return history.Holder{Org: f.Org, License: f.License, User: user, Hardware: "hw"}
}

// fillsOf splits an organization's cap among its licenses.
func fillsOf(id string, org history.Org) []history.Fill {
	var out []history.Fill
	left := org.Cap
	for _, lic := range slices.Sorted(maps.Keys(org.Licenses)) {
		f := history.Fill{Org: id, License: lic, Turned: "turned"}
		for i := range min(left, org.Licenses[lic]) {
			f.Users = append(f.Users, fmt.Sprint("fill-", i))
		}
		left -= len(f.Users)
		out = append(out, f)
	}
	return out
}

// gate opens when every seat is taken, and says when all who waited for that were
// turned away.
type gate struct {
	mu sync.Mutex
	// taken counts the seats still to be taken, waiting those still to be turned away.
	taken, waiting int
	all            chan struct{}
}

func newGate(fills []history.Fill) *gate {
	g := &gate{all: make(chan struct{}), waiting: len(fills)}
	for _, f := range fills {
		g.taken += len(f.Users)
	}
	return g
}

func (g *gate) take() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken--; g.taken == 0 {
		close(g.all)
	}
}

// turn says that this was the last.
func (g *gate) turn() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting--
	return g.waiting == 0
}

// fill takes a seat, keeps it until all are taken and tried, and gives it back.
func (p *program) fill(enough context.Context, full *gate) {
	ctx := context.WithoutCancel(enough)
	taken := false
	for enough.Err() == nil {
		if p.session == "" {
			p.noteHold(p.client.acquire(ctx, p.worker(), p.holder))
		} else {
			p.noteHold(p.client.heartbeat(ctx, p.worker(), p.holder, p.session))
		}
		if p.session != "" && !taken {
			taken = true
			full.take()
		}
		p.pause(enough, p.pace.SessionTTL/5)
	}
	if p.session != "" {
		p.client.release(ctx, p.worker(), p.holder, p.session)
	}
}

// beTurned asks for a seat when all are taken.
func (p *program) beTurned(enough context.Context, full *gate, done func()) {
	ctx := context.WithoutCancel(enough)
	select {
	case <-enough.Done():
		return
	case <-full.all:
	}
	for enough.Err() == nil {
		op := p.client.acquire(ctx, p.worker(), p.holder)
		switch op.Result {
		case history.Full:
			if full.turn() {
				done()
			}
			return
		case history.Granted, history.Found: // somebody was too slow to keep its own
			p.client.release(ctx, p.worker(), p.holder, op.Session)
		default:
		}
		p.pause(enough, 50*time.Millisecond)
	}
}

// reapAllWithin bounds the wait for the reaper to have ended everything: some
// TTLs, since it visits an idle organization once more a TTL later.
const reapAllWithin = 15 * time.Second

// reapAll runs the reaper until no session is recorded as active, and answers the
// records.
func (r *round) reapAll(ctx context.Context) ([]history.Record, error) {
	limit := time.Now().Add(reapAllWithin)
	for n := 0; ; n++ {
		r.client.reap(ctx, n%len(r.Workers))
		records, err := r.records(ctx)
		if err != nil {
			return nil, err
		}
		active := slices.ContainsFunc(records, func(d history.Record) bool { return d.Status != string(license.SessionEnded) })
		if !active || time.Now().After(limit) {
			return records, nil
		}
		rig.Sleep(ctx, 200*time.Millisecond)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// records reads every session's document from the emulator directly.
func (r *round) records(ctx context.Context) ([]history.Record, error) {
	var out []history.Record
	for _, org := range r.names {
		docs, err := r.Client.Collection("orgs").Doc(org).Collection("sessions").Documents(ctx).GetAll()
		if err != nil {
			return nil, fmt.Errorf("read the sessions of %s: %w", org, err)
		}
		for _, doc := range docs {
			d := history.Record{Org: org, Session: doc.Ref.ID}
			data := doc.Data()
			d.Status, _ = data["status"].(string)
			d.Reason, _ = data["ended_reason"].(string)
			d.License, _ = data["license_id"].(string)
			d.Acquired, d.EndedAt = instant(data["acquired_at"]), instant(data["ended_at"])
			out = append(out, d)
		}
	}
	return out, nil
}

func instant(v any) history.Instant {
	t, ok := v.(time.Time)
	if !ok || t.IsZero() {
		return 0
	}
	return history.At(t)
}
