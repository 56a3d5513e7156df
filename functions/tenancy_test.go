package functions_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestAnotherOrganizationsIDs: for a stranger they behave, byte for byte, as
// ids that do not exist, whatever the stranger's role and whatever state the
// other organization's things are in.
func TestAnotherOrganizationsIDs(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		victim, attacker := w.licensed(t, 3), w.licensed(t, 3)
		w.putLicense(t, victim, "gold", map[string]any{"product": "vault"})
		ann := w.user(victim, "ann")
		living := ann.take(t, "hw", map[string]any{"license_id": "pro"}).SessionID
		over := ann.take(t, "hw-2", map[string]any{"license_id": "pro"}).SessionID
		ann.release(t, over).want(t, http.StatusNoContent)
		before := w.state(t, victim)

		// The stranger even has the holder's own user id.
		for _, role := range []license.Role{license.RoleMember, license.RoleAdmin, license.RoleOwner} {
			eve := w.userAs(attacker, "ann", role)
			for name, call := range map[string]func(id string) answer{
				"heartbeat": func(id string) answer { return eve.beat(t, id) },
				"renewal":   func(id string) answer { return eve.renew(t, id) },
				"release":   func(id string) answer { return eve.release(t, id) },
			} {
				nothing := call(nobodysSession)
				nothing.refused(t, "session_not_found")
				for _, id := range []string{living, over, strings.ToUpper(living)} {
					same(t, string(role)+" "+name, call(id), nothing)
				}
			}
			for _, tt := range []struct{ member, theirs, code string }{
				{"license_id", "gold", "license_not_found"},
				{"product", "vault", "license_not_found"},
			} {
				want := eve.acquire(t, "hw", map[string]any{tt.member: "nothing"})
				want.refused(t, tt.code)
				same(t, string(role)+" "+tt.member, eve.acquire(t, "hw", map[string]any{tt.member: tt.theirs}), want)
			}
		}
		w.wantState(t, victim, before)
		ann.beat(t, living).want(t, http.StatusOK)
	})
}

// same compares two refusals but for their request ids and their date.
func same(t *testing.T, what string, got, want answer) {
	t.Helper()
	if got.status != want.status || anonymous(got) != anonymous(want) {
		t.Errorf("%s:\n%d %s\nin place of\n%d %s", what, got.status, got.body, want.status, want.body)
	}
	if g, w := anonymousHeader(got), anonymousHeader(want); !maps.EqualFunc(g, w, func(a, b []string) bool {
		return strings.Join(a, "\x00") == strings.Join(b, "\x00")
	}) {
		t.Errorf("%s: headers\n%v\nin place of\n%v", what, g, w)
	}
}

func anonymous(a answer) string {
	return strings.ReplaceAll(string(a.body), a.header.Get("X-Request-Id"), "")
}

func anonymousHeader(a answer) http.Header {
	h := a.header.Clone()
	h.Del("X-Request-Id")
	h.Del("Date")
	return h
}

// TestAnotherUsersSession of the same organization: nobody else keeps it alive,
// members do not end it, administrators do.
func TestAnotherUsersSession(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		for _, role := range []license.Role{license.RoleAdmin, license.RoleOwner} {
			org := w.licensed(t, 1)
			ann := w.user(org, "ann")
			session := ann.take(t, "hw").SessionID

			for _, other := range []user{w.user(org, "bob"), w.userAs(org, "eve", role)} {
				nothing := other.beat(t, nobodysSession)
				same(t, "heartbeat", other.beat(t, session), nothing)
			}
			for _, powerless := range []license.Role{license.RoleMember, license.RoleService, "ADMIN", "superuser", ""} {
				bob := w.userAs(org, "bob", powerless)
				same(t, "release", bob.release(t, session), bob.release(t, nobodysSession))
			}
			ann.beat(t, session).want(t, http.StatusOK)

			boss := w.userAs(org, "eve", role)
			boss.release(t, session).want(t, http.StatusNoContent)
			w.wantEnded(t, org, session, license.EndRevoked)
			ann.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", "revoked")
			boss.release(t, session).want(t, http.StatusNoContent)
			ann.release(t, session).want(t, http.StatusNoContent)
			w.wantEnded(t, org, session, license.EndRevoked) // the first end stays
			w.user(org, "bob").take(t, "hw")
		}
	})
}

// TestAnAdministratorsOwnSession is released, not revoked.
func TestAnAdministratorsOwnSession(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		boss := w.userAs(org, "boss", license.RoleOwner)
		session := boss.take(t, "hw").SessionID
		boss.release(t, session).want(t, http.StatusNoContent)
		w.wantEnded(t, org, session, license.EndReleased)
		boss.beat(t, session).refused(t, "session_ended").wantMember(t, "reason", "released")
	})
}

// TestALateReleaseSparesTheNextSession: it is about one session, not its holder.
func TestALateReleaseSparesTheNextSession(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		first := ann.take(t, "hw").SessionID
		ann.release(t, first).want(t, http.StatusNoContent)
		second := ann.take(t, "hw").SessionID
		ann.release(t, first).want(t, http.StatusNoContent)
		ann.release(t, strings.ToUpper(first)).want(t, http.StatusNoContent)
		ann.beat(t, second).want(t, http.StatusOK)
		ann.beat(t, strings.ToUpper(second)).want(t, http.StatusOK)
		w.user(org, "bob").acquire(t, "hw").refused(t, "no_seats_available")
	})
}
