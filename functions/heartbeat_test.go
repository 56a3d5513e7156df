package functions_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestAHeartbeatExtends: a full TTL from the heartbeat, at any time before the end.
func TestAHeartbeatExtends(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		first := ann.take(t, "hw")
		for range 3 {
			if w.stack.Redis != nil {
				w.advance(t, 5*time.Minute) // three times that is far beyond the first expiry
			}
			s := ann.beat(t, first.SessionID).want(t, http.StatusOK).session(t)
			if d := s.ExpiresAt.Sub(s.ServerTime.Time); d != 6*time.Minute || !s.LastHeartbeatAt.Equal(s.ServerTime.Time) {
				t.Errorf("expires %v after a heartbeat at %v, now %v", d, s.LastHeartbeatAt, s.ServerTime)
			}
			if !s.AcquiredAt.Equal(first.AcquiredAt.Time) || s.ExpiresAt.Before(first.ExpiresAt.Time) {
				t.Errorf("acquired at %v, before at %v; expires %v", s.AcquiredAt, first.AcquiredAt, s.ExpiresAt)
			}
			w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available")
		}
	})
}

// TestHeartbeatsHaveSlots: acquire and heartbeat name the next of a grid that is
// an interval wide, to whoever asks and whenever; the next session of the same
// holder has the same grid.
func TestHeartbeatsHaveSlots(t *testing.T) {
	const interval = 2 * time.Minute
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		ann := w.user(w.licensed(t, 1), "ann")
		first := ann.take(t, "hw")
		slot := func(s api.Session) time.Duration {
			t.Helper()
			d := s.NextHeartbeatAt.Sub(s.ServerTime.Time)
			if d < interval/4 || d >= interval+interval/4 || s.HeartbeatIntervalSeconds != int(interval.Seconds()) {
				t.Errorf("the next heartbeat is %v away, the interval %d s", d, s.HeartbeatIntervalSeconds)
			}
			return time.Duration(s.NextHeartbeatAt.UnixNano()) % interval
		}
		grid := slot(first)
		for n := range 4 {
			if w.stack.Redis != nil {
				w.advance(t, 37*time.Second)
			}
			if got := slot(ann.beat(t, first.SessionID).want(t, http.StatusOK).session(t)); got != grid {
				t.Errorf("heartbeat %d: the slot is %v into the interval, was %v", n, got, grid)
			}
			if got := slot(ann.acquire(t, "hw").want(t, http.StatusOK).session(t)); got != grid {
				t.Errorf("acquire %d: the slot is %v into the interval, was %v", n, got, grid)
			}
		}
		ann.release(t, first.SessionID).want(t, http.StatusNoContent)
		if again := ann.take(t, "hw"); slot(again) != grid {
			t.Errorf("another session of the holder: the slot is %v into the interval, was %v", slot(again), grid)
		}
	})
}

// TestNextHeartbeatBeforeTheEnd: with an interval that is too long for the
// session, as flags of the local server allow, there is still time to retry.
func TestNextHeartbeatBeforeTheEnd(t *testing.T) {
	opts := devstack.Defaults()
	opts.SessionTTL, opts.HeartbeatInterval = 10*time.Second, time.Hour
	w := start(t, embedded(), opts)
	ann := w.user(w.licensed(t, 1), "ann")
	s := ann.take(t, "hw")
	for range 3 {
		if next, left := s.NextHeartbeatAt.Sub(s.ServerTime.Time), s.ExpiresAt.Sub(s.NextHeartbeatAt.Time); next <= 0 || left < 3*time.Second {
			t.Errorf("the next heartbeat is %v away, %v before the end", next, left)
		}
		w.advance(t, s.NextHeartbeatAt.Sub(s.ServerTime.Time))
		s = ann.beat(t, s.SessionID).want(t, http.StatusOK).session(t)
	}
}

// TestAHeartbeatTakesAnEmptyObject, or nothing, and any spelling of the query
// it does not know.
func TestAHeartbeatTakesAnEmptyObject(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		path := "/api/v1/licenses/sessions/" + ann.take(t, "hw").SessionID + "/heartbeat"
		for _, body := range []any{nil, `{}`, " {\n} "} {
			w.do(t, http.MethodPatch, path, ann.token, body).want(t, http.StatusOK)
		}
		for _, query := range []string{"?token=renew", "?token=RENEW", "?token=", "?Token=renew", "?token=keep&token=renew", "?x=1&token=renew", "?%zz"} {
			s := w.do(t, http.MethodPatch, path+query, ann.token, nil).want(t, http.StatusOK).session(t)
			if s.LicenseToken == "" || s.LicenseTokenExpiresAt.IsZero() {
				t.Errorf("%s: no token, expiring %v", query, s.LicenseTokenExpiresAt)
			}
		}
	})
}

// TestATokenIsEarned: each answer has a token that is good for as long as the session has
// been held, five minutes at least and TOKEN_TTL at most.
func TestATokenIsEarned(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 1)
	ann := w.user(org, "ann")
	first := ann.take(t, "hw")
	for i := range 40 {
		w.advance(t, 2*time.Minute)
		s := ann.beat(t, first.SessionID).want(t, http.StatusOK).session(t)
		if i%10 == 0 {
			s = ann.acquire(t, "hw").want(t, http.StatusOK).session(t)
		}
		want := license.TokenLife(s.ServerTime.Sub(s.AcquiredAt.Time), time.Hour, 5*time.Minute)
		if life := s.LicenseTokenExpiresAt.Sub(s.ServerTime.Time); s.LicenseToken == "" || life > want || life < want-time.Second {
			t.Errorf("held for %v: a token for %v, want %v", s.ServerTime.Sub(s.AcquiredAt.Time), life, want)
		}
	}
	w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "offline_max_seconds": 600})
	s := ann.acquire(t, "hw").want(t, http.StatusOK).session(t)
	if life := s.LicenseTokenExpiresAt.Sub(s.ServerTime.Time); life > 10*time.Minute || life < 10*time.Minute-time.Second {
		t.Errorf("ten minutes offline at most: a token for %v", life)
	}
}

// TestATokenThatIsNotMadeIsNotCounted: while no key can sign, a heartbeat extends the seat
// alone, and nobody waits for the end of a token that its holder was not given.
func TestATokenThatIsNotMadeIsNotCounted(t *testing.T) {
	opts := devstack.Defaults()
	var ahead atomic.Int64
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w := start(t, embedded(), opts)
	org := w.licensed(t, 1)
	w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "handover": 0})
	ann := w.user(org, "ann")
	session := ann.take(t, "hw").SessionID
	if _, err := w.record.ChangeSigningKeys(t.Context(), func(k *record.SigningKeys) error {
		k.Delegations = nil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(2 * token.KeySetLife))
	for range 2 { // the first finds out
		if s := ann.beat(t, session).want(t, http.StatusOK).session(t); s.LicenseToken != "" {
			t.Error("a token without a key")
		}
		w.advance(t, 4*time.Minute)
	}
	ann.release(t, session).want(t, http.StatusNoContent)
	w.reap(t) // makes a key
	ahead.Add(int64(2 * token.KeySetLife))
	w.user(org, "bob").take(t, "hw")
}

// TestASeatPassesOn once the token of who had it has ended, where the license is strict;
// who had it is back at once.
func TestASeatPassesOn(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 1)
	w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "handover": 0})
	ann, bob := w.user(org, "ann"), w.user(org, "bob")
	ann.release(t, ann.take(t, "hw").SessionID).want(t, http.StatusNoContent)
	answer := bob.acquire(t, "hw")
	refused := answer.refused(t, "no_seats_available")
	refused.wantMember(t, "limit", "handover")
	refused.wantMember(t, "seats_used", 1)
	refused.wantMember(t, "detail", "A seat is free, but too many license tokens of those who had one before are still good (1 of 1). "+
		"Wait for one to end, or use the program on the machine that had the seat.")
	if after := answer.header.Get("Retry-After"); after != "300" {
		t.Errorf("Retry-After %s, want when ann's token ends", after)
	}
	ann.release(t, ann.take(t, "hw").SessionID).want(t, http.StatusNoContent)
	w.advance(t, 5*time.Minute+time.Second)
	bob.take(t, "hw")
}

// TestExpiredStaysExpired: nothing brings a session back, and its seat is free.
func TestExpiredStaysExpired(t *testing.T) {
	onEachExpiring(t, soon, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		old := ann.take(t, "hw").SessionID
		w.expire(t, org, 1)
		for range 2 {
			ann.beat(t, old).refused(t, "session_ended").wantMember(t, "reason", "expired")
			ann.renew(t, old).refused(t, "session_ended").wantMember(t, "reason", "expired")
		}
		w.wantEnded(t, org, old, license.EndExpired)
		ann.release(t, old).want(t, http.StatusNoContent)
		w.wantEnded(t, org, old, license.EndExpired)
		if w.state(t, org).held != 0 {
			t.Error("the expired session is still held")
		}
		fresh := ann.take(t, "hw").SessionID
		if fresh == old {
			t.Error("the old session came back")
		}
		ann.beat(t, old).refused(t, "session_ended").wantMember(t, "reason", "expired")
	})
}

// TestAnExpiredSeatIsFreeAtOnce, without a reaper and without a heartbeat of
// the one who left; the record says so before the seat is another's.
func TestAnExpiredSeatIsFreeAtOnce(t *testing.T) {
	onEachExpiring(t, soon, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		old := w.user(org, "ann").take(t, "hw").SessionID
		w.expire(t, org, 1)
		next := w.user(org, "bob").take(t, "hw")
		w.wantEnded(t, org, old, license.EndExpired)
		if next.SeatsUsed != 1 {
			t.Errorf("%d of 1 seats in use", next.SeatsUsed)
		}
		w.user(org, "ann").beat(t, old).refused(t, "session_ended").wantMember(t, "reason", "expired")
	})
}

// TestAHolderThatComesBackAfterExpiry gets a new session, never the old one.
func TestAHolderThatComesBackAfterExpiry(t *testing.T) {
	onEachExpiring(t, soon, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		old := ann.take(t, "hw").SessionID
		w.expire(t, org, 1)
		if s := ann.take(t, "hw"); s.SessionID == old || s.SeatsUsed != 1 {
			t.Errorf("got %+v after %s", s, old)
		}
		w.wantEnded(t, org, old, license.EndExpired)
	})
}

// TestWhatTheLedgerLost: the record still has the session as active; since its
// seat may have gone to another, it is ended, and stays so.
func TestWhatTheLedgerLost(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		for _, end := range []func(id string){
			func(id string) { ann.beat(t, id).refused(t, "session_ended").wantMember(t, "reason", "displaced") },
			func(id string) { ann.release(t, id).want(t, http.StatusNoContent) },
		} {
			s := ann.take(t, "hw")
			w.drop(t, s.SessionID, license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw"}})
			w.user(org, "bob").beat(t, s.SessionID).refused(t, "session_not_found")
			w.user(org, "bob").release(t, s.SessionID).refused(t, "session_not_found")
			end(s.SessionID)
			ann.beat(t, s.SessionID).want(t, http.StatusGone)
			if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
				t.Errorf("left: %+v", got)
			}
		}
	})
}

// drop takes a session out of the ledger behind everybody's back.
func (w *world) drop(t *testing.T, id string, s license.Session) {
	t.Helper()
	s.ID = id
	n, err := w.stack.Service.Ledger.Remove(t.Context(), license.ServiceCaller(s.OrganizationID), ledger.BySession, ledger.Hold{Session: s})
	if err != nil || n != 1 {
		t.Fatalf("%d removed, %v", n, err)
	}
}

// TestTheLicenseNoLongerAllowsIt: the next heartbeat is told why and the seat is
// free; a session so ended does not come back with the license.
func TestTheLicenseNoLongerAllowsIt(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		for code, change := range map[string]func(org string){
			"organization_inactive": func(org string) {
				w.putOrganization(t, org, map[string]any{"status": "suspended"})
			},
			"license_inactive": func(org string) {
				w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "status": "suspended"})
			},
			"license_expired": func(org string) {
				w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "expires_at": time.Now().Add(-time.Second)})
			},
		} {
			t.Run(code, func(t *testing.T) {
				reason := "license_suspended"
				if code == "license_expired" {
					reason = "license_expired"
				}
				org := w.licensed(t, 1)
				ann := w.user(org, "ann")
				session := ann.take(t, "hw").SessionID
				change(org)
				ann.beat(t, session).refused(t, code)
				w.wantEnded(t, org, session, license.EndReason(reason))
				ann.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", reason)
				w.putOrganization(t, org, map[string]any{})
				w.putLicense(t, org, "pro", map[string]any{"max_seats": 1})
				ann.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", reason)
				w.user(org, "bob").take(t, "hw")
			})
		}
	})
}

// TestSomebodyElsesHeartbeatRevokesNothing, also when the license is suspended.
func TestSomebodyElsesHeartbeatRevokesNothing(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		session := w.user(org, "ann").take(t, "hw").SessionID
		w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "status": "suspended"})
		before := w.state(t, org)
		w.user(org, "bob").beat(t, session).refused(t, "session_not_found")
		w.userAs(org, "eve", license.RoleOwner).beat(t, session).refused(t, "session_not_found")
		w.wantState(t, org, before)
	})
}

// without is a record in which one license is gone.
type without struct {
	record.Record
	gone string
}

func (r without) Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	e, err := r.Record.Entitlements(ctx, caller)
	e.Licenses = slices.DeleteFunc(e.Licenses, func(l license.License) bool { return l.ID == r.gone })
	return e, err
}

// beside makes a second instance of the service over the same servers, which
// keeps what it once read of entitlements for an hour. Where the record is
// another view of w's, it is given.
func beside(t *testing.T, w *world, record record.Record) *world {
	t.Helper()
	opts := w.opts
	opts.EntitlementCacheTTL = time.Hour
	if w.stack.Redis != nil {
		opts.Redis = w.stack.Redis.Addr()
	}
	return start(t, backend{"beside", func(_ *testing.T, other *world) { other.record = record }}, opts)
}

// TestAStaleCacheEndsNobodysSession: an instance that has not heard of a
// license's return, of its longer life or of its making looks again before
// anyone loses a seat.
func TestAStaleCacheEndsNobodysSession(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		stale := beside(t, w, w.record)
		for name, before := range map[string]func(org string){
			"suspended": func(org string) {
				w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "status": "suspended"})
			},
			"expired": func(org string) {
				w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "expires_at": time.Now().Add(-time.Hour)})
			},
			"not made": func(string) {},
			"inactive organization": func(org string) {
				w.putLicense(t, org, "pro", map[string]any{"max_seats": 1})
				w.putOrganization(t, org, map[string]any{"status": "suspended"})
			},
		} {
			t.Run(name, func(t *testing.T) {
				org := w.tenant(t, 9)
				before(org)
				stale.user(org, "warm").acquire(t, "hw", map[string]any{"license_id": "pro"}).want(t, map[bool]int{true: 404, false: 403}[name == "not made"])
				w.putOrganization(t, org, map[string]any{})
				w.putLicense(t, org, "pro", map[string]any{"max_seats": 1})
				session := w.user(org, "ann").take(t, "hw").SessionID
				stale.user(org, "ann").beat(t, session).want(t, http.StatusOK)
				w.user(org, "ann").beat(t, session).want(t, http.StatusOK)
			})
		}
	})
}

// TestADeletedLicense ends its sessions at their next heartbeat, as a suspended
// one does, once the deletion is seen.
func TestADeletedLicense(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		session := w.user(org, "ann").take(t, "hw").SessionID
		later := beside(t, w, without{w.record, "pro"})
		later.user(org, "ann").beat(t, session).refused(t, "license_inactive")
		w.wantEnded(t, org, session, license.EndLicenseSuspended)
		w.user(org, "ann").beat(t, session).refused(t, "session_ended").wantMember(t, "reason", "license_suspended")
		w.user(org, "bob").take(t, "hw")
	})
}

// TestAnotherPrimary has sold the seat in a newer epoch, while this Redis lives on
// with the holder in it: the record tells, and the holder is told, whatever it asks.
func TestAnotherPrimary(t *testing.T) {
	for name, ask := range map[string]func(t *testing.T, ann user, session string){
		"heartbeat": func(t *testing.T, ann user, session string) {
			ann.beat(t, session).refused(t, "session_ended")
			ann.acquire(t, "hw").refused(t, "no_seats_available")
		},
		"acquire": func(t *testing.T, ann user, session string) {
			ann.acquire(t, "hw").refused(t, "no_seats_available")
			ann.beat(t, session).refused(t, "session_ended")
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := devstack.Defaults()
			opts.EntitlementCacheTTL = 0 // every request sees the record's epoch
			w := start(t, embedded(), opts)
			org := w.licensed(t, 1)
			ann := w.user(org, "ann")
			session := ann.take(t, "hw").SessionID
			ann.beat(t, session).want(t, http.StatusOK)
			w.soldElsewhere(t, org, session)
			ask(t, ann, session)
			w.user(org, "bob").beat(t, nobodysSession).want(t, http.StatusOK)
		})
	}
}

// soldElsewhere ends a session and gives its seat to bob, in an epoch of another primary.
func (w *world) soldElsewhere(t *testing.T, org, session string) {
	t.Helper()
	caller := license.ServiceCaller(org)
	epoch, err := w.record.OpenEpoch(t.Context(), caller, "elsewhere:0123456789")
	s := w.recorded(t, org, session)
	ends := s
	ends.EndedAt, ends.EndedReason = time.Now(), license.EndExpired
	s.ID, s.UserID, s.Epoch = nobodysSession, "bob", epoch
	if err := errors.Join(err, w.record.End(t.Context(), caller, epoch, []record.End{{Session: ends}}), w.record.Create(t.Context(), caller, s)); err != nil {
		t.Fatal(err)
	}
}
