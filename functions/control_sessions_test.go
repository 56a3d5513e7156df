package functions_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

func (v vendor) sessions(t *testing.T, org, query string) api.SessionList {
	t.Helper()
	return into[api.SessionList](t, v.do(t, http.MethodGet, api.SessionsPath(org)+query, nil), http.StatusOK)
}

func (v vendor) session(t *testing.T, org, id string) api.LiveSession {
	t.Helper()
	return into[api.LiveSession](t, v.do(t, http.MethodGet, api.SessionOfPath(org, id), nil), http.StatusOK)
}

// wantStates checks the states of all sessions, the newest first, in the list and one by one.
func (v vendor) wantStates(t *testing.T, org string, want ...string) {
	t.Helper()
	var got []string
	for _, s := range v.sessions(t, org, "").Sessions {
		got = append(got, s.State)
		if one := v.session(t, org, s.SessionID); one != s {
			t.Errorf("in the list %+v, by itself %+v", s, one)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
}

// revoked are the entries of the audit about ends.
func (v vendor) revoked(t *testing.T, org string) (found []api.AuditEntry) {
	t.Helper()
	for _, e := range into[api.AuditList](t, v.do(t, http.MethodGet, api.AuditPath(org), nil), http.StatusOK).Entries {
		if e.Action == "session.revoked" {
			found = append(found, e)
		}
	}
	return found
}

// TestTheVendorSeesWhoHasASeat: who, where, since when, and until when as the ledger
// has it now.
func TestTheVendorSeesWhoHasASeat(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	ann, bob := v.w.user(org, "ann"), v.w.user(org, "bob")
	first := ann.take(t, "hw", map[string]any{"instance_id": "i-1", "client": map[string]any{"name": "Studio", "version": "4.2.0", "hostname": "desk", "project": " bridge-7 "}})
	v.w.advance(t, time.Second)
	second := bob.take(t, "hw-2")
	v.w.advance(t, time.Minute)
	beaten := ann.beat(t, first.SessionID).want(t, http.StatusOK).session(t)
	want := []api.LiveSession{
		{
			SessionID: second.SessionID, LicenseID: "pro", UserID: "bob", HardwareID: "hw-2", State: "active",
			AcquiredAt: second.AcquiredAt, LastHeartbeatAt: second.LastHeartbeatAt, ExpiresAt: second.ExpiresAt,
		},
		{
			SessionID: first.SessionID, LicenseID: "pro", UserID: "ann", HardwareID: "hw", InstanceID: "i-1", State: "active",
			Client:     api.LiveClient{Name: "Studio", Version: "4.2.0", Hostname: "desk", Project: "bridge-7"},
			AcquiredAt: first.AcquiredAt, LastHeartbeatAt: beaten.LastHeartbeatAt, ExpiresAt: beaten.ExpiresAt,
		},
	}
	if got := v.sessions(t, org, "?license=pro"); !slices.Equal(got.Sessions, want) || got.After != "" {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if got := v.session(t, org, strings.ToUpper(first.SessionID)); got != want[1] {
		t.Errorf("%+v\nwant %+v", got, want[1])
	}
	page := v.sessions(t, org, "?limit=1")
	rest := v.sessions(t, org, "?limit=1&after="+page.After)
	if got := slices.Concat(page.Sessions, rest.Sessions); !slices.Equal(got, want) || page.After == "" || rest.After != "" {
		t.Errorf("in pages %+v, the last with after %q\nwant %+v", got, rest.After, want)
	}
	for query, n := range map[string]int{"?user=ann": 1, "?user=ann&license=pro": 1, "?user=eve": 0, "?license=lab": 0, "?user=an%ff": 0, "?project=bridge-7": 1, "?project=bridge": 0} {
		if got := v.sessions(t, org, query).Sessions; len(got) != n || n == 1 && got[0] != want[1] {
			t.Errorf("%s: %+v", query, got)
		}
	}
}

// TestTheStateOfASession is what the ledger makes of what the record has.
func TestTheStateOfASession(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	silent := v.w.user(org, "silent")
	silent.take(t, "hw")
	v.w.advance(t, v.w.opts.SessionTTL+time.Second)
	var held [3]api.Session
	for i, name := range []string{"beating", "leaving", "lost"} {
		v.w.advance(t, time.Second)
		held[i] = v.w.user(org, name).take(t, "hw")
	}
	v.w.outage.begin(recordtest.Outage(nil), "End")
	v.w.user(org, "leaving").release(t, held[1].SessionID).want(t, http.StatusNoContent)
	v.w.outage.end()
	v.w.drop(t, held[2].SessionID, license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "lost", HardwareID: "hw"}})
	v.wantStates(t, org, "ending", "ending", "active", "expired")
	for range 2 {
		v.w.reap(t)
	}
	v.wantStates(t, org, "ending", "active") // of the lost one the sweep takes care
}

// TestTheListOutlivesTheLedger: while it is away or waits for its rebuild, the record's
// word is told, and nothing is made of it. Without the record there is no list.
func TestTheListOutlivesTheLedger(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	held := v.w.user(org, "ann").take(t, "hw")
	v.w.lose()
	for range 2 {
		v.wantStates(t, org, "unknown")
	}
	if warned := v.w.warned.String(); !strings.Contains(warned, "unseen=") {
		t.Errorf("nobody is told why: %s", warned)
	}
	v.w.user(org, "ann").beat(t, held.SessionID).want(t, http.StatusOK)
	v.wantStates(t, org, "active")
	v.w.outage.begin(recordtest.Outage(nil), "SessionPage", "Session", "RevokeSession")
	v.do(t, http.MethodGet, api.SessionsPath(org), nil).refused(t, "unavailable")
	v.do(t, http.MethodGet, api.SessionOfPath(org, held.SessionID), nil).refused(t, "unavailable")
	v.do(t, http.MethodDelete, api.SessionOfPath(org, held.SessionID), nil).refused(t, "unavailable")
	v.w.outage.end()
	v.wantStates(t, org, "active")
	v.w.killRedis()
	v.wantStates(t, org, "unknown")
	v.do(t, http.MethodDelete, api.SessionOfPath(org, held.SessionID), nil).refused(t, "unavailable")
	if got := v.revoked(t, org); len(got) != 0 {
		t.Errorf("the audit has an end that was none: %+v", got)
	}
}

// TestTheVendorTakesASeatBack: it is free at once, its program hears of it, and the
// audit has it once.
func TestTheVendorTakesASeatBack(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	ann, bob := v.w.user(org.ID, "ann"), v.w.user(org.ID, "bob")
	held := ann.take(t, "hw").SessionID
	path := api.SessionOfPath(org.ID, held)
	v.do(t, http.MethodDelete, path+"?dry_run=true", nil).want(t, http.StatusNoContent)
	ann.beat(t, held).want(t, http.StatusOK)
	bob.acquire(t, "hw").refused(t, "no_seats_available")

	v.do(t, http.MethodDelete, path, nil).want(t, http.StatusNoContent)
	taken := bob.take(t, "hw").SessionID
	if p := ann.beat(t, held).refused(t, "session_ended"); p["reason"] != "revoked" {
		t.Errorf("%v", p)
	}
	if p := v.do(t, http.MethodGet, path, nil).refused(t, "session_ended"); p["reason"] != "revoked" {
		t.Errorf("%v", p)
	}
	if got := v.sessions(t, org.ID, "").Sessions; len(got) != 1 || got[0].SessionID != taken {
		t.Errorf("%+v", got)
	}
	for _, again := range []string{path, path + "?dry_run=true"} {
		v.do(t, http.MethodDelete, again, nil).want(t, http.StatusNoContent)
	}
	entries := v.revoked(t, org.ID)
	if len(entries) != 1 {
		t.Fatalf("%d entries: %+v", len(entries), entries)
	}
	e := entries[0]
	if e.Actor != "eve@vendor.example" || e.Object != "organizations/"+org.ID+"/sessions/"+held || e.At.IsZero() {
		t.Errorf("%+v", e)
	}
	if e.Before["status"] != "active" || e.Before["user_id"] != "ann" || e.After["status"] != "ended" || e.After["ended_reason"] != "revoked" || e.After["user_id"] != "ann" {
		t.Errorf("from %v to %v", e.Before, e.After)
	}
}

// TestOnlyWhoWasRevokedIsInTheAudit: who ends by itself before the vendor comes stays
// as it was told.
func TestOnlyWhoWasRevokedIsInTheAudit(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	ann := v.w.user(org, "ann")
	gone, over := ann.take(t, "hw").SessionID, ann.take(t, "hw-2").SessionID
	ann.release(t, gone).want(t, http.StatusNoContent)
	v.do(t, http.MethodDelete, api.SessionOfPath(org, gone), nil).want(t, http.StatusNoContent)
	v.w.wantEnded(t, org, gone, license.EndReleased)
	v.w.advance(t, v.w.opts.SessionTTL+time.Second)
	v.do(t, http.MethodDelete, api.SessionOfPath(org, over), nil).want(t, http.StatusNoContent)
	v.w.wantEnded(t, org, over, license.EndExpired)
	if got := v.revoked(t, org); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestTheVendorEndsWhatTheLedgerLost: the record alone has it, and the audit.
func TestTheVendorEndsWhatTheLedgerLost(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	held := v.w.user(org, "ann").take(t, "hw").SessionID
	v.w.drop(t, held, license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw"}})
	v.do(t, http.MethodDelete, api.SessionOfPath(org, held), nil).want(t, http.StatusNoContent)
	v.w.wantEnded(t, org, held, license.EndRevoked)
	if got := v.revoked(t, org); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestAnEndThatDiedHalfWayIsInTheAudit: wherever the process dies, whoever completes the
// end writes the entry with it; before the end there is none.
func TestAnEndThatDiedHalfWayIsInTheAudit(t *testing.T) {
	for _, at := range []seats.Step{seats.StepMarked, seats.StepEnded} {
		t.Run(string(at), func(t *testing.T) {
			var dies atomic.Bool
			opts := devstack.Defaults()
			opts.OnStep = func(_ context.Context, s seats.Step) error {
				if s == at && dies.Load() {
					return errors.New("died")
				}
				return nil
			}
			v := start(t, embedded(), opts).vendor()
			org := v.w.licensed(t, 1)
			held := v.w.user(org, "ann").take(t, "hw").SessionID
			dies.Store(true)
			v.do(t, http.MethodDelete, api.SessionOfPath(org, held), nil).refused(t, "internal")
			dies.Store(false)
			if got, want := len(v.revoked(t, org)), map[seats.Step]int{seats.StepMarked: 0, seats.StepEnded: 1}[at]; got != want {
				t.Errorf("%d entries before the end is completed, want %d", got, want)
			}
			v.w.user(org, "bob").take(t, "hw") // whoever wants the seat completes the end
			v.w.wantEnded(t, org, held, license.EndRevoked)
			if got := v.revoked(t, org); len(got) != 1 || got[0].Actor != "eve@vendor.example" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestAnEndWhileTheRecordIsAway is acknowledged as any release is, and whoever records
// it then writes the entry.
func TestAnEndWhileTheRecordIsAway(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 1)
	ann := v.w.user(org, "ann")
	held := ann.take(t, "hw").SessionID
	v.w.outage.begin(recordtest.Outage(nil), "End")
	v.do(t, http.MethodDelete, api.SessionOfPath(org, held), nil).want(t, http.StatusNoContent)
	v.wantStates(t, org, "ending")
	v.w.outage.end()
	v.w.reap(t)
	v.w.wantEnded(t, org, held, license.EndRevoked)
	if got := v.revoked(t, org); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestWhatTheVendorSeesIsNotLogged: machines and people are for the answer alone.
func TestWhatTheVendorSeesIsNotLogged(t *testing.T) {
	lines, opts := &warnings{}, devstack.Defaults()
	opts.Log = slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v := start(t, embedded(), opts).vendor()
	org := v.w.licensed(t, 9)
	held := v.w.user(org, "secret-user").take(t, "secret-machine").SessionID
	v.sessions(t, org, "?user=secret-user")
	v.session(t, org, held)
	v.do(t, http.MethodDelete, api.SessionOfPath(org, held), nil).want(t, http.StatusNoContent)
	// A line is written behind its answer.
	eventually(t, func() bool {
		return strings.Contains(lines.String(), "revoked") && strings.Contains(lines.String(), held)
	})
	text := lines.String()
	for _, secret := range []string{"secret-user", "secret-machine", "eve@vendor.example"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in the log:\n%s", secret, text)
		}
	}
}

// TestSessionsOfAnotherOrganizationAreNotThere, nor are those that cannot be.
func TestSessionsOfAnotherOrganizationAreNotThere(t *testing.T) {
	v := control(t)
	mine, theirs := v.w.licensed(t, 9), v.w.licensed(t, 9)
	ann := v.w.user(theirs, "ann")
	held := ann.take(t, "hw").SessionID
	if got := v.sessions(t, mine, "").Sessions; len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for _, id := range []string{held, nobodysSession, "x", "%2e%2e", strings.Repeat("a", 36)} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			v.do(t, method, api.SessionOfPath(mine, id), nil).refused(t, "session_not_found")
			v.do(t, method, api.SessionOfPath("nowhere", id), nil).refused(t, "session_not_found")
		}
	}
	ann.take(t, "hw-2")
	position := v.sessions(t, theirs, "?limit=1").After
	v.do(t, http.MethodGet, api.SessionsPath(mine)+"?after="+position, nil).refused(t, "invalid_request")
	ann.beat(t, held).want(t, http.StatusOK)
}
