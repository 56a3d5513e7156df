package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func do(t *testing.T, method, url, bearer, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, content}
}

func get(t *testing.T, url string) reply {
	t.Helper()
	return do(t, http.MethodGet, url, "", "")
}

// read decodes an answer with that status.
func read[T any](t *testing.T, r reply, status int) T {
	t.Helper()
	var value T
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if err := json.Unmarshal(r.body, &value); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return value
}

func (s *server) token(user string) string {
	s.t.Helper()
	r := do(s.t, http.MethodPost, s.base+"/dev/token", "", `{"user_id":"`+user+`","organization_id":"acme"}`)
	return read[map[string]string](s.t, r, http.StatusOK)["id_token"]
}

func (s *server) acquire(token, hardware string) reply {
	s.t.Helper()
	return do(s.t, http.MethodPost, s.base+api.PathAcquire, token, `{"hardware_id":"`+hardware+`"}`)
}

func (s *server) heartbeat(token, session string) reply {
	s.t.Helper()
	return do(s.t, http.MethodPatch, s.base+api.HeartbeatPath(session), token, "")
}

func (s *server) reap() api.ReapReport {
	s.t.Helper()
	return read[api.ReapReport](s.t, do(s.t, http.MethodPost, s.base+"/dev/scheduler", "", ""), http.StatusOK)
}

// emptyFirestore is the emulator without what earlier runs recorded in the
// local stack's project, which would come back to life in a new Redis.
// https://firebase.google.com/docs/emulator-suite/connect_firestore#clear_your_database_between_tests
func emptyFirestore(t *testing.T) string {
	t.Helper()
	addr := servers.Firestore(t)
	url := "http://" + addr + "/emulator/v1/projects/" + devstack.Project + "/databases/(default)/documents"
	if r := do(t, http.MethodDelete, url, "", ""); r.status != http.StatusOK {
		t.Fatalf("clear the emulator: %d %s", r.status, r.body)
	}
	return addr
}

// pass waits until a moment of the server's clock is over.
func pass(moment api.Time) { <-time.After(time.Until(moment.Add(20 * time.Millisecond))) }

// TestAbandonedSeats: an expired seat is free at once without the reaper; one
// run of the reaper then ends what is left, and the next finds nothing.
func TestAbandonedSeats(t *testing.T) {
	for name, args := range map[string][]string{
		"embedded":            nil,
		"redis":               {"--redis", servers.Redis(t).Addr()},
		"redis and firestore": {"--redis", servers.Redis(t).Addr(), "--firestore", emptyFirestore(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveLocal(t, append(args, "--session-ttl", "3s", "--heartbeat-interval", "1s", "--reap-every", "0")...)
			ann := s.token("ann")
			var sessions []api.Session
			for _, hardware := range []string{"hw-1", "hw-2", "hw-3"} {
				sessions = append(sessions, read[api.Session](t, s.acquire(ann, hardware), http.StatusCreated))
			}
			full := s.acquire(ann, "hw-4")
			if p := read[api.Problem](t, full, http.StatusConflict); p.Code != api.NoSeatsAvailable || full.header.Get("Retry-After") == "" {
				t.Errorf("full: %+v, Retry-After %q", p, full.header.Get("Retry-After"))
			}
			pass(sessions[2].ExpiresAt)
			next := read[api.Session](t, s.acquire(ann, "hw-4"), http.StatusCreated)
			if p := read[api.Problem](t, s.heartbeat(ann, sessions[0].SessionID), http.StatusGone); p.Reason == nil || *p.Reason != "expired" {
				t.Errorf("the heartbeat of an expired session: %+v", p)
			}
			pass(next.ExpiresAt)
			// hw-4 displaced one, the heartbeat ended hw-1 unless that was the one.
			// A new index knows all organizations as due, globex as well.
			if first := s.reap(); first.OrganizationsVisited < 1 || first.SessionsReaped < 2 || first.SessionsReaped > 3 || first.More {
				t.Errorf("the reaper's report is %+v, want the two or three sessions that are left", first)
			}
			if again := s.reap(); again != (api.ReapReport{DurationMS: again.DurationMS}) {
				t.Errorf("the second run's report is %+v, want zeros", again)
			}
		})
	}
}

// TestReaperRunsByItself: --reap-every plays the scheduler.
func TestReaperRunsByItself(t *testing.T) {
	s := serveLocal(t, "--session-ttl", "300ms", "--heartbeat-interval", "100ms", "--reap-every", "20ms")
	ann := s.token("ann")
	session := read[api.Session](t, s.acquire(ann, "hw-1"), http.StatusCreated)
	pass(session.ExpiresAt)
	limit := time.After(patience)
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-limit:
			t.Fatal("nobody reaped")
		case <-tick.C:
		}
		if s.reap().OrganizationsVisited == 0 { // not due any more
			tick.Stop()
			return
		}
	}
}

// TestRestartOnTheSameRedis: the record in memory is new, and with it its
// epochs; the seat ledger in Redis is the old one's.
func TestRestartOnTheSameRedis(t *testing.T) {
	redis := servers.Redis(t).Addr()
	first := serveLocal(t, "--redis", redis)
	ann := first.token("ann")
	held := read[api.Session](t, first.acquire(ann, "hw-1"), http.StatusCreated)
	read[api.Session](t, first.acquire(ann, "hw-2"), http.StatusCreated)
	first.stop()

	second := serveLocal(t, "--redis", redis)
	bob := second.token("bob")
	// The token of a stopped server is worth nothing: keys are made at start.
	if r := second.acquire(ann, "hw-1"); r.status != http.StatusUnauthorized {
		t.Errorf("an old token: %d", r.status)
	}
	ann = second.token("ann")
	if r := second.heartbeat(ann, held.SessionID); r.status != http.StatusOK {
		t.Errorf("heartbeat of a session that Redis still has: %d %s", r.status, r.body)
	}
	if again := read[api.Session](t, second.acquire(ann, "hw-1"), http.StatusOK); again.SessionID != held.SessionID {
		t.Errorf("acquired again: %s, want %s", again.SessionID, held.SessionID)
	}
	// The first grant finds that the record knows no epoch: Redis is rebuilt from
	// the record, which has none of the old sessions. Their holders ask again.
	fresh := read[api.Session](t, second.acquire(bob, "hw-3"), http.StatusCreated)
	if r := second.heartbeat(bob, fresh.SessionID); r.status != http.StatusOK {
		t.Errorf("heartbeat: %d %s", r.status, r.body)
	}
	if r := second.heartbeat(ann, held.SessionID); r.status != http.StatusNotFound {
		t.Errorf("heartbeat of a session that nobody knows any more: %d %s", r.status, r.body)
	}
	read[api.Session](t, second.acquire(ann, "hw-1"), http.StatusCreated)
	if report := second.reap(); report.More {
		t.Errorf("the reaper: %+v", report)
	}
	if r := do(t, http.MethodDelete, second.base+api.SessionPath(fresh.SessionID), bob, ""); r.status != http.StatusNoContent {
		t.Errorf("release: %d %s", r.status, r.body)
	}
	read[api.Session](t, second.acquire(bob, "hw-3"), http.StatusCreated)
}
