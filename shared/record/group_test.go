package record_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// crossing is a bench on which calls meet: the first transaction is held where
// it holds no lock, and what is asked for meanwhile waits for it.
type crossing struct {
	*testing.T
	*record.Firestore
	wire *wire
	held chan struct{} // closed once the first transaction is there
	free func()        // lets it go on
	// then, if set, runs in place of each later RPC.
	then hook

	calls   sync.WaitGroup
	waiting int
}

func newCrossing(t *testing.T) *crossing {
	r, w := wired(t)
	open(t, r)
	c := &crossing{T: t, Firestore: r, wire: w}
	return c
}

// patience is when a test gives up on what never comes.
const patience = 20 * time.Second

// hold makes the next transaction wait in its first RPC.
func (c *crossing) hold() {
	c.held = make(chan struct{})
	free := make(chan struct{})
	c.free = sync.OnceFunc(func() { close(free) })
	c.Cleanup(c.free)
	var begun atomic.Bool
	c.wire.spent()
	c.wire.on = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		if rpc == "BeginTransaction" && begun.CompareAndSwap(false, true) {
			close(c.held)
			select {
			case <-free:
			case <-ctx.Done():
			}
		}
		if c.then != nil {
			return c.then(ctx, rpc, call)
		}
		return call(ctx)
	}
}

// leader is the first call; the others come while it is held.
func (c *crossing) leader(ctx context.Context) (result func() error) {
	c.Helper()
	result = c.ask(func() error { return c.Create(ctx, acme(), numbered(0)) })
	<-c.held
	return result
}

// ask makes a call beside the others; its result is there once all are free.
func (c *crossing) ask(call func() error) (result func() error) {
	var err error
	done := make(chan struct{})
	c.calls.Go(func() { err = call(); close(done) })
	return func() error { <-done; return err }
}

// follow makes a call and comes back once it waits for the leader.
func (c *crossing) follow(call func() error) (result func() error) {
	c.Helper()
	result = c.ask(call)
	c.waiting++
	for c.Waiting(acme(), first()) < c.waiting {
		runtime.Gosched()
	}
	return result
}

// wantCommits checks how many transactions the calls took, the leader's included.
func (c *crossing) wantCommits(want int) {
	c.Helper()
	c.calls.Wait()
	if calls, _, _ := c.wire.spent(); calls["Commit"] != want {
		c.Errorf("%d commits, want %d", calls["Commit"], want)
	}
}

func (c *crossing) wantSession(n int, want license.SessionStatus) {
	c.Helper()
	s, err := c.Session(c.Context(), acme(), numbered(n).ID)
	if want == "" && !errors.Is(err, license.ErrSessionNotFound) || want != "" && s.Status != want {
		c.Errorf("session %d: %q, %v; want %q", n, s.Status, err, want)
	}
}

// numbered is a session of its own for each number.
func numbered(n int) license.Session {
	s := grant()
	s.ID = fmt.Sprintf("0199bbbb-0000-7000-8000-%012d", n)
	return s
}

func endsOf(from, until int) []record.End {
	var all []record.End
	for n := from; n < until; n++ {
		all = append(all, endOf(numbered(n)))
	}
	return all
}

// TestCallsShareACommit: sixty grants and ends that come together take two
// commits, and each is recorded.
func TestCallsShareACommit(t *testing.T) {
	c := newCrossing(t)
	must(t, c.Create(t.Context(), acme(), numbered(60)))
	c.hold()
	results := []func() error{c.leader(t.Context())}
	for n := 1; n < 60; n++ {
		results = append(results, c.follow(func() error { return c.Create(t.Context(), acme(), numbered(n)) }))
	}
	results = append(results, c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(60, 62)) }))
	c.free()
	for _, result := range results {
		must(t, result())
	}
	c.wantCommits(2)
	for n := range 60 {
		c.wantSession(n, license.SessionActive)
	}
	c.wantSession(60, license.SessionEnded)
	c.wantSession(61, license.SessionEnded)
}

// TestOneDocumentOncePerCommit: a grant that is given back at once is created in
// one commit and ended in the next.
func TestOneDocumentOncePerCommit(t *testing.T) {
	c := newCrossing(t)
	c.hold()
	calls := []func() error{
		c.leader(t.Context()),
		c.follow(func() error { return c.Create(t.Context(), acme(), numbered(1)) }),
		c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(1, 3)) }),
		c.follow(func() error { return c.Create(t.Context(), acme(), numbered(3)) }),
		c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(2, 4)) }),
	}
	c.free()
	for _, result := range calls {
		must(t, result())
	}
	c.wantCommits(4)
	for n := 1; n < 4; n++ {
		c.wantSession(n, license.SessionEnded)
	}
}

// TestACommitHasItsSize: what does not fit waits for the next, and a reaper's
// batch waits for nobody.
func TestACommitHasItsSize(t *testing.T) {
	c := newCrossing(t)
	c.hold()
	leader := c.leader(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, c.End(ctx, acme(), first(), endsOf(1000, 1000+record.MaxShared+1)))
	results := []func() error{leader}
	for n := range record.MaxEnds/record.MaxShared + 1 {
		at := 1 + n*record.MaxShared
		results = append(results, c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(at, at+record.MaxShared)) }))
	}
	c.free()
	for _, result := range results {
		must(t, result())
	}
	c.wantCommits(4)
	c.wantSession(record.MaxEnds+record.MaxShared, license.SessionEnded)
}

// TestAGroupIsFencedTogether: a rebuild comes while they wait.
func TestAGroupIsFencedTogether(t *testing.T) {
	c := newCrossing(t)
	c.hold()
	calls := []func() error{
		c.leader(t.Context()),
		c.follow(func() error { return c.Create(t.Context(), acme(), numbered(1)) }),
		c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(2, 4)) }),
	}
	must(t, errorOf(c.OpenEpoch(t.Context(), acme(), "nonce-2")))
	c.free()
	for i, result := range calls {
		if err := result(); !errors.Is(err, record.ErrFenced) {
			t.Errorf("call %d: %v, want a fence", i, err)
		}
	}
	c.wantCommits(1) // the rebuild's
	for n := range 4 {
		c.wantSession(n, "")
	}
}

// TestOthersAreNotWaitedFor: an organization's commits, and those of an epoch,
// hold up nobody else's.
func TestOthersAreNotWaitedFor(t *testing.T) {
	c := newCrossing(t)
	globex := license.ServiceCaller("globex")
	must(t, errorOf(c.OpenEpoch(t.Context(), globex, "nonce-1")))
	c.hold()
	leader := c.leader(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, c.Create(ctx, globex, grant()))
	must(t, errorOf(c.OpenEpoch(ctx, acme(), "nonce-2")))
	s := numbered(1)
	s.Epoch = license.NewEpoch(2, "nonce-2")
	must(t, c.Create(ctx, acme(), s))
	c.free()
	if err := leader(); !errors.Is(err, record.ErrFenced) {
		t.Errorf("the first, of the epoch before: %v", err)
	}
	c.wantCommits(3)
}

// TestExistingSessionsInAGroup: the others take one more commit, and each is
// told its own.
func TestExistingSessionsInAGroup(t *testing.T) {
	c := newCrossing(t)
	must(t, c.Create(t.Context(), acme(), numbered(1)))
	must(t, c.End(t.Context(), acme(), first(), endsOf(2, 3)))
	c.hold()
	leader := c.leader(t.Context())
	calls := map[int]func() error{}
	for n := 1; n < 5; n++ {
		calls[n] = c.follow(func() error { return c.Create(t.Context(), acme(), numbered(n)) })
	}
	calls[5] = c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(5, 6)) })
	c.free()
	must(t, leader())
	for n, result := range calls {
		if err := result(); (n == 2) != errors.Is(err, record.ErrEnded) || n != 2 && err != nil {
			t.Errorf("session %d: %v", n, err)
		}
	}
	c.wantCommits(3)
	c.wantSession(2, license.SessionEnded)
	c.wantSession(4, license.SessionActive)
	c.wantSession(5, license.SessionEnded)
}

// TestAnExistingSessionAndALostAnswer: the group's first commit may have been
// applied, so those whose record is not there are told nothing for certain.
func TestAnExistingSessionAndALostAnswer(t *testing.T) {
	c := newCrossing(t)
	must(t, c.Create(t.Context(), acme(), numbered(1)))
	c.hold()
	leader := c.leader(t.Context())
	existing := c.follow(func() error { return c.Create(t.Context(), acme(), numbered(1)) })
	fresh := c.follow(func() error { return c.Create(t.Context(), acme(), numbered(2)) })
	ending := c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(3, 4)) })
	commits := 0
	c.then = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		if rpc == "Commit" {
			if commits++; commits == 2 {
				return status.Error(codes.Unavailable, "injected: answer lost")
			}
		}
		return call(ctx)
	}
	c.free()
	must(t, leader())
	must(t, existing())
	wantOutcome(t, fresh(), nil)
	wantOutcome(t, ending(), nil)
	c.wantCommits(3) // the library repeated the second
}

// TestAGroupsFailureIsToldToAll, with what is certain about it.
func TestAGroupsFailureIsToldToAll(t *testing.T) {
	for name, test := range map[string]struct {
		fault hook
		mark  error
	}{
		"refused":    {answer("Commit", codes.PermissionDenied), record.ErrRefused},
		"unanswered": {answer("Commit", codes.Internal), nil},
		"lost":       {lose("Commit", codes.Internal), nil},
		"not sent":   {answer("BatchGetDocuments", codes.PermissionDenied), record.ErrNotWritten},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrossing(t)
			c.hold()
			calls := []func() error{
				c.leader(t.Context()),
				c.follow(func() error { return c.Create(t.Context(), acme(), numbered(1)) }),
				c.follow(func() error { return c.End(t.Context(), acme(), first(), endsOf(2, 4)) }),
			}
			c.then = test.fault
			c.free()
			for _, result := range calls {
				wantOutcome(t, result(), test.mark)
			}
		})
	}
}

// TestTheFirstLeaves: its commit is given up, and the others go on at once.
func TestTheFirstLeaves(t *testing.T) {
	c := newCrossing(t)
	c.hold()
	ctx, cancel := context.WithCancel(t.Context())
	leader := c.leader(ctx)
	follower := c.follow(func() error { return c.Create(t.Context(), acme(), numbered(1)) })
	cancel()
	wantOutcome(t, leader(), record.ErrNotWritten)
	must(t, follower())
	c.wantCommits(1)
	c.wantSession(0, "")
	c.wantSession(1, license.SessionActive)
}

// TestLeavingALine: who leaves before a commit of its own is begun is in none.
func TestLeavingALine(t *testing.T) {
	c := newCrossing(t)
	c.hold()
	leader := c.leader(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	leaving := c.follow(func() error { return c.Create(ctx, acme(), numbered(1)) })
	staying := c.follow(func() error { return c.Create(t.Context(), acme(), numbered(2)) })
	cancel()
	wantOutcome(t, leaving(), record.ErrNotWritten)
	c.free()
	must(t, leader())
	must(t, staying())
	c.wantCommits(2)
	c.wantSession(1, "")
	c.wantSession(2, license.SessionActive)
}

// TestLeavingAGroup: before the group's commit is sent it is certain that the
// leaver's write is not in it; from then on nothing is.
func TestLeavingAGroup(t *testing.T) {
	for rpc, mark := range map[string]error{"BatchGetDocuments": record.ErrNotWritten, "Commit": nil} {
		t.Run(rpc, func(t *testing.T) {
			c := newCrossing(t)
			c.hold()
			leader := c.leader(t.Context())
			ctx, cancel := context.WithCancel(t.Context())
			leaving := c.follow(func() error { return c.Create(ctx, acme(), numbered(1)) })
			staying := c.follow(func() error { return c.Create(t.Context(), acme(), numbered(2)) })
			calls := 0
			var left error
			c.then = func(ctx context.Context, name string, call func(context.Context) error) error {
				if name == rpc {
					if calls++; calls == 2 { // the first is the leader's
						cancel()
						left = leaving()
					}
				}
				return call(ctx)
			}
			c.free()
			must(t, leader())
			must(t, staying())
			wantOutcome(t, left, mark)
			c.wantCommits(2)
			if c.wantSession(2, license.SessionActive); mark != nil {
				c.wantSession(1, "")
			} else {
				c.wantSession(1, license.SessionActive)
			}
		})
	}
}

// TestAllLeave: nobody is left to write for.
func TestAllLeave(t *testing.T) {
	c := newCrossing(t)
	c.hold()
	leader := c.leader(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := []func() error{
		c.follow(func() error { return c.Create(ctx, acme(), numbered(1)) }),
		c.follow(func() error { return c.End(ctx, acme(), first(), endsOf(2, 4)) }),
	}
	reads := 0
	c.then = func(ctx context.Context, rpc string, call func(context.Context) error) error {
		if rpc == "BatchGetDocuments" {
			if reads++; reads == 2 {
				cancel()
				select {
				case <-ctx.Done():
				case <-time.After(patience):
					c.Error("the commit goes on for nobody")
				}
			}
		}
		return call(ctx)
	}
	c.free()
	must(t, leader())
	for _, result := range calls {
		wantOutcome(t, result(), record.ErrNotWritten)
	}
	c.wantCommits(1)
	must(t, c.Create(t.Context(), acme(), numbered(1))) // and the next finds nobody in its way
}
