package functions_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

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
	return map[string]*web.App{"acquire": w.stack.Acquire, "heartbeat": w.stack.Heartbeat, "release": w.stack.Release, "reaper": w.stack.Reaper}
}

// TestReadiness names what fails, in every function, and /live never minds.
func TestReadiness(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		w.wantReady(t, map[string]string{"redis": "ok", "firestore": "ok", "kms": "ok"})
		w.outage.begin(recordtest.Outage(record.ErrNotWritten))
		w.wantReady(t, map[string]string{"redis": "ok", "firestore": "failed", "kms": "ok"})
		w.outage.end()
		w.killRedis()
		w.wantReady(t, map[string]string{"redis": "failed", "firestore": "ok", "kms": "ok"})
	})
}

// TestReadinessOfKMS: keys that were read are enough; without any, nothing can
// be signed.
func TestReadinessOfKMS(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	w.kmsDown(codes.Unavailable)
	w.wantReady(t, map[string]string{"redis": "ok", "firestore": "ok", "kms": "failed"})
	w.kmsUp()
	w.wantReady(t, map[string]string{"redis": "ok", "firestore": "ok", "kms": "ok"})
	w.kmsDown(codes.Unavailable)
	w.wantReady(t, map[string]string{"redis": "ok", "firestore": "ok", "kms": "ok"})
}

func (w *world) wantReady(t *testing.T, checks map[string]string) {
	t.Helper()
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
