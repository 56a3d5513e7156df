package deployed

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestPathsOfTheDeployedProgram: what the contract does not have is the function's
// own 404, with its id, its headers and its line in the log, however it is written.
func TestPathsOfTheDeployedProgram(t *testing.T) {
	t.Parallel()
	p := newCloud(t).start("Acquire")
	ids := map[string]string{}
	for _, target := range []string{
		"POST //api/v1/licenses/acquire", "POST /api/v1/licenses/acquire/", "POST /api//v1/licenses/acquire", "GET /api/../live", "GET /./live", "GET //", "GET /live/..",
		"POST /api/v1/licenses/%61cquire", "GET /%2e%2e/live", "GET /live%2f", "GET /live;x", "OPTIONS *", "CONNECT licenses.example.com:443", "CONNECT /api/v1/../x",
		"GET http://licenses.example.com//live", "GET http://licenses.example.com", "GET /Acquire", "GET /", "GET /openapi.json/", "TRACE /nowhere",
	} {
		w := p.raw(t, target)
		var problem api.Problem
		if err := json.Unmarshal(w.body, &problem); err != nil || w.status != http.StatusNotFound || problem.Code != api.NotFound {
			t.Errorf("%s: %d %s", target, w.status, w.body)
			continue
		}
		id := w.header.Get("X-Request-Id")
		if id == "" || problem.Instance != id || w.header.Get("Cache-Control") != "no-store" || w.header.Get("Content-Type") != api.ContentTypeProblem {
			t.Errorf("%s: %v", target, w.header)
		}
		ids[target] = id
	}
	p.signal(syscall.SIGTERM) // an answer may come before its line
	if code := p.ended(killLimit); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for target, id := range ids {
		if !strings.Contains(p.stdout.String(), `"request_id":"`+id+`"`) {
			t.Errorf("%s: the log has no line of it", target)
		}
	}
}

// TestAbsoluteAddressMeansItsPath (RFC 9112, section 3.2.2).
func TestAbsoluteAddressMeansItsPath(t *testing.T) {
	t.Parallel()
	p := newCloud(t).start("Acquire")
	if w := p.raw(t, "GET http://licenses.example.com/live"); w.status != http.StatusOK {
		t.Errorf("an absolute address: %d %s", w.status, w.body)
	}
}

// raw sends a request line that no client library would.
func (p *process) raw(t *testing.T, line string) reply {
	t.Helper()
	conn := must((&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.base, "http://")))(t)
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(startLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: licenses.example.com\r\nConnection: close\r\n\r\n", line); err != nil {
		t.Fatal(err)
	}
	// CONNECT's answer has a body like any other that is no success.
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	defer func() { _ = response.Body.Close() }()
	return reply{response.StatusCode, response.Header, must(io.ReadAll(response.Body))(t)}
}
