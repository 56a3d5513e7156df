package functions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// answer is what came back over HTTP.
type answer struct {
	what   string // the request, for messages
	status int
	header http.Header
	body   []byte
}

// do sends one request. A string body is sent as it is, nil is none, anything
// else becomes JSON. An empty token sends no Authorization.
func (w *world) do(t *testing.T, method, path, token string, body any, change ...func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.base+path, content(t, body))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, c := range change {
		c(r)
	}
	a := answer{what: method + " " + path}
	response, err := w.http.Client().Do(r)
	if err != nil {
		t.Fatalf("%s: %v", a.what, err)
	}
	defer func() { _ = response.Body.Close() }()
	a.status, a.header = response.StatusCode, response.Header
	if a.body, err = io.ReadAll(response.Body); err != nil {
		t.Fatalf("%s: %v", a.what, err)
	}
	if !strings.HasPrefix(path, "/dev/") {
		a.check(t, path)
		a.checkDocumented(t, method, path)
	}
	return a
}

func content(t *testing.T, body any) io.Reader {
	t.Helper()
	switch body := body.(type) {
	case nil:
		return http.NoBody
	case string:
		return strings.NewReader(body)
	default:
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(b)
	}
}

// check is what the contract says of every answer.
func (a answer) check(t *testing.T, path string) {
	t.Helper()
	if a.header.Get("X-Request-Id") == "" {
		t.Errorf("%s: no X-Request-Id", a.what)
	}
	cached := path == api.PathJWKS && a.status == http.StatusOK
	if got := a.header.Values("Cache-Control"); !cached && (len(got) != 1 || got[0] != "no-store") {
		t.Errorf("%s: Cache-Control %q", a.what, got)
	}
}

// want ends the test unless the answer has this status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: %d %s, want %d", a.what, a.status, a.body, status)
	}
	return a
}

// session is the body of an acquire or heartbeat, which must be what they answer.
func (a answer) session(t *testing.T) api.Session {
	t.Helper()
	if a.status != http.StatusOK && a.status != http.StatusCreated {
		t.Fatalf("%s: %d %s", a.what, a.status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q", a.what, got)
	}
	var s api.Session
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatalf("%s: %v in %s", a.what, err, a.body)
	}
	return s
}

// user is somebody with an ID token.
type user struct {
	w              *world
	org, id, token string
}

func (w *world) user(org, id string) user { return w.userAs(org, id, license.RoleMember) }

func (w *world) userAs(org, id string, role license.Role) user {
	token := w.stack.IDP.IDToken(fakeidp.Claims{
		UserID: id, TenantID: org, Email: id + "@example.com", Role: string(role), IssuedAt: time.Now().Add(-time.Second),
	})
	return user{w: w, org: org, id: id, token: token}
}

// acquire asks for a seat for a machine; more are further members of the body.
func (u user) acquire(t *testing.T, hardware string, more ...map[string]any) answer {
	t.Helper()
	body := map[string]any{"hardware_id": hardware}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return u.w.do(t, http.MethodPost, api.PathAcquire, u.token, body)
}

// take is an acquire that must make a new session.
func (u user) take(t *testing.T, hardware string, more ...map[string]any) api.Session {
	t.Helper()
	return u.acquire(t, hardware, more...).want(t, http.StatusCreated).session(t)
}

func (u user) beat(t *testing.T, session string) answer {
	t.Helper()
	return u.w.do(t, http.MethodPatch, api.HeartbeatPath(session), u.token, nil)
}

// renew is a heartbeat that asks for a fresh token.
func (u user) renew(t *testing.T, session string) answer {
	t.Helper()
	return u.w.do(t, http.MethodPatch, api.HeartbeatPath(session)+"?token=renew", u.token, nil)
}

func (u user) release(t *testing.T, session string) answer {
	t.Helper()
	return u.w.do(t, http.MethodDelete, api.SessionPath(session), u.token, nil)
}

// serial makes the names of organizations unlike each other within a process.
var serial atomic.Int64

// tenant makes an organization of the test's own, with this cap, through the
// helpers of the local server.
func (w *world) tenant(t *testing.T, seats int) (org string) {
	t.Helper()
	org = fmt.Sprintf("t%d-%d", time.Now().UnixNano(), serial.Add(1))
	w.putOrganization(t, org, map[string]any{"max_concurrent_seats": seats})
	return org
}

func (w *world) putOrganization(t *testing.T, org string, body map[string]any) {
	t.Helper()
	w.do(t, http.MethodPut, "/dev/organizations/"+org, "", body).want(t, http.StatusOK)
}

func (w *world) putLicense(t *testing.T, org, id string, body map[string]any) {
	t.Helper()
	w.do(t, http.MethodPut, "/dev/organizations/"+org+"/licenses/"+id, "", body).want(t, http.StatusOK)
}

// licensed makes an organization with one license `pro` of product studio.
func (w *world) licensed(t *testing.T, seats int) (org string) {
	t.Helper()
	org = w.tenant(t, 100)
	w.putLicense(t, org, "pro", map[string]any{"product": "studio", "plan": "pro", "max_seats": seats, "entitlements": []string{"export"}})
	return org
}

// reap runs the reaper as Cloud Scheduler does.
func (w *world) reap(t *testing.T) api.ReapReport {
	t.Helper()
	a := w.do(t, http.MethodPost, api.PathReap, w.stack.SchedulerToken(), nil).want(t, http.StatusOK)
	return reportOf(t, a.body)
}

func reportOf(t *testing.T, body []byte) api.ReapReport {
	t.Helper()
	var report api.ReapReport
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&report); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return report
}

// fill takes the seats of the organization's license that are left, each for
// another user, and counts them: a leaked seat shows here.
func (w *world) fill(t *testing.T, org string, more ...map[string]any) int {
	t.Helper()
	for n := 0; ; n++ {
		a := w.user(org, fmt.Sprintf("filler-%d", serial.Add(1))).acquire(t, "hw", more...)
		if a.status == http.StatusConflict {
			return n
		}
		a.want(t, http.StatusCreated)
	}
}

// race calls f at once with 0 to n-1 and reports what went wrong.
func race(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	begin, failures := make(chan struct{}), make(chan error, n)
	for i := range n {
		all.Go(func() {
			<-begin
			failures <- f(i)
		})
	}
	close(begin)
	all.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
}
