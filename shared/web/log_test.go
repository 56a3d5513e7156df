package web_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/limits"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// TestLogLine has one whole line: the form Cloud Logging reads.
func TestLogLine(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBench(t, func(o *web.Options) { o.Now, o.LogKey = func() time.Time { return now }, []byte("key") })
	b.heartbeat.answer = web.Answer{Body: "ok", Outcome: "kept"}
	b.heartbeat.do = func(ctx context.Context) {
		now = now.Add(3 * time.Millisecond)
		web.Annotate(ctx, slog.Int64("epoch", 7))
	}
	b.heartbeatNow(func(r *http.Request) {
		r.URL.RawQuery = "token=renew&secret=in-the-query"
		r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	})
	line := b.lines(t)[0]
	delete(line, "time")
	want := map[string]any{
		"severity": "INFO", "message": "heartbeat 200", "operation": "heartbeat", "outcome": "kept",
		"httpRequest": map[string]any{
			"requestMethod": "PATCH", "requestUrl": api.HeartbeatPath(sessionID), "status": 200.0,
			"responseSize": "5", "latency": "0.003000s",
		},
		"function": "acquire", "request_id": line["request_id"], "organization_id": "acme", "epoch": 7.0,
		"user_digest": web.UserDigest([]byte("key"), alice()), "linked_trace": "4bf92f3577b34da6a3ce929d0e0e4736",
	}
	if !reflect.DeepEqual(line, want) {
		t.Errorf("line = %v\nwant   %v", line, want)
	}
}

// TestUserDigest tells users apart, is the same wherever the key is, and says
// nothing of whom it is about.
func TestUserDigest(t *testing.T) {
	key := []byte("key")
	seen := map[string]license.Caller{}
	for _, c := range []license.Caller{
		{OrganizationID: "acme", UserID: "u-1"},
		{OrganizationID: "acme", UserID: "u-2"},
		{OrganizationID: "globex", UserID: "u-1"},
		{OrganizationID: "acm", UserID: "eu-1"},
		{OrganizationID: "acme", UserID: "alice@acme.example"},
	} {
		digest := web.UserDigest(key, c)
		if other, taken := seen[digest]; taken || len(digest) != 16 || strings.Contains(digest, c.UserID) {
			t.Errorf("%+v is called %s, %+v too", c, digest, other)
		}
		seen[digest] = c
		same := c
		same.Email, same.Role = "x@y.example", license.RoleOwner
		if web.UserDigest(key, same) != digest || web.UserDigest([]byte("another key"), c) == digest {
			t.Errorf("%+v: the digest follows something else than key, organization and user", c)
		}
	}
}

// TestEveryLineOfAKnownUserNamesIt, refusals too; nobody else's does.
func TestEveryLineOfAKnownUserNamesIt(t *testing.T) {
	b := newBench(t, func(o *web.Options) { o.LogKey, o.Limiter = []byte("key"), limits.NewMemory(1, o.Now) })
	b.heartbeat.err = license.ErrLicenseInactive
	b.heartbeatNow()
	b.do("POST", api.PathAcquire, "{}")
	b.heartbeatNow()                                                                    // too many
	b.heartbeatNow(func(r *http.Request) { r.Header.Del("Authorization") })             // who?
	b.heartbeatNow(func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }) // no
	lines := b.lines(t)
	for i, want := range []any{403.0, 400.0, 429.0, 401.0, 401.0} {
		request, _ := lines[i]["httpRequest"].(map[string]any)
		named := lines[i]["user_digest"] == web.UserDigest([]byte("key"), alice())
		if request["status"] != want || named != (want != 401.0) || !named && lines[i]["user_digest"] != nil {
			t.Errorf("line %v, want one of status %v", lines[i], want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, "INFO"},
		{license.ErrSessionNotFound, "INFO"},
		{&license.NoSeatsError{}, "INFO"},
		{license.ErrUnauthenticated, "WARNING"},
		{license.ErrForbidden, "WARNING"},
		{&license.UnavailableError{Backend: "redis", Err: errors.New("down")}, "ERROR"},
		{errors.New("bug"), "ERROR"},
	} {
		b := newBench(t, nil)
		b.heartbeat.err = tt.err
		b.heartbeatNow()
		if lines := b.lines(t); len(lines) != 1 || lines[0]["severity"] != tt.want {
			t.Errorf("%v: %v, want one line of %s", tt.err, lines, tt.want)
		}
	}
}

// TestOutcome: every line has one of few words for what came of the request, and
// a failure names its backend.
func TestOutcome(t *testing.T) {
	down := &license.UnavailableError{Backend: "firestore", Err: errors.New("down")}
	for _, tt := range []struct {
		name string
		err  error
		do   func(context.Context)
		want map[string]any
	}{
		{name: "answered", want: map[string]any{"outcome": "answered", "operation": "heartbeat", "severity": "INFO", "backend": nil, "code": nil}},
		{name: "refused", err: license.ErrSessionNotFound, want: map[string]any{"outcome": "refused", "code": "session_not_found", "backend": nil}},
		{name: "failed", err: down, want: map[string]any{"outcome": "failed", "code": "unavailable", "backend": "firestore"}},
		{name: "failed wrapped", err: fmt.Errorf("acquire: %w", down), want: map[string]any{"outcome": "failed", "backend": "firestore"}},
		{name: "internal", err: errors.New("bug"), want: map[string]any{"outcome": "failed", "code": "internal", "backend": nil}},
		{
			name: "full", err: &license.NoSeatsError{Limit: license.LimitOrganization, Used: 4, Max: 3},
			want: map[string]any{"outcome": "refused", "limit": "organization", "seats_used": 4.0, "seats_max": 3.0, "seats_percent": 133.3},
		},
		{
			name: "degraded", do: func(ctx context.Context) { web.Degraded(ctx, "unsigned", down) },
			want: map[string]any{"outcome": "answered", "severity": "WARNING", "backend": "firestore", "unsigned": "firestore unavailable: down"},
		},
		{
			name: "degraded by nobody's failure", do: func(ctx context.Context) { web.Degraded(ctx, "unsigned", errors.New("bug")) },
			want: map[string]any{"severity": "WARNING", "backend": nil},
		},
		{
			name: "alarm outlives a degradation", do: func(ctx context.Context) { web.Alarm(ctx); web.Degraded(ctx, "first_failure", down) },
			want: map[string]any{"severity": "ERROR", "backend": "firestore"},
		},
		{
			name: "seats", do: func(ctx context.Context) { web.Seats(ctx, 9, 10, 90) },
			want: map[string]any{"seats_used": 9.0, "seats_max": 10.0, "seats_percent": 90.0},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.heartbeat.err, b.heartbeat.do = tt.err, tt.do
			b.heartbeatNow()
			line := b.lines(t)[0]
			for name, want := range tt.want {
				if line[name] != want {
					t.Errorf("%s = %v, want %v", name, line[name], want)
				}
			}
		})
	}
}

// TestClientGoneIsNobodysFailure: nothing failed, so no backend is blamed.
func TestClientGoneIsNobodysFailure(t *testing.T) {
	b := newBench(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	b.heartbeat.do = func(context.Context) { leave() }
	b.heartbeat.err = &license.UnavailableError{Backend: "redis", Err: context.Canceled}
	b.heartbeatNow(func(r *http.Request) { *r = *r.WithContext(ctx) })
	line := b.lines(t)[0]
	if line["outcome"] != "gone" || line["backend"] != nil || line["severity"] != "INFO" {
		t.Errorf("line = %v", line)
	}
}

// TestNoRoute: what no operation answers has an outcome all the same.
func TestNoRoute(t *testing.T) {
	b := newBench(t, nil)
	b.do(http.MethodGet, "/wp-login.php", "")
	if line := b.lines(t)[0]; line["outcome"] != "refused" || line["operation"] != nil || line["code"] != "not_found" {
		t.Errorf("line = %v", line)
	}
}

func TestProbesAreQuiet(t *testing.T) {
	healthy := true
	check := func(context.Context) error {
		if healthy {
			return nil
		}
		return errors.New("redis: connection refused")
	}
	now := time.Unix(1_800_000_000, 0)
	b := newBench(t, func(o *web.Options) {
		o.Checks, o.Now = map[string]web.Check{"redis": check}, func() time.Time { return now }
	})
	b.do("GET", "/live", "")
	b.do("GET", "/ready", "")
	healthy, now = false, now.Add(time.Second)
	b.do("GET", "/ready", "")
	lines := b.lines(t)
	if lines[0]["severity"] != "DEBUG" || lines[1]["severity"] != "DEBUG" || lines[2]["severity"] != "ERROR" {
		t.Errorf("lines = %v", lines)
	}
	if lines[2]["check_redis"] != "redis: connection refused" {
		t.Errorf("the log does not tell why: %v", lines[2])
	}
}

// TestLogHasNothingSecret sends secrets everywhere a client can put them.
func TestLogHasNothingSecret(t *testing.T) {
	b := newBench(t, nil)
	hide := func(r *http.Request) {
		r.Header.Set("User-Agent", token)
		r.Header.Set("Cookie", token)
		r.RemoteAddr = "198.51.100.7:1"
		r.URL.RawQuery = "q=" + token
	}
	b.do("POST", api.PathAcquire, `{"hardware_id":"hw-secret","client":{"hostname":"alices-laptop"}}`, hide)
	b.do("POST", api.PathAcquire, `{"hardware_id":"hw-secret","hw-secret":1}`, hide)
	b.do("PATCH", api.HeartbeatPath("hw-secret"), "", hide)
	b.heartbeatNow(hide, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+"!") })
	b.heartbeatNow(hide, func(r *http.Request) { r.Header.Set("Authorization", "Bearer hw-secret") })
	log := b.log.String()
	for _, secret := range []string{token, "hw-secret", "alice", "198.51.100.7", "u-1"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
	if n := len(b.lines(t)); n != 5 {
		t.Errorf("%d lines for 5 requests", n)
	}
}

// TestLogIsNotWrittenByClients: one line each, whatever a path or method holds.
func TestLogIsNotWrittenByClients(t *testing.T) {
	b := newBench(t, nil)
	b.do("GET", "/"+strings.Repeat("long", 1000)+"%0a%7b%22severity%22%3a%22ERROR%22%7d", "")
	b.do(strings.Repeat("M", 5000), api.PathAcquire, "")
	for _, line := range b.lines(t) {
		if request, _ := line["httpRequest"].(map[string]any); len(request["requestUrl"].(string)) > 140 || len(request["requestMethod"].(string)) > 30 {
			t.Errorf("line = %v", line)
		}
	}
	if n := strings.Count(b.log.String(), "\n"); n != 2 {
		t.Errorf("%d lines for 2 requests", n)
	}
}

func TestAnnotateElsewhere(t *testing.T) {
	web.Annotate(t.Context(), slog.String("a", "b")) // does nothing, and does not panic
}

func TestAnnotateFromManyGoroutines(t *testing.T) {
	b := newBench(t, nil)
	b.heartbeat.do = func(ctx context.Context) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { web.Annotate(ctx, slog.Bool("seen", true)) })
		}
		wg.Wait()
	}
	b.heartbeatNow()
	if n := strings.Count(b.log.String(), `"seen":true`); n != 8 {
		t.Errorf("%d annotations arrived", n)
	}
}

func TestConcurrentRequestsDoNotMix(t *testing.T) {
	echo := func(_ context.Context, _ web.Call, in api.AcquireRequest) (web.Answer, error) {
		return web.Answer{Body: in}, nil
	}
	app := web.NewApp(web.Options{Logger: telemetry.NewLogger(&strings.Builder{}, slog.LevelError)}, users(signIn), web.Handle(acquiring(), echo))
	var wg sync.WaitGroup
	for _, id := range strings.Split("a b c d e f g h", " ") {
		wg.Go(func() {
			for range 50 {
				b := &bench{app: app}
				body := `{"hardware_id":"` + strings.Repeat(id, 100) + `"}`
				if w := b.do("POST", api.PathAcquire, body); w.Body.String() != body+"\n" {
					t.Errorf("%s got %s", body, w.Body)
				}
			}
		})
	}
	wg.Wait()
}

func TestReadiness(t *testing.T) {
	ok := func(context.Context) error { return nil }
	for _, tt := range []struct {
		name   string
		checks map[string]web.Check
		status int
		body   string
	}{
		{"nothing to check", nil, 200, `{"status":"ok"}`},
		{"all well", map[string]web.Check{"redis": ok, "firestore": ok}, 200, `{"status":"ok","checks":{"firestore":"ok","redis":"ok"}}`},
		{"one down", map[string]web.Check{"redis": func(context.Context) error { return errors.New("10.0.0.7 refused") }, "firestore": ok}, 503, `{"status":"failed","checks":{"firestore":"ok","redis":"failed"}}`},
		{"panic", map[string]web.Check{"redis": func(context.Context) error { panic("boom") }}, 503, `{"status":"failed","checks":{"redis":"failed"}}`},
		{"forgotten", map[string]web.Check{"redis": nil}, 503, `{"status":"failed","checks":{"redis":"failed"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(o *web.Options) { o.Checks = tt.checks })
			w := b.do("GET", "/ready", "")
			if w.Code != tt.status || strings.TrimSpace(w.Body.String()) != tt.body || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			usualHeaders(t, w)
			if w := b.do("GET", "/live", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"status":"ok"}` {
				t.Errorf("live: %d %s", w.Code, w.Body)
			}
		})
	}
}

// TestReadinessDoesNotHang: a check that never answers has failed, and the
// others are told as they are.
func TestReadinessDoesNotHang(t *testing.T) {
	letGo := make(chan struct{})
	defer close(letGo)
	b := newBench(t, func(o *web.Options) {
		o.Checks = map[string]web.Check{
			"redis":     func(context.Context) error { <-letGo; return nil },
			"firestore": func(context.Context) error { return nil },
		}
	})
	w := b.do("GET", "/ready", "")
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"firestore":"ok"`) || !strings.Contains(w.Body.String(), `"redis":"failed"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if lines := b.lines(t); len(lines) != 1 || lines[0]["check_redis"] == nil || lines[0]["check_firestore"] != nil {
		t.Errorf("the log does not tell which check was silent: %v", lines)
	}
}

func BenchmarkNetHTTP(b *testing.B) {
	benchmark(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}\n"))
	}))
}

func BenchmarkFunnel(b *testing.B) {
	benchmark(b, newFunnel(web.Options{}))
}

func BenchmarkFunnelLoggedLimited(b *testing.B) {
	benchmark(b, newFunnel(web.Options{
		Name: "heartbeat", ProjectID: "p-1", Deadline: 10 * time.Second,
		Logger: telemetry.NewLogger(discard{}, slog.LevelInfo), Limiter: limits.NewMemory(1_000_000_000, time.Now),
	}))
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func newFunnel(opts web.Options) http.Handler {
	h := stub[struct{}]{answer: web.Answer{Body: struct{}{}}}
	return web.NewApp(opts, users(signIn), web.Handle(heartbeating(), h.handle))
}

// benchmark calls a handler without a network, on a writer that costs nothing.
func benchmark(b *testing.B, h http.Handler) {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPatch, api.HeartbeatPath(sessionID), nil)
	r.Header.Set("Authorization", "Bearer "+token)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(&nullWriter{header: http.Header{}}, r)
	}
}

type nullWriter struct{ header http.Header }

func (w *nullWriter) Header() http.Header         { return w.header }
func (w *nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)             {}
func (w *nullWriter) Flush()                      {}
