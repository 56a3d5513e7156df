package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sessionID = "01993f5a-6c00-7000-8000-000000000001"
	token     = "a-token.that-nobody.may-log"
)

// alice is whom the tests' authenticator knows by [token].
func alice() license.Caller {
	return license.Caller{OrganizationID: "acme", UserID: "u-1", Email: "alice@acme.example", Role: license.RoleMember}
}

func signIn(_ context.Context, bearer string) (license.Caller, error) {
	if bearer != token {
		return license.Caller{}, license.ErrUnauthenticated
	}
	return alice(), nil
}

// stub is a handler that notes what it was given.
type stub[In any] struct {
	answer web.Answer
	err    error
	do     func(context.Context)
	calls  int
	call   web.Call
	in     In
}

func (s *stub[In]) handle(ctx context.Context, c web.Call, in In) (web.Answer, error) {
	s.calls++
	s.call, s.in = c, in
	if s.do != nil {
		s.do(ctx)
	}
	return s.answer, s.err
}

// bench is an App of all four functions' routes with stub handlers.
type bench struct {
	app       *web.App
	log       *bytes.Buffer
	acquire   stub[api.AcquireRequest]
	heartbeat stub[struct{}]
	release   stub[struct{}]
	keys      stub[struct{}]
	reap      stub[struct{}]
}

func newBench(t testing.TB, change func(*web.Options)) *bench {
	t.Helper()
	b := &bench{log: &bytes.Buffer{}}
	opts := web.Options{
		Name: "acquire", ProjectID: "p-1", Logger: telemetry.NewLogger(b.log, slog.LevelDebug),
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	}
	if change != nil {
		change(&opts)
	}
	b.app = web.NewApp(opts, web.Authenticators{web.AccessUser: signIn, web.AccessScheduler: signIn},
		web.Handle(acquiring(), b.acquire.handle),
		web.Handle(heartbeating(), b.heartbeat.handle),
		web.Handle(releasing(), b.release.handle),
		web.Handle(keySet(), b.keys.handle),
		web.Handle(reaping(), b.reap.handle),
	)
	return b
}

// do sends a request with a good token and, if there is a body, a good type.
func (b *bench) do(method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	b.app.ServeHTTP(w, r)
	return w
}

func (b *bench) heartbeatNow(change ...func(*http.Request)) *httptest.ResponseRecorder {
	return b.do(http.MethodPatch, api.HeartbeatPath(sessionID), "", change...)
}

// lines are the log's lines so far, each of which must be a JSON object.
func (b *bench) lines(t testing.TB) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(b.log.String()) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("the log line %q is not JSON: %v", line, err)
		}
		lines = append(lines, m)
	}
	return lines
}

// problem decodes a problem document and checks what all of them promise.
func problem(t testing.TB, w *httptest.ResponseRecorder, code api.Code) api.Problem {
	t.Helper()
	var p api.Problem
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		t.Fatalf("the answer is not one problem document: %v", err)
	}
	if dec.Decode(new(any)) != io.EOF {
		t.Fatal("something follows the problem document")
	}
	info := code.Info()
	want := api.Problem{
		Type: info.Type, Title: info.Title, Status: info.Status, Code: code, Retryable: info.Retryable,
		Detail: p.Detail, Instance: w.Header().Get("X-Request-Id"),
	}
	got := p
	got.Errors, got.SeatsUsed, got.SeatsMax, got.Limit, got.Licenses, got.Reason = nil, nil, nil, nil, nil, nil
	if got.Code != want.Code || got.Type != want.Type || got.Title != want.Title || got.Status != want.Status ||
		got.Retryable != want.Retryable || got.Instance != want.Instance {
		t.Errorf("problem = %+v, want %+v", got, want)
	}
	if w.Code != info.Status {
		t.Errorf("status = %d, want %d", w.Code, info.Status)
	}
	if len(p.Detail) < 20 {
		t.Errorf("detail %q helps nobody", p.Detail)
	}
	if got := w.Header().Get("Content-Type"); got != api.ContentTypeProblem {
		t.Errorf("Content-Type = %q", got)
	}
	usualHeaders(t, w)
	return p
}

func usualHeaders(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Header().Get("X-Request-Id") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers = %v", w.Header())
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q", got)
	}
}
