package identity_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
)

// outages are the ways in which Google's servers can be of no help.
func outages() map[string]fakeidp.Mode {
	return map[string]fakeidp.Mode{"failing": fakeidp.Failing, "hanging": fakeidp.Hanging, "garbling": fakeidp.Garbling}
}

// bearer is what the tests of this file need of either verifier: a way to
// verify a new token, never one that is remembered.
type bearer struct {
	idp    *fakeidp.IDP
	verify func(context.Context) error
}

// bearers builds one of each kind in the bubble of t.
func bearers() map[string]func(t *testing.T) bearer {
	return map[string]func(t *testing.T) bearer{
		"user": func(t *testing.T) bearer {
			idp, v := newWorld(t)
			var mu sync.Mutex
			n := 0
			return bearer{idp, func(ctx context.Context) error {
				mu.Lock()
				n++
				token := idp.IDToken(fakeidp.Claims{UserID: fmt.Sprint("u-", n), TenantID: "acme"})
				mu.Unlock()
				_, err := v.Verify(ctx, token)
				return err
			}}
		},
		"scheduler": func(t *testing.T) bearer {
			idp := newIDP(t)
			s := newScheduler(t, idp)
			return bearer{idp, func(ctx context.Context) error { return s.Verify(ctx, idp.SchedulerToken(genuineJob)) }}
		},
	}
}

// inOutages runs the test for each verifier and each outage.
func inOutages(t *testing.T, test func(t *testing.T, b bearer, outage fakeidp.Mode)) {
	for kind, build := range bearers() {
		for name, mode := range outages() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { test(t, build(t), mode) })
			})
		}
	}
}

func TestKeysAwayAtStart(t *testing.T) {
	inOutages(t, func(t *testing.T, b bearer, outage fakeidp.Mode) {
		b.idp.SetMode(outage)
		began := time.Now()
		wantUnavailable(t, b.verify(t.Context()))
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("the answer took %v", d)
		}
		b.idp.SetMode(fakeidp.Working)
		wantOK(t, b.verify(t.Context()))
	})
}

func TestKeysAwayLater(t *testing.T) {
	inOutages(t, func(t *testing.T, b bearer, outage fakeidp.Mode) {
		b.idp.SetMaxAge(time.Hour)
		wantOK(t, b.verify(t.Context()))
		b.idp.SetMode(outage)

		pass(time.Hour + time.Second) // stale from here on
		wantOK(t, b.verify(t.Context()))
		if n := b.idp.Fetches(); n != 2 {
			t.Errorf("%d fetches, want a second one", n)
		}
		for range 5 {
			wantOK(t, b.verify(t.Context()))
		}
		if n := b.idp.Fetches(); n != 2 {
			t.Errorf("%d fetches: every request asks a server that is down", n)
		}

		pass(23 * time.Hour)
		wantOK(t, b.verify(t.Context()))
		pass(time.Hour)
		wantUnavailable(t, b.verify(t.Context())) // too old to trust
		b.idp.SetMode(fakeidp.Working)
		wantOK(t, b.verify(t.Context()))
	})
}

func TestKeysRecover(t *testing.T) {
	inOutages(t, func(t *testing.T, b bearer, outage fakeidp.Mode) {
		wantOK(t, b.verify(t.Context()))
		b.idp.SetMode(outage)
		pass(7 * time.Hour)
		wantOK(t, b.verify(t.Context()))

		b.idp.SetMode(fakeidp.Working)
		wantOK(t, b.idp.Rotate())
		pass(31 * time.Second) // the next attempt, with the library's copy run out too
		wantOK(t, b.verify(t.Context()))
	})
}

func TestKeyRotation(t *testing.T) {
	for kind, build := range bearers() {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := build(t)
				b.idp.SetMaxAge(time.Hour)
				wantOK(t, b.verify(t.Context()))
				wantOK(t, b.idp.Rotate())
				wantError(t, b.verify(t.Context()), identity.ErrUnauthenticated)
				if n := b.idp.Fetches(); n != 1 {
					t.Errorf("an unknown key made %d fetches: anybody could cause them", n)
				}
				pass(time.Hour)
				wantOK(t, b.verify(t.Context()))
			})
		})
	}
}

// A caller's deadline is kept, and the fetch its request began goes on.
func TestHangingServerKeepsDeadline(t *testing.T) {
	for kind, build := range bearers() {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := build(t)
				b.idp.SetMode(fakeidp.Hanging)
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				began := time.Now()
				wantUnavailable(t, b.verify(ctx))
				if d := time.Since(began); d != 100*time.Millisecond {
					t.Errorf("the answer took %v", d)
				}
			})
		})
	}
}

// Many requests in an outage share one attempt; none queues behind another.
func TestHangingServerMakesNoQueue(t *testing.T) {
	for kind, build := range bearers() {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := build(t)
				b.idp.SetMode(fakeidp.Hanging)
				began := time.Now()
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() { wantUnavailable(t, b.verify(t.Context())) })
				}
				all.Wait()
				if d, n := time.Since(began), b.idp.Fetches(); d != 3*time.Second || n != 1 {
					t.Errorf("%d fetches in %v, want 1 in 3s", n, d)
				}
			})
		})
	}
}

// With old keys at hand only the request that asks for new ones waits.
func TestStaleKeysSpareTheWait(t *testing.T) {
	for kind, build := range bearers() {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := build(t)
				wantOK(t, b.verify(t.Context()))
				b.idp.SetMode(fakeidp.Hanging)
				pass(7 * time.Hour)
				var first sync.WaitGroup
				first.Go(func() { wantOK(t, b.verify(t.Context())) })
				synctest.Wait()
				began := time.Now()
				wantOK(t, b.verify(t.Context()))
				if d := time.Since(began); d != 0 {
					t.Errorf("the second request waited %v", d)
				}
				first.Wait()
			})
		})
	}
}

// gate lets a request through when it is opened.
type gate struct {
	open chan struct{}
	next http.RoundTripper
}

func (g gate) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-g.open:
		return g.next.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// A client that hangs up does not take the fetch away from the others.
func TestFetchOutlivesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := newIDP(t)
		g := gate{make(chan struct{}), idp.Client().Transport}
		v := newVerifier(t, identity.Config{KeyClient: &http.Client{Transport: g}})
		token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
		impatient, hangUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := v.Verify(impatient, token)
			wantUnavailable(t, err)
		})
		synctest.Wait()
		all.Go(func() {
			_, err := v.Verify(t.Context(), token)
			wantOK(t, err)
		})
		synctest.Wait()
		hangUp()
		synctest.Wait()
		close(g.open)
		all.Wait()
		if n := idp.Fetches(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, v := newWorld(t)
		known := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
		_, err := v.Verify(t.Context(), known)
		wantOK(t, err)
		idp.SetMode(fakeidp.Hanging)
		pass(6*time.Hour - 30*time.Minute)
		again := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
		_, err = v.Verify(t.Context(), again)
		wantOK(t, err)

		pass(31 * time.Minute) // keys are stale
		var waiting sync.WaitGroup
		waiting.Go(func() { _, _ = v.Verify(t.Context(), idp.IDToken(fakeidp.Claims{UserID: "u-2", TenantID: "acme"})) })
		synctest.Wait()
		began := time.Now()
		v.Close() // ends the fetch under way
		v.Close()
		waiting.Wait()
		if d := time.Since(began); d != 0 {
			t.Errorf("closing took %v", d)
		}
		pass(25 * time.Hour)
		_, err = v.Verify(t.Context(), idp.IDToken(fakeidp.Claims{UserID: "u-3", TenantID: "acme"}))
		wantUnavailable(t, err)
	})
}
