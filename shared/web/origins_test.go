package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/limits"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

const pageOrigin = "https://app.example.com"

func withOrigins(o *web.Options) { o.Origins = []string{pageOrigin, "http://localhost:3000"} }

// from makes a request one of a page; of none without an origin.
func from(origin ...string) func(*http.Request) {
	return func(r *http.Request) {
		if len(origin) > 0 {
			r.Header["Origin"] = origin
		}
	}
}

// asking makes it the question that a browser asks first.
func asking(r *http.Request) {
	r.Header.Del("Authorization")
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
}

// cors are the answer's headers that browsers look at.
func cors(w *httptest.ResponseRecorder) string {
	var all []string
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary"} {
		all = append(all, strings.Join(w.Header().Values(name), "|"))
	}
	return strings.Join(all, "; ")
}

const (
	exposed  = "Retry-After, X-Request-Id, Location"
	readable = pageOrigin + "; " + exposed + "; Origin"
	closed   = "; ; Origin"
)

// TestPagesOfListedOriginsReadEveryAnswer, whatever it is.
func TestPagesOfListedOriginsReadEveryAnswer(t *testing.T) {
	const body = `{"hardware_id":"hw"}`
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		change                   func(*http.Request)
		prepare                  func(*bench)
	}{
		{"success", "POST", api.PathAcquire, body, 200, nil, nil},
		{"unauthenticated", "POST", api.PathAcquire, body, 401, func(r *http.Request) { r.Header.Del("Authorization") }, nil},
		{"unknown path", "GET", "/nowhere", "", 404, nil, nil},
		{"unknown session", "DELETE", api.SessionPath("x"), "", 404, nil, nil},
		{"method", "PUT", api.PathAcquire, body, 405, nil, nil},
		{"no question", "OPTIONS", api.PathAcquire, "", 405, nil, nil},
		{"too large", "POST", api.PathAcquire, strings.Repeat("x", api.MaxBody+1), 413, nil, nil},
		{"type", "POST", api.PathAcquire, body, 415, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, nil},
		{"invalid", "POST", api.PathAcquire, "{}", 400, nil, nil},
		{"rate", "POST", api.PathAcquire, body, 429, nil, func(b *bench) {
			b.do("POST", api.PathAcquire, body)
			b.do("POST", api.PathAcquire, body)
		}},
		{"panic", "POST", api.PathAcquire, body, 500, nil, func(b *bench) { b.acquire.do = func(context.Context) { panic("x") } }},
		{"draining", "POST", api.PathAcquire, body, 503, nil, func(b *bench) { _ = b.app.Drain(t.Context()) }},
		{"probe", "GET", api.PathLive, "", 200, nil, nil},
	} {
		b := newBench(t, func(o *web.Options) { withOrigins(o); o.Limiter = limits.NewMemory(1, o.Now) })
		if tt.prepare != nil {
			tt.prepare(b)
		}
		change := func(r *http.Request) {
			from(pageOrigin)(r)
			if tt.change != nil {
				tt.change(r)
			}
		}
		if w := b.do(tt.method, tt.path, tt.body, change); w.Code != tt.status || cors(w) != readable {
			t.Errorf("%s: %d %s, want %d %s", tt.name, w.Code, cors(w), tt.status, readable)
		}
	}
}

// TestPagesOfOtherOriginsReadNothing, and nothing changes for programs.
func TestPagesOfOtherOriginsReadNothing(t *testing.T) {
	for name, origin := range map[string]func(*http.Request){
		"no page": from(), "other": from("https://evil.example"), "null": from("null"), "empty": from(""),
		"suffix": from(pageOrigin + ".evil.example"), "prefix": from("https://evil-app.example.com"), "scheme": from("http://app.example.com"),
		"port": from(pageOrigin + ":8443"), "slash": from(pageOrigin + "/"), "case": from("https://APP.example.com"), "two": from(pageOrigin, pageOrigin),
		"two in one": from(pageOrigin + " " + pageOrigin),
	} {
		b := newBench(t, withOrigins)
		if w := b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, origin); w.Code != 200 || cors(w) != closed {
			t.Errorf("%s: %d %s", name, w.Code, cors(w))
		}
		w := b.do("OPTIONS", api.PathAcquire, "", origin, asking)
		if problem(t, w, api.MethodNotAllowed); cors(w) != closed || w.Header().Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%s may go on: %v", name, w.Header())
		}
	}
}

// TestByDefaultNoPageReadsAnything, and no answer depends on the page.
func TestByDefaultNoPageReadsAnything(t *testing.T) {
	b := newBench(t, nil)
	if w := b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, from(pageOrigin)); w.Code != 200 || cors(w) != "; ; " {
		t.Errorf("%d %s", w.Code, cors(w))
	}
	w := b.do("OPTIONS", api.PathAcquire, "", from(pageOrigin), asking)
	if p := problem(t, w, api.MethodNotAllowed); cors(w) != "; ; " || !strings.Contains(p.Detail, "CORS_ORIGINS") {
		t.Errorf("%s %s", cors(w), p.Detail)
	}
}

// TestQuestionsAreAnswered for listed origins, without a token, at every path.
func TestQuestionsAreAnswered(t *testing.T) {
	for _, path := range []string{api.PathAcquire, api.HeartbeatPath(sessionID), api.SessionPath(sessionID), api.ReleasePath(sessionID), "/nowhere"} {
		b := newBench(t, withOrigins)
		w := b.do("OPTIONS", path, "", from(pageOrigin), asking)
		if w.Code != http.StatusNoContent || w.Body.Len() != 0 || cors(w) != readable {
			t.Errorf("%s: %d %s %s", path, w.Code, w.Body, cors(w))
		}
		usualHeaders(t, w)
		for name, want := range map[string]string{
			"Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE",
			"Access-Control-Allow-Headers": "Authorization, Content-Type, traceparent",
			"Access-Control-Max-Age":       "7200", "Access-Control-Allow-Credentials": "",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if line := b.lines(t)[0]; line["outcome"] != "preflight" || line["request_id"] != w.Header().Get("X-Request-Id") {
			t.Errorf("the log has %v", line)
		}
	}
}

// TestPagesSendAndReadWhatOperationsDeclare, at their paths alone.
func TestPagesSendAndReadWhatOperationsDeclare(t *testing.T) {
	const path, list, plain = "/api/v1/admin/things/x", "/api/v1/admin/things", "/api/v1/admin/plain"
	done := func(context.Context, web.Call, struct{}) (web.Answer, error) {
		return web.Answer{Status: http.StatusNoContent, Header: http.Header{"Etag": {`"1"`}}}, nil
	}
	thing := []web.Param{{Name: "thing", Description: "Which.", Pattern: "^[a-z]+$"}}
	tagged := []web.Documented{{Status: http.StatusOK, Headers: map[string]string{"ETag": "Its revision."}}}
	match, key := []web.Param{{Name: "If-Match"}}, []web.Param{{Name: "Idempotency-Key"}}
	var opts web.Options
	withOrigins(&opts)
	app := web.NewApp(opts, users(signIn),
		web.Handle(web.Operation{ID: "get", Method: http.MethodGet, Path: "/api/v1/admin/things/{thing}", Params: thing, Answers: tagged}, done),
		web.Handle(web.Operation{ID: "patch", Method: http.MethodPatch, Path: "/api/v1/admin/things/{thing}", Params: thing, Headers: match, Answers: tagged}, done),
		web.Handle(web.Operation{ID: "delete", Method: http.MethodDelete, Path: "/api/v1/admin/things/{thing}", Params: thing, Headers: match}, done),
		web.Handle(web.Operation{ID: "create", Method: http.MethodPost, Path: list, Headers: key, Answers: tagged}, done),
		web.Handle(web.Operation{ID: "plain", Method: http.MethodGet, Path: plain}, done),
	)
	for _, tt := range []struct{ method, path, sent, read string }{
		{"PATCH", path, ", If-Match", ", ETag"},
		{"DELETE", path, ", If-Match", ", ETag"},
		{"GET", path, ", If-Match", ", ETag"},
		{"POST", list, ", Idempotency-Key", ", ETag"},
		{"GET", plain, "", ""},
		{"POST", "/nowhere", "", ""},
	} {
		for name, ask := range map[string]bool{"asked first": true, "called": false} {
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil)
			r.Header.Set("Authorization", "Bearer "+token)
			if from(pageOrigin)(r); ask {
				r.Method = http.MethodOptions
				asking(r)
			}
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if want := pageOrigin + "; " + exposed + tt.read + "; Origin"; cors(w) != want {
				t.Errorf("%s %s, %s: %d %s, want %s", tt.method, tt.path, name, w.Code, cors(w), want)
			}
			want := ""
			if ask {
				want = "Authorization, Content-Type, traceparent" + tt.sent
			}
			if got := w.Header().Get("Access-Control-Allow-Headers"); got != want {
				t.Errorf("%s %s, %s: a page may send %s, want %s", tt.method, tt.path, name, got, want)
			}
		}
	}
}

// TestPublicDocumentsAreForEveryPage, asked for or not: a cache may keep either answer.
func TestPublicDocumentsAreForEveryPage(t *testing.T) {
	for _, change := range []func(*web.Options){nil, withOrigins} {
		for _, origin := range []func(*http.Request){from(), from("https://evil.example"), from(pageOrigin), from("null")} {
			b := newBench(t, change)
			for method, status := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
				if w := b.do(method, api.PathJWKS, "", origin); w.Code != status || cors(w) != "*; "+exposed+"; " {
					t.Errorf("%s: %d %s", method, w.Code, cors(w))
				}
			}
		}
		w := newBench(t, change).do("OPTIONS", api.PathJWKS, "", from("https://evil.example"), asking)
		if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("asked first: %d %v", w.Code, w.Header())
		}
	}
}

// TestForcedCallsTakeNoSeat: what a browser sends without asking has no token, and
// a type that nobody reads.
func TestForcedCallsTakeNoSeat(t *testing.T) {
	b := newBench(t, nil)
	for _, contentType := range []string{"text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		change := func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example")
			r.Header.Set("Content-Type", contentType)
		}
		problem(t, b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, change), api.UnsupportedMediaType)
		noToken := func(r *http.Request) { r.Header.Del("Authorization") }
		problem(t, b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, change, noToken), api.Unauthenticated)
	}
	if b.acquire.calls != 0 {
		t.Error("a seat was taken")
	}
}

func TestCheckOrigin(t *testing.T) {
	for _, good := range []string{
		"https://app.example.com", "https://app.example.com:8443", "http://localhost", "http://localhost:3000", "http://127.0.0.1:5173",
		"http://[::1]:3000", "https://xn--mnchen-3ya.example", "app://studio", "capacitor://localhost", "chrome-extension://abcdefghijklmnop",
	} {
		if err := web.CheckOrigin(good); err != nil {
			t.Errorf("%s %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "*", "null", "https://*.example.com", "https://app.example.com/", "https://app.example.com/x", "https://app.example.com?x", "https://app.example.com?",
		"https://app.example.com#x", "https://app.example.com#", "https://ann@app.example.com", "https://ann:pw@app.example.com", "app.example.com",
		"//app.example.com", "https:app.example.com", "https://", "https:///x", "HTTPS://app.example.com", "https://App.example.com", "https://münchen.example",
		"https://app.example.com:443", "http://app.example.com:80", "https://app.example.com:0", "https://app.example.com:65536", "https://app.example.com:",
		"https://app.example.com:08443", "https://a.example https://b.example", "https://a.example,https://b.example", "file:///x", "file://", "https://app.example.com\n",
		"https://-app.example.com", "https://app.example.com.", "https://[::1", "https://a_b..", "1ttp://a", "https://%61pp.example.com",
	} {
		if web.CheckOrigin(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
