package functions_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestReportsForASpreadsheet: at both doors, for who asks for CSV; JSON for all others.
func TestReportsForASpreadsheet(t *testing.T) {
	v := control(t)
	org, _ := v.sold(t)
	ann, boss := v.w.user(org.ID, "ann"), v.w.boss(org.ID)
	ann.take(t, "hw")
	v.w.user(org.ID, "bob").acquire(t, "hw").refused(t, "no_seats_available")
	v.w.advance(t, v.w.opts.SessionTTL+time.Minute)
	for range 2 {
		v.w.reap(t)
	}
	asked := around("&license=pro")
	for _, door := range []struct{ token, usage, denials string }{
		{v.token, api.UsagePath(org.ID), api.DenialsPath(org.ID)}, {boss.token, api.PathAdminUsage, api.PathAdminDenials},
	} {
		for path, want := range map[string]string{
			door.usage:   "license_id,at,grants,denials,waited,peak_seats,mean_seats",
			door.denials: "license_id,at,denials,waited,lost,by_license,by_user,by_organization,by_handover",
		} {
			a := v.w.do(t, http.MethodGet, path+asked, door.token, nil, header("Accept", "application/json;q=0.1, text/csv")).want(t, http.StatusOK)
			rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
			if err != nil || len(rows) < 2 || strings.Join(rows[0], ",") != want || rows[1][0] != "pro" {
				t.Errorf("%s: %v, %v", path, rows, err)
			}
			if got := a.header; got.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || got.Get("Vary") != "Accept" {
				t.Errorf("%s: %v", path, got)
			}
			for _, accept := range []string{"", "*/*", "application/json", "text/html", "text/csv;q=0.5, application/json"} {
				if got := v.w.do(t, http.MethodGet, path+asked, door.token, nil, header("Accept", accept)).want(t, http.StatusOK).header; got.Get("Content-Type") != "application/json" {
					t.Errorf("%s for %q: %v", path, accept, got)
				}
			}
			more := func(r *http.Request) { r.Header["Accept"] = []string{"text/csv", "text/csv"} }
			v.w.do(t, http.MethodGet, path+asked, door.token, nil, more).refused(t, "invalid_request")
			v.w.do(t, http.MethodGet, path+"?from=x", door.token, nil, header("Accept", "text/csv")).refused(t, "invalid_request")
		}
	}
	// A customer sees its own, whatever it names.
	other := v.w.boss(v.w.licensed(t, 1))
	if got := read[api.UsageReport](t, other, api.PathAdminUsage+around("")); len(got.Licenses) != 0 || got.OrganizationID != other.org {
		t.Errorf("%+v", got)
	}
	ann.get(t, api.PathAdminUsage).refused(t, "forbidden")
	ann.get(t, api.PathAdminDenials).refused(t, "forbidden")
}
