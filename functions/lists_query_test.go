package functions_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
)

// TestListsRefuseWhatTheyDoNotKnow: what is mistyped, sent twice or made up is named, and
// answered with no list.
func TestListsRefuseWhatTheyDoNotKnow(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	v := w.vendor()
	org, _ := v.sold(t)
	v.do(t, http.MethodPost, api.WebhooksPath(org.ID), `{"id":"crm","url":"https://hooks.example.com"}`).want(t, http.StatusCreated)
	boss := w.userAs(org.ID, "boss", "owner").token
	deliveries := strings.NewReplacer("{organization}", org.ID, "{webhook}", "crm")
	for path, token := range map[string]string{
		api.PathOrganizations: v.token, api.LicensesPath(org.ID): v.token, api.SessionsPath(org.ID): v.token, api.UsersPath(org.ID): v.token,
		api.AuditPath(org.ID): v.token, api.PathServiceAudit: v.token, deliveries.Replace(api.PathDeliveries): v.token,
		api.PathMyLicenses: boss, api.PathMySessions: boss, api.PathAdminOverview: boss, api.PathAdminLicenses: boss, api.PathAdminSessions: boss,
		api.PathAdminUsers: boss, api.PathAdminAudit: boss, deliveries.Replace(api.PathAdminDeliveries): boss,
	} {
		w.do(t, http.MethodGet, path+"?limit=1", token, nil).want(t, http.StatusOK)
		for query, field := range map[string]string{
			"?foo=1": "foo", "?limit=1&limit=3": "limit", "?after=zzz!": "after", "?limit=1&Limit=2": "Limit", "?%zz": "query",
		} {
			if got := fields(t, w.do(t, http.MethodGet, path+query, token, nil).refused(t, "invalid_request")); !slices.Equal(got, []string{field}) {
				t.Errorf("%s%s: %q, want %q", path, query, got, field)
			}
		}
	}
	for path, token := range map[string]string{
		api.WebhooksPath(org.ID): v.token, api.PathAdminWebhooks: boss, api.OrganizationPath(org.ID): v.token, api.PathKeys: v.token,
		api.UsagePath(org.ID): v.token, api.PathAdminDenials: boss,
	} {
		if got := fields(t, w.do(t, http.MethodGet, path+"?foo=1", token, nil).refused(t, "invalid_request")); !slices.Equal(got, []string{"foo"}) {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// TestTheAuditIsFiltered by actor, action, object and time, at both doors.
func TestTheAuditIsFiltered(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		v := w.vendor()
		org, lic := v.sold(t)
		v.do(t, http.MethodPatch, api.LicensePath(org.ID, "pro"), `{"max_seats":2}`, header("If-Match", lic.ETag)).want(t, http.StatusOK)
		boss := w.userAs(org.ID, "boss", "owner")
		held := w.user(org.ID, "ann").take(t, "hw").SessionID
		w.do(t, http.MethodDelete, api.AdminSessionPath(held), boss.token, nil).want(t, http.StatusNoContent)
		day := time.Now().UTC().Truncate(24 * time.Hour).Format(time.DateOnly)
		pro := "organizations/" + org.ID + "/licenses/pro"
		all := []string{"session.revoked", "license.changed", "license.created", "organization.created"}
		for query, want := range map[string][]string{
			"":                         all,
			"actor=boss":               all[:1],
			"actor=eve@vendor.example": all[1:],
			"action=license.changed":   all[1:2],
			"object=" + pro:            all[1:3],
			"object=" + pro + "&action=license.created&actor=eve@vendor.example": all[2:3],
			"actor=boss&object=" + pro:            nil,
			"action=nothing":                      nil,
			"from=" + day:                         all,
			"to=" + day:                           nil,
			"from=" + day + "&actor=boss&limit=1": all[:1],
			"from=2999-01-01":                     nil,
		} {
			for path, token := range map[string]string{api.AuditPath(org.ID): v.token, api.PathAdminAudit: boss.token} {
				if got := w.acts(t, path+"?"+query, token); !slices.Equal(got, want) {
					t.Errorf("%s?%s: %q, want %q", path, query, got, want)
				}
			}
		}
		for query, want := range map[string][]string{"from=today": {"from"}, "from=x&to=y": {"from", "to"}, "from=2026-11-02&to=2026-11-02": {"to"}} {
			if got := fields(t, w.do(t, http.MethodGet, api.PathAdminAudit+"?"+query, boss.token, nil).refused(t, "invalid_request")); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
	})
}

// acts are the actions of an audit, read a page after the other.
func (w *world) acts(t *testing.T, path, token string) (all []string) {
	t.Helper()
	for after := ""; ; {
		page := into[api.AuditList](t, w.do(t, http.MethodGet, path+"&after="+url.QueryEscape(after), token, nil), http.StatusOK)
		for _, e := range page.Entries {
			all = append(all, e.Action)
		}
		if after = page.After; after == "" {
			return all
		}
	}
}
