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
	// members may ask it, or owners alone; status answers who may.
	members, owners bool
	status          int
}

// demands are all of them, about a license and a session.
func demands(licenseID, session string) []demand {
	ours := []demand{
		{http.MethodGet, api.PathMyLicenses, "", true, false, http.StatusOK},
		{http.MethodGet, api.PathMySessions, "", true, false, http.StatusOK},
		{http.MethodGet, api.PathAdminOverview, "", false, false, http.StatusOK},
		{http.MethodGet, api.PathAdminLicenses, "", false, false, http.StatusOK},
		{http.MethodGet, api.AdminLicensePath(licenseID), "", false, false, http.StatusOK},
		{http.MethodGet, api.PathAdminSessions, "", false, false, http.StatusOK},
		{http.MethodGet, api.AdminSessionPath(session), "", false, false, http.StatusOK},
		{http.MethodGet, api.PathAdminAudit, "", false, false, http.StatusOK},
		{http.MethodDelete, api.AdminSessionPath(session) + "?dry_run=true", "", false, false, http.StatusNoContent},
		{http.MethodPost, api.PathAdminEndAll + "?dry_run=true", `{"license_id":"` + licenseID + `"}`, false, false, http.StatusOK},
	}
	return append(ours, ownersDemands(licenseID)...)
}

// ownersDemands are those that owners alone may make, about a webhook. Those that change
// something name no revision that there is.
func ownersDemands(id string) []demand {
	const delivery = "1795435201000000-0-3b5d5c3712955042212316173ccf37be"
	body := `{"id":"pro","url":"https://hooks.example.com"}`
	return []demand{
		{http.MethodGet, api.PathAdminWebhooks, "", false, true, http.StatusOK},
		{http.MethodPost, api.PathAdminWebhooks + "?dry_run=true", body, false, true, http.StatusConflict},
		{http.MethodGet, api.AdminWebhookPath(id), "", false, true, http.StatusOK},
		{http.MethodPatch, api.AdminWebhookPath(id) + "?dry_run=true", `{"enabled":false}`, false, true, http.StatusPreconditionFailed},
		{http.MethodDelete, api.AdminWebhookPath(id) + "?dry_run=true", "", false, true, http.StatusPreconditionFailed},
		{http.MethodPost, api.AdminWebhookRotatePath(id) + "?dry_run=true", "", false, true, http.StatusPreconditionFailed},
		{http.MethodGet, api.AdminDeliveriesPath(id), "", false, true, http.StatusOK},
		{http.MethodPost, api.AdminDeliveryRetryPath(id, delivery) + "?dry_run=true", "", false, true, http.StatusNotFound},
	}
}

func (d demand) by(t *testing.T, w *world, token string) answer {
	t.Helper()
	var body any
	if d.body != "" {
		body = d.body
	}
	if !d.owners {
		return w.do(t, d.method, d.path, token, body)
	}
	return w.do(t, d.method, d.path, token, body, header("If-Match", `"1"`))
}

// TestTheMatrixIsWhole: a new operation of the customers' door has its line in it.
func TestTheMatrixIsWhole(t *testing.T) {
	var asked, there []string
	for _, d := range demands("pro", nobodysSession) {
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
		org, other := w.licensed(t, 9), w.licensed(t, 9)
		held, theirs := w.user(org, "ann").take(t, "hw").SessionID, w.user(other, "ann").take(t, "hw").SessionID
		w.hook(t, org, "pro", "https://hooks.example.com")
		w.hook(t, other, "other", "https://hooks.example.com")
		unknown := w.stack.IDP.IDToken(fakeidp.Claims{UserID: "ann", TenantID: org, Role: "service"})
		for _, who := range []struct {
			name, token            string
			member, others, owners string // the refusal of what members may, of the rest, and of what owners alone may; "" is none
		}{
			{"nobody", "", "unauthenticated", "unauthenticated", "unauthenticated"},
			{"nonsense", "e30.e30.e30", "unauthenticated", "unauthenticated", "unauthenticated"},
			{"staff", w.stack.StaffToken("eve@vendor.example"), "unauthenticated", "unauthenticated", "unauthenticated"},
			{"the scheduler", w.stack.SchedulerToken(), "unauthenticated", "unauthenticated", "unauthenticated"},
			{"of no organization", w.stack.IDP.IDToken(fakeidp.Claims{UserID: "ann", Role: "owner"}), "tenant_missing", "tenant_missing", "tenant_missing"},
			{"of two", w.stack.IDP.IDToken(fakeidp.Claims{UserID: "ann", TenantID: org, FirebaseTenant: other, Role: "owner"}), "tenant_missing", "tenant_missing", "tenant_missing"},
			{"a member", w.user(org, "ann").token, "", "forbidden", "forbidden"},
			{"a role that is none", unknown, "", "forbidden", "forbidden"},
			{"an admin", w.userAs(org, "boss", license.RoleAdmin).token, "", "", "forbidden"},
			{"an owner", w.userAs(org, "boss", license.RoleOwner).token, "", "", ""},
		} {
			own, strange := demands("pro", held), demands("other", theirs)
			for i, d := range own {
				refusal := who.others
				switch {
				case d.members:
					refusal = who.member
				case d.owners:
					refusal = who.owners
				}
				a := d.by(t, w, who.token)
				if refusal == "" {
					a.want(t, d.status)
					continue
				}
				a.refused(t, refusal)
				same(t, who.name+": "+d.method+" "+d.path, strange[i].by(t, w, who.token), a)
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
			w.user(victim, "secret-user").take(t, "secret-hw", map[string]any{"license_id": id})
		}
		w.hook(t, victim, "secret-lab", "https://secret.example.com")
		owner := w.userAs(victim, "secret-owner", license.RoleOwner)
		ended := w.user(victim, "secret-user").take(t, "secret-hw-2", map[string]any{"license_id": "pro"}).SessionID
		owner.end(t, ended).want(t, http.StatusNoContent)
		seen := read[api.SessionList](t, owner, api.PathAdminSessions+"?limit=1")
		entry := read[api.AuditList](t, owner, api.PathAdminAudit).Entries[0].ID

		org := w.licensed(t, 9) // with a license of the same id
		w.user(org, "bob").take(t, "hw")
		w.user(org, "bob").take(t, "hw-2")
		var queries []string
		for _, name := range []string{"after", "license", "user"} {
			for _, value := range []string{seen.After, seen.Sessions[0].SessionID, entry, "secret-lab", "secret-user", victim, "pro", ""} {
				queries = append(queries, "?"+name+"="+url.QueryEscape(value))
			}
		}
		queries = append(queries, "", "?limit=1", "?organization="+victim, "?tenant_id="+victim)
		for _, role := range []license.Role{license.RoleMember, license.RoleAdmin, license.RoleOwner} {
			eve := w.userAs(org, "eve", role)
			for _, d := range demands("secret-lab", seen.Sessions[0].SessionID) {
				asked := queries
				path, own, _ := strings.Cut(d.path, "?")
				if d.method != http.MethodGet {
					asked = []string{"?" + own}
				}
				for _, query := range asked {
					d.path = path + query
					a := d.by(t, w, eve.token)
					if text := string(a.body) + a.header.Get("Etag") + a.header.Get("Location"); strings.Contains(text, "secret") || strings.Contains(text, entry) {
						t.Errorf("%s by an %s of another organization: %s", a.what, role, a.body)
					}
				}
			}
		}
		boss := w.boss(org)
		o := read[api.Overview](t, boss, api.PathAdminOverview)
		if wantSeats(t, o.Licenses, "pro active 2/9"); *o.SeatsUsed != 2 || o.SeatsMax != 100 {
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
	for _, d := range demands("pro", nobodysSession) {
		if a := d.by(t, w, eve.token); a.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", a.what, a.status, a.body)
		}
	}
	if keys := w.keys(t, "*"+nowhere+"*"); len(keys) > 0 {
		t.Errorf("Redis has %q", keys)
	}
}
