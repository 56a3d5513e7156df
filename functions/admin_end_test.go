package functions_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// endAll ends all that the body means; query is that of the path.
func (u user) endAll(t *testing.T, query string, body map[string]any) api.EndSessionsReport {
	t.Helper()
	return into[api.EndSessionsReport](t, u.w.do(t, http.MethodPost, api.PathAdminEndAll+query, u.token, body), http.StatusOK)
}

// TestAllSessionsOfSomebodyEnd, or of a license, or of both, and nobody else's.
func TestAllSessionsOfSomebodyEnd(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		for name, tt := range map[string]struct {
			body map[string]any
			left []string // user and license
		}{
			"of a user":            {map[string]any{"user_id": "ann"}, []string{"bob active"}},
			"of a license":         {map[string]any{"license_id": "active"}, []string{"ann ending"}},
			"of a user under one":  {map[string]any{"user_id": "ann", "license_id": "active"}, []string{"ann ending", "bob active"}},
			"of nobody":            {map[string]any{"user_id": "eve"}, []string{"ann active", "ann active", "ann ending", "bob active"}},
			"of no license's":      {map[string]any{"license_id": "nothing"}, []string{"ann active", "ann active", "ann ending", "bob active"}},
			"of the organization":  {map[string]any{"all": true}, nil},
			"of a user in no list": {map[string]any{"user_id": "bob", "license_id": "ending"}, []string{"ann active", "ann active", "ann ending", "bob active"}},
		} {
			org, _, _ := w.several(t)
			boss := w.boss(org)
			n := 4 - len(tt.left)
			if got := boss.endAll(t, "?dry_run=true", tt.body); got.Ended != n || got.More {
				t.Errorf("%s, to try: %+v", name, got)
			}
			if got := read[api.Overview](t, boss, api.PathAdminOverview); *got.SeatsUsed != 4 {
				t.Errorf("%s, to try: %d are left", name, *got.SeatsUsed)
			}
			if got := boss.endAll(t, "", tt.body); got.Ended != n || got.More {
				t.Errorf("%s: %+v", name, got)
			}
			var left []string
			for _, s := range read[api.SessionList](t, boss, api.PathAdminSessions).Sessions {
				left = append(left, s.UserID+" "+s.LicenseID)
			}
			if slices.Sort(left); !slices.Equal(left, tt.left) {
				t.Errorf("%s: %v are left, want %v", name, left, tt.left)
			}
			entries := boss.revoked(t)
			for _, e := range entries {
				if e.Actor != "boss" || e.After["ended_reason"] != string(license.EndRevoked) {
					t.Errorf("%s: %+v", name, e)
				}
			}
			if len(entries) != n {
				t.Errorf("%s: %d entries, want %d", name, len(entries), n)
			}
		}
	})
}

// TestAHundredSessionsEndAtATime, each once, and the answer says whether there are more.
func TestAHundredSessionsEndAtATime(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.tenant(t, 300)
	w.putLicense(t, org, "pro", map[string]any{"product": "studio", "max_seats": 300})
	ann, boss := w.user(org, "ann"), w.boss(org)
	for i := range api.MaxEnded + 3 {
		ann.take(t, fmt.Sprint("hw-", i))
	}
	for _, want := range []api.EndSessionsReport{{Ended: api.MaxEnded, More: true}, {Ended: 3}, {}} {
		if want.More {
			if got := boss.endAll(t, "?dry_run=true", map[string]any{"user_id": "ann"}); got != want {
				t.Errorf("to try: %+v, want %+v", got, want)
			}
		}
		if got := boss.endAll(t, "", map[string]any{"user_id": "ann"}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
		t.Errorf("left behind: %+v", got)
	}
	seen := map[string]bool{}
	for _, e := range boss.revoked(t) {
		seen[e.Object] = true
	}
	if got := boss.revoked(t); len(got) != api.MaxEnded+3 || len(seen) != len(got) {
		t.Errorf("%d entries about %d sessions", len(got), len(seen))
	}
}

// TestWhatFailedHalfWayIsAskedAgain, and goes on with the rest.
func TestWhatFailedHalfWayIsAskedAgain(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	boss := w.boss(org)
	for i := range 5 {
		w.user(org, "ann").take(t, fmt.Sprint("hw-", i))
	}
	w.outage.begin(recordtest.Outage(nil), "RevokeSession")
	w.do(t, http.MethodPost, api.PathAdminEndAll, boss.token, `{"user_id":"ann"}`).refused(t, "unavailable")
	w.outage.end()
	if got := boss.endAll(t, "", map[string]any{"user_id": "ann"}); got.Ended != 5 || got.More {
		t.Errorf("%+v", got)
	}
	if got := boss.revoked(t); len(got) != 5 {
		t.Errorf("%d entries", len(got))
	}
}

// TestBadInputOfAdministrators: everything that is wrong has its field, and nobody ends.
func TestBadInputOfAdministrators(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	ann, boss := w.user(org, "ann"), w.boss(org)
	held := ann.take(t, "hw").SessionID
	for name, tt := range map[string]struct{ method, path, body, field string }{
		"no limit of licenses":   {http.MethodGet, api.PathMyLicenses + "?limit=0", "", "limit"},
		"a position made up":     {http.MethodGet, api.PathMyLicenses + "?after=a/b", "", "after"},
		"a position in capitals": {http.MethodGet, api.PathMyLicenses + "?after=PRO", "", "after"},
		"of the overview":        {http.MethodGet, api.PathAdminOverview + "?after=..", "", "after"},
		"a limit too high":       {http.MethodGet, api.PathAdminOverview + "?limit=201", "", "limit"},
		"no limit, bought":       {http.MethodGet, api.PathAdminLicenses + "?limit=x", "", "limit"},
		"a position, bought":     {http.MethodGet, api.PathAdminLicenses + "?after=a/b", "", "after"},
		"an entry made up":       {http.MethodGet, api.PathAdminAudit + "?after=x", "", "after"},
		"a session made up":      {http.MethodGet, api.PathAdminSessions + "?after=" + nobodysSession, "", "after"},
		"a filter misspelled":    {http.MethodGet, api.PathAdminSessions + "?licence=pro", "", "licence"},
		"a filter twice":         {http.MethodGet, api.PathAdminSessions + "?user=a&user=b", "", "user"},
		"a dry run of an end":    {http.MethodDelete, api.AdminSessionPath(held) + "?dry_run=1", "", "dry_run"},
		"an end misspelled":      {http.MethodDelete, api.AdminSessionPath(held) + "?dryrun=true", "", "dryrun"},
		"all, of whom":           {http.MethodPost, api.PathAdminEndAll, `{}`, ""},
		"all, of empty names":    {http.MethodPost, api.PathAdminEndAll, `{"user_id":"","license_id":null}`, ""},
		"all, and one of them":   {http.MethodPost, api.PathAdminEndAll, `{"all":true,"user_id":"ann"}`, "all"},
		"all is a word":          {http.MethodPost, api.PathAdminEndAll, `{"all":"yes"}`, "all"},
		"all of no license's id": {http.MethodPost, api.PathAdminEndAll, `{"license_id":"../globex"}`, "license_id"},
		"all of a long name":     {http.MethodPost, api.PathAdminEndAll, `{"user_id":"` + strings.Repeat("a", 129) + `"}`, "user_id"},
		"all of an organization": {http.MethodPost, api.PathAdminEndAll, `{"user_id":"ann","organization_id":"globex"}`, "organization_id"},
		"all, to try, mistyped":  {http.MethodPost, api.PathAdminEndAll + "?dry_run=yes", `{"user_id":"ann"}`, "dry_run"},
		"all, to try, elsewhere": {http.MethodPost, api.PathAdminEndAll + "?dry-run=true", `{"user_id":"ann"}`, "dry-run"},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		p := w.do(t, tt.method, tt.path, boss.token, body).refused(t, "invalid_request")
		if got := fields(t, p); !slices.Equal(got, []string{tt.field}) {
			t.Errorf("%s: %q, want %q", name, got, tt.field)
		}
	}
	w.do(t, http.MethodPost, api.PathAdminEndAll, boss.token, nil).refused(t, "invalid_request")
	ann.beat(t, held).want(t, http.StatusOK)
}
