package devstack_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// helpers are the development endpoints with a request each of them takes.
func helpers() []struct{ method, path, body string } {
	return []struct{ method, path, body string }{
		{http.MethodPost, "/dev/token", `{"user_id":"ann"}`},
		{http.MethodPut, "/dev/organizations/initech", `{}`},
		{http.MethodPut, "/dev/organizations/acme/licenses/extra", `{}`},
		{http.MethodPost, "/dev/scheduler", ``},
		{http.MethodPost, "/dev/staff-token", `{}`},
	}
}

// TestWhoMayUseTheHelpers: this machine, by an address of its own, and no web
// page, by whatever name it reached us.
func TestWhoMayUseTheHelpers(t *testing.T) {
	s := stack(t, devstack.Defaults())
	for _, tt := range []struct {
		name, remote, host, origin string
		ok                         bool
	}{
		{"IPv4", "127.0.0.1:50000", "127.0.0.1:8080", "", true},
		{"all of 127/8", "127.9.9.9:50000", "127.0.0.2", "", true},
		{"IPv6", "[::1]:50000", "[::1]:8080", "", true},
		{"localhost", "127.0.0.1:50000", "localhost:8080", "", true},
		{"localhost without port", "127.0.0.1:50000", "localhost", "", true},

		{"another machine", "10.0.0.7:50000", "127.0.0.1:8080", "", false},
		{"another machine, IPv6", "[2001:db8::1]:50000", "localhost:8080", "", false},
		{"an address without port", "127.0.0.1", "127.0.0.1:8080", "", false},
		{"no address", "", "127.0.0.1:8080", "", false},
		{"a name that resolves here", "127.0.0.1:50000", "evil.example:8080", "", false},
		{"a name that looks like it", "127.0.0.1:50000", "127.0.0.1.evil.example", "", false},
		{"a name below localhost", "127.0.0.1:50000", "localhost.evil.example:8080", "", false},
		{"a public address", "127.0.0.1:50000", "192.0.2.1:8080", "", false},
		{"no host", "127.0.0.1:50000", "", "", false},
		{"any address", "127.0.0.1:50000", "0.0.0.0:8080", "", false},
		{"a page", "127.0.0.1:50000", "127.0.0.1:8080", "https://evil.example", false},
		{"a page of ours", "127.0.0.1:50000", "127.0.0.1:8080", "http://127.0.0.1:8080", false},
		{"a file", "127.0.0.1:50000", "127.0.0.1:8080", "null", false},
	} {
		for _, h := range helpers() {
			r := request(t, h.method, h.path, h.body)
			r.RemoteAddr, r.Host = tt.remote, tt.host
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			w := serve(s, r)
			if want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[tt.ok]; w.Code != want {
				t.Errorf("%s, %s: %d, want %d", tt.name, h.path, w.Code, want)
			}
			if strings.Contains(w.Body.String(), "id_token") != (tt.ok && strings.HasSuffix(h.path, "token")) {
				t.Errorf("%s, %s: %s", tt.name, h.path, w.Body)
			}
		}
	}
}

// TestTheServiceAloneHasNoHelpers: they come with Local only.
func TestTheServiceAloneHasNoHelpers(t *testing.T) {
	s := stack(t, devstack.Defaults())
	for _, h := range helpers() {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, request(t, h.method, h.path, h.body))
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != api.ContentTypeProblem {
			t.Errorf("%s: %d %s", h.path, w.Code, w.Body)
		}
	}
}

// TestDocs: a page of the whole API, for browsers, which may run nothing on it.
func TestDocs(t *testing.T) {
	s := stack(t, devstack.Defaults())
	w := serve(s, request(t, http.MethodGet, "/docs", ""))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(w.Body.String(), "<strong>POST</strong> /api/v1/licenses/acquire") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || !strings.HasSuffix(policy, "; frame-ancestors 'none'") {
		t.Errorf("%s", policy)
	}
	if w := serve(s, request(t, http.MethodPost, "/docs", "")); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	for _, path := range []string{"/docs/", "/docs/x", "/%64ocs"} {
		if w := serve(s, request(t, http.MethodGet, path, "")); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestBodiesOfHelpers are read strictly: what was mistyped must not pass for done.
func TestBodiesOfHelpers(t *testing.T) {
	s := stack(t, devstack.Defaults())
	huge := `{"name":"` + strings.Repeat("x", api.MaxBody) + `"}`
	for _, h := range helpers()[:3] {
		for name, body := range map[string]string{
			"nothing": "", "half": `{`, "a list": `[]`, "two": `{"user_id":"ann"} {}`, "trailing": `{"user_id":"ann"} x`,
			"unknown member": `{"userid":"ann"}`, "huge": huge, "text": `"ann"`, "wrong type": `{"user_id":1,"name":1,"product":1}`,
		} {
			if out := object(t, s, http.StatusBadRequest, h.method, h.path, body); out["error"] == "" || len(out) != 1 {
				t.Errorf("%s, %s: %v", h.path, name, out)
			}
		}
	}
	object(t, s, http.StatusBadRequest, http.MethodPost, "/dev/token", `{}`)
	for _, body := range []string{`{"max_concurrent_seats":-1}`, `{"name":" "}`, `{"status":"gone"}`} {
		object(t, s, http.StatusBadRequest, http.MethodPut, "/dev/organizations/acme", body)
	}
}

// TestLicensesOfHelpers obey the rules of all that is written.
func TestLicensesOfHelpers(t *testing.T) {
	s := stack(t, devstack.Defaults())
	for body, field := range map[string]string{
		`{"max_seats":-1}`: "max_seats", `{"max_seats":1000001}`: "max_seats", `{"product":"a\u0000"}`: "product", `{"handover":-1}`: "handover",
		`{"grace_seconds":-1}`: "grace_seconds", `{"grace_seconds":31622401}`: "grace_seconds", `{"grace_seconds":9223372036854775807}`: "grace_seconds",
		`{"offline_max_seconds":-9223372036854775808}`: "offline_max_seconds", `{"expires_at":"0001-01-01T00:00:00Z"}`: "expires_at",
	} {
		out := object(t, s, http.StatusBadRequest, http.MethodPut, "/dev/organizations/acme/licenses/extra", body)
		if text, _ := out["error"].(string); !strings.HasPrefix(text, field+" ") {
			t.Errorf("%s: %v", body, out)
		}
	}
}

// TestHelpersAreJudgedAndRecorded as the vendor's door is: each change is once in the
// audit, what changes nothing is not, and no two organizations have one slug. So is what
// a stack begins with.
func TestHelpersAreJudgedAndRecorded(t *testing.T) {
	s := stack(t, devstack.Defaults())
	const org, lic = "/dev/organizations/initech", "/dev/organizations/initech/licenses/tps"
	for range 2 {
		object(t, s, http.StatusOK, http.MethodPut, org, `{}`)
		object(t, s, http.StatusOK, http.MethodPut, lic, `{}`)
	}
	object(t, s, http.StatusOK, http.MethodPut, org, `{"max_concurrent_seats":7}`)
	object(t, s, http.StatusOK, http.MethodPut, lic, `{"max_seats":7}`)
	if out := object(t, s, http.StatusBadRequest, http.MethodPut, org, `{"slug":"acme"}`); out["error"] != "another organization has this slug" {
		t.Errorf("%v", out)
	}
	wantActs(t, s, "initech", "license.changed organization.changed license.created organization.created")
	wantActs(t, s, "acme", "license.created organization.created")
}

func wantActs(t *testing.T, s *devstack.Stack, org, want string) {
	t.Helper()
	entries, err := s.Service.Administration.Audit(t.Context(), license.ServiceCaller(org), record.Span{}, "", 99)
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, e := range entries {
		if acts = append(acts, string(e.Action)); e.Actor != "dev@vendor.example" || e.At.IsZero() {
			t.Errorf("%s: %+v", org, e)
		}
	}
	if got := strings.Join(acts, " "); got != want {
		t.Errorf("%s: %s, want %s", org, got, want)
	}
}

// TestHelpersAtOnce: whoever comes last wins, and nobody is told of the others.
func TestHelpersAtOnce(t *testing.T) {
	s := stack(t, devstack.Defaults())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for path, body := range map[string]string{
				"/dev/organizations/initech":            fmt.Sprintf(`{"max_concurrent_seats":%d}`, i),
				"/dev/organizations/acme/licenses/more": fmt.Sprintf(`{"max_seats":%d}`, i),
			} {
				if w := serve(s, request(t, http.MethodPut, path, body)); w.Code != http.StatusOK {
					t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
				}
			}
		})
	}
	all.Wait()
}

// TestIDsOfHelpers follow the contract's rule.
func TestIDsOfHelpers(t *testing.T) {
	s := stack(t, devstack.Defaults())
	for _, id := range []string{"Acme", "-a", "a_b", "a.b", strings.Repeat("a", 64), "%2e%2e", "a%2fb", "%7Ba%7D", "a%00"} {
		object(t, s, http.StatusNotFound, http.MethodPut, "/dev/organizations/"+id, `{}`)
		object(t, s, http.StatusNotFound, http.MethodPut, "/dev/organizations/"+id+"/licenses/extra", `{}`)
		object(t, s, http.StatusNotFound, http.MethodPut, "/dev/organizations/acme/licenses/"+id, `{}`)
	}
	object(t, s, http.StatusNotFound, http.MethodPut, "/dev/organizations/nowhere/licenses/extra", `{}`)
	if ids, err := s.Service.Record.OrganizationIDs(t.Context(), "", 10); err != nil || fmt.Sprint(ids) != "[acme globex]" {
		t.Errorf("organizations %v, %v", ids, err)
	}
	for path, method := range map[string]string{
		"/dev/token": http.MethodGet, "/dev/organizations/acme": http.MethodPost, "/dev/scheduler": http.MethodGet, "/dev/organizations/acme/licenses/x": http.MethodDelete,
	} {
		if w := serve(s, request(t, method, path, "")); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
	}
	for _, path := range []string{"/dev/", "/dev/nothing", "/dev/organizations/", "/dev/organizations/acme/licenses"} {
		if w := serve(s, request(t, http.MethodGet, path, "")); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestDevToken: what was asked for is what the service sees.
func TestDevToken(t *testing.T) {
	s := stack(t, devstack.Defaults())
	for body, want := range map[string]int{
		`{"user_id":"ann","organization_id":"acme"}`:                                   http.StatusCreated,
		`{"user_id":"bob","organization_id":"acme","ttl_seconds":60}`:                  http.StatusCreated,
		`{"user_id":"cem","organization_id":"acme","role":"owner","email":"c@acme.x"}`: http.StatusCreated,
		`{"user_id":"dan","organization_id":"acme","ttl_seconds":-1}`:                  http.StatusUnauthorized,
		`{"user_id":"eve","organization_id":"acme","ttl_seconds":0}`:                   http.StatusUnauthorized,
		`{"user_id":"fay"}`:                               http.StatusForbidden,
		`{"user_id":"gus","organization_id":"nowhere"}`:   http.StatusNotFound,
		`{"user_id":"hal","organization_id":"not an id"}`: http.StatusForbidden,
	} {
		token, _ := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", body)["id_token"].(string)
		if got := acquire(t, s, token); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
	token, _ := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"cem","organization_id":"acme","role":"owner","email":"c@acme.x"}`)["id_token"].(string)
	caller, err := s.Service.Authenticate(false)(t.Context(), token)
	caller.SignedInAt = time.Time{} // whenever that was
	if want := (license.Caller{OrganizationID: "acme", UserID: "cem", Email: "c@acme.x", Role: license.RoleOwner}); err != nil || caller != want {
		t.Errorf("%+v, %v, want %+v", caller, err, want)
	}
}

// TestDevOrganizationAndLicense replace as a whole, are answered as they are
// now, and are seen at once.
func TestDevOrganizationAndLicense(t *testing.T) {
	s := stack(t, devstack.Defaults())
	org := object(t, s, http.StatusOK, http.MethodPut, "/dev/organizations/initech", `{"name":"Initech","slug":"tps","subscription_tier":"enterprise","max_concurrent_seats":2}`)
	if fmt.Sprint(org) != "map[id:initech max_concurrent_seats:2 name:Initech slug:tps status:active subscription_tier:enterprise]" {
		t.Errorf("organization: %v", org)
	}
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	lic := object(t, s, http.StatusOK, http.MethodPut, "/dev/organizations/initech/licenses/tps",
		fmt.Sprintf(`{"product":"reports","plan":"cover","max_seats":1,"expires_at":%q,"grace_seconds":60,"entitlements":["memo"]}`, ends.Format(time.RFC3339)))
	if want := fmt.Sprintf("map[entitlements:[memo] expires_at:%s grace_seconds:60 id:tps max_seats:1 organization_id:initech plan:cover product:reports status:active]", ends.Format(time.RFC3339)); fmt.Sprint(lic) != want {
		t.Errorf("license: %v, want %s", lic, want)
	}
	token, _ := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", `{"user_id":"ann","organization_id":"initech"}`)["id_token"].(string)
	wantAcquire(t, s, token, http.StatusCreated)

	object(t, s, http.StatusOK, http.MethodPut, "/dev/organizations/initech", `{"status":"suspended"}`)
	wantAcquire(t, s, token, http.StatusForbidden)
	object(t, s, http.StatusOK, http.MethodPut, "/dev/organizations/initech", `{}`)
	object(t, s, http.StatusOK, http.MethodPut, "/dev/organizations/initech/licenses/tps", `{"status":"suspended"}`)
	wantAcquire(t, s, token, http.StatusForbidden)
	object(t, s, http.StatusOK, http.MethodPut, "/dev/organizations/initech/licenses/tps", `{}`)
	wantAcquire(t, s, token, http.StatusOK)

	e, err := s.Service.Record.Entitlements(t.Context(), license.ServiceCaller("initech"))
	if err != nil || e.Organization.Name != "initech" || e.Organization.MaxConcurrentSeats != 100 || e.Organization.SubscriptionTier != "team" {
		t.Errorf("organization: %+v, %v", e.Organization, err)
	}
	if l := e.Licenses[0]; l.Product != "studio" || l.MaxSeats != 1 || !l.ExpiresAt.IsZero() || len(l.Entitlements) != 0 {
		t.Errorf("license: %+v", l)
	}
}

func wantAcquire(t *testing.T, s *devstack.Stack, token string, want int) {
	t.Helper()
	if got := acquire(t, s, token); got != want {
		t.Errorf("acquire: %d, want %d", got, want)
	}
}
