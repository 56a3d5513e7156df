package functions_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// kmsDown makes KMS refuse every call, in one of two ways.
func (w *world) kmsDown(code codes.Code) {
	w.stack.KMS.SetBefore(func(context.Context, string) error { return status.Error(code, "injected outage") })
}

func (w *world) kmsUp() { w.stack.KMS.SetBefore(nil) }

// firestoreDown makes the whole record unreachable.
func (w *world) firestoreDown() { w.outage.begin(recordtest.Outage(record.ErrNotWritten)) }

// byRoot are options of a service whose every license token is a signature of KMS.
func byRoot() devstack.Options {
	opts := devstack.Defaults()
	opts.TokenSigning = string(token.ByRoot)
	return opts
}

// TestNobodyNoticesThatKMSIsAway: an instance that holds a signing key needs it no more.
func TestNobodyNoticesThatKMSIsAway(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 2)
		w.user(org, "ann").take(t, "hw")
		w.kmsDown(codes.Unavailable)
		bob := w.user(org, "bob")
		session := bob.take(t, "hw")
		for _, a := range []answer{bob.acquire(t, "hw"), bob.beat(t, session.SessionID)} {
			if s := a.want(t, http.StatusOK).session(t); s.LicenseToken == "" {
				t.Errorf("no token: %+v", s)
			}
		}
		w.do(t, http.MethodGet, api.PathJWKS, "", nil).want(t, http.StatusOK)
		bob.release(t, session.SessionID).want(t, http.StatusNoContent)
	})
}

// TestAcquireWithoutASigningKey: an instance that starts while KMS is away decrypts no
// key. It gives the seat back before it answers, and then takes none.
func TestAcquireWithoutASigningKey(t *testing.T) {
	opts, later := looks()
	w := start(t, embedded(), opts)
	org := w.licensed(t, 1)
	ann := w.user(org, "ann")
	w.kmsDown(codes.Unavailable)
	for range 3 {
		ann.acquire(t, "hw").refused(t, "unavailable")
		if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
			t.Errorf("left behind %+v", got)
		}
	}
	w.kmsUp()
	for range 5 {
		later()
	}
	ann.take(t, "hw")
}

// TestAcquireWithoutKMS, where it signs: the seat that cannot be signed for is given
// back before the answer, and its record is ended.
func TestAcquireWithoutKMS(t *testing.T) {
	onEach(t, byRoot(), func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		for _, code := range []codes.Code{codes.Unavailable, codes.PermissionDenied, codes.ResourceExhausted} {
			w.kmsDown(code)
			w.user(org, "ann").acquire(t, "hw").refused(t, "unavailable")
			if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
				t.Errorf("%s: left behind %+v", code, got)
			}
			w.kmsUp()
			bob := w.user(org, "bob")
			bob.release(t, bob.take(t, "hw").SessionID).want(t, http.StatusNoContent)
		}
	})
}

// TestHoldersWithoutKMS, where it signs: they keep their seats, and get no token.
func TestHoldersWithoutKMS(t *testing.T) {
	onEach(t, byRoot(), func(t *testing.T, w *world) {
		ann := w.user(w.licensed(t, 1), "ann")
		session := ann.take(t, "hw").SessionID
		w.kmsDown(codes.Unavailable)
		ann.acquire(t, "hw").refused(t, "unavailable")
		for _, a := range []answer{ann.beat(t, session), ann.renew(t, session)} {
			if s := a.want(t, http.StatusOK).session(t); s.LicenseToken != "" || s.ExpiresAt.Sub(s.ServerTime.Time) != w.opts.SessionTTL {
				t.Errorf("without KMS: %+v", s)
			}
		}
		w.kmsUp()
		if s := ann.beat(t, session).want(t, http.StatusOK).session(t); s.LicenseToken == "" {
			t.Error("no token although KMS is back")
		}
	})
}

// TestAcquireWhileKMSIsKnownToBeAway, where it signs, takes no seat that it would have
// to give back.
func TestAcquireWhileKMSIsKnownToBeAway(t *testing.T) {
	var reserved atomic.Int64
	opts := byRoot()
	opts.CircuitCooldown = 500 * time.Millisecond
	opts.OnStep = func(_ context.Context, s seats.Step) error {
		if s == seats.StepReserved {
			reserved.Add(1)
		}
		return nil
	}
	w := start(t, embedded(), opts)
	ann := w.user(w.licensed(t, 1), "ann")
	w.kmsDown(codes.Unavailable)
	eventually(t, func() bool {
		before := reserved.Load()
		ann.acquire(t, "hw").refused(t, "unavailable")
		return reserved.Load() == before
	})
	w.kmsUp()
	eventually(t, func() bool { return ann.acquire(t, "hw").status == http.StatusCreated })
}

// TestClocksThatDiffer refuse new seats, and take nobody's.
func TestClocksThatDiffer(t *testing.T) {
	var ahead atomic.Int64
	opts := devstack.Defaults()
	opts.LedgerClock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w := start(t, embedded(), opts)
	org := w.licensed(t, 2)
	ann, bob := w.user(org, "ann"), w.user(org, "bob")
	session := ann.take(t, "hw").SessionID
	for _, d := range []time.Duration{time.Hour, -time.Hour} {
		ahead.Store(int64(d))
		bob.acquire(t, "hw").refused(t, "unavailable")
		ann.beat(t, session).want(t, http.StatusOK)
	}
	ann.release(t, session).want(t, http.StatusNoContent)
	ahead.Store(0)
	bob.take(t, "hw")
}

// TestAcquireWithoutFirestore takes no seat where it is certain that nothing
// was written.
func TestAcquireWithoutFirestore(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 2)
		ann := w.user(org, "ann")
		session := ann.take(t, "hw").SessionID
		before := w.state(t, org)
		for _, mark := range []error{record.ErrNotWritten, record.ErrRefused} {
			w.outage.begin(recordtest.Outage(mark), "Create", "Entitlements", "Session")
			w.user(org, "bob").acquire(t, "hw").refused(t, "unavailable")
			w.outage.end()
			w.wantState(t, org, before)
		}
		w.firestoreDown()
		w.user(org, "bob").acquire(t, "hw").refused(t, "unavailable")
		w.user(org, "ann").acquire(t, "hw").want(t, http.StatusOK) // nothing new to record
		for range 3 {
			ann.beat(t, session).want(t, http.StatusOK)
		}
		ann.renew(t, session).want(t, http.StatusOK)
		ann.beat(t, nobodysSession).refused(t, "unavailable") // only the record could say
		w.user(w.stranger(), "ann").acquire(t, "hw").refused(t, "unavailable")
		w.outage.end()
		w.wantState(t, org, before)
		if n := w.fill(t, org); n != 1 {
			t.Errorf("%d seats were left, want 1", n)
		}
	})
}

// TestHeartbeatWithoutEntitlements: an instance that was never told what the
// organization has bought, and cannot ask, keeps the seat and says to come again.
// It signs nothing.
func TestHeartbeatWithoutEntitlements(t *testing.T) {
	opts := devstack.Defaults()
	opts.EntitlementCacheTTL = 0 // nothing is ever kept
	w := start(t, embedded(), opts)
	org := w.licensed(t, 1)
	ann := w.user(org, "ann")
	session := ann.take(t, "hw").SessionID
	w.firestoreDown()
	for range 3 {
		w.advance(t, 4*time.Minute)
		ann.beat(t, session).refused(t, "unavailable")
		w.user(org, "bob").beat(t, session).refused(t, "session_not_found")
	}
	ann.renew(t, session).refused(t, "unavailable")
	w.outage.end()
	if s := ann.beat(t, session).want(t, http.StatusOK).session(t); s.LicenseToken == "" {
		t.Error("no token after the outage")
	}
	w.advance(t, 7*time.Minute)
	w.outage.begin(recordtest.Outage(record.ErrNotWritten), "Entitlements")
	ann.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", "expired")
	w.wantEnded(t, org, session, license.EndExpired)
}

// TestASuspensionThatCannotBeVerified: what a cache refuses is looked up; when
// that fails, the seat stays, and whoever holds it is told to come again.
func TestASuspensionThatCannotBeVerified(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		session := ann.take(t, "hw").SessionID
		w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "status": "suspended"})
		w.user(org, "bob").acquire(t, "hw").refused(t, "license_inactive") // the cache knows
		before := w.state(t, org)
		w.firestoreDown()
		ann.beat(t, session).refused(t, "unavailable")
		w.wantState(t, org, before)
		w.outage.end()
		ann.beat(t, session).refused(t, "license_inactive")
		w.wantEnded(t, org, session, license.EndLicenseSuspended)
	})
}

// TestAFailingReaperIsAnError: its answer is 200, for the next run goes on, but
// the log says that, and where, somebody should look.
func TestAFailingReaperIsAnError(t *testing.T) {
	var log logBuffer
	opts := devstack.Defaults()
	opts.Log = slog.New(slog.NewJSONHandler(&log, nil))
	w := start(t, embedded(), opts)
	org := w.licensed(t, 1)
	w.user(org, "ann").take(t, "hw")
	w.advance(t, opts.SessionTTL)
	w.outage.begin(recordtest.Outage(record.ErrNotWritten), "End", "OpenEpoch")
	if report := w.reap(t); !report.More || report.SessionsReaped != 0 {
		t.Errorf("report %+v", report)
	}
	line := log.await(t, `"organizations_failed":`)
	if !strings.Contains(line, `"level":"ERROR"`) || !strings.Contains(line, `"first_failed_organization":"`) {
		t.Errorf("logged %q", line)
	}
}

// stranger is an organization this instance has never heard of.
func (w *world) stranger() string { return "stranger" }

// TestAcquireOfUnknownOutcome: the answer of Firestore was lost. The client is
// told to come again, and then gets the very seat that was taken.
func TestAcquireOfUnknownOutcome(t *testing.T) {
	for _, name := range []string{"not written", "written"} {
		t.Run(name, func(t *testing.T) {
			onCommon(t, func(t *testing.T, w *world) {
				org := w.licensed(t, 1)
				if name == "written" {
					w.outage.losing(recordtest.Outage(nil), "Create")
				} else {
					w.outage.begin(recordtest.Outage(nil), "Create")
				}
				w.user(org, "ann").acquire(t, "hw").refused(t, "unavailable")
				w.outage.end()
				w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available") // it may be recorded
				s := w.user(org, "ann").acquire(t, "hw").want(t, http.StatusOK).session(t)
				if got := w.state(t, org); got.held != 1 || len(got.active) != 1 || got.active[0] != s.SessionID {
					t.Errorf("%+v for session %s", got, s.SessionID)
				}
			})
		})
	}
}

// TestExpiryWithoutFirestore: an end that cannot be recorded is not announced,
// and its seat is not granted again, until it can.
func TestExpiryWithoutFirestore(t *testing.T) {
	onEachExpiring(t, soon, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		old := ann.take(t, "hw").SessionID
		w.expire(t, org, 1)
		w.outage.begin(recordtest.Outage(record.ErrNotWritten), "End")
		ann.beat(t, old).refused(t, "unavailable")
		w.user(org, "bob").acquire(t, "hw").refused(t, "unavailable")
		w.outage.end()
		ann.beat(t, old).refused(t, "session_ended").wantMember(t, "reason", "expired")
		w.user(org, "bob").take(t, "hw")
	})
}

// TestReleaseWithoutFirestore is acknowledged, and the seat is free as soon as
// anything can be granted again; the reaper comes at once.
func TestReleaseWithoutFirestore(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		session := ann.take(t, "hw").SessionID
		w.outage.begin(recordtest.Outage(nil), "End")
		ann.release(t, session).want(t, http.StatusNoContent)
		ann.release(t, session).want(t, http.StatusNoContent)
		ann.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", "released")
		w.user(org, "bob").beat(t, session).refused(t, "session_not_found")
		w.user(org, "bob").release(t, session).refused(t, "session_not_found")
		if s := w.recorded(t, org, session); s.Status != license.SessionActive {
			t.Errorf("recorded as %s although the record was away", s.Status)
		}
		w.user(org, "bob").acquire(t, "hw").refused(t, "unavailable")
		w.outage.end()
		if r := w.reap(t); r.SessionsReaped != 1 || r.More {
			t.Errorf("the reaper after it: %+v", r)
		}
		w.wantEnded(t, org, session, license.EndReleased)
		w.user(org, "bob").take(t, "hw")
		ann.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", "released")
	})
}

// TestARevocationThatCannotBeRecorded is told as what it is: the seat is gone
// either way.
func TestARevocationThatCannotBeRecorded(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		session := ann.take(t, "hw").SessionID
		w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "status": "suspended"})
		w.outage.begin(recordtest.Outage(nil), "End")
		ann.beat(t, session).refused(t, "license_inactive")
		ann.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", "license_suspended")
	})
}

// TestWithoutRedis nobody is given a wrong answer: everything is to be tried
// again, and the reaper changes nothing.
func TestWithoutRedis(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		session := ann.take(t, "hw").SessionID
		token := w.stack.SchedulerToken()
		active := w.state(t, org).active
		w.killRedis()
		for _, a := range []answer{
			ann.acquire(t, "hw"), w.user(org, "bob").acquire(t, "hw"), ann.beat(t, session), ann.renew(t, session), ann.release(t, session),
			ann.beat(t, nobodysSession), w.do(t, http.MethodPost, api.PathReap, token, nil),
		} {
			a.refused(t, "unavailable")
		}
		if s := w.recorded(t, org, session); s.Status != license.SessionActive || len(active) != 1 {
			t.Errorf("recorded as %s", s.Status)
		}
	})
}

// TestRedisComesBackEmpty and the seats that were held are still held.
func TestRedisComesBackEmpty(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org := w.licensed(t, 3)
		ann := w.user(org, "ann")
		var ids []string
		for _, hw := range []string{"1", "2", "3"} {
			ids = append(ids, ann.take(t, hw).SessionID)
		}
		for range 2 {
			w.lose()
			w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available")
			w.lose()
			for _, id := range ids {
				if s := ann.beat(t, id).want(t, http.StatusOK).session(t); s.SeatsUsed != 3 {
					t.Errorf("%d seats used after the loss", s.SeatsUsed)
				}
			}
			ann.acquire(t, "2").want(t, http.StatusOK)
		}
		ann.release(t, ids[0]).want(t, http.StatusNoContent)
		w.lose()
		ann.beat(t, ids[0]).refused(t, "session_ended").wantMember(t, "reason", "released")
		w.user(org, "bob").take(t, "hw")
		w.user(org, "cem").acquire(t, "hw").refused(t, "no_seats_available")
	})
}

// TestRedisIsLostInTheMiddleOfAll: all holders heartbeat and a crowd wants in,
// while Redis is lost again and again. Nobody loses a seat, none is sold twice.
func TestRedisIsLostInTheMiddleOfAll(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		const seats = 5
		org := w.licensed(t, seats)
		ann := w.user(org, "ann")
		holders := make([]string, seats)
		for i := range holders {
			holders[i] = ann.take(t, string(rune('a'+i))).SessionID
		}
		for range 3 {
			w.lose()
			race(t, 2*seats, func(i int) error {
				var a answer
				want := http.StatusOK
				if i < seats {
					a = ann.beat(t, holders[i])
				} else {
					a, want = w.user(org, "bob").acquire(t, string(rune('a'+i))), http.StatusConflict
				}
				if a.status != want {
					return errors.New(a.what + ": " + string(a.body))
				}
				return nil
			})
			if got := w.state(t, org); got.held != seats || len(got.active) != seats {
				t.Fatalf("after a loss: %+v", got)
			}
		}
	})
}

// TestIdentityKeysCannotBeHad: nobody gets in, and nobody is told that the
// token is bad.
func TestIdentityKeysCannotBeHad(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 1)
	w.stack.IDP.SetMode(fakeidp.Failing) // before any key was fetched
	ann := w.user(org, "ann")
	for _, a := range []answer{ann.acquire(t, "hw"), ann.beat(t, nobodysSession), ann.release(t, nobodysSession), w.do(t, http.MethodPost, "/", w.stack.SchedulerToken(), nil)} {
		a.refused(t, "unavailable")
	}
}
