package release

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// TestSeat: the script takes a seat of the real service, twice over, and gives it
// back; a service that does not keep a promise fails it. Secrets are in no program's
// arguments.
func TestSeat(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	service := stack.Local()
	now := time.Now()
	token := stack.IDP.IDToken(fakeidp.Claims{UserID: "canary", TenantID: "acme", IssuedAt: now, ExpiresAt: now.Add(time.Hour)})
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"idToken":"` + token + `"}`))
	}))
	defer identity.Close()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	take := func(t *testing.T, h http.Handler) (string, error) {
		server := httptest.NewServer(h)
		defer server.Close()
		bin := t.TempDir()
		deploytest.Program(t, filepath.Join(bin, "gcloud"), "#!/bin/sh\necho '{\"api_key\":\"the-key\",\"email\":\"c@acme.example\",\"password\":\"the-password\"}'\n")
		deploytest.Program(t, filepath.Join(bin, "curl"), "#!/bin/sh\nprintf '%s\\n' \"$@\" >>"+bin+"/arguments\nexec "+curl+" \"$@\"\n")
		cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/seat.sh"), server.URL+"/", "2")
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PROJECT=acme", "CANARY_SECRET=licenses-canary", "IDENTITY_API="+identity.URL)
		out, err := cmd.CombinedOutput()
		arguments := strings.Join(deploytest.Lines(t, filepath.Join(bin, "arguments")), " ")
		for _, secret := range []string{token, "the-password", "the-key"} {
			if strings.Contains(arguments, secret) || strings.Contains(string(out), secret) {
				t.Errorf("%.20s… is shown", secret)
			}
		}
		return string(out), err
	}
	if out, err := take(t, service); err != nil || !strings.Contains(out, "taken, kept and given back (2 times)") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		what   string
		broken func(r *http.Request) bool
		status int
		body   string
	}{
		{"acquire: no session_id", func(r *http.Request) bool { return r.Method == http.MethodPost }, http.StatusCreated, `{}`},
		{"acquire: got 409 no_seats_available", func(r *http.Request) bool { return r.Method == http.MethodPost }, http.StatusConflict, `{"code":"no_seats_available"}`},
		{"heartbeat: got 503", func(r *http.Request) bool { return r.Method == http.MethodPatch }, http.StatusServiceUnavailable, `{}`},
		{"release: got 200", func(r *http.Request) bool { return r.Method == http.MethodDelete }, http.StatusOK, `{}`},
		{"given back: got 200", func(r *http.Request) bool { return r.Method == http.MethodPatch }, http.StatusOK, `{}`},
	} {
		out, err := take(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !tt.broken(r) {
				service.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}))
		if err == nil || !strings.Contains(out, tt.what) {
			t.Errorf("want %q: %v\n%s", tt.what, err, out)
		}
	}
}
