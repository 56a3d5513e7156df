package functions_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// ask is a request to the customers' door.
func (u user) ask(t *testing.T, method, path string, body any, change ...func(*http.Request)) answer {
	t.Helper()
	return u.w.do(t, method, path, u.token, body, change...)
}

func (u user) about(t *testing.T, id string) api.User {
	t.Helper()
	return read[api.User](t, u, api.AdminUserPath(id))
}

func (u user) change(t *testing.T, of api.User, body string) answer {
	t.Helper()
	return u.ask(t, http.MethodPatch, api.AdminUserPath(of.ID), body, header("If-Match", of.ETag))
}

func (u user) remove(t *testing.T, of api.User) answer {
	t.Helper()
	return u.ask(t, http.MethodDelete, api.AdminUserPath(of.ID), nil, header("If-Match", of.ETag))
}

func (u user) invite(t *testing.T, name, role string) answer {
	t.Helper()
	return u.ask(t, http.MethodPost, api.PathAdminUsers, map[string]any{"email": fmt.Sprintf("%s@%s.example", name, u.org), "role": role})
}

// TestAnOrganizationAdministersItsUsers: an owner does all of it, and the audit has each
// act under the owner's id.
func TestAnOrganizationAdministersItsUsers(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 9)
		chief := w.titled(t, org, "chief", license.RoleOwner)
		made := into[api.UserInvitation](t, chief.invite(t, "ann", "member"), http.StatusCreated)
		if !strings.Contains(made.InviteLink, "oobCode=") || made.User.OrganizationID != org || made.User.Role != "member" {
			t.Errorf("%+v", made)
		}
		ann := into[api.User](t, chief.change(t, made.User, `{"role":"admin","groups":["cad"]}`), http.StatusOK)
		found := into[api.UserList](t, chief.ask(t, http.MethodPost, api.PathAdminFind, api.UserSearch{Email: ann.Email}), http.StatusOK)
		if len(found.Users) != 1 || fmt.Sprint(found.Users[0]) != fmt.Sprint(ann) || fmt.Sprint(chief.about(t, ann.ID)) != fmt.Sprint(ann) {
			t.Errorf("found %+v, want %+v", found, ann)
		}
		chief.ask(t, http.MethodPost, api.AdminSignOutPath(ann.ID), nil).want(t, http.StatusNoContent)
		ann = into[api.User](t, chief.change(t, ann, `{"disabled":true}`), http.StatusOK)
		ann = into[api.User](t, chief.change(t, ann, `{"disabled":false,"role":"member"}`), http.StatusOK)
		var ids []string
		for after := ""; ; {
			page := read[api.UserList](t, chief, api.PathAdminUsers+"?limit=1&after="+after)
			for _, u := range page.Users {
				ids = append(ids, u.ID)
			}
			if after = page.After; after == "" {
				break
			}
		}
		if slices.Sort(ids); !slices.Equal(ids, slices.Sorted(slices.Values([]string{ann.ID, chief.id}))) {
			t.Errorf("the list has %v", ids)
		}
		chief.remove(t, ann).want(t, http.StatusNoContent)
		chief.get(t, api.AdminUserPath(ann.ID)).refused(t, "user_not_found")

		var acts []string
		for _, e := range read[api.AuditList](t, chief, api.PathAdminAudit).Entries {
			if e.Object == "organizations/"+org+"/users/"+ann.ID {
				acts = append(acts, e.Action+" "+e.State+" "+e.Actor)
			}
		}
		by := " done " + chief.id
		want := []string{"user.removed" + by, "user.changed" + by, "user.changed" + by, "user.signed_out" + by, "user.changed" + by, "user.invited" + by}
		if !slices.Equal(acts, want) {
			t.Errorf("%q, want %q", acts, want)
		}
	})
}

// TestAdminsActOnMembersAlone, and raise nobody, themselves least of all.
func TestAdminsActOnMembersAlone(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, v := w.licensed(t, 9), w.vendor()
		boss := w.titled(t, org, "boss", license.RoleAdmin)
		self, peer := v.userNow(t, org, boss.id), v.invite(t, org, "peer", "admin")
		chief, ann := v.invite(t, org, "chief", "owner"), v.invite(t, org, "ann", "member")
		v.invite(t, org, "second", "owner")
		for _, other := range []api.User{self, peer, chief} {
			for _, body := range []string{`{"role":"owner"}`, `{"role":"member"}`, `{"groups":["x"]}`, `{"disabled":true}`, `{}`} {
				boss.change(t, other, body).refused(t, "forbidden")
			}
			boss.remove(t, other).refused(t, "forbidden")
			boss.ask(t, http.MethodPost, api.AdminSignOutPath(other.ID), nil).refused(t, "forbidden")
			if now := v.userNow(t, org, other.ID); fmt.Sprint(now.ETag, now.Role, now.Groups) != fmt.Sprint(other.ETag, other.Role, other.Groups) {
				t.Errorf("%+v, before %+v", now, other)
			}
		}
		for _, role := range []string{"admin", "owner"} {
			boss.change(t, ann, `{"role":"`+role+`"}`).refused(t, "forbidden")
			boss.invite(t, "new-"+role, role).refused(t, "forbidden")
			boss.invite(t, "chief", role).refused(t, "forbidden") // nor is told whose address it is
		}
		boss.remove(t, ann).refused(t, "forbidden")
		ann = into[api.User](t, boss.change(t, ann, `{"role":"member","groups":["cad"],"disabled":true}`), http.StatusOK)
		into[api.User](t, boss.change(t, ann, `{"disabled":false}`), http.StatusOK)
		boss.ask(t, http.MethodPost, api.AdminSignOutPath(ann.ID), nil).want(t, http.StatusNoContent)
		boss.invite(t, "new", "member").want(t, http.StatusCreated)
	})
}

// TestAnIDTokenIsNotEnough: it says for an hour what a user was, and anybody's who was never
// in the list.
func TestAnIDTokenIsNotEnough(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, v := w.licensed(t, 9), w.vendor()
		v.invite(t, org, "first", "owner")
		ann := v.invite(t, org, "ann", "member")
		fallen := w.titled(t, org, "fallen", license.RoleOwner)
		refused := func(u user) {
			t.Helper()
			u.change(t, ann, `{"groups":[]}`).refused(t, "forbidden")
			u.change(t, v.userNow(t, org, fallen.id), `{"role":"owner"}`).refused(t, "forbidden")
			u.remove(t, ann).refused(t, "forbidden")
			u.invite(t, "friend", "owner").refused(t, "forbidden")
			u.invite(t, "ann", "member").refused(t, "forbidden")
			u.ask(t, http.MethodPost, api.AdminSignOutPath(ann.ID), nil).refused(t, "forbidden")
			u.ask(t, http.MethodPost, api.PathAdminMachine, map[string]any{"name": "farm"}).refused(t, "forbidden")
		}
		refused(w.userAs(org, "stranger", license.RoleOwner))
		for _, body := range []string{`{"role":"member"}`, `{"role":"owner","disabled":true}`} {
			v.changeUser(t, v.userNow(t, org, fallen.id), body).want(t, http.StatusOK)
			refused(fallen)
		}
	})
}

// TestTheLastOwnerStaysForCustomers, whatever it wants of itself.
func TestTheLastOwnerStaysForCustomers(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 9)
		chief := w.titled(t, org, "chief", license.RoleOwner)
		self := chief.about(t, chief.id)
		for _, body := range []string{`{"role":"admin"}`, `{"role":"member"}`, `{"disabled":true}`} {
			chief.change(t, self, body).refused(t, "last_owner")
		}
		chief.remove(t, self).refused(t, "last_owner")
		second := into[api.UserInvitation](t, chief.invite(t, "second", "owner"), http.StatusCreated).User
		chief.remove(t, self).want(t, http.StatusNoContent)
		w.signedIn(t, second).remove(t, second).refused(t, "last_owner")
	})
}

// TestUsersThatAreNotThereForCustomers: another organization's, unknown, removed and
// impossible ones are answered alike, byte for byte, and stay as they were.
func TestUsersThatAreNotThereForCustomers(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, v := w.licensed(t, 9), w.vendor()
		victim, theirs := w.peopled(t)
		gone := v.invite(t, org, "gone", "member")
		v.do(t, http.MethodDelete, api.UserPath(org, gone.ID), nil, header("If-Match", gone.ETag)).want(t, http.StatusNoContent)
		for _, role := range []license.Role{license.RoleAdmin, license.RoleOwner} {
			eve := w.titled(t, org, "eve-"+string(role), role)
			for i, d := range demandsOfUsers(nothing().person, nothing().machine) {
				if !strings.Contains(d.path, "/nobody") {
					continue
				}
				d.path = strings.TrimSuffix(d.path, "?dry_run=true")
				unknown := d.by(t, w, eve.token)
				if unknown.status != http.StatusForbidden && unknown.status != http.StatusNotFound {
					t.Errorf("%s: %d", unknown.what, unknown.status)
				}
				others := []api.User{theirs.person, theirs.machine, gone}
				if unknown.status == http.StatusNotFound { // what cannot be there is not, whoever asks
					others = append(others, api.User{ID: "a.b"}, api.User{ID: "%2e%2e"}, api.User{ID: strings.Repeat("a", 129)})
				}
				for _, u := range others {
					other := demandsOfUsers(u, u)[i]
					other.path, other.match = strings.TrimSuffix(other.path, "?dry_run=true"), d.match
					same(t, string(role)+" "+other.path, other.by(t, w, eve.token), unknown)
				}
			}
			found := into[api.UserList](t, eve.ask(t, http.MethodPost, api.PathAdminFind, api.UserSearch{Email: theirs.person.Email}), http.StatusOK)
			if len(found.Users) != 0 {
				t.Errorf("%+v", found)
			}
			eve.ask(t, http.MethodPost, api.PathAdminUsers, map[string]any{"email": theirs.person.Email}).refused(t, "email_taken")
		}
		for _, u := range []api.User{theirs.person, theirs.machine} {
			if now := v.userNow(t, victim, u.ID); now.ETag != u.ETag || now.State != u.State {
				t.Errorf("%+v, before %+v", now, u)
			}
		}
	})
}

// TestAnAdministratorSignsInAgainForUsers: a token of yesterday's sign-in looks, also by
// address, and changes nothing.
func TestAnAdministratorSignsInAgainForUsers(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, about := w.peopled(t)
		chief := w.titled(t, org, "chief", license.RoleOwner)
		old := user{w: w, org: org, id: chief.id, token: w.stack.IDP.IDToken(fakeidp.Claims{
			UserID: chief.id, TenantID: org, Role: "owner", IssuedAt: time.Now().Add(-time.Second),
			Override: map[string]any{"auth_time": time.Now().Add(-12*time.Hour - time.Minute).Unix()},
		})}
		for _, d := range demandsOfUsers(about.person, about.machine) {
			if d.method == http.MethodGet || d.path == api.PathAdminFind {
				d.by(t, w, old.token).want(t, d.status)
				continue
			}
			d.by(t, w, old.token).refused(t, "insufficient_user_authentication")
			d.path, _, _ = strings.Cut(d.path, "?")
			d.by(t, w, old.token).refused(t, "insufficient_user_authentication")
		}
	})
}

// TestWhoIsShutOutHasNoSession: whoever is disabled, removed or signed out, at either door,
// has its sessions ended, and nobody else's are; the audit says by whom.
func TestWhoIsShutOutHasNoSession(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		for _, act := range []string{"disable", "remove", "sign out"} {
			for _, door := range []string{"vendor", "customer"} {
				org, v := w.licensed(t, 9), w.vendor()
				chief, ann := w.titled(t, org, "chief", license.RoleOwner), v.invite(t, org, "ann", "member")
				program, bob := w.signedIn(t, ann), w.titled(t, org, "bob", license.RoleMember)
				first, second := program.take(t, "hw").SessionID, program.take(t, "hw-2").SessionID
				kept := bob.take(t, "hw").SessionID

				token, one, off, actor := chief.token, api.AdminUserPath(ann.ID), api.AdminSignOutPath(ann.ID), chief.id
				if door == "vendor" {
					token, one, off, actor = v.token, api.UserPath(org, ann.ID), api.UserSignOutPath(org, ann.ID), "eve@vendor.example"
				}
				try := func(query string) {
					t.Helper()
					match := header("If-Match", ann.ETag)
					switch act {
					case "disable":
						w.do(t, http.MethodPatch, one+query, token, `{"disabled":true}`, match).want(t, http.StatusOK)
					case "remove":
						w.do(t, http.MethodDelete, one+query, token, nil, match).want(t, http.StatusNoContent)
					default:
						w.do(t, http.MethodPost, off+query, token, nil).want(t, http.StatusNoContent)
					}
				}
				try("?dry_run=true")
				program.beat(t, first).want(t, http.StatusOK)
				try("")
				for _, id := range []string{first, second} {
					w.wantEnded(t, org, id, license.EndRevoked)
					program.beat(t, id).refused(t, "session_ended").wantMember(t, "reason", "revoked")
				}
				bob.beat(t, kept).want(t, http.StatusOK)
				entries := chief.revoked(t)
				if len(entries) != 2 || entries[0].Actor != actor || entries[1].Actor != actor {
					t.Errorf("%s at the %s's door: %+v", act, door, entries)
				}
			}
		}
	})
}

// TestWhoWasShutOutHalfWay is finished by the same request: a user that is to be removed is
// there until its sessions are over.
func TestWhoWasShutOutHalfWay(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org, v := w.licensed(t, 9), w.vendor()
	chief := w.titled(t, org, "chief", license.RoleOwner)
	for _, act := range []string{"disable", "remove"} {
		ann := v.invite(t, org, "ann-"+act, "member")
		held := w.signedIn(t, ann).take(t, "hw").SessionID
		w.outage.begin(recordtest.Outage(nil), "RevokeSession")
		try := func(of api.User) answer {
			if act == "remove" {
				return chief.remove(t, of)
			}
			return chief.change(t, of, `{"disabled":true}`)
		}
		try(ann).refused(t, "unavailable")
		w.outage.end()
		now := chief.about(t, ann.ID)
		if want := map[string]string{"disable": "disabled", "remove": "removing"}[act]; now.State != want {
			t.Errorf("%+v, want it %s", now, want)
		}
		if s := w.recorded(t, org, held); s.Status != license.SessionActive {
			t.Errorf("%+v", s)
		}
		if a := try(now); a.status >= http.StatusBadRequest {
			t.Errorf("%s: %d %s", a.what, a.status, a.body)
		}
		w.wantEnded(t, org, held, license.EndRevoked)
	}
}

// TestMoreSessionsThanOneRequestEnds: whoever is shut out has none left, however many.
func TestMoreSessionsThanOneRequestEnds(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.tenant(t, 300)
	w.putLicense(t, org, "pro", map[string]any{"product": "studio", "max_seats": 300})
	chief, ann := w.titled(t, org, "chief", license.RoleOwner), w.titled(t, org, "ann", license.RoleMember)
	for i := range api.MaxEnded + 3 {
		ann.take(t, fmt.Sprint("hw-", i))
	}
	chief.change(t, chief.about(t, ann.id), `{"disabled":true}`).want(t, http.StatusOK)
	if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
		t.Errorf("left behind: %d held, %d active", got.held, len(got.active))
	}
}
