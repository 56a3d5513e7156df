package functions_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// demand is one thing that is asked at the customers' door.
type demand struct {
	method, path, body string
	// may are who may ask it; status answers them.
	may    license.Role
	status int
	match  string
}

// targets are what is asked about.
type targets struct {
	license, session string
	person, machine  api.User
}

// nothing is what no organization has.
func nothing() targets {
	u := api.User{ID: "nobody", Email: "nobody@nowhere.example", ETag: `"x"`}
	return targets{"pro", nobodysSession, u, u}
}

// demands are all of them. None changes anything.
func demands(about targets) []demand {
	all := []demand{
		{http.MethodGet, api.PathMyLicenses, "", license.RoleMember, http.StatusOK, ""},
		{http.MethodGet, api.PathMySessions, "", license.RoleMember, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminOverview, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminLicenses, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.AdminLicensePath(about.license), "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminSessions, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodPost, api.PathAdminSessionsFind, `{}`, license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.AdminSessionPath(about.session), "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminAudit, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminUsage + "?by=user", "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminDenials, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminMetrics, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodDelete, api.AdminSessionPath(about.session) + "?dry_run=true", "", license.RoleAdmin, http.StatusNoContent, ""},
		{http.MethodPost, api.PathAdminEndAll + "?dry_run=true", `{"license_id":"` + about.license + `"}`, license.RoleAdmin, http.StatusOK, ""},
	}
	return slices.Concat(all, demandsOfUsers(about.person, about.machine), demandsOfWebhooks(about.license))
}

func demandsOfUsers(person, machine api.User) []demand {
	one := api.AdminUserPath(person.ID)
	return []demand{
		{http.MethodGet, api.PathAdminUsers, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodGet, api.PathAdminGroups, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodPost, api.PathAdminFind, `{"email":"` + person.Email + `"}`, license.RoleAdmin, http.StatusOK, ""},
		{http.MethodPost, api.PathAdminUsers + "?dry_run=true", `{"email":"new-` + person.Email + `"}`, license.RoleAdmin, http.StatusCreated, ""},
		{http.MethodGet, one, "", license.RoleAdmin, http.StatusOK, ""},
		{http.MethodPatch, one + "?dry_run=true", `{"groups":["cad"]}`, license.RoleAdmin, http.StatusOK, person.ETag},
		{http.MethodDelete, one + "?dry_run=true", "", license.RoleOwner, http.StatusNoContent, person.ETag},
		{http.MethodPost, api.AdminSignOutPath(person.ID) + "?dry_run=true", "", license.RoleAdmin, http.StatusNoContent, ""},
		{http.MethodPost, api.PathAdminMachine + "?dry_run=true", `{"name":"farm"}`, license.RoleAdmin, http.StatusCreated, ""},
		{http.MethodPost, api.AdminRotatePath(machine.ID) + "?dry_run=true", "", license.RoleAdmin, http.StatusOK, ""},
	}
}

// demandsOfWebhooks are about a webhook. Those that change something name no revision that
// there is.
func demandsOfWebhooks(id string) []demand {
	const delivery = "1795435201000000-0-3b5d5c3712955042212316173ccf37be"
	const stale = `"1"`
	return []demand{
		{http.MethodGet, api.PathAdminWebhooks, "", license.RoleOwner, http.StatusOK, ""},
		{http.MethodPost, api.PathAdminWebhooks + "?dry_run=true", `{"id":"pro","url":"https://hooks.example.com"}`, license.RoleOwner, http.StatusConflict, ""},
		{http.MethodGet, api.AdminWebhookPath(id), "", license.RoleOwner, http.StatusOK, ""},
		{http.MethodPatch, api.AdminWebhookPath(id) + "?dry_run=true", `{"enabled":false}`, license.RoleOwner, http.StatusPreconditionFailed, stale},
		{http.MethodDelete, api.AdminWebhookPath(id) + "?dry_run=true", "", license.RoleOwner, http.StatusPreconditionFailed, stale},
		{http.MethodPost, api.AdminWebhookRotatePath(id) + "?dry_run=true", "", license.RoleOwner, http.StatusPreconditionFailed, stale},
		{http.MethodGet, api.AdminDeliveriesPath(id), "", license.RoleOwner, http.StatusOK, ""},
		{http.MethodPost, api.AdminDeliveryRetryPath(id, delivery) + "?dry_run=true", "", license.RoleOwner, http.StatusNotFound, ""},
	}
}

func (d demand) by(t *testing.T, w *world, token string) answer {
	t.Helper()
	var change []func(*http.Request)
	if d.match != "" {
		change = append(change, header("If-Match", d.match))
	}
	if d.body == "" {
		return w.do(t, d.method, d.path, token, nil, change...)
	}
	return w.do(t, d.method, d.path, token, d.body, change...)
}

// peopled makes an organization with a session, a person and a machine.
func (w *world) peopled(t *testing.T) (string, targets) {
	t.Helper()
	org, v := w.licensed(t, 9), w.vendor()
	return org, targets{
		license: "pro", session: w.user(org, "ann").take(t, "hw").SessionID,
		person: v.invite(t, org, "bob", "member"), machine: v.machine(t, org, "farm").User,
	}
}

// titled is a user of the organization's list, in a role.
func (w *world) titled(t *testing.T, org, name string, role license.Role) user {
	t.Helper()
	return w.signedIn(t, w.vendor().invite(t, org, name, string(role)))
}

// TestTheMatrixIsWhole: a new operation of the customers' door has its line in it.
func TestTheMatrixIsWhole(t *testing.T) {
	var asked, there []string
	for _, d := range demands(nothing()) {
		op := operationAt(documented(), d.method, d.path)
		if op == nil {
			t.Fatalf("%s %s is no operation", d.method, d.path)
		}
		asked = append(asked, op.OperationID)
	}
	for id, op := range operations(documented()) {
		if door := strings.HasPrefix(op.Path, "/api/v1/admin/") || op.Path == api.PathMyLicenses || op.Path == api.PathMySessions; door {
			there = append(there, id)
		}
	}
	slices.Sort(asked)
	if slices.Sort(there); !slices.Equal(asked, there) {
		t.Errorf("asked %v, there are %v", asked, there)
	}
}

// TestWhoMayUseTheCustomersDoor: members for what is theirs, owners and admins for all of
// the organization, and nobody else for anything. A refusal is the same whatever it is about.
func TestWhoMayUseTheCustomersDoor(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, own := w.peopled(t)
		other, strange := w.peopled(t)
		strange.license = "other"
		w.hook(t, org, "pro", "https://hooks.example.com")
		w.hook(t, other, "other", "https://hooks.example.com")
		unknown := w.stack.IDP.IDToken(fakeidp.Claims{UserID: "ann", TenantID: org, Role: "service"})
		for _, who := range []struct {
			name, token            string
			member, admins, owners string // the refusals of what members, admins and owners may; "" is none
		}{
			{"nobody", "", "unauthenticated", "unauthenticated", "unauthenticated"},
			{"nonsense", "e30.e30.e30", "unauthenticated", "unauthenticated", "unauthenticated"},
			{"staff", w.stack.StaffToken("eve@vendor.example"), "unauthenticated", "unauthenticated", "unauthenticated"},
			{"the scheduler", w.stack.SchedulerToken(), "unauthenticated", "unauthenticated", "unauthenticated"},
			{"of no organization", w.stack.IDP.IDToken(fakeidp.Claims{UserID: "ann", Role: "owner"}), "tenant_missing", "tenant_missing", "tenant_missing"},
			{"of two", w.stack.IDP.IDToken(fakeidp.Claims{UserID: "ann", TenantID: org, FirebaseTenant: other, Role: "owner"}), "tenant_missing", "tenant_missing", "tenant_missing"},
			{"a member", w.user(org, "ann").token, "", "forbidden", "forbidden"},
			{"a member of the list", w.titled(t, org, "eve", license.RoleMember).token, "", "forbidden", "forbidden"},
			{"a role that is none", unknown, "", "forbidden", "forbidden"},
			{"a machine that reads metrics", w.userAs(org, "farm", license.RoleMetrics).token, "forbidden", "forbidden", "forbidden"},
			{"an admin", w.titled(t, org, "boss", license.RoleAdmin).token, "", "", "forbidden"},
			{"an owner", w.titled(t, org, "chief", license.RoleOwner).token, "", "", ""},
		} {
			theirs := demands(strange)
			for i, d := range demands(own) {
				refusal := map[license.Role]string{
					license.RoleMember: who.member, license.RoleAdmin: who.admins, license.RoleOwner: who.owners,
				}[d.may]
				if d.path == api.PathAdminMetrics && who.name == "a machine that reads metrics" {
					refusal = ""
				}
				a := d.by(t, w, who.token)
				if refusal == "" {
					a.want(t, d.status)
					continue
				}
				a.refused(t, refusal)
				same(t, who.name+": "+d.method+" "+d.path, theirs[i].by(t, w, who.token), a)
			}
		}
	})
}

// TestIDsThatAreNotThereForCustomers: another organization's, unknown and deleted ones
// are answered alike, byte for byte, whoever asks, and so are those that cannot be.
func TestIDsThatAreNotThereForCustomers(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, other, v := w.licensed(t, 9), w.tenant(t, 9), w.vendor()
		w.putLicense(t, other, "theirs", map[string]any{"product": "vault", "max_seats": 5})
		stranger := w.user(other, "ann")
		living, over := stranger.take(t, "hw").SessionID, stranger.take(t, "hw-2").SessionID
		stranger.release(t, over).want(t, http.StatusNoContent)
		gone := into[api.License](t, v.do(t, http.MethodPost, api.LicensesPath(org), map[string]any{
			"id": "gone", "product": "lab", "max_seats": 1, "expires_at": "never",
		}), http.StatusCreated)
		v.do(t, http.MethodDelete, api.LicensePath(org, "gone"), nil, header("If-Match", gone.ETag)).want(t, http.StatusNoContent)
		before := w.state(t, other)

		for _, role := range []license.Role{license.RoleAdmin, license.RoleOwner} {
			eve := w.userAs(org, "ann", role) // with the holder's own user id
			nothing := eve.get(t, api.AdminLicensePath("nothing"))
			nothing.refused(t, "license_not_found")
			for _, id := range []string{"theirs", "gone", "A", "a_b", "%2e%2e", "theirs%2f", strings.Repeat("a", 64)} {
				same(t, "license "+id, eve.get(t, api.AdminLicensePath(id)), nothing)
			}
			for name, call := range map[string]func(id string) answer{
				"read": func(id string) answer { return eve.get(t, api.AdminSessionPath(id)) },
				"end":  func(id string) answer { return eve.end(t, id) },
				"try to end": func(id string) answer {
					return w.do(t, http.MethodDelete, api.AdminSessionPath(id)+"?dry_run=true", eve.token, nil)
				},
			} {
				nothing := call(nobodysSession)
				nothing.refused(t, "session_not_found")
				for _, id := range []string{living, over, strings.ToUpper(living), "x", "%2e%2e", strings.Repeat("a", 36)} {
					same(t, name+" "+id, call(id), nothing)
				}
			}
			if got := eve.endAll(t, "", map[string]any{"license_id": "theirs"}); got != (api.EndSessionsReport{}) {
				t.Errorf("%+v", got)
			}
		}
		w.wantState(t, other, before)
		stranger.beat(t, living).want(t, http.StatusOK)
	})
}

// TestNothingOfAnotherOrganizationIsSeen: not in a list, a count, a position, an entity
// tag or a refusal, whatever is asked for. Every name of the other one has "secret" in it.
func TestNothingOfAnotherOrganizationIsSeen(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		victim := fmt.Sprintf("secret-%d-%d", time.Now().UnixNano(), serial.Add(1))
		w.putOrganization(t, victim, map[string]any{"name": "secret name", "max_concurrent_seats": 50})
		for _, id := range []string{"pro", "secret-lab"} {
			w.putLicense(t, victim, id, map[string]any{"product": "secret-product-" + id, "plan": "secret-plan", "max_seats": 9})
			w.user(victim, "secret-user").take(t, "secret-hw", map[string]any{"license_id": id, "client": map[string]any{"project": "secret-project"}})
		}
		w.hook(t, victim, "secret-lab", "https://secret.example.com")
		owner := w.userAs(victim, "secret-owner", license.RoleOwner)
		ended := w.user(victim, "secret-user").take(t, "secret-hw-2", map[string]any{"license_id": "pro"}).SessionID
		owner.end(t, ended).want(t, http.StatusNoContent)
		seen := read[api.SessionList](t, owner, api.PathAdminSessions+"?limit=1")
		entry := read[api.AuditList](t, owner, api.PathAdminAudit).Entries[0].ID
		v := w.vendor()
		theirs := targets{"secret-lab", seen.Sessions[0].SessionID, v.invite(t, victim, "secret-person", "owner"), v.machine(t, victim, "secret-machine").User}

		org := w.licensed(t, 9) // with a license of the same id
		w.user(org, "bob").take(t, "hw")
		w.user(org, "bob").take(t, "hw-2")
		var queries []string
		for _, name := range []string{"after", "license", "user", "project", "by=user&license"} {
			for _, value := range []string{seen.After, seen.Sessions[0].SessionID, entry, "secret-lab", "secret-user", "secret-project", theirs.person.ID, victim, "pro", ""} {
				queries = append(queries, "?"+name+"="+url.QueryEscape(value))
			}
		}
		queries = append(queries, "", "?by=user", "?by=project", "?limit=1", "?organization="+victim, "?tenant_id="+victim)
		for _, role := range []license.Role{license.RoleMember, license.RoleAdmin, license.RoleOwner} {
			eve := w.titled(t, org, "eve-"+string(role), role)
			for _, d := range demands(theirs) {
				asked := queries
				path, own, _ := strings.Cut(d.path, "?")
				if d.method != http.MethodGet {
					asked = []string{"?" + own}
				}
				for _, query := range asked {
					d.path = path + query
					a := d.by(t, w, eve.token)
					if text := string(a.body) + a.header.Get("Etag") + a.header.Get("Location"); strings.Contains(strings.ReplaceAll(text, "new-"+theirs.person.Email, ""), "secret") || strings.Contains(text, entry) || strings.Contains(text, theirs.person.ID) {
						t.Errorf("%s by an %s of another organization: %s", a.what, role, a.body)
					}
				}
			}
		}
		boss := w.boss(org)
		o := read[api.Overview](t, boss, api.PathAdminOverview)
		if wantSeats(t, usesOf(o), "pro active 2/9"); *o.SeatsUsed != 2 || o.SeatsMax != 100 {
			t.Errorf("%+v", o)
		}
		if got := boss.endAll(t, "", map[string]any{"license_id": "pro"}); got.Ended != 2 {
			t.Errorf("%+v", got)
		}
		if theirs := read[api.Overview](t, owner, api.PathAdminOverview); *theirs.SeatsUsed != 2 {
			t.Errorf("another organization's sessions were ended: %+v", theirs)
		}
		if got := boss.revoked(t); len(got) != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// TestPositionsOfAnotherOrganization are none, as those that were made up.
func TestPositionsOfAnotherOrganization(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, other := w.licensed(t, 9), w.licensed(t, 9)
		boss, owner := w.boss(org), w.userAs(other, "owner", license.RoleOwner)
		first := w.user(other, "ann").take(t, "hw").SessionID
		w.user(other, "ann").take(t, "hw-2")
		owner.end(t, first).want(t, http.StatusNoContent)
		w.user(other, "ann").take(t, "hw-3")
		session := read[api.SessionList](t, owner, api.PathAdminSessions+"?limit=1").After
		entry := read[api.AuditList](t, owner, api.PathAdminAudit).Entries[0].ID
		for path, after := range map[string][2]string{
			api.PathAdminSessions: {session, "3f-" + nobodysSession},
			api.PathMySessions:    {session, "3f-" + nobodysSession},
			api.PathAdminAudit:    {entry, nobodysSession},
		} {
			nothing := boss.get(t, path+"?after="+after[1])
			nothing.refused(t, "invalid_request")
			same(t, path, boss.get(t, path+"?after="+after[0]), nothing)
		}
	})
}

// TestAnOrganizationThatIsNotThere: a token may name one that was never made. Nothing is
// made for it by looking.
func TestAnOrganizationThatIsNotThere(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	const nowhere = "nowhere-for-customers"
	eve := w.userAs(nowhere, "eve", license.RoleOwner)
	for _, d := range demands(nothing()) {
		if a := d.by(t, w, eve.token); a.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", a.what, a.status, a.body)
		}
	}
	if keys := w.keys(t, "*"+nowhere+"*"); len(keys) > 0 {
		t.Errorf("Redis has %q", keys)
	}
}
