// Package limitstest is what every [web.Limiter] has to do.
package limitstest

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Make makes a limiter that allows perSecond requests per second, and twice as
// many at once, by this clock.
type Make func(t *testing.T, perSecond int, now func() time.Time) web.Limiter

// bench is a limiter whose clock is moved by hand.
type bench struct {
	*testing.T
	web.Limiter
	now time.Time
}

// Run tests the contract.
func Run(t *testing.T, build Make) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, build Make){
		"burst": burst, "refill": refill, "exact wait": exactWait, "users": users, "clock set back": clockSetBack,
		"rate": rate, "at once": atOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, build) })
	}
}

func open(t *testing.T, build Make, perSecond int) *bench {
	t.Helper()
	b := &bench{T: t, now: time.Unix(1_800_000_000, 0)}
	b.Limiter = build(t, perSecond, func() time.Time { return b.now })
	return b
}

func ann() license.Caller { return license.Caller{OrganizationID: "acme", UserID: "ann"} }

func (b *bench) take(c license.Caller) time.Duration {
	b.Helper()
	wait := b.Take(b.Context(), c)
	if wait < 0 {
		b.Errorf("a wait of %v", wait)
	}
	return wait
}

func (b *bench) wantLetIn(c license.Caller, n int) {
	b.Helper()
	for i := range n {
		if wait := b.take(c); wait != 0 {
			b.Fatalf("request %d of %d has to wait %v", i+1, n, wait)
		}
	}
}

func (b *bench) wantRefused(c license.Caller) time.Duration {
	b.Helper()
	wait := b.take(c)
	if wait == 0 {
		b.Fatal("one request too many was let in")
	}
	return wait
}

// burst: twice the rate at once, and not one more.
func burst(t *testing.T, build Make) {
	for _, perSecond := range []int{1, 3, 50} {
		b := open(t, build, perSecond)
		b.wantLetIn(ann(), 2*perSecond)
		b.wantRefused(ann())
	}
}

// refill: one request comes back after another, up to the burst, and what was
// refused took nothing.
func refill(t *testing.T, build Make) {
	b := open(t, build, 2)
	b.wantLetIn(ann(), 4)
	for range 10 {
		b.wantRefused(ann())
	}
	b.now = b.now.Add(500 * time.Millisecond)
	b.wantLetIn(ann(), 1)
	b.wantRefused(ann())
	b.now = b.now.Add(time.Hour)
	b.wantLetIn(ann(), 4)
	b.wantRefused(ann())
}

// exactWait: a request after that time is let in, one before it is not.
func exactWait(t *testing.T, build Make) {
	b := open(t, build, 4)
	b.wantLetIn(ann(), 8)
	if wait := b.wantRefused(ann()); wait != 250*time.Millisecond {
		t.Errorf("wait %v, want 250ms", wait)
	}
	b.now = b.now.Add(100 * time.Millisecond)
	wait := b.wantRefused(ann())
	if wait != 150*time.Millisecond {
		t.Errorf("wait %v, want 150ms", wait)
	}
	b.now = b.now.Add(wait - time.Millisecond)
	b.wantRefused(ann())
	b.now = b.now.Add(time.Millisecond)
	b.wantLetIn(ann(), 1)
}

// users: a user's requests cost no other user anything, nor one of the same
// name elsewhere.
func users(t *testing.T, build Make) {
	b := open(t, build, 1)
	for _, c := range []license.Caller{
		ann(),
		{OrganizationID: "acme", UserID: "bob"},
		{OrganizationID: "globex", UserID: "ann"},
		{OrganizationID: "ac", UserID: "meann"},
		{OrganizationID: "acme"},
		{UserID: "ann"},
	} {
		b.wantLetIn(c, 2)
		b.wantRefused(c)
	}
	admin := ann()
	admin.Role, admin.Email = license.RoleAdmin, "ann@acme.example"
	b.wantRefused(admin) // the same user, whatever else the token says
}

// clockSetBack: nobody is locked out for as long as the clock went back.
func clockSetBack(t *testing.T, build Make) {
	b := open(t, build, 1)
	b.wantLetIn(ann(), 2)
	b.now = b.now.Add(-time.Hour)
	if wait := b.wantRefused(ann()); wait > time.Second {
		t.Errorf("wait %v, want a second at most", wait)
	}
	b.now = b.now.Add(2 * time.Second)
	b.wantLetIn(ann(), 1)
}

// rate: over any time no more than the burst and what came back since, and no
// less for one who always asks.
func rate(t *testing.T, build Make) {
	random := rand.New(rand.NewPCG(1, 2))
	const perSecond = 7
	b := open(t, build, perSecond)
	start, in := b.now, 0
	for range 5000 {
		if b.take(ann()) == 0 {
			in++
		}
		b.now = b.now.Add(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
		allowed := 2*perSecond + perSecond*b.now.Sub(start).Seconds()
		if float64(in) > allowed+1 || float64(in) < allowed-2*perSecond-1 {
			t.Fatalf("%d let in within %v, want about %.1f", in, b.now.Sub(start), allowed)
		}
	}
}

// atOnce: requests of one moment share one allowance.
func atOnce(t *testing.T, build Make) {
	const perSecond = 5
	b := open(t, build, perSecond)
	var in atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if b.Take(t.Context(), ann()) == 0 {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 2*perSecond {
		t.Errorf("%d let in at once, want %d", in.Load(), 2*perSecond)
	}
}
