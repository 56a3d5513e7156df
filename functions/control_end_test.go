package functions_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// living names who has a seat, each with its license.
func (v vendor) living(t *testing.T, org string) (all []string) {
	t.Helper()
	for _, s := range v.sessions(t, org, "").Sessions {
		all = append(all, s.UserID+" "+s.LicenseID)
	}
	slices.Sort(all)
	return all
}

// TestTheVendorEndsManySessions of one organization, and no other's.
func TestTheVendorEndsManySessions(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, _, _ := w.several(t)
		other, _, _ := w.several(t)
		v := w.vendor()
		end := func(query string, body map[string]any) api.EndSessionsReport {
			return into[api.EndSessionsReport](t, v.do(t, http.MethodPost, api.EndAllPath(org)+query, body), http.StatusOK)
		}
		if got := end("?dry_run=true", map[string]any{"all": true}); got.Ended != 4 || len(v.living(t, org)) != 4 {
			t.Errorf("to try: %+v, %v", got, v.living(t, org))
		}
		if got := end("", map[string]any{"license_id": "active", "user_id": "ann"}); got.Ended != 2 {
			t.Errorf("of a user under one: %+v", got)
		}
		if got := end("", map[string]any{"all": true}); got.Ended != 2 || got.More || v.living(t, org) != nil {
			t.Errorf("all: %+v, %v", got, v.living(t, org))
		}
		if entries := v.revoked(t, org); len(entries) != 4 || entries[0].Actor != "eve@vendor.example" {
			t.Errorf("%d entries: %+v", len(entries), entries)
		}
		if len(v.living(t, other)) != 4 {
			t.Errorf("another organization has %v", v.living(t, other))
		}
		for _, body := range []string{`{}`, `{"all":false}`, `{"all":true,"license_id":"active"}`, `{"user":"ann"}`} {
			v.do(t, http.MethodPost, api.EndAllPath(other), body).refused(t, "invalid_request")
		}
		v.do(t, http.MethodPost, api.EndAllPath("nobodys"), `{"all":true}`).refused(t, "organization_not_found")
		if len(v.living(t, other)) != 4 {
			t.Errorf("after bad requests: %v", v.living(t, other))
		}
	})
}

// suspendNow suspends what the path names, and ends its sessions.
func (v vendor) suspendNow(t *testing.T, path, query string) api.EndedNow {
	t.Helper()
	a := v.do(t, http.MethodPatch, path+"?now=true"+query, `{"status":"suspended"}`, v.unchanged(t, path))
	a.want(t, http.StatusOK)
	var ended api.EndedNow
	if err := json.Unmarshal(a.body, &ended); err != nil {
		t.Fatal(err)
	}
	return ended
}

// unchanged is the condition that what the path names is as it is now.
func (v vendor) unchanged(t *testing.T, path string) func(*http.Request) {
	t.Helper()
	now := into[map[string]any](t, v.do(t, http.MethodGet, path, nil), http.StatusOK)
	return header("If-Match", fmt.Sprint(now["etag"]))
}

// TestSuspendedAtOnce: the sessions of what is suspended end with it, as they would have at
// their next heartbeat: nobody took them, and the audit has the one act.
func TestSuspendedAtOnce(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, ann, _ := w.several(t)
		v := w.vendor()
		held := v.sessions(t, org, "?license=active").Sessions
		if got := v.suspendNow(t, api.LicensePath(org, "active"), "&dry_run=true"); *got.SessionsEnded != 3 || len(v.living(t, org)) != 4 {
			t.Errorf("to try: %+v, %v", got, v.living(t, org))
		}
		if got := v.suspendNow(t, api.LicensePath(org, "active"), ""); got.SessionsEnded == nil || *got.SessionsEnded != 3 || got.SessionsLeft {
			t.Errorf("a license: %+v", got)
		}
		if got := v.living(t, org); !slices.Equal(got, []string{"ann ending"}) {
			t.Errorf("%v are left", got)
		}
		for _, s := range held {
			if s.UserID == "ann" {
				ann.beat(t, s.SessionID).refused(t, "session_ended").wantMember(t, "reason", "license_suspended")
			}
		}
		if got := v.suspendNow(t, api.OrganizationPath(org), ""); *got.SessionsEnded != 1 || v.living(t, org) != nil {
			t.Errorf("the organization: %+v, %v", got, v.living(t, org))
		}
		if entries := v.revoked(t, org); len(entries) != 0 {
			t.Errorf("somebody took a seat: %+v", entries)
		}
		if got := w.state(t, org); got.held != 0 {
			t.Errorf("left behind: %+v", got)
		}
	})
}

// TestOnlyWhatIsSuspendedEndsAtOnce: now with any other change is refused, and changes nothing.
func TestOnlyWhatIsSuspendedEndsAtOnce(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, _, _ := w.several(t)
		v := w.vendor()
		for _, path := range []string{api.LicensePath(org, "active"), api.OrganizationPath(org)} {
			for query, body := range map[string]string{
				"?now=true": `{"status":"active"}`, "?now=maybe": `{"status":"suspended"}`, "?now": `{"plan":"x"}`, "?now=true&now=true": `{"status":"suspended"}`,
			} {
				v.do(t, http.MethodPatch, path+query, body, v.unchanged(t, path)).refused(t, "invalid_request")
			}
		}
		v.do(t, http.MethodPatch, api.LicensePath(org, "nothing")+"?now=true", `{"status":"suspended"}`, header("If-Match", `"a"`)).refused(t, "license_not_found")
		v.do(t, http.MethodPatch, api.LicensePath(org, "active")+"?now=true", `{"status":"suspended"}`).refused(t, "precondition_required")
		if len(v.living(t, org)) != 4 {
			t.Errorf("%v live", v.living(t, org))
		}
		if l := into[api.License](t, v.do(t, http.MethodGet, api.LicensePath(org, "active"), nil), http.StatusOK); l.Status != "active" || l.Plan != "pro" {
			t.Errorf("%+v", l)
		}
	})
}

// TestSuspendedWithoutTheLedger: the change stands, and the answer says that sessions are left.
func TestSuspendedWithoutTheLedger(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org, ann, _ := w.several(t)
	v := w.vendor()
	w.outage.begin(recordtest.Outage(nil), "SessionPage")
	got := v.suspendNow(t, api.LicensePath(org, "active"), "")
	w.outage.end()
	if got.SessionsEnded == nil || *got.SessionsEnded != 0 || !got.SessionsLeft {
		t.Errorf("%+v", got)
	}
	for _, s := range v.sessions(t, org, "?license=active&user=ann").Sessions {
		ann.beat(t, s.SessionID).refused(t, "license_inactive")
	}
	if got := w.state(t, org); got.held != 2 { // bob's, and ann's of the other license
		t.Errorf("%+v", got)
	}
}
