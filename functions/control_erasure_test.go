package functions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// exported are the lines of an export, by kind, and in the order of their kinds.
func (v vendor) exported(t *testing.T, org, query string) (byKind map[string][]api.ExportLine, kinds []string) {
	t.Helper()
	a := v.do(t, http.MethodGet, api.ExportPath(org)+query, nil).want(t, http.StatusOK)
	if got := a.header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("Content-Type %q", got)
	}
	byKind = map[string][]api.ExportLine{}
	for line := range strings.Lines(string(a.body)) {
		var one api.ExportLine
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&one); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		byKind[one.Kind] = append(byKind[one.Kind], one)
		if one.Kind != api.ExportCursor {
			kinds = append(kinds, one.Kind)
		}
	}
	return byKind, kinds
}

// worked is an organization with two users, of whom ann had two seats and has one, bob had
// one, and one of ann's ends was asked for by the vendor.
func (v vendor) worked(t *testing.T) (org string, ann, bob api.User) {
	t.Helper()
	sold, lic := v.sold(t)
	v.do(t, http.MethodPatch, api.LicensePath(sold.ID, "pro"), `{"max_seats":9}`, header("If-Match", lic.ETag)).want(t, http.StatusOK)
	ann, bob = v.invite(t, sold.ID, "ann", "owner"), v.invite(t, sold.ID, "bob", "owner")
	a, b := v.w.signedIn(t, ann), v.w.signedIn(t, bob)
	a.release(t, a.take(t, "annes-machine").SessionID).want(t, http.StatusNoContent)
	v.do(t, http.MethodDelete, api.SessionOfPath(sold.ID, a.take(t, "annes-laptop").SessionID), nil).want(t, http.StatusNoContent)
	a.take(t, "annes-desk")
	b.release(t, b.take(t, "bobs-machine").SessionID).want(t, http.StatusNoContent)
	return sold.ID, ann, bob
}

// TestAnExportHasAll of an organization, and nothing of another.
func TestAnExportHasAll(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		v := w.vendor()
		org, ann, _ := v.worked(t)
		other, _, _ := v.worked(t)
		got, kinds := v.exported(t, org, "")
		want := strings.Fields("organization license user user session session session session")
		if len(kinds) < len(want) || !slices.Equal(kinds[:len(want)], want) || kinds[len(kinds)-1] != api.ExportEnd {
			t.Errorf("%v", kinds)
		}
		if got["organization"][0].Organization.ID != org || got["license"][0].License.MaxSeats != 9 || len(got["audit"]) < 6 {
			t.Errorf("%+v", got)
		}
		i := slices.IndexFunc(got["user"], func(l api.ExportLine) bool { return l.User.ID == ann.ID })
		if i < 0 || got["user"][i].User.Email != ann.Email {
			t.Errorf("users: %+v", got["user"])
		}
		all := string(v.do(t, http.MethodGet, api.ExportPath(org), nil).body)
		if strings.Contains(all, other) || strings.Contains(all, "private_key") {
			t.Error("it has something of another organization, or a secret")
		}
		v.do(t, http.MethodGet, api.ExportPath("nobody"), nil).refused(t, "organization_not_found")
	})
}

// TestAnExportOfAUser has what is known of the user, and of nobody else.
func TestAnExportOfAUser(t *testing.T) {
	v := control(t)
	org, ann, bob := v.worked(t)
	other, _, _ := v.worked(t)
	got, _ := v.exported(t, org, "?user="+ann.ID)
	if len(got["session"]) != 3 || len(got["user"]) != 1 || len(got["audit"]) != 3 || got["organization"] != nil {
		t.Errorf("%+v", got) // it was invited, and exported, and its session was ended
	}
	if last := got["audit"][len(got["audit"])-1].Audit; last.Action != "session.revoked" || last.Actor == ann.ID || last.Before["hardware_id"] != "annes-laptop" {
		t.Errorf("who ended its session: %+v", last)
	}
	if text := string(v.do(t, http.MethodGet, api.ExportPath(org)+"?user="+ann.ID, nil).body); strings.Contains(text, bob.ID) || strings.Contains(text, "bobs-machine") {
		t.Error("it has something of bob's")
	}
	v.do(t, http.MethodGet, api.ExportPath(other)+"?user="+ann.ID, nil).refused(t, "user_not_found")
	v.do(t, http.MethodGet, api.ExportPath(org)+"?user=nobody", nil).refused(t, "user_not_found")
	// One whose account is elsewhere is known by its sessions.
	v.w.user(org, "federated").take(t, "hw")
	if got, _ := v.exported(t, org, "?user=federated"); len(got["session"]) != 1 || len(got["user"]) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestEveryExportIsInTheAudit, also one by a cursor that was made up to look as if it went on.
func TestEveryExportIsInTheAudit(t *testing.T) {
	v := control(t)
	org, ann, _ := v.worked(t)
	for i, query := range []string{"?after=organization:", "?after=licenses:", "?user=" + ann.ID + "&after=users:"} {
		v.exported(t, org, query)
		exports := 0
		for _, e := range into[api.AuditList](t, v.do(t, http.MethodGet, api.AuditPath(org), nil), http.StatusOK).Entries {
			if strings.HasSuffix(e.Action, ".exported") {
				exports++
			}
		}
		if exports != i+1 {
			t.Errorf("after %s: %d exports in the audit, want %d", query, exports, i+1)
		}
	}
	v.do(t, http.MethodGet, api.ExportPath(org)+"?user=nobody&after=users:", nil).refused(t, "user_not_found")
}

// TestAnExportGoesOn behind each of its cursors, with the rest and nothing else.
func TestAnExportGoesOn(t *testing.T) {
	v := control(t)
	org, _, _ := v.worked(t)
	whole, _ := v.exported(t, org, "")
	seen := len(whole["cursor"])
	if seen != 5 {
		t.Errorf("%d cursors", seen)
	}
	for i, cursor := range whole["cursor"] {
		rest, kinds := v.exported(t, org, "?after="+cursor.After)
		if len(rest["cursor"]) != seen-1-i || kinds[len(kinds)-1] != api.ExportEnd || rest["organization"] != nil {
			t.Errorf("behind %s: %v", cursor.After, kinds)
		}
	}
	if got, _ := v.exported(t, org, "?after=sessions:"+whole["session"][1].Session.SessionID); len(got["license"]) != 0 {
		t.Errorf("%+v", got)
	}
	for _, after := range []string{"x", "x:y", ":", "sessions:a%2Fb", "audit:.."} {
		v.do(t, http.MethodGet, api.ExportPath(org)+"?after="+after, nil).refused(t, "invalid_request")
	}
	for _, query := range []string{"?after=users:&after=users:", "?user=a&user=b", "?usr=a"} {
		v.do(t, http.MethodGet, api.ExportPath(org)+query, nil).refused(t, "invalid_request")
	}
}

// TestAnExportThatBreaksOff: what was sent is whole up to a cursor, behind which it goes on.
func TestAnExportThatBreaksOff(t *testing.T) {
	v := control(t)
	org, _, _ := v.worked(t)
	v.w.outage.begin(&license.UnavailableError{Backend: "firestore", Err: errors.New("away")}, "SessionHistory")
	first, kinds := v.exported(t, org, "")
	last := first["cursor"][len(first["cursor"])-1].After
	if slices.Contains(kinds, api.ExportEnd) || last != "sessions:" || len(first["user"]) != 2 {
		t.Errorf("%v, %s", kinds, last)
	}
	v.do(t, http.MethodGet, api.ExportPath(org)+"?after="+last, nil).refused(t, "unavailable")
	v.w.outage.end()
	if rest, _ := v.exported(t, org, "?after="+last); len(rest["session"]) != 4 || len(rest["end"]) != 1 {
		t.Errorf("%+v", rest)
	}
	if !strings.Contains(v.w.warned.String(), "away") {
		t.Error("nobody was told")
	}
}

// TestPurgeAUser: nothing tells any more who had the seats but an id that names nobody.
func TestPurgeAUser(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		v := w.vendor()
		org, ann, bob := v.worked(t)
		other, _, _ := v.worked(t)
		purge := func(query string) api.UserPurgeReport {
			return into[api.UserPurgeReport](t, v.do(t, http.MethodPost, api.UserPurgePath(org, ann.ID)+query, nil), http.StatusOK)
		}
		want := api.UserPurgeReport{OrganizationID: org, UserID: ann.ID, AccountRemoved: true, SessionsEnded: 1, SessionsErased: 3}
		if got := purge("?dry_run=true"); got != want || len(v.users(t, org, "").Users) != 2 {
			t.Errorf("a dry run: %+v", got)
		}
		v.do(t, http.MethodPost, api.UserPurgePath(other, ann.ID), nil).refused(t, "user_not_found")
		if got := purge(""); got != want {
			t.Errorf("%+v", got)
		}
		v.do(t, http.MethodPost, api.UserPurgePath(org, ann.ID), nil).refused(t, "user_not_found")
		text := string(v.do(t, http.MethodGet, api.ExportPath(org), nil).body)
		for _, gone := range []string{"annes-", ann.Email} {
			if strings.Contains(text, gone) {
				t.Errorf("%s is still there", gone)
			}
		}
		if !strings.Contains(text, "bobs-machine") || !strings.Contains(text, bob.Email) {
			t.Error("bob is gone, too")
		}
		if !strings.Contains(text, `"action":"user.purged","object":"organizations/`+org+`/users/`+ann.ID+`"`) {
			t.Error("the audit does not tell of it")
		}
		v.do(t, http.MethodPost, api.UserPurgePath(org, bob.ID), nil).refused(t, "last_owner")
	})
}

// suspended suspends an organization, and ends its sessions.
func (v vendor) suspended(t *testing.T, org string) {
	t.Helper()
	now := into[api.Organization](t, v.do(t, http.MethodGet, api.OrganizationPath(org), nil), http.StatusOK)
	v.do(t, http.MethodPatch, api.OrganizationPath(org), `{"status":"suspended"}`, header("If-Match", now.ETag)).want(t, http.StatusOK)
	for _, s := range v.sessions(t, org, "").Sessions {
		v.do(t, http.MethodDelete, api.SessionOfPath(org, s.SessionID), nil).want(t, http.StatusNoContent)
	}
}

// TestPurgeAnOrganization: all of it, and nothing of another.
func TestPurgeAnOrganization(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		v := w.vendor()
		org, ann, _ := v.worked(t)
		other, _, _ := v.worked(t)
		body := fmt.Sprintf(`{"confirm":%q}`, org)
		path := api.PurgePath(org)
		v.do(t, http.MethodPost, path, body).refused(t, "in_use") // ann has a seat
		v.do(t, http.MethodPost, path, fmt.Sprintf(`{"confirm":%q}`, other)).refused(t, "invalid_request")
		v.do(t, http.MethodPost, path, `{"confirm":""}`).refused(t, "invalid_request")
		v.suspended(t, org)
		before, _ := v.exported(t, other, "")
		want := api.PurgeReport{OrganizationID: org, Licenses: 1, Users: 2, Sessions: 4}
		want.Audit = into[api.PurgeReport](t, v.do(t, http.MethodPost, path+"?dry_run=true", body), http.StatusOK).Audit
		dry := into[api.PurgeReport](t, v.do(t, http.MethodPost, path+"?dry_run=true", body), http.StatusOK)
		if dry != want || want.Audit < 8 {
			t.Errorf("a dry run: %+v", dry)
		}
		got := into[api.PurgeReport](t, v.do(t, http.MethodPost, path, body), http.StatusOK)
		if got.Deleted < 1+2+4+want.Audit+1 || got.More {
			t.Errorf("%+v", got)
		}
		v.do(t, http.MethodGet, api.OrganizationPath(org), nil).refused(t, "organization_not_found")
		v.do(t, http.MethodPost, path, body).refused(t, "organization_not_found")
		v.do(t, http.MethodGet, api.ExportPath(org), nil).refused(t, "organization_not_found")
		if found, err := w.stack.Service.People.FindByEmail(t.Context(), license.ServiceCaller(other), ann.Email); err != nil || len(found) != 0 {
			t.Errorf("an account: %+v, %v", found, err)
		}
		if acts := v.serviceActs(t); !slices.Contains(acts, "eve@vendor.example organization.purged organizations/"+org) {
			t.Errorf("the audit: %v", acts)
		}
		if after, _ := v.exported(t, other, ""); len(after["session"]) != len(before["session"]) || len(after["user"]) != 2 {
			t.Errorf("the other organization: %+v", after)
		}
	})
}

// TestAPurgeThatStops: whatever fails half way, the same request goes on, and nothing comes
// into the organization meanwhile.
func TestAPurgeThatStops(t *testing.T) {
	for _, method := range []string{"BeginPurge", "DropUsers", "PurgePage", "FinishPurge"} {
		t.Run(method, func(t *testing.T) {
			v := control(t)
			org, _, _ := v.worked(t)
			v.suspended(t, org)
			body := fmt.Sprintf(`{"confirm":%q}`, org)
			for _, broken := range []func(error, ...string){v.w.outage.begin, v.w.outage.losing} {
				broken(&license.UnavailableError{Backend: "firestore", Err: errors.New("away")}, method)
				v.do(t, http.MethodPost, api.PurgePath(org), body).refused(t, "unavailable")
				v.w.outage.end()
				if method == "FinishPurge" && v.do(t, http.MethodGet, api.OrganizationPath(org), nil).status == http.StatusNotFound {
					continue // its answer alone was lost
				}
				if method != "BeginPurge" {
					v.do(t, http.MethodPost, api.LicensesPath(org), `{"id":"a","product":"p","max_seats":1,"expires_at":"never"}`).refused(t, "organization_not_found")
				}
			}
			if method == "FinishPurge" {
				v.do(t, http.MethodPost, api.PurgePath(org), body).refused(t, "organization_not_found")
			} else {
				into[api.PurgeReport](t, v.do(t, http.MethodPost, api.PurgePath(org), body), http.StatusOK)
			}
			entries := into[api.AuditList](t, v.do(t, http.MethodGet, api.PathServiceAudit, nil), http.StatusOK).Entries
			if len(entries) != 1 || entries[0].State != string(record.EntryDone) {
				t.Errorf("the audit: %+v", entries)
			}
		})
	}
}

// TestTheNewDoorsAreStaffsAlone: owners and strangers are not let in.
func TestTheNewDoorsAreStaffsAlone(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	owner := v.w.userAs(org.ID, "ann", license.RoleOwner).token
	for _, path := range []struct{ method, path, body string }{
		{http.MethodGet, api.PathKeys, ""},
		{http.MethodPost, api.PathKeys, ""},
		{http.MethodPost, api.PathKeysPrune, ""},
		{http.MethodPost, api.KeyDisablePath(strings.Repeat("x", 43)), ""},
		{http.MethodGet, api.PathServiceAudit, ""},
		{http.MethodPost, api.LedgerCheckPath(org.ID), ""},
		{http.MethodPost, api.LedgerRebuildPath(org.ID), ""},
		{http.MethodGet, api.ExportPath(org.ID), ""},
		{http.MethodPost, api.PurgePath(org.ID), `{"confirm":"x"}`},
		{http.MethodPost, api.UserPurgePath(org.ID, "ann"), ""},
	} {
		for _, token := range []string{"", owner, v.w.stack.SchedulerToken()} {
			var body any
			if path.body != "" {
				body = path.body
			}
			v.w.do(t, path.method, path.path, token, body).refused(t, "unauthenticated")
		}
	}
}
