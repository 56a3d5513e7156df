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

func (u user) get(t *testing.T, path string) answer {
	t.Helper()
	return u.w.do(t, http.MethodGet, path, u.token, nil)
}

// read is a successful answer to a user.
func read[T any](t *testing.T, u user, path string) T {
	t.Helper()
	return into[T](t, u.get(t, path), http.StatusOK)
}

// boss is an admin of the organization.
func (w *world) boss(org string) user { return w.userAs(org, "boss", license.RoleAdmin) }

func (u user) end(t *testing.T, session string) answer {
	t.Helper()
	return u.w.do(t, http.MethodDelete, api.AdminSessionPath(session), u.token, nil)
}

// revoked are the entries of the organization's audit about ends.
func (u user) revoked(t *testing.T) (found []api.AuditEntry) {
	t.Helper()
	for after := ""; ; {
		page := read[api.AuditList](t, u, api.PathAdminAudit+"?limit=200&after="+after)
		for _, e := range page.Entries {
			if e.Action == "session.revoked" {
				found = append(found, e)
			}
		}
		if after = page.After; after == "" {
			return found
		}
	}
}

// seatsOf are what a list says of each license: its state, and of how many seats how many
// are held.
func seatsOf(list []api.LicenseUse) []string {
	var out []string
	for _, l := range list {
		used := "?"
		if l.SeatsUsed != nil {
			used = fmt.Sprint(*l.SeatsUsed)
		}
		out = append(out, fmt.Sprintf("%s %s %s/%d", l.LicenseID, l.State, used, l.SeatsMax))
	}
	return out
}

// usesOf are what an overview says of its licenses as members are told it.
func usesOf(o api.Overview) []api.LicenseUse {
	var uses []api.LicenseUse
	for _, l := range o.Licenses {
		uses = append(uses, l.LicenseUse)
	}
	return uses
}

func wantSeats(t *testing.T, list []api.LicenseUse, want ...string) {
	t.Helper()
	if got := seatsOf(list); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// several makes an organization with a license in each state. Ann has two seats of the
// one that is active, and one of the one that is in grace; bob has one.
func (w *world) several(t *testing.T) (org string, ann, bob user) {
	t.Helper()
	org = w.tenant(t, 50)
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for id, body := range map[string]map[string]any{
		"active": {"product": "studio", "plan": "pro", "max_seats": 5},
		"ending": {"product": "lab", "plan": "pro", "max_seats": 4, "expires_at": later, "grace_seconds": 86_400},
		"over":   {"product": "studio", "plan": "pro", "max_seats": 3, "expires_at": past},
		"parked": {"product": "studio", "plan": "pro", "max_seats": 2, "status": "suspended"},
	} {
		w.putLicense(t, org, id, body)
	}
	ann, bob = w.user(org, "ann"), w.user(org, "bob")
	ann.take(t, "hw", map[string]any{"license_id": "active"})
	ann.take(t, "hw-2", map[string]any{"license_id": "active"})
	ann.take(t, "hw", map[string]any{"license_id": "ending"})
	bob.take(t, "hw", map[string]any{"license_id": "active"})
	w.putLicense(t, org, "ending", map[string]any{"product": "lab", "plan": "pro", "max_seats": 4, "expires_at": past, "grace_seconds": 86_400})
	return org, ann, bob
}

// TestWhatOnesOrganizationHas: members see the licenses, their states, and how many of
// their seats are held; those who administer see all that was bought as well.
func TestWhatOnesOrganizationHas(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, ann, _ := w.several(t)
		all := []string{"active active 3/5", "ending in_grace 1/4", "over expired 0/3", "parked suspended 0/2"}
		list := read[api.LicenseUseList](t, ann, api.PathMyLicenses)
		wantSeats(t, list.Licenses, all...)
		if l := list.Licenses[0]; l.ExpiresAt != api.Never || l.Product != "studio" || l.Plan != "pro" || list.After != "" {
			t.Errorf("%+v, after %q", l, list.After)
		}
		var pages []api.LicenseUse
		for after, n := "", 0; n == 0 || after != ""; n++ {
			page := read[api.LicenseUseList](t, ann, api.PathMyLicenses+"?limit=3&after="+after)
			pages, after = append(pages, page.Licenses...), page.After
		}
		wantSeats(t, pages, all...)

		boss := w.boss(org)
		o := read[api.Overview](t, boss, api.PathAdminOverview)
		wantSeats(t, usesOf(o), all...)
		if o.OrganizationID != org || o.Status != "active" || o.SeatsUsed == nil || *o.SeatsUsed != 4 || o.SeatsMax != 50 || o.After != "" {
			t.Errorf("%+v", o)
		}
		if page := read[api.Overview](t, boss, api.PathAdminOverview+"?limit=1&after=active"); page.After != "ending" || *page.SeatsUsed != 4 {
			t.Errorf("%+v", page)
		}
		own := read[api.OwnLicenseList](t, boss, api.PathAdminLicenses+"?limit=2")
		if len(own.Licenses) != 2 || own.After != "ending" || own.Licenses[1].State != api.StateInGrace || *own.Licenses[1].SeatsUsed != 1 || own.Licenses[1].GraceSeconds != 86_400 {
			t.Errorf("%+v", own)
		}
		a := boss.get(t, api.AdminLicensePath("ending"))
		if one := into[api.OwnLicense](t, a, http.StatusOK); !slices.Equal(one.Entitlements, own.Licenses[1].Entitlements) || one.ETag != own.Licenses[1].ETag || *one.SeatsUsed != 1 || one.MaxSeats != 4 {
			t.Errorf("%+v, in the list %+v", one, own.Licenses[1])
		}
		if tag := a.header.Values("Etag"); len(tag) > 0 {
			t.Errorf("an entity tag %s of an answer that counts", tag)
		}
		w.putOrganization(t, org, map[string]any{"max_concurrent_seats": 50, "status": "suspended"})
		if o := read[api.Overview](t, boss, api.PathAdminOverview); o.Status != "suspended" || o.Licenses[0].State != api.StateSuspended {
			t.Errorf("of who is suspended: %+v", o)
		}
	})
}

// TestOnesOwnSessions: a member sees those, a page at a time, and no trace of another's.
func TestOnesOwnSessions(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, ann, bob := w.several(t)
		all := read[api.SessionList](t, w.boss(org), api.PathAdminSessions).Sessions
		var hers []api.LiveSession
		for _, s := range all {
			if s.UserID == "ann" {
				hers = append(hers, s)
			}
		}
		got := read[api.SessionList](t, ann, api.PathMySessions)
		if len(all) != 4 || len(hers) != 3 || !slices.Equal(got.Sessions, hers) || got.After != "" {
			t.Errorf("%+v of %+v", got, all)
		}
		var paged []api.LiveSession
		var cursors []string
		for after, n := "", 0; n == 0 || after != ""; n++ {
			page := read[api.SessionList](t, ann, api.PathMySessions+"?limit=1&after="+after)
			paged, after = append(paged, page.Sessions...), page.After
			cursors = append(cursors, after)
		}
		if !slices.Equal(paged, hers) {
			t.Errorf("in pages %+v, want %+v", paged, hers)
		}
		// A position in another's list says as much as one that was made up.
		nothing := bob.get(t, api.PathMySessions+"?after=3f-"+nobodysSession)
		nothing.refused(t, "invalid_request")
		for _, after := range cursors[:2] {
			same(t, "another's position", bob.get(t, api.PathMySessions+"?after="+after), nothing)
		}
		for _, query := range []string{"?user=bob", "?license=active", "?user=ann", "?a=b", "?limit=0", "?after=%"} {
			ann.get(t, api.PathMySessions+query).refused(t, "invalid_request")
		}
		// Nor does an administrator who is not asked for everybody's.
		if mine := read[api.SessionList](t, w.boss(org), api.PathMySessions); len(mine.Sessions) != 0 {
			t.Errorf("%+v", mine)
		}
	})
}

// TestAnAdministratorTakesASeatBack: it is free at once, its program hears of it, and the
// audit says who it was.
func TestAnAdministratorTakesASeatBack(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		for _, role := range []license.Role{license.RoleAdmin, license.RoleOwner} {
			org := w.licensed(t, 1)
			ann, bob, boss := w.user(org, "ann"), w.user(org, "bob"), w.userAs(org, "boss-7", role)
			held := ann.take(t, "hw").SessionID
			w.do(t, http.MethodDelete, api.AdminSessionPath(held)+"?dry_run=true", boss.token, nil).want(t, http.StatusNoContent)
			ann.beat(t, held).want(t, http.StatusOK)
			bob.acquire(t, "hw").refused(t, "no_seats_available")

			boss.end(t, strings.ToUpper(held)).want(t, http.StatusNoContent)
			taken := bob.take(t, "hw").SessionID
			ann.beat(t, held).refused(t, "session_ended").wantMember(t, "reason", "revoked")
			boss.get(t, api.AdminSessionPath(held)).refused(t, "session_ended").wantMember(t, "reason", "revoked")
			if got := into[api.LiveSession](t, boss.get(t, api.AdminSessionPath(taken)), http.StatusOK); got.UserID != "bob" || got.State != api.SessionActive {
				t.Errorf("%+v", got)
			}
			boss.end(t, held).want(t, http.StatusNoContent)
			w.wantEnded(t, org, held, license.EndRevoked)
			entries := boss.revoked(t)
			if len(entries) != 1 {
				t.Fatalf("%d entries: %+v", len(entries), entries)
			}
			e := entries[0]
			if e.Actor != "boss-7" || e.Object != "organizations/"+org+"/sessions/"+held || e.Before["user_id"] != "ann" || e.After["ended_reason"] != "revoked" {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestNobodyIsInTheAuditAsSomebodyElse: an account can have any address, so the audit has
// the user's id. An administrator's own session is revoked like another's.
func TestNobodyIsInTheAuditAsSomebodyElse(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	boss := user{w: w, org: org, id: "boss", token: w.stack.IDP.IDToken(fakeidp.Claims{
		UserID: "boss", TenantID: org, Role: "owner", Email: "eve@vendor.example", IssuedAt: time.Now().Add(-time.Second),
	})}
	held := boss.take(t, "hw").SessionID
	boss.end(t, held).want(t, http.StatusNoContent)
	w.wantEnded(t, org, held, license.EndRevoked)
	if got := boss.revoked(t); len(got) != 1 || got[0].Actor != "boss" {
		t.Errorf("%+v", got)
	}
}

// TestAnAdministratorSignsInAgain before something is changed: a token of yesterday's
// sign-in only looks.
func TestAnAdministratorSignsInAgain(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 9)
		ann := w.user(org, "ann")
		held := ann.take(t, "hw").SessionID
		signedIn := func(ago time.Duration) user {
			return user{w: w, org: org, id: "boss", token: w.stack.IDP.IDToken(fakeidp.Claims{
				UserID: "boss", TenantID: org, Role: "admin", IssuedAt: time.Now().Add(-time.Second),
				Override: map[string]any{"auth_time": time.Now().Add(-ago).Unix()},
			})}
		}
		old := signedIn(12*time.Hour + time.Minute)
		for _, change := range []answer{
			old.end(t, held),
			w.do(t, http.MethodPost, api.PathAdminEndAll, old.token, `{"user_id":"ann"}`),
			w.do(t, http.MethodPost, api.PathAdminEndAll+"?dry_run=true", old.token, `{"user_id":"ann"}`),
		} {
			change.refused(t, "insufficient_user_authentication")
			if got := change.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_user_authentication"`) || !strings.Contains(got, `max_age="43200"`) {
				t.Errorf("WWW-Authenticate: %s", got)
			}
		}
		for _, path := range []string{
			api.PathAdminOverview, api.PathAdminLicenses, api.AdminLicensePath("pro"), api.PathAdminSessions, api.AdminSessionPath(held),
			api.PathAdminAudit, api.PathMyLicenses, api.PathMySessions,
		} {
			old.get(t, path).want(t, http.StatusOK)
		}
		ann.beat(t, held).want(t, http.StatusOK)
		signedIn(12*time.Hour-time.Minute).end(t, held).want(t, http.StatusNoContent)
		ann.beat(t, held).refused(t, "session_ended")
	})
}

// TestTheCustomersListsOutliveTheLedger: while it is away or waits for its rebuild, what
// was bought and who is recorded is told, and no number is made up.
func TestTheCustomersListsOutliveTheLedger(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org := w.licensed(t, 9)
		ann, boss := w.user(org, "ann"), w.boss(org)
		held := ann.take(t, "hw").SessionID
		want := func(seats, state string) {
			t.Helper()
			wantSeats(t, read[api.LicenseUseList](t, ann, api.PathMyLicenses).Licenses, "pro active "+seats+"/9")
			o := read[api.Overview](t, boss, api.PathAdminOverview)
			wantSeats(t, usesOf(o), "pro active "+seats+"/9")
			own := read[api.OwnLicense](t, boss, api.AdminLicensePath("pro"))
			list := read[api.OwnLicenseList](t, boss, api.PathAdminLicenses).Licenses
			if known := seats != "?"; (o.SeatsUsed != nil) != known || (own.SeatsUsed != nil) != known || (list[0].SeatsUsed != nil) != known {
				t.Errorf("%+v, %+v, %+v", o, own, list)
			}
			for _, s := range []api.LiveSession{
				read[api.SessionList](t, ann, api.PathMySessions).Sessions[0], read[api.SessionList](t, boss, api.PathAdminSessions).Sessions[0],
				read[api.LiveSession](t, boss, api.AdminSessionPath(held)),
			} {
				if s.SessionID != held || s.State != state {
					t.Errorf("%+v, want it %s", s, state)
				}
			}
		}
		want("1", api.SessionActive)
		w.lose()
		want("?", api.SessionUnknown)
		if warned := w.warned.String(); !strings.Contains(warned, "uncounted=") || !strings.Contains(warned, "unseen=") {
			t.Errorf("nobody is told why: %s", warned)
		}
		ann.beat(t, held).want(t, http.StatusOK)
		want("1", api.SessionActive)
		w.killRedis()
		want("?", api.SessionUnknown)
		boss.end(t, held).refused(t, "unavailable")
		w.do(t, http.MethodPost, api.PathAdminEndAll, boss.token, `{"user_id":"ann"}`).refused(t, "unavailable")
		if got := boss.revoked(t); len(got) != 0 {
			t.Errorf("the audit has an end that was none: %+v", got)
		}
	})
}

// TestTheCustomersDoorWithoutTheRecord: what was bought is told out of memory, the rest
// is retryable.
func TestTheCustomersDoorWithoutTheRecord(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	ann, boss := w.user(org, "ann"), w.boss(org)
	held := ann.take(t, "hw").SessionID
	w.outage.begin(recordtest.Outage(nil))
	wantSeats(t, read[api.LicenseUseList](t, ann, api.PathMyLicenses).Licenses, "pro active 1/9")
	wantSeats(t, usesOf(read[api.Overview](t, boss, api.PathAdminOverview)), "pro active 1/9")
	ann.get(t, api.PathMySessions).refused(t, "unavailable")
	for _, path := range []string{
		api.PathAdminLicenses, api.AdminLicensePath("pro"), api.PathAdminSessions, api.AdminSessionPath(held), api.PathAdminAudit,
	} {
		boss.get(t, path).refused(t, "unavailable")
	}
	boss.end(t, held).refused(t, "unavailable")
	w.do(t, http.MethodPost, api.PathAdminEndAll, boss.token, `{"user_id":"ann"}`).refused(t, "unavailable")
	w.outage.end()
	ann.beat(t, held).want(t, http.StatusOK)
}
