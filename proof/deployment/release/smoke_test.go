package release

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// localService is the real service, all its functions.
func localService(t *testing.T) http.Handler {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{
		SessionTTL: 6 * time.Minute, HeartbeatInterval: 2 * time.Minute, TokenTTL: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return stack.Local()
}

// TestSmoke: the real service passes, and anything else in its place does not.
func TestSmoke(t *testing.T) {
	t.Parallel()
	service := localService(t)
	smoke := func(t *testing.T, h http.Handler) (string, error) {
		server := httptest.NewServer(h)
		defer server.Close()
		out, err := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/smoke.sh"), server.URL+"/").CombinedOutput()
		return string(out), err
	}
	if out, err := smoke(t, service); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	const session = "/api/v1/licenses/sessions/00000000-0000-7000-8000-000000000000"
	for _, tt := range []struct {
		path, contentType, body string
		status                  int
	}{
		{"/live", "application/json", `{"status":"ok"}`, http.StatusServiceUnavailable},
		{"/live", "text/html", `{"status":"ok"}`, http.StatusOK},               // somebody else's page
		{"/nothing-is-here", "text/html", `<h1>404</h1>`, http.StatusNotFound}, // somebody else's page
		{"/.well-known/jwks.json", "application/jwk-set+json", `{"keys":[]}`, http.StatusOK},
		{"/openapi.json", "application/json", `{}`, http.StatusOK},
		{"/api/v1/licenses/acquire", "application/json", `{}`, http.StatusCreated}, // without a token!
		{"/api/v1/licenses/acquire", "text/html", `<h1>401</h1>`, http.StatusUnauthorized},
		{session + "/heartbeat", "application/problem+json", `{"code":"not_found"}`, http.StatusNotFound}, // a wrong route
		{session, "application/problem+json", `{"code":"unauthenticated"}`, http.StatusInternalServerError},
		{"/api/v1/licenses", "application/problem+json", `{"code":"not_found"}`, http.StatusNotFound}, // a wrong route
		{"/api/v1/admin/sessions", "application/json", `{"sessions":[]}`, http.StatusOK},              // without a token!
	} {
		out, err := smoke(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != tt.path {
				service.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", tt.contentType)
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}))
		if err == nil || !strings.Contains(out, tt.path+": got") {
			t.Errorf("%s answers %d %s: %v\n%s", tt.path, tt.status, tt.body, err, out)
		}
	}
	if out, err := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/smoke.sh"), "http://127.0.0.1:1").CombinedOutput(); err == nil {
		t.Errorf("nobody is there, and it passes\n%s", out)
	}
}
