// Package browser lets pages in a real browser take seats: what CORS allows is
// decided there, and by nothing that a test could send itself.
package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds a visit: a browser's first start on a busy machine is slow.
const patience = 5 * time.Minute

// page is what visits: it takes, keeps and gives back seats, and tells its own
// server what it could read.
//
//go:embed page.html
var page string

// report is what a page tells. A call that the browser kept from it has an error.
type report map[string]struct {
	Error     string
	Status    int
	RequestID string
	Location  string
	Retry     string
	Body      struct {
		SessionID string `json:"session_id"`
		Code      string
	}
}

// site serves the page at an origin of its own, and passes on what it tells.
type site struct {
	*httptest.Server
	told chan report
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{told: make(chan report, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("POST /told", func(w http.ResponseWriter, r *http.Request) {
		var told report
		if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.told <- told
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// TestInABrowser: a page of a listed origin takes, keeps and gives back a seat and
// reads every answer; a page of another origin reads nothing but public documents
// and changes nothing, however it sends.
func TestInABrowser(t *testing.T) {
	browser := find(t)
	ours, theirs := newSite(t), newSite(t)
	opts := devstack.Defaults()
	opts.Origins = []string{ours.URL}
	stack, err := devstack.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	service := httptest.NewServer(stack.Local())
	t.Cleanup(service.Close)
	token := stack.IDP.IDToken(fakeidp.Claims{UserID: "ann", TenantID: "acme"})

	foreign := visit(t, browser, theirs, service.URL, token)
	for name, call := range foreign {
		if (name == "jwks") != (call.Error == "") {
			t.Errorf("a page of another origin, %s: %+v", name, call)
		}
	}
	if held := seats(t, service.URL, token); held != 1 { // the one that asks
		t.Errorf("a page of another origin holds %d seats", held-1)
	}

	own := visit(t, browser, ours, service.URL, token)
	for name, status := range map[string]int{
		"acquire": 201, "again": 200, "patch": 200, "post": 200, "third": 201, "full": 409, "delete": 204, "release": 204,
		"gone": 410, "signIn": 401, "nowhere": 404, "verb": 405, "large": 413, "plain": 415, "jwks": 200,
	} {
		call := own[name]
		if call.Status != status || call.RequestID == "" {
			t.Errorf("%s: %+v, want %d with its request id", name, call, status)
		}
	}
	if first := own["acquire"]; first.Location != api.SessionPath(first.Body.SessionID) {
		t.Errorf("the page read the location %q", first.Location)
	}
	if full := own["full"]; full.Retry == "" || full.Body.Code != string(api.NoSeatsAvailable) {
		t.Errorf("the page read of a refusal %+v", full)
	}
	if blind := own["blind"]; blind.Status != 0 || blind.Error != "" {
		t.Errorf("what was sent without asking could be read: %+v", blind)
	}
}

// seats are how many seats of its license are used by whoever asks, and others.
func seats(t *testing.T, base, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+api.PathAcquire, strings.NewReader(`{"hardware_id":"counter"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", api.ContentTypeJSON)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = response.Body.Close() }()
	var session api.Session
	if err := json.NewDecoder(response.Body).Decode(&session); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("%d, %v", response.StatusCode, err)
	}
	return session.SeatsUsed
}

// find is the browser; without one the test is skipped, or fails in CI.
func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const how = "no Chromium is installed: run scripts/install-test-tools.sh"
	if os.Getenv("CI") != "" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// visit opens the page of a site in a browser of its own, until it has told.
func visit(t *testing.T, browser string, s *site, base, token string) report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	address := fmt.Sprintf("%s/#%s,%s", s.URL, base, token) // a fragment is sent to nobody
	// Without a port to debug at a browser without a window ends at once; nobody is
	// told this one. The sandbox needs rights that containers do not give.
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--remote-debugging-port="+port(t), "--user-data-dir="+t.TempDir(), "--disable-background-networking", address)
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &printed
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer cancel()
	select {
	case told := <-s.told:
		return told
	case <-ctx.Done():
		cancel()
		_ = cmd.Wait()
		t.Fatalf("the page told nothing; the browser printed\n%s", &printed)
	}
	return nil
}

func port(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, free, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return free
}
