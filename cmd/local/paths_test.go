package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestRawRequestLines: what the contract does not have is a 404 of ours, with its
// id and headers, however it is written.
func TestRawRequestLines(t *testing.T) {
	s := serveLocal(t)
	for _, line := range []string{
		"POST //api/v1/licenses/acquire", "POST /api/v1/licenses/acquire/", "POST /api//v1/licenses/acquire", "GET /api/../live", "GET /./live", "GET //", "GET /live/..",
		"POST /api/v1/licenses/%61cquire", "GET /%2e%2e/live", "GET /live%2f", "GET /live;x", "OPTIONS *", "CONNECT licenses.example.com:443", "CONNECT /api/v1/../x",
		"GET http://127.0.0.1//live", "GET http://127.0.0.1", "GET /Acquire", "GET /openapi.json/", "POST /dev//token", "POST /dev/../dev/token", "GET /dev/", "GET /dev/nothing",
	} {
		status, h, body := raw(t, s.base, line)
		if status != http.StatusNotFound || !strings.Contains(body, `"code":"not_found"`) {
			t.Errorf("%s: %d %s", line, status, body)
		}
		if h.Get("X-Request-Id") == "" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != api.ContentTypeProblem {
			t.Errorf("%s: %v", line, h)
		}
	}
	// An absolute address means its path (RFC 9112, section 3.2.2).
	if status, _, body := raw(t, s.base, "GET http://127.0.0.1/live"); status != http.StatusOK {
		t.Errorf("an absolute address: %d %s", status, body)
	}
}

// raw sends a request line that no client library would.
func raw(t *testing.T, base, line string) (status int, header http.Header, body string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", line); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return response.StatusCode, response.Header, string(text)
}

// TestRefusalsAreLoggedByDefault, with their reason, and nothing else is.
func TestRefusalsAreLoggedByDefault(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0")
	base, _ := greeting(t, p.out)
	get(t, base+"/openapi.json")
	raw(t, base, "POST //api")
	r := get(t, base+"/api/v1/licenses/acquire")
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
	got := p.stderr.String()
	if strings.Contains(got, "openapi 200") || !strings.Contains(got, "request 404") || !strings.Contains(got, "request 405") || r.status != http.StatusMethodNotAllowed {
		t.Errorf("stderr: %q", got)
	}
}

// TestLogger: what is worth a look without being asked for.
func TestLogger(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		var out strings.Builder
		log := logger(&out, verbose).With("a", "b").WithGroup("")
		log.Info("answered", slog.String("outcome", "created"))
		log.Info("refused", slog.String("x", "refused"), slog.String("outcome", "refused"))
		log.Warn("warned")
		log.Debug("noise")
		if got, want := strings.Count(out.String(), "\n"), map[bool]int{false: 2, true: 3}[verbose]; got != want || !strings.Contains(out.String(), `"a":"b"`) {
			t.Errorf("verbose %t: %s", verbose, &out)
		}
	}
}
