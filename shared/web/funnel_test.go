package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/limits"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func withDeadline(d time.Duration) func(*web.Options) {
	return func(o *web.Options) { o.Deadline = d }
}

func TestRouting(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		code         api.Code // empty: found
		allow        string
	}{
		{"GET", "/", api.MethodNotAllowed, "POST"},
		{"POST", "/", "", ""},
		{"POST", api.PathReap, "", ""},
		{"POST", "/nowhere", api.NotFound, ""},
		{"POST", api.PathAcquire + "/", api.NotFound, ""},
		{"POST", "/API/v1/licenses/acquire", api.NotFound, ""},
		{"POST", "/api/v1/licenses/%61cquire", api.NotFound, ""},
		{"POST", "//api/v1/licenses/acquire", api.NotFound, ""},
		{"GET", api.PathAcquire, api.MethodNotAllowed, "POST"},
		{"HEAD", api.PathAcquire, api.MethodNotAllowed, "POST"},
		{"OPTIONS", api.PathAcquire, api.MethodNotAllowed, "POST"},
		{"patch", api.HeartbeatPath(sessionID), api.MethodNotAllowed, "PATCH, POST"},
		{"PATCH", api.HeartbeatPath(sessionID), "", ""},
		{"PATCH", api.HeartbeatPath(strings.ToUpper(sessionID)), "", ""},
		{"PATCH", api.HeartbeatPath("not-a-uuid"), api.SessionNotFound, ""},
		{"PATCH", api.HeartbeatPath("..%2F" + sessionID), api.SessionNotFound, ""},
		{"PATCH", api.HeartbeatPath(strings.ReplaceAll(sessionID, "-", "%2D")), api.SessionNotFound, ""},
		{"PATCH", api.HeartbeatPath(strings.ReplaceAll(sessionID, "-", "")), api.SessionNotFound, ""},
		{"PATCH", api.HeartbeatPath("{" + sessionID + "}"), api.SessionNotFound, ""},
		{"PATCH", api.HeartbeatPath(""), api.NotFound, ""},
		{"GET", api.HeartbeatPath("not-a-uuid"), api.MethodNotAllowed, "PATCH, POST"},
		{"POST", api.HeartbeatPath(sessionID), "", ""},
		{"DELETE", api.HeartbeatPath(sessionID), api.MethodNotAllowed, "PATCH, POST"},
		{"POST", api.ReleasePath(sessionID), "", ""},
		{"POST", api.ReleasePath("x"), api.SessionNotFound, ""},
		{"DELETE", api.ReleasePath(sessionID), api.MethodNotAllowed, "POST"},
		{"POST", api.SessionPath(sessionID), api.MethodNotAllowed, "DELETE"},
		{"DELETE", api.SessionPath(sessionID), "", ""},
		{"DELETE", api.SessionPath("x"), api.SessionNotFound, ""},
		{"DELETE", api.SessionPath(sessionID) + "/", api.NotFound, ""},
		{"DELETE", api.SessionPath("a/b"), api.NotFound, ""},
		{"GET", api.PathJWKS, "", ""},
		{"HEAD", api.PathJWKS, "", ""},
		{"POST", api.PathJWKS, api.MethodNotAllowed, "GET, HEAD"},
		{"GET", "/live", "", ""},
		{"HEAD", "/ready", "", ""},
		{"DELETE", "/live", api.MethodNotAllowed, "GET, HEAD"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			b := newBench(t, nil)
			body := ""
			if tt.path == api.PathAcquire {
				body = `{"hardware_id":"hw"}`
			}
			w := b.do(tt.method, tt.path, body)
			if tt.code == "" {
				if w.Code != http.StatusOK {
					t.Errorf("status = %d: %s", w.Code, w.Body)
				}
				return
			}
			if tt.method != http.MethodHead {
				problem(t, w, tt.code)
			}
			if got := w.Header().Get("Allow"); got != tt.allow {
				t.Errorf("Allow = %q, want %q", got, tt.allow)
			}
		})
	}
}

func TestCallIsWhatWasAsked(t *testing.T) {
	b := newBench(t, nil)
	b.do(http.MethodPatch, api.HeartbeatPath(strings.ToUpper(sessionID))+"?token=renew&token=2", "{}")
	c := b.heartbeat.call
	if c.Caller != alice() || c.SessionID() != sessionID || c.Query.Get("token") != "renew" {
		t.Errorf("call = %+v", c)
	}
	b.heartbeatNow()
	if b.heartbeat.call.Query.Get("token") != "" {
		t.Errorf("a query from nowhere: %v", b.heartbeat.call.Query)
	}
}

func TestHeadHasHeadersAlone(t *testing.T) {
	b := newBench(t, nil)
	b.keys.answer = web.Answer{Body: api.JWKS{Keys: []api.JWK{}}, Header: http.Header{"Cache-Control": {"public, max-age=300"}, "Content-Type": {api.ContentTypeJWKS}}}
	get, head := b.do("GET", api.PathJWKS, ""), b.do("HEAD", api.PathJWKS, "")
	if head.Body.Len() != 0 || get.Body.Len() == 0 {
		t.Errorf("HEAD has %d bytes, GET %d", head.Body.Len(), get.Body.Len())
	}
	for _, name := range []string{"Cache-Control", "Content-Type", "Content-Length"} {
		if get.Header().Get(name) != head.Header().Get(name) || get.Header().Get(name) == "" {
			t.Errorf("%s: GET %q, HEAD %q", name, get.Header().Get(name), head.Header().Get(name))
		}
	}
}

func TestAnswers(t *testing.T) {
	b := newBench(t, nil)
	b.release.answer = web.Answer{Status: http.StatusNoContent}
	w := b.do("DELETE", api.SessionPath(sessionID), "")
	if w.Code != 204 || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "" || w.Header().Get("Content-Length") != "" {
		t.Errorf("204 came with %v %q", w.Header(), w.Body)
	}
	usualHeaders(t, w)

	b.acquire.answer = web.Answer{Status: http.StatusCreated, Body: map[string]string{"a": "<&>"}, Header: http.Header{"Location": {"/x"}}}
	w = b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`)
	if w.Code != 201 || w.Header().Get("Location") != "/x" || w.Header().Get("Content-Type") != "application/json" || w.Body.String() != "{\"a\":\"<&>\"}\n" {
		t.Errorf("answer = %d %v %q", w.Code, w.Header(), w.Body)
	}
	usualHeaders(t, w)

	b.keys.answer = web.Answer{Body: []byte("as it is"), Header: http.Header{"Content-Type": {"text/plain"}}}
	w = b.do("GET", api.PathJWKS, "")
	if w.Body.String() != "as it is" || w.Header().Get("Content-Type") != "text/plain" || w.Header().Get("Content-Length") != "8" {
		t.Errorf("answer = %v %q", w.Header(), w.Body)
	}
}

func TestRequestID(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, tt := range []struct {
		name, traceparent string
		linked            bool
	}{
		{"none", "", false},
		{"sampled", "00-" + trace + "-00f067aa0ba902b7-01", true},
		{"not sampled", "00-" + trace + "-00f067aa0ba902b7-00", true},
		{"later version", "cc-" + trace + "-00f067aa0ba902b7-01-more", true},
		{"zero trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
		{"zero span", "00-" + trace + "-0000000000000000-01", false},
		{"upper case", "00-" + strings.ToUpper(trace) + "-00f067aa0ba902b7-01", false},
		{"version ff", "ff-" + trace + "-00f067aa0ba902b7-01", false},
		{"too long", "00-" + trace + "-00f067aa0ba902b7-01-x", false},
		{"injection", "00-" + trace + "\r\nX-Evil: 1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			w := b.heartbeatNow(func(r *http.Request) {
				r.Header.Set("X-Request-Id", "theirs")
				r.Header.Set("traceparent", tt.traceparent)
			})
			id := w.Header().Get("X-Request-Id")
			if !uuid.MatchString(id) {
				t.Errorf("X-Request-Id = %q is not ours", id)
			}
			line := b.lines(t)[0]
			if line["request_id"] != id {
				t.Errorf("the log calls it %v", line["request_id"])
			}
			if linked, ok := line["linked_trace"]; ok != tt.linked || ok && linked != trace || line["logging.googleapis.com/trace"] != nil {
				t.Errorf("log line = %v", line)
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	for _, tt := range []struct {
		name    string
		headers []string
		ok      bool
		given   bool // a token was given, if a bad one
	}{
		{"good", []string{"Bearer " + token}, true, true},
		{"any case", []string{"bEARER " + token}, true, true},
		{"two spaces", []string{"Bearer  " + token}, true, true},
		{"none", nil, false, false},
		{"empty", []string{""}, false, false},
		{"another scheme", []string{"Basic dTpw"}, false, false},
		{"scheme alone", []string{"Bearer"}, false, true},
		{"no token", []string{"Bearer "}, false, true},
		{"bare token", []string{token}, false, false},
		{"wrong token", []string{"Bearer wrong"}, false, true},
		{"two headers", []string{"Bearer " + token, "Bearer " + token}, false, true},
		{"good and basic", []string{"Bearer " + token, "Basic dTpw"}, false, true},
		{"two in one", []string{"Bearer " + token + ", Bearer " + token}, false, true},
		{"trailing space", []string{"Bearer " + token + " "}, false, true},
		{"tab", []string{"Bearer\t" + token}, false, false},
		{"control", []string{"Bearer " + token + "\x00"}, false, true},
		{"padding alone", []string{"Bearer ==="}, false, true},
		{"padding inside", []string{"Bearer a=b"}, false, true},
		{"too long", []string{"Bearer " + strings.Repeat("a", 8<<10+1)}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			w := b.heartbeatNow(func(r *http.Request) { r.Header["Authorization"] = tt.headers })
			if tt.ok {
				if w.Code != http.StatusOK {
					t.Errorf("status = %d: %s", w.Code, w.Body)
				}
				return
			}
			if b.heartbeat.calls != 0 {
				t.Error("the handler was called")
			}
			problem(t, w, api.Unauthenticated)
			challenge := w.Header().Get("WWW-Authenticate")
			if !strings.HasPrefix(challenge, `Bearer realm="`) || strings.Contains(challenge, `error="invalid_token"`) != tt.given {
				t.Errorf("WWW-Authenticate = %q", challenge)
			}
		})
	}
}

// TestAuthenticatorErrorsLetNobodyIn, also when a caller comes with the error.
func TestAuthenticatorErrorsLetNobodyIn(t *testing.T) {
	for err, code := range map[error]api.Code{
		license.ErrTenant: api.TenantMissing, license.ErrForbidden: api.Forbidden,
		&license.UnavailableError{Backend: "identity", Err: context.DeadlineExceeded}: api.Unavailable,
		context.Canceled: api.Internal,
	} {
		var h stub[struct{}]
		auth := func(context.Context, string) (license.Caller, error) { return alice(), err }
		b := newBench(t, nil)
		b.app = web.NewApp(web.Options{Logger: telemetry.NewLogger(b.log, slog.LevelInfo)}, users(auth), web.Handle(releasing(), h.handle))
		problem(t, b.do("DELETE", api.SessionPath(sessionID), ""), code)
		if org := b.lines(t)[0]["organization_id"]; org != nil {
			t.Errorf("%v: the log trusts organization %v", err, org)
		}
		if h.calls != 0 {
			t.Errorf("%v: the handler was called", err)
		}
	}
}

// TestTheReaperLooksAtAuthorizationAlone: of a request with X-Serverless-Authorization
// Cloud Run has checked that header's token, and nobody this one's.
func TestTheReaperLooksAtAuthorizationAlone(t *testing.T) {
	for _, value := range []string{"Bearer " + token, "x", ""} {
		b := newBench(t, nil)
		both := func(r *http.Request) { r.Header.Set("X-Serverless-Authorization", value) }
		problem(t, b.do("POST", api.PathReap, "", both), api.Unauthenticated)
		if b.reap.calls != 0 {
			t.Error("the reaper ran")
		}
		if w := b.heartbeatNow(both); w.Code != http.StatusOK { // whose tokens are checked here in any case
			t.Errorf("a user's request: %d", w.Code)
		}
	}
}

// TestOrder: a request with several faults is told the first of the funnel.
func TestOrder(t *testing.T) {
	limiter := func(o *web.Options) { o.Limiter = limits.NewMemory(1, o.Now) }
	noToken := func(r *http.Request) { r.Header.Del("Authorization") }
	badType := func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }
	b := newBench(t, limiter)
	big := strings.Repeat("x", api.MaxBody+1)
	problem(t, b.do("GET", "/nowhere", big, noToken, badType), api.NotFound)
	problem(t, b.do("GET", api.PathAcquire, big, noToken, badType), api.MethodNotAllowed)
	problem(t, b.do("DELETE", api.SessionPath("x"), big, noToken, badType), api.SessionNotFound)
	problem(t, b.do("POST", api.PathAcquire, big, noToken, badType), api.Unauthenticated)
	problem(t, b.do("POST", api.PathAcquire, big, badType), api.UnsupportedMediaType)
	problem(t, b.do("POST", api.PathAcquire, big), api.PayloadTooLarge)
	problem(t, b.do("POST", api.PathAcquire, big), api.RateLimited)
	if b.acquire.calls != 0 {
		t.Error("the handler was called")
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	clock := func() time.Time { return now }
	caller := alice()
	var h stub[struct{}]
	auth := func(context.Context, string) (license.Caller, error) { return caller, nil }
	app := web.NewApp(web.Options{Limiter: limits.NewMemory(2, clock)}, users(auth), web.Handle(releasing(), h.handle))
	b := &bench{app: app}
	send := func() *httptest.ResponseRecorder { return b.do("DELETE", api.SessionPath(sessionID), "") }
	for i := range 4 {
		if w := send(); w.Code != 200 {
			t.Fatalf("request %d of the burst: %d", i, w.Code)
		}
	}
	for range 3 { // refused requests cost nothing
		w := send()
		problem(t, w, api.RateLimited)
		if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 || after > api.RetrySpread {
			t.Errorf("Retry-After = %q", w.Header().Get("Retry-After"))
		}
	}
	caller.UserID = "u-2"
	if w := send(); w.Code != 200 {
		t.Error("another user pays for the first")
	}
	caller = license.Caller{OrganizationID: "globex", UserID: "u-1"}
	if w := send(); w.Code != 200 {
		t.Error("another organization's user of the same id pays for the first")
	}
	caller = alice()
	now = now.Add(500 * time.Millisecond)
	if w := send(); w.Code != 200 {
		t.Error("the allowance did not come back")
	}
	problem(t, send(), api.RateLimited)
}

func TestMiswiringPanics(t *testing.T) {
	var none stub[struct{}]
	app := func(auth web.Authenticators, routes ...web.Route) { web.NewApp(web.Options{}, auth, routes...) }
	handle := func(change func(*web.Operation)) {
		op := web.Operation{ID: "x", Method: http.MethodGet, Path: "/x"}
		change(&op)
		web.Handle(op, none.handle)
	}
	word := func(name string) web.Param { return web.Param{Name: name, Pattern: "^[a-z]+$"} }
	at := func(path string, params ...web.Param) web.Route {
		return web.Handle(web.Operation{ID: path, Method: http.MethodGet, Path: path, Params: params, Access: web.AccessPublic}, none.handle)
	}
	for name, wire := range map[string]func(){
		"no authenticator":     func() { app(nil, web.Handle(releasing(), none.handle)) },
		"public with one":      func() { app(users(signIn), web.Handle(keySet(), none.handle)) },
		"scheduler without it": func() { app(users(signIn), web.Handle(releasing(), none.handle), web.Handle(reaping(), none.handle)) },
		"a body for nobody":    func() { web.Handle(acquiring(), none.handle) },
		"no body for somebody": func() { web.Handle(releasing(), (&stub[api.AcquireRequest]{}).handle) },
		"roles of the unknown": func() {
			handle(func(op *web.Operation) { op.Access, op.Roles = web.AccessPublic, []license.Role{license.RoleOwner} })
		},
		"members who administer": func() {
			handle(func(op *web.Operation) { op.Access, op.Roles = web.AccessAdmin, []license.Role{license.RoleMember} })
		},
		"undeclared parameter": func() { handle(func(op *web.Operation) { op.Path = "/a/{b}" }) },
		"declared, not there":  func() { handle(func(op *web.Operation) { op.Params = []web.Param{web.SessionParam()} }) },
		"alias without it":     func() { handle(func(op *web.Operation) { *op = releasing(); op.Aliases = []string{"/"} }) },
		"two in a segment": func() {
			handle(func(op *web.Operation) { op.Path, op.Params = "/{a}-{b}", []web.Param{word("a"), word("b")} })
		},
		"brace left open":    func() { handle(func(op *web.Operation) { op.Path, op.Params = "/{a", []web.Param{word("a")} }) },
		"a parameter's form": func() { handle(func(op *web.Operation) { op.Path, op.Params = "/{a}", []web.Param{{Name: "a"}} }) },
		"one request, two":   func() { app(nil, at("/x/y"), at("/x/y")) },
		"two names":          func() { app(nil, at("/{a}/y", word("a")), at("/{b}/y", word("b"))) },
		"a probe's path":     func() { app(nil, at("/live")) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was accepted")
				}
			}()
			wire()
		})
	}
}

func TestJoin(t *testing.T) {
	var keys, release stub[struct{}]
	a := web.NewApp(web.Options{}, nil, web.Handle(keySet(), keys.handle))
	b := web.NewApp(web.Options{}, users(signIn), web.Handle(releasing(), release.handle))
	all := web.Join(a, b)
	for path, want := range map[string]int{api.PathJWKS: 200, api.SessionPath(sessionID): 405, "/live": 200, "/nowhere": 404} {
		w := httptest.NewRecorder()
		all.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}
