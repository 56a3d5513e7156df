package functions_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// studio is a license of that product with two seats that ends after so long.
func (w *world) studio(t *testing.T, org, id string, ends time.Duration, more ...map[string]any) {
	t.Helper()
	body := map[string]any{"product": "studio", "max_seats": 2, "expires_at": time.Now().Add(ends).UTC()}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	w.putLicense(t, org, id, body)
}

func product(name string) map[string]any { return map[string]any{"product": name} }

const aDay = 24 * time.Hour

// TestLicensesOfAProductAddUp: a renewal that overlaps with what it renews locks
// nobody out; seats of both are given, and a refusal counts both.
func TestLicensesOfAProductAddUp(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		for name, asked := range map[string]map[string]any{"by product": product("studio"), "the only product": {}} {
			t.Run(name, func(t *testing.T) {
				org := w.tenant(t, 100)
				ann := w.user(org, "ann")
				w.studio(t, org, "y2026", aDay)
				first := ann.take(t, "hw-1", asked)
				w.studio(t, org, "y2027", 366*aDay)
				w.putLicense(t, org, "a-old", map[string]any{"product": "studio", "max_seats": 9, "status": "suspended"})
				if s := ann.acquire(t, "hw-1", asked).want(t, http.StatusOK).session(t); s.SessionID != first.SessionID || s.LicenseID != "y2026" {
					t.Errorf("the holder of before: %+v", s)
				}
				for i, want := range []string{"y2026", "y2027", "y2027"} {
					s := ann.take(t, fmt.Sprint("more-", i), asked)
					if s.LicenseID != want || s.SeatsMax != 2 || s.SeatsUsed > 2 {
						t.Errorf("seat %d is of %s (%d of %d), want %s", i+2, s.LicenseID, s.SeatsUsed, s.SeatsMax, want)
					}
					if r := w.recorded(t, org, s.SessionID); r.LicenseID != want {
						t.Errorf("it is recorded for %s", r.LicenseID)
					}
				}
				p := ann.acquire(t, "late", asked).refused(t, "no_seats_available")
				p.wantMember(t, "limit", "license")
				p.wantMember(t, "seats_used", 4)
				p.wantMember(t, "seats_max", 4)
				ann.release(t, first.SessionID).want(t, http.StatusNoContent)
				if s := ann.take(t, "late", asked); s.LicenseID != "y2026" {
					t.Errorf("the seat that was given back: %+v", s)
				}
				w.putOrganization(t, org, map[string]any{"max_concurrent_seats": 4})
				w.studio(t, org, "y2028", 800*aDay)
				p = ann.acquire(t, "later", asked).refused(t, "no_seats_available")
				p.wantMember(t, "limit", "organization")
				p.wantMember(t, "seats_used", 4)
				p.wantMember(t, "seats_max", 4)
			})
		}
	})
}

// TestACrowdOnTwoLicenses: many at once get exactly the seats of both.
func TestACrowdOnTwoLicenses(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		const crowd = 16
		org := w.tenant(t, 100)
		w.studio(t, org, "y2026", aDay)
		w.studio(t, org, "y2027", 366*aDay, map[string]any{"max_seats": 3})
		var created, refused atomic.Int32
		race(t, crowd, func(i int) error {
			switch a := w.user(org, fmt.Sprintf("u-%d", i)).acquire(t, "hw", product("studio")); a.status {
			case http.StatusCreated:
				created.Add(1)
			case http.StatusConflict:
				refused.Add(1)
			default:
				return fmt.Errorf("%d %s", a.status, a.body)
			}
			return nil
		})
		if created.Load() != 5 || refused.Load() != crowd-5 {
			t.Errorf("%d got a seat, %d were refused", created.Load(), refused.Load())
		}
	})
}

// TestAHoldersSessionIsFoundBeforeAnythingIsAmbiguous: a license of another
// product is bought, and a program that never named its own goes on.
func TestAHoldersSessionIsFoundBeforeAnythingIsAmbiguous(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 2)
		ann := w.user(org, "ann")
		first := ann.take(t, "hw")
		w.putLicense(t, org, "lab", map[string]any{"product": "lab", "max_seats": 2})
		if s := ann.acquire(t, "hw").want(t, http.StatusOK).session(t); s.SessionID != first.SessionID {
			t.Errorf("another session: %+v", s)
		}
		for _, hardware := range []string{"hw-2", "hw"} {
			ann.acquire(t, hardware, map[string]any{"instance_id": "2"}).refused(t, "license_ambiguous").wantMember(t, "licenses", []string{"lab", "pro"})
		}
		ann.release(t, first.SessionID).want(t, http.StatusNoContent)
		ann.acquire(t, "hw").refused(t, "license_ambiguous")
		if s := w.state(t, org); s.held != 0 || len(s.active) != 0 {
			t.Errorf("held and recorded: %+v", s)
		}
	})
}

// TestWhatIsNotThereIsNotFound, and never a choice among nothing.
func TestWhatIsNotThereIsNotFound(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.tenant(t, 9)
		ann := w.user(org, "ann")
		ann.acquire(t, "hw").refused(t, "license_not_found")
		ann.acquire(t, "hw", product("studio")).refused(t, "license_not_found")
		w.studio(t, org, "y2026", aDay)
		w.putLicense(t, org, "lab", map[string]any{"product": "lab"})
		for _, name := range []string{"Studio", "studoi", "y2026"} {
			ann.acquire(t, "hw", product(name)).refused(t, "license_not_found")
		}
		ann.acquire(t, "hw", map[string]any{"license_id": "y2026", "product": "lab"}).refused(t, "license_not_found")
	})
}

// TestTheReasonOfTheLastLicense: of several that cannot be used the one that ends
// last says why, since that is the one to renew or to reactivate.
func TestTheReasonOfTheLastLicense(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.tenant(t, 9)
		ann := w.user(org, "ann")
		w.studio(t, org, "y2025", -300*aDay)
		w.studio(t, org, "y2026", -time.Second)
		ann.acquire(t, "hw").refused(t, "license_expired")
		w.studio(t, org, "y2027", 300*aDay, map[string]any{"status": "suspended"})
		ann.acquire(t, "hw", product("studio")).refused(t, "license_inactive")
		w.studio(t, org, "y2027", 300*aDay)
		ann.take(t, "hw")
	})
}

// TestHoldersMoveToTheLicenseThatTakesOver: where their own may no longer be used
// and another of the product has a seat, an acquire gives it, and ends what was.
func TestHoldersMoveToTheLicenseThatTakesOver(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		for reason, change := range map[license.EndReason]map[string]any{
			license.EndLicenseExpired:   {"expires_at": time.Now().Add(-time.Second)},
			license.EndLicenseSuspended: {"status": "suspended"},
		} {
			t.Run(string(reason), func(t *testing.T) {
				org := w.tenant(t, 2)
				ann := w.user(org, "ann")
				w.studio(t, org, "y2026", aDay)
				first, second := ann.take(t, "hw-1"), ann.take(t, "hw-2")
				w.studio(t, org, "y2027", 366*aDay)
				w.studio(t, org, "y2026", aDay, change)
				moved := ann.take(t, "hw-1", product("studio")) // also with all seats of the organization taken
				if moved.LicenseID != "y2027" || moved.SessionID == first.SessionID {
					t.Errorf("moved to %+v", moved)
				}
				w.wantEnded(t, org, first.SessionID, reason)
				ann.beat(t, first.SessionID).refused(t, "session_ended").wantMember(t, "reason", string(reason))
				ann.beat(t, moved.SessionID).want(t, http.StatusOK)

				// Told by its heartbeat, a program acquires once more.
				ann.beat(t, second.SessionID).want(t, http.StatusForbidden)
				ann.take(t, "hw-2", product("studio"))
				if s := w.state(t, org); s.held != 2 || len(s.active) != 2 {
					t.Errorf("held and recorded: %+v", s)
				}
			})
		}
	})
}

// TestAStaleCacheMovesNobody: an instance that has not heard of a renewal looks
// again before it ends a session.
func TestAStaleCacheMovesNobody(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		stale := beside(t, w, w.record)
		org := w.tenant(t, 9)
		w.studio(t, org, "y2026", -time.Second)
		w.studio(t, org, "y2027", 366*aDay)
		stale.user(org, "warm").take(t, "hw")
		w.studio(t, org, "y2026", 30*aDay)
		session := w.user(org, "ann").take(t, "hw").SessionID
		if s := stale.user(org, "ann").acquire(t, "hw").want(t, http.StatusOK).session(t); s.SessionID != session || s.LicenseID != "y2026" {
			t.Errorf("moved to %+v", s)
		}
	})
}

// TestARenewalIsHeardOf by the next acquire, also on an instance that has just
// refused one.
func TestARenewalIsHeardOf(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		stale := beside(t, w, w.record)
		for code, before := range map[string]func(org string){
			"license_expired":  func(org string) { w.studio(t, org, "pro", -time.Second) },
			"license_inactive": func(org string) { w.studio(t, org, "pro", aDay, map[string]any{"status": "suspended"}) },
			"organization_inactive": func(org string) {
				w.studio(t, org, "pro", aDay)
				w.putOrganization(t, org, map[string]any{"status": "suspended"})
			},
		} {
			t.Run(code, func(t *testing.T) {
				org := w.tenant(t, 9)
				before(org)
				ann := stale.user(org, "ann")
				ann.acquire(t, "hw").refused(t, code)
				w.putOrganization(t, org, map[string]any{})
				w.studio(t, org, "pro", aDay)
				ann.take(t, "hw")
			})
		}
	})
}

// timed is a world whose time moves with its Redis.
func timed(t *testing.T) *world {
	t.Helper()
	redis := moving(t)
	opts := devstack.Defaults()
	opts.Redis, opts.Now, opts.LedgerClock, opts.EntitlementCacheTTL = redis.Addr(), redis.Now, redis.Now, 0
	w := start(t, embedded(), opts)
	w.move = redis.Advance
	return w
}

// TestALateRenewalEndsNobodysWork is the night of the 31st: who has a seat keeps
// it through the license's grace, nobody new gets one, and no token outlives it.
func TestALateRenewalEndsNobodysWork(t *testing.T) {
	w := timed(t)
	org := w.tenant(t, 9)
	now := w.opts.Now()
	ends := now.Add(3 * time.Minute).UTC().Truncate(time.Millisecond)
	over := ends.Add(20 * time.Minute)
	bought := map[string]any{"product": "studio", "max_seats": 3, "expires_at": ends, "grace_seconds": 1200}
	w.putLicense(t, org, "pro", bought)
	ann, bob := w.user(org, "ann"), w.user(org, "bob")
	session := ann.take(t, "hw")
	wantGrace(t, session, time.Time{}, over)

	for range 2 {
		w.move(3 * time.Minute)
		wantGrace(t, ann.renew(t, session.SessionID).want(t, http.StatusOK).session(t), over, over)
		wantGrace(t, ann.beat(t, session.SessionID).want(t, http.StatusOK).session(t), over, over)
	}
	bob.acquire(t, "hw").refused(t, "license_expired")
	ann.acquire(t, "hw-2").refused(t, "license_expired")
	again := ann.acquire(t, "hw").want(t, http.StatusOK).session(t) // a restart
	if wantGrace(t, again, over, over); again.SessionID != session.SessionID {
		t.Errorf("another session: %+v", again)
	}
	for range 3 {
		w.move(5 * time.Minute)
		ann.beat(t, session.SessionID).want(t, http.StatusOK)
	}
	w.move(2 * time.Minute) // to the very end of its grace
	ann.beat(t, session.SessionID).refused(t, "license_expired")
	w.wantEnded(t, org, session.SessionID, license.EndLicenseExpired)
	ann.beat(t, session.SessionID).refused(t, "session_ended").wantMember(t, "reason", "license_expired")
	ann.acquire(t, "hw").refused(t, "license_expired")

	bought["expires_at"] = ends.Add(366 * aDay)
	w.putLicense(t, org, "pro", bought)
	wantGrace(t, ann.take(t, "hw"), time.Time{}, time.Time{})
	ann.beat(t, session.SessionID).refused(t, "session_ended").wantMember(t, "reason", "license_expired")
}

// TestARenewalWithinGrace: whoever has worked through it notices nothing.
func TestARenewalWithinGrace(t *testing.T) {
	w := timed(t)
	org := w.tenant(t, 9)
	ends := w.opts.Now().Add(time.Minute).UTC()
	bought := map[string]any{"product": "studio", "max_seats": 3, "expires_at": ends, "grace_seconds": 600}
	w.putLicense(t, org, "pro", bought)
	ann := w.user(org, "ann")
	session := ann.take(t, "hw")
	w.move(2 * time.Minute)
	ann.beat(t, session.SessionID).want(t, http.StatusOK)
	bought["expires_at"] = ends.Add(366 * aDay)
	w.putLicense(t, org, "pro", bought)
	wantGrace(t, ann.beat(t, session.SessionID).want(t, http.StatusOK).session(t), time.Time{}, time.Time{})
	ann.take(t, "hw-2")
}

// TestInGraceASessionIsKeptBesideTheSuccessor, and new ones are the successor's.
func TestInGraceASessionIsKeptBesideTheSuccessor(t *testing.T) {
	w := timed(t)
	org := w.tenant(t, 9)
	now := w.opts.Now().UTC()
	w.putLicense(t, org, "y2026", map[string]any{"product": "studio", "max_seats": 2, "expires_at": now.Add(time.Minute), "grace_seconds": 600})
	ann := w.user(org, "ann")
	session := ann.take(t, "hw")
	w.putLicense(t, org, "y2027", map[string]any{"product": "studio", "max_seats": 1})
	w.move(2 * time.Minute)
	if s := ann.acquire(t, "hw").want(t, http.StatusOK).session(t); s.SessionID != session.SessionID || s.LicenseID != "y2026" {
		t.Errorf("its own session: %+v", s)
	}
	if s := ann.take(t, "hw-2"); s.LicenseID != "y2027" {
		t.Errorf("a new session: %+v", s)
	}
	ann.acquire(t, "hw-3").refused(t, "no_seats_available").wantMember(t, "seats_max", 1)
}

// wantGrace wants an answer to tell of the grace until then (zero: not at all), and
// its token, if it has one, to end by over.
func wantGrace(t *testing.T, s api.Session, until, over time.Time) {
	t.Helper()
	if !s.LicenseInGraceUntil.Equal(until) {
		t.Errorf("at %s in grace until %s, want %s", s.ServerTime, s.LicenseInGraceUntil, until)
	}
	if !over.IsZero() && s.LicenseTokenExpiresAt.After(over) {
		t.Errorf("the token ends at %s, the license at %s", s.LicenseTokenExpiresAt, over)
	}
	if s.LicenseToken == "" {
		return
	}
	if exp, _ := segment(t, s.LicenseToken, 1)["exp"].(float64); int64(exp) != s.LicenseTokenExpiresAt.Unix() {
		t.Errorf("the token ends at %v, told %s", exp, s.LicenseTokenExpiresAt)
	}
}

// TestTwoCopiesOnOneMachine: with an instance id each, the first to exit leaves
// the other its seat. Without, they are one holder, and a release is final.
func TestTwoCopiesOnOneMachine(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 5)
		ann := w.user(org, "ann")
		for name, copies := range map[string][2]map[string]any{
			"their own":   {{"instance_id": "1"}, {"instance_id": "2"}},
			"the service": {{"new_instance": true}, {"new_instance": true}},
			"one":         {{"new_instance": true}, {}},
		} {
			first, second := ann.take(t, "hw-"+name, copies[0]), ann.take(t, "hw-"+name, copies[1])
			if first.InstanceID == second.InstanceID {
				t.Errorf("%s: both are %q", name, first.InstanceID)
			}
			ann.release(t, first.SessionID).want(t, http.StatusNoContent)
			ann.beat(t, second.SessionID).want(t, http.StatusOK)
			ann.release(t, second.SessionID).want(t, http.StatusNoContent)
		}
		shared := ann.take(t, "hw")
		if s := ann.acquire(t, "hw").want(t, http.StatusOK).session(t); s.SessionID != shared.SessionID {
			t.Errorf("a second session: %+v", s)
		}
		ann.release(t, shared.SessionID).want(t, http.StatusNoContent)
		ann.beat(t, shared.SessionID).refused(t, "session_ended").wantMember(t, "reason", "released")
	})
}

// TestANewInstance is a holder like any other once it repeats its id.
func TestANewInstance(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		ann := w.user(w.licensed(t, 5), "ann")
		made := ann.take(t, "hw", map[string]any{"new_instance": true})
		if !license.ValidSessionID(made.InstanceID) {
			t.Errorf("the instance id made is %q", made.InstanceID)
		}
		again := ann.acquire(t, "hw", map[string]any{"instance_id": made.InstanceID}).want(t, http.StatusOK).session(t)
		if again.SessionID != made.SessionID || again.InstanceID != made.InstanceID {
			t.Errorf("its own id finds %+v", again)
		}
		if s := ann.take(t, "hw", map[string]any{"new_instance": false}); s.InstanceID != "" {
			t.Errorf("nobody asked for %q", s.InstanceID)
		}
		ann.acquire(t, "hw", map[string]any{"new_instance": nil}).want(t, http.StatusOK)
		ann.take(t, "hw", map[string]any{"new_instance": true, "instance_id": ""})
		p := ann.acquire(t, "hw", map[string]any{"new_instance": true, "instance_id": "x"}).refused(t, "invalid_request")
		if faults, ok := p["errors"].([]any); !ok || len(faults) != 1 {
			t.Errorf("errors: %v", p["errors"])
		}
		ann.acquire(t, "hw", map[string]any{"new_instance": "true"}).refused(t, "invalid_request")
	})
}
