package torture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// crash is a process that dies at one step of one operation, and the others.
type crash struct {
	*round
	t *testing.T
	// beating holds off the bystander's heartbeats for a moment.
	beating sync.Mutex
	// victim is whose operation it is, and session what it had before.
	victim  history.Holder
	session string
}

// The processes.
const (
	dying    = 0
	survivor = 1
)

// operation is something during which a process may die.
type operation struct {
	name  string
	steps []seats.Step
	// before makes the operation take its steps; do sends it to the dying
	// process; again is what the victim does afterwards, at another one.
	before, do, again func(ctx context.Context, c *crash)
	// loses says that before lost the ledger.
	loses bool
}

func operations() []operation {
	ending := []seats.Step{seats.StepEnding, seats.StepEnded, seats.StepRemoved}
	rebuilding := []seats.Step{seats.StepOpened, seats.StepStaged, seats.StepLoaded}
	fresh := func(context.Context, *crash) {}
	held := func(ctx context.Context, c *crash) { c.session = c.mustAcquire(ctx, c.victim) }
	expired := func(ctx context.Context, c *crash) { held(ctx, c); c.waitExpired(ctx) }
	lost := func(ctx context.Context, c *crash) { c.lose(ctx) }
	acquire := func(ctx context.Context, c *crash) { c.client.acquire(ctx, dying, c.victim) }
	acquireAgain := func(ctx context.Context, c *crash) { c.mustAcquire(ctx, c.victim) }
	beat := func(ctx context.Context, c *crash) { c.client.heartbeat(ctx, dying, c.victim, c.session) }
	ended := func(ctx context.Context, c *crash) {
		c.await(ctx, history.Ended, func() history.Op { return c.client.heartbeat(ctx, survivor, c.victim, c.session) })
	}
	return []operation{
		{"acquire", []seats.Step{seats.StepReserved, seats.StepRecorded, seats.StepSigned}, fresh, acquire, acquireAgain, false},
		{"acquire that ends", ending, expired, acquire, acquireAgain, false},
		{"acquire that rebuilds", rebuilding, lost, acquire, acquireAgain, true},
		{"heartbeat too late", ending, expired, beat, ended, false},
		{
			"release",
			[]seats.Step{seats.StepMarked, seats.StepEnded, seats.StepRemoved},
			held,
			func(ctx context.Context, c *crash) { c.client.release(ctx, dying, c.victim, c.session) },
			func(ctx context.Context, c *crash) {
				c.await(ctx, history.Released, func() history.Op { return c.client.release(ctx, survivor, c.victim, c.session) })
				ended(ctx, c)
			}, false,
		},
		{"reap", ending, expired, func(ctx context.Context, c *crash) { c.client.reap(ctx, dying) }, ended, false},
	}
}

// TestCrashAtEveryStep: a process is killed (SIGKILL, by itself) at each step of
// each operation. Nobody else notices, no cap is exceeded, every seat is free
// again in time, and the record tells one end of every session.
func TestCrashAtEveryStep(t *testing.T) {
	pace := Pace(time.Second)
	r, err := shared(t).Start(t.Context(), rig.Replica, 2, launch(t), pace)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.Workers[survivor].Start(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for i, o := range operations() {
		for _, step := range o.steps {
			t.Run(o.name+" at "+string(step), func(t *testing.T) {
				org := fmt.Sprintf("crash-%d-%s", i, step)
				p := plan{orgs: map[string]history.Org{org: {Cap: 2, Licenses: map[string]int{"pro": 2}}}, control: org + "-control"}
				c := &crash{
					t: t, round: newRound(r, p, pace, newLoad()),
					victim: history.Holder{Org: org, License: "pro", User: "victim", Hardware: "hw"},
				}
				defer c.client.http.CloseIdleConnections()
				c.run(t.Context(), o, step)
			})
		}
	}
}

func (c *crash) run(ctx context.Context, o operation, step seats.Step) {
	if err := c.create(ctx); err != nil {
		c.t.Fatal(err)
	}
	working, leave := context.WithCancel(ctx)
	var bystander sync.WaitGroup
	bystander.Go(func() { c.standBy(working) })
	o.before(ctx, c)
	c.die(ctx, o, step)
	o.again(ctx, c)
	leave()
	bystander.Wait()
	if err := c.Workers[dying].Start(ctx, 0); err != nil {
		c.t.Fatal(err)
	}
	c.fillUp(ctx)
	c.judge(ctx, o)
	if err := c.Workers[dying].Kill(); err != nil {
		c.t.Fatal(err)
	}
}

// die runs the operation in a process that kills itself at the step.
func (c *crash) die(ctx context.Context, o operation, step seats.Step) {
	w := c.Workers[dying]
	config := w.Config()
	config.DieAt, config.DieOn = step, 1
	if err := w.Run(ctx, config); err != nil {
		c.t.Fatal(err)
	}
	c.poll(ctx, "the process did not die", func() bool {
		o.do(ctx, c)
		select {
		case <-w.Exited():
			return true
		default:
			return false // for a reaper it was not due yet
		}
	})
	if o.loses {
		c.beating.Unlock()
	}
}

// judge wants every promise kept.
func (c *crash) judge(ctx context.Context, o operation) {
	records, err := c.reapAll(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	h := c.recorder.History()
	_, violations, err := readLogs(c.Workers, &h)
	if err != nil {
		c.t.Fatal(err)
	}
	found, _ := h.Check()
	violations = slices.Concat(violations, found, h.CheckRecords(records))
	if !o.loses {
		_, more := h.Linearize(records, time.Minute)
		violations = append(violations, more...)
	}
	for _, v := range violations {
		c.t.Errorf("%s: %s\n%s", v.Check, v.Text, strings.Join(h.Story(v), "\n"))
	}
}

// standBy holds the other seat the whole time.
func (c *crash) standBy(working context.Context) {
	ctx := context.WithoutCancel(working)
	p := &program{round: c.round, rand: c.random(1), holder: history.Holder{Org: c.victim.Org, License: "pro", User: "bystander", Hardware: "hw"}}
	for working.Err() == nil {
		c.beating.Lock()
		if p.session == "" {
			p.noteHold(c.client.acquire(ctx, survivor, p.holder))
		} else {
			p.noteHold(c.client.heartbeat(ctx, survivor, p.holder, p.session))
		}
		c.beating.Unlock()
		p.pause(working, c.pace.SessionTTL/5)
	}
	c.client.release(ctx, survivor, p.holder, p.session)
}

// lose empties Redis, and leaves it to the dying process to notice first.
func (c *crash) lose(ctx context.Context) {
	c.session = c.mustAcquire(ctx, c.victim) // it is the rebuild that brings its seat back
	c.beating.Lock()                         // until the dying process has died
	f := history.Fault{Kind: string(redisFlush), Begin: history.Now(), Loses: true, Delays: true}
	if err := c.Redis.Server(0).Do(ctx, "FLUSHALL"); err != nil {
		c.t.Error(err)
	}
	f.End = history.Now()
	c.recorder.Fault(f)
}

func (c *crash) mustAcquire(ctx context.Context, h history.Holder) (session string) {
	c.poll(ctx, h.User+" got no seat", func() bool {
		op := c.client.acquire(ctx, survivor, h)
		session = op.Session
		return op.Result == history.Granted || op.Result == history.Found
	})
	return session
}

func (c *crash) await(ctx context.Context, want history.Result, do func() history.Op) {
	c.poll(ctx, "not "+string(want), func() bool { return do().Result == want })
}

// waitExpired waits until the victim's session is over by what it was told.
func (c *crash) waitExpired(ctx context.Context) {
	h := c.recorder.History()
	until := history.Instant(0)
	for _, op := range h.Ops {
		if op.Session == c.session {
			until = max(until, op.Expires)
		}
	}
	c.poll(ctx, "time stands still", func() bool { return history.Now() > until })
}

// poll tries until it works.
func (c *crash) poll(ctx context.Context, failure string, try func() bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, standstill)
	defer cancel()
	for !try() {
		rig.Sleep(ctx, 20*time.Millisecond)
		if ctx.Err() != nil {
			c.t.Fatal(failure)
		}
	}
}
