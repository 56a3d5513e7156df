package functions_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestTheWholeLifeOfSeats is the story of the README: three seats, four people.
func TestTheWholeLifeOfSeats(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 3)
		ann := w.user(org, "ann")
		before := time.Now()

		taken := ann.acquire(t, "hw-ann", map[string]any{"client": map[string]any{"name": "Studio", "version": "4.2", "hostname": "drawing-room"}})
		first := taken.want(t, http.StatusCreated).session(t)
		if got := taken.header.Get("Location"); got != "/api/v1/licenses/sessions/"+first.SessionID {
			t.Errorf("Location %q", got)
		}
		wantFirstSession(t, first, org, before)
		if s := w.recorded(t, org, first.SessionID); s.Status != license.SessionActive || s.Client.Hostname != "drawing-room" || s.HardwareID != "hw-ann" {
			t.Errorf("recorded as %+v", s)
		}

		again := ann.acquire(t, "hw-ann").want(t, http.StatusOK)
		if s := again.session(t); s.SessionID != first.SessionID || s.SeatsUsed != 1 || s.LicenseToken == "" {
			t.Errorf("the same holder again: %+v", s)
		}
		if again.header.Get("Location") != "" {
			t.Error("a Location although nothing was made")
		}
		if s := ann.beat(t, first.SessionID).want(t, http.StatusOK).session(t); s.SessionID != first.SessionID || s.LicenseToken == "" {
			t.Errorf("heartbeat: %+v", s)
		}
		theOthers(t, w, org)

		ann.release(t, first.SessionID).want(t, http.StatusNoContent)
		if s := w.user(org, "dan").take(t, "hw-dan"); s.SeatsUsed != 3 || s.SessionID == first.SessionID {
			t.Errorf("the one who waited: %+v", s)
		}
		ann.beat(t, first.SessionID).refused(t, "session_ended").wantMember(t, "reason", "released")
		ann.release(t, first.SessionID).want(t, http.StatusNoContent) // again, and nothing happens
		w.user(org, "eve").acquire(t, "hw-eve").refused(t, "no_seats_available")
	})
}

// wantFirstSession checks every member of a first answer.
func wantFirstSession(t *testing.T, s api.Session, org string, before time.Time) {
	t.Helper()
	if !license.ValidSessionID(s.SessionID) || s.SessionID[14] != '7' {
		t.Errorf("session id %q is not a UUIDv7", s.SessionID)
	}
	now := s.ServerTime.Time
	if d := now.Sub(before); d < -time.Second || d > time.Minute {
		t.Errorf("server_time is %v from now", d)
	}
	want := api.Session{
		SessionID: s.SessionID, LicenseID: "pro", OrganizationID: org, UserID: "ann", HardwareID: "hw-ann",
		Product: "studio", Plan: "pro", Entitlements: api.List{"export"},
		AcquiredAt: s.ServerTime, LastHeartbeatAt: s.ServerTime, ExpiresAt: api.NewTime(now.Add(6 * time.Minute)),
		HeartbeatIntervalSeconds: 120, NextHeartbeatAt: s.NextHeartbeatAt, // of which TestHeartbeatsHaveSlots is
		LicenseToken: s.LicenseToken, LicenseTokenExpiresAt: api.NewTime(now.Add(5 * time.Minute).Truncate(time.Second)),
		SeatsUsed: 1, SeatsMax: 3, ServerTime: s.ServerTime,
	}
	if got, want := fmt.Sprintf("%+v", s), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Count(s.LicenseToken, ".") != 2 {
		t.Errorf("license_token %q", s.LicenseToken)
	}
}

// theOthers take the two seats left; the fourth is told to wait.
func theOthers(t *testing.T, w *world, org string) {
	t.Helper()
	for i, name := range []string{"bob", "cem"} {
		if s := w.user(org, name).take(t, "hw-"+name); s.SeatsUsed != i+2 || s.SeatsMax != 3 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	waiting := w.user(org, "dan").acquire(t, "hw-dan")
	p := waiting.refused(t, "no_seats_available")
	p.wantMember(t, "seats_used", 3)
	p.wantMember(t, "seats_max", 3)
	p.wantMember(t, "limit", "license")
	if wait, _ := strconv.Atoi(waiting.header.Get("Retry-After")); wait < 300 || wait > 360 {
		t.Errorf("Retry-After %d, the earliest expiry is 6 minutes away", wait)
	}
}

// TestWhoIsTheSameHolder: license, user, hardware and instance, nothing else.
func TestWhoIsTheSameHolder(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.tenant(t, 100)
		for _, id := range []string{"pro", "lab"} {
			w.putLicense(t, org, id, map[string]any{"product": id, "max_seats": 10})
		}
		pro, lab := map[string]any{"license_id": "pro"}, map[string]any{"license_id": "lab"}
		first := w.user(org, "ann").take(t, "hw", pro)
		for name, other := range map[string]answer{
			"instance": w.user(org, "ann").acquire(t, "hw", pro, map[string]any{"instance_id": "2"}),
			"hardware": w.user(org, "ann").acquire(t, "HW", pro),
			"user":     w.user(org, "bob").acquire(t, "hw", pro),
			"license":  w.user(org, "ann").acquire(t, "hw", lab),
			// Joined without care, these would be the first holder again.
			"a tab":   w.user(org, "ann").acquire(t, "hw 2", pro),
			"a comma": w.user(org, "ann").acquire(t, "hw,2", pro, map[string]any{"instance_id": "%2"}),
		} {
			if s := other.want(t, http.StatusCreated).session(t); s.SessionID == first.SessionID {
				t.Errorf("another %s is the same holder", name)
			}
		}
		for name, same := range map[string]answer{
			"client":  w.user(org, "ann").acquire(t, "hw", pro, map[string]any{"client": map[string]any{"name": "x"}}),
			"product": w.user(org, "ann").acquire(t, "hw", pro, map[string]any{"product": "pro"}),
			"role":    w.userAs(org, "ann", license.RoleOwner).acquire(t, "hw", pro),
		} {
			if s := same.want(t, http.StatusOK).session(t); s.SessionID != first.SessionID {
				t.Errorf("another %s makes another holder", name)
			}
		}
		if s := w.user(org, "ann").acquire(t, "hw", pro, map[string]any{"instance_id": "2"}).want(t, http.StatusOK).session(t); s.InstanceID != "2" || s.SeatsUsed != 6 {
			t.Errorf("the instance again: %+v", s)
		}
	})
}

// TestTheHolderKeepsItsSeatWhenAllAreTaken: a repeat never competes.
func TestTheHolderKeepsItsSeatWhenAllAreTaken(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		first := w.user(org, "ann").take(t, "hw")
		w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available")
		if s := w.user(org, "ann").acquire(t, "hw").want(t, http.StatusOK).session(t); s.SessionID != first.SessionID {
			t.Errorf("another session: %+v", s)
		}
	})
}

// TestChoosingALicense is the shape of globex: two licenses of five seats each
// under a cap of four.
func TestChoosingALicense(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		org := w.tenant(t, 4)
		w.putLicense(t, org, "team", map[string]any{"product": "studio", "max_seats": 5})
		w.putLicense(t, org, "lab", map[string]any{"product": "lab", "max_seats": 5})
		ann := w.user(org, "ann")
		ann.acquire(t, "hw").refused(t, "license_ambiguous").wantMember(t, "licenses", []string{"lab", "team"})
		if s := ann.take(t, "1", map[string]any{"product": "lab"}); s.LicenseID != "lab" || s.SeatsMax != 5 {
			t.Errorf("by product: %+v", s)
		}
		if s := ann.take(t, "1", map[string]any{"license_id": "team"}); s.LicenseID != "team" || s.SeatsUsed != 1 {
			t.Errorf("by id: %+v", s)
		}
		ann.acquire(t, "2", map[string]any{"license_id": "team", "product": "lab"}).refused(t, "license_not_found")
		ann.acquire(t, "2", map[string]any{"product": "nothing"}).refused(t, "license_not_found")

		w.putLicense(t, org, "lab", map[string]any{"product": "lab", "max_seats": 5, "status": "suspended"})
		if s := ann.take(t, "3"); s.LicenseID != "team" {
			t.Errorf("the only active one: %+v", s)
		}
		ann.take(t, "4")
		p := ann.acquire(t, "5").refused(t, "no_seats_available")
		p.wantMember(t, "limit", "organization")
		p.wantMember(t, "seats_used", 4)
		p.wantMember(t, "seats_max", 4)
	})
}

// TestALoweredLimitEndsNobody: it refuses new grants until enough have gone.
func TestALoweredLimitEndsNobody(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 3)
		ann := w.user(org, "ann")
		sessions := []api.Session{ann.take(t, "1"), ann.take(t, "2"), ann.take(t, "3")}
		w.putLicense(t, org, "pro", map[string]any{"max_seats": 1})
		for _, s := range sessions {
			ann.beat(t, s.SessionID).want(t, http.StatusOK)
		}
		ann.acquire(t, "3").want(t, http.StatusOK)
		p := ann.acquire(t, "4").refused(t, "no_seats_available")
		p.wantMember(t, "seats_used", 3)
		p.wantMember(t, "seats_max", 1)
		for _, s := range sessions[1:] {
			ann.release(t, s.SessionID).want(t, http.StatusNoContent)
			ann.acquire(t, "4").refused(t, "no_seats_available")
		}
		ann.release(t, sessions[0].SessionID).want(t, http.StatusNoContent)
		ann.take(t, "4")
		w.putLicense(t, org, "pro", map[string]any{"max_seats": 0})
		w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available")
	})
}
