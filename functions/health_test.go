package functions_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// probe asks one function itself: at the common address only the first is seen.
func probe(t *testing.T, app *web.App, path string) (status int, body api.Health) {
	t.Helper()
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: Cache-Control %q", path, got)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v in %s", path, err, w.Body)
	}
	return w.Code, body
}

func (w *world) functions() map[string]*web.App {
	return map[string]*web.App{"acquire": w.stack.Acquire, "heartbeat": w.stack.Heartbeat, "release": w.stack.Release, "reaper": w.stack.Reaper, "control": w.stack.Control, "admin": w.stack.Admin}
}

// TestReadiness names what fails, in every function, and /live never minds.
// What a start needs is less: see TestAStartNeedsWhatTheFunctionCannotDoWithout.
func TestReadiness(t *testing.T) {
	opts, later := looks()
	onEach(t, opts, func(t *testing.T, w *world) {
		w.wantReady(t, later, map[string]string{"redis": "ok", "firestore": "ok", "kms": "ok"})
		w.outage.begin(recordtest.Outage(record.ErrNotWritten))
		w.wantReady(t, later, map[string]string{"redis": "ok", "firestore": "failed", "kms": "ok"})
		w.outage.end()
		w.killRedis()
		w.wantReady(t, later, map[string]string{"redis": "failed", "firestore": "ok", "kms": "ok"})
	})
}

// TestReadinessOfKMS, where it signs: keys that were read are enough; without any,
// nothing can be signed.
func TestReadinessOfKMS(t *testing.T) {
	opts, later := looks()
	opts.TokenSigning = byRoot().TokenSigning
	w := start(t, embedded(), opts)
	w.kmsDown(codes.Unavailable)
	w.wantReady(t, later, map[string]string{"redis": "ok", "firestore": "ok", "kms": "failed"})
	w.kmsUp()
	w.wantReady(t, later, map[string]string{"redis": "ok", "firestore": "ok", "kms": "ok"})
	w.kmsDown(codes.Unavailable)
	w.wantReady(t, later, map[string]string{"redis": "ok", "firestore": "ok", "kms": "ok"})
}

// TestReadinessOfSigningKeys: whoever holds one is ready without KMS, and so is the
// reaper while there is one; before it has decrypted one, acquire is not.
func TestReadinessOfSigningKeys(t *testing.T) {
	opts, later := looks()
	w := start(t, embedded(), opts)
	want := func(acquire, reaper int) {
		t.Helper()
		for range 5 {
			later()
		}
		for app, want := range map[*web.App]int{w.stack.Acquire: acquire, w.stack.Reaper: reaper} {
			if got, health := probe(t, app, api.PathReady); got != want {
				t.Errorf("%d %+v, want %d", got, health, want)
			}
		}
	}
	w.kmsDown(codes.Unavailable)
	want(http.StatusServiceUnavailable, http.StatusOK)
	w.kmsUp()
	want(http.StatusOK, http.StatusOK)
	w.kmsDown(codes.Unavailable)
	want(http.StatusOK, http.StatusOK)
}

// looks are options with a clock that later moves past what readiness has found.
func looks() (opts devstack.Options, later func()) {
	opts = devstack.Defaults()
	var ahead atomic.Int64
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	return opts, func() { ahead.Add(int64(time.Second)) }
}

// TestAStartNeedsWhatTheFunctionCannotDoWithout: heartbeat and release scale while the
// record and the key are away, and not while Redis is; the vendor's door is opened by
// the record alone.
func TestAStartNeedsWhatTheFunctionCannotDoWithout(t *testing.T) {
	opts, later := looks()
	onEach(t, opts, func(t *testing.T, w *world) {
		w.outage.begin(recordtest.Outage(record.ErrNotWritten))
		w.kmsDown(codes.Unavailable)
		want := func(status map[string]int) {
			t.Helper()
			for name, app := range w.functions() {
				if got, health := probe(t, app, api.PathStartup); got != status[name] {
					t.Errorf("%s: %d %+v, want %d", name, got, health, status[name])
				}
			}
		}
		want(map[string]int{"acquire": 503, "heartbeat": 200, "release": 200, "reaper": 503, "control": 503, "admin": 503})
		w.outage.end()
		w.kmsUp()
		later()
		want(map[string]int{"acquire": 200, "heartbeat": 200, "release": 200, "reaper": 200, "control": 200, "admin": 200})
		w.killRedis()
		later()
		want(map[string]int{"acquire": 503, "heartbeat": 503, "release": 503, "reaper": 503, "control": 200, "admin": 200})
	})
}

func (w *world) wantReady(t *testing.T, later func(), checks map[string]string) {
	t.Helper()
	later()
	status, word := http.StatusOK, "ok"
	for _, c := range checks {
		if c != "ok" {
			status, word = http.StatusServiceUnavailable, "failed"
		}
	}
	for name, app := range w.functions() {
		got, health := probe(t, app, api.PathReady)
		if got != status || health.Status != word || !maps.Equal(health.Checks, checks) {
			t.Errorf("%s: %d %+v, want %d %s %v", name, got, health, status, word, checks)
		}
		if got, health := probe(t, app, api.PathLive); got != http.StatusOK || health.Status != "ok" || len(health.Checks) != 0 {
			t.Errorf("%s is not live: %d %+v", name, got, health)
		}
	}
	w.do(t, http.MethodGet, api.PathReady, "", nil).want(t, status)
	w.do(t, http.MethodGet, api.PathLive, "", nil).want(t, http.StatusOK)
}
