package web_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// office is an App for those who administer: one operation reads, one looks for something by
// a body, one writes, and one writes for owners alone.
type office struct {
	*bench
	caller license.Caller
	now    time.Time
}

const (
	readPath, findPath, writePath, ownersPath = "/office/read", "/office/find", "/office/write", "/office/owners"
)

func officeRoutes(h func(context.Context, web.Call, struct{}) (web.Answer, error)) []web.Route {
	op := func(id, method, path string, roles ...license.Role) web.Operation {
		return web.Operation{
			ID: id, Method: method, Path: path, Access: web.AccessAdmin, Roles: roles, Description: "It does.",
			Answers: []web.Documented{{Status: http.StatusNoContent, Description: "Done."}},
		}
	}
	find := op("find", http.MethodPost, findPath)
	find.Reads = true
	return []web.Route{
		web.Handle(op("read", http.MethodGet, readPath), h),
		web.Handle(find, h),
		web.Handle(op("write", http.MethodPost, writePath), h),
		web.Handle(op("owners", http.MethodDelete, ownersPath, license.RoleOwner), h),
	}
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{bench: newBench(t, nil), now: time.Unix(1_800_000_000, 0)}
	o.caller = license.Caller{OrganizationID: "acme", UserID: "o", Role: license.RoleOwner, SignedInAt: o.now}
	who := func(context.Context, string) (license.Caller, error) { return o.caller, nil }
	o.app = web.NewApp(web.Options{Now: func() time.Time { return o.now }}, web.Authenticators{web.AccessAdmin: who}, officeRoutes(o.release.handle)...)
	o.release.answer.Status = http.StatusNoContent
	return o
}

// refuses checks what an operation answers; an empty code lets in.
func (o *office) refuses(t *testing.T, method, path string, code api.Code) {
	t.Helper()
	before := o.release.calls
	w := o.do(method, path, "")
	if code == "" {
		if w.Code != http.StatusNoContent || o.release.calls != before+1 {
			t.Errorf("%s of %+v: %d %s", method, o.caller, w.Code, w.Body)
		}
		return
	}
	if problem(t, w, code); o.release.calls != before {
		t.Errorf("%s of %+v: the handler was called", method, o.caller)
	}
}

// TestWhoAdministers: owners and admins, and of them those whom the operation is for.
func TestWhoAdministers(t *testing.T) {
	for role, tt := range map[license.Role]struct{ any, owners api.Code }{
		license.RoleOwner:   {"", ""},
		license.RoleAdmin:   {"", api.Forbidden},
		license.RoleMember:  {api.Forbidden, api.Forbidden},
		license.RoleMetrics: {api.Forbidden, api.Forbidden},
		license.RoleService: {api.Forbidden, api.Forbidden},
		"":                  {api.Forbidden, api.Forbidden},
		"Admin":             {api.Forbidden, api.Forbidden},
	} {
		o := newOffice(t)
		o.caller.Role = role
		o.refuses(t, http.MethodGet, readPath, tt.any)
		o.refuses(t, http.MethodPost, writePath, tt.any)
		o.refuses(t, http.MethodDelete, ownersPath, tt.owners)
	}
}

// TestAdministratorsSignInAgain to change something after twelve hours, to the second,
// and never to read.
func TestAdministratorsSignInAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		at   func(now time.Time) time.Time
		code api.Code
	}{
		"now":                    {func(now time.Time) time.Time { return now }, ""},
		"by a clock ahead":       {func(now time.Time) time.Time { return now.Add(time.Minute) }, ""},
		"twelve hours ago":       {func(now time.Time) time.Time { return now.Add(-12 * time.Hour) }, ""},
		"a second before that":   {func(now time.Time) time.Time { return now.Add(-12*time.Hour - time.Second) }, api.SignInTooOld},
		"in the year 1":          {func(time.Time) time.Time { return time.Time{} }, api.SignInTooOld},
		"a thousand years ahead": {func(now time.Time) time.Time { return now.AddDate(1000, 0, 0) }, ""}, // identity refuses it
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.caller.SignedInAt = tt.at(o.now)
			o.refuses(t, http.MethodPost, writePath, tt.code)
			o.refuses(t, http.MethodDelete, ownersPath, tt.code)
			o.refuses(t, http.MethodGet, readPath, "")
			o.refuses(t, http.MethodPost, findPath, "")
		})
	}
}

// TestTheChallengeOfAnOldSignIn is that of RFC 9470: a program sees that a refreshed
// token will not do. Who may not do it anyway is not sent to sign in.
func TestTheChallengeOfAnOldSignIn(t *testing.T) {
	o := newOffice(t)
	o.now = o.now.Add(13 * time.Hour)
	w := o.do(http.MethodPost, writePath, "")
	const want = `Bearer realm="coditect-licenses", error="insufficient_user_authentication", error_description="A more recent sign-in is needed", max_age="43200"`
	if got := w.Header().Get("WWW-Authenticate"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if p := problem(t, w, api.SignInTooOld); !strings.Contains(p.Detail, "12 hours") || !strings.Contains(p.Detail, "Sign in again") {
		t.Errorf("%s", p.Detail)
	}
	o.caller.Role = license.RoleMember
	o.refuses(t, http.MethodPost, writePath, api.Forbidden)
}

// TestAdministrationIsDocumented: for whom, and where they sign in again.
func TestAdministrationIsDocumented(t *testing.T) {
	doc := web.OpenAPI(web.Served{Function: "office", Operations: web.Operations(officeRoutes(nil)...)})
	for _, tt := range []struct {
		op          string
		description string
		recent      bool
	}{
		{"read", "It does. For the roles owner, admin.", false},
		{"find", "It does. For the roles owner, admin.", false},
		{"write", "It does. For the roles owner, admin. With a sign-in of the last 12 hours.", true},
		{"owners", "It does. For the roles owner. With a sign-in of the last 12 hours.", true},
	} {
		op := map[string]*huma.Operation{
			"read": doc.Paths[readPath].Get, "find": doc.Paths[findPath].Post, "write": doc.Paths[writePath].Post, "owners": doc.Paths[ownersPath].Delete,
		}[tt.op]
		codes := documentedCodes(op)
		if op.Description != tt.description || len(op.Security) != 1 || op.Security[0]["idToken"] == nil {
			t.Errorf("%s: %q, %v", tt.op, op.Description, op.Security)
		}
		if slices.Contains(codes, string(api.SignInTooOld)) != tt.recent || !slices.Contains(codes, string(api.Forbidden)) || !slices.Contains(codes, string(api.TenantMissing)) {
			t.Errorf("%s: codes %v", tt.op, codes)
		}
	}
}
