package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

const (
	sessionOne = `{"session_id":"s-1","license_id":"pro","user_id":"ann","hardware_id":"hw-1","client":{"name":"Studio","version":"4.2.0","hostname":"room-3","project":"bridge-7"},"acquired_at":"2026-12-01T17:00:00Z","last_heartbeat_at":"2026-12-01T17:02:00Z","expires_at":"2026-12-01T17:08:00Z","state":"active"}`
	sessionTwo = `{"session_id":"s-2","license_id":"pro","user_id":"bob","hardware_id":"hw-2","client":{},"acquired_at":"2026-12-01T16:00:00Z","last_heartbeat_at":"2026-12-01T16:02:00Z","expires_at":"2026-12-01T16:08:00Z","state":"expired"}`
)

// door answers as the vendor's door does about the sessions of acme, and keeps what it
// was asked for.
type door struct{ asked []string }

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/dev/staff-token" {
		_, _ = io.WriteString(w, `{"id_token":"secret"}`)
		return
	}
	d.asked = append(d.asked, r.Method+" "+r.URL.RequestURI())
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == api.LicensePath("acme", "pro"):
		_, _ = io.WriteString(w, `{"id":"pro","max_seats":3}`)
	case r.URL.Path == api.LicensesPath("acme"):
		_, _ = io.WriteString(w, `{"licenses":[{"id":"pro","max_seats":3}]}`)
	case r.URL.Path == api.SessionOfPath("acme", "s-1"):
		_, _ = io.WriteString(w, sessionOne)
	case r.URL.Path == api.SessionsPath("acme") && r.URL.Query().Get(api.QueryAfter) == "":
		_, _ = fmt.Fprintf(w, `{"sessions":[%s],"after":"s-1"}`, sessionOne)
	case r.URL.Path == api.SessionsPath("acme"):
		_, _ = fmt.Fprintf(w, `{"sessions":[%s]}`, sessionTwo)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// newDoor serves it, and returns its address.
func newDoor(t *testing.T, d *door) string {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return server.URL
}

// told runs the command on a door, and returns what it was asked, how it ended, and
// what it printed.
func told(t *testing.T, line string) (asked, printed string, status int) {
	t.Helper()
	d := &door{}
	var out strings.Builder
	status = run(context.WithoutCancel(t.Context()), append([]string{"--local", "--endpoint", newDoor(t, d)}, strings.Fields(line)...), terminal{in: strings.NewReader(""), out: &out, err: &out})
	return strings.Join(d.asked, "\n"), out.String(), status
}

func TestSessions(t *testing.T) {
	const (
		list = "/api/v1/control/organizations/acme/sessions"
		one  = list + "/s-1"
	)
	for line, want := range map[string]struct {
		asked, printed string
		status         int
	}{
		"session list acme": {
			"GET " + list + "?limit=200\nGET " + list + "?after=s-1&limit=200",
			"SESSION  LICENSE  USER  MACHINE  PROGRAM       PROJECT   SINCE                     HEARTBEAT                 STATE\n" +
				"s-1      pro      ann   room-3   Studio 4.2.0  bridge-7  2026-12-01T17:00:00.000Z  2026-12-01T17:02:00.000Z  active\n" +
				"s-2      pro      bob   hw-2                             2026-12-01T16:00:00.000Z  2026-12-01T16:02:00.000Z  expired\n", 0,
		},
		"session list acme --license pro --user ann -o name": {
			"GET " + list + "?license=pro&limit=200&user=ann\nGET " + list + "?after=s-1&license=pro&limit=200&user=ann", "acme/s-1\nacme/s-2\n", 0,
		},
		"session list acme --project bridge-7 -o name": {
			"GET " + list + "?limit=200&project=bridge-7\nGET " + list + "?after=s-1&limit=200&project=bridge-7", "acme/s-1\nacme/s-2\n", 0,
		},
		"session show acme/s-1 -o name": {"GET " + one, "acme/s-1\n", 0},
		"session release acme/s-1": {
			"GET " + one, "licensectl: Release the seat of ann on room-3? Its program hears of it at its next heartbeat. Say --yes, because nobody can be asked here (--help tells more)\n", 2,
		},
		"session release acme/s-1 --dry-run": {"GET " + one + "\nDELETE " + one + "?dry_run=true", "session acme/s-1 would be released (dry run, nothing is written)\n", 0},
		"session release acme/s-1 --yes":     {"GET " + one + "\nDELETE " + one, "session acme/s-1 released\n", 0},
		"session show s-1":                   {"", "licensectl: <organization/session>: \"s-1\" names no session: say ORGANIZATION/SESSION, as session list -o name prints it (--help tells more)\n", 2},
	} {
		asked, printed, status := told(t, line)
		if asked != want.asked || printed != want.printed || status != want.status {
			t.Errorf("%s: status %d, asked\n%s\nprinted\n%s\nwant status %d,\n%s\n%s", line, status, asked, printed, want.status, want.asked, want.printed)
		}
	}
	if _, printed, status := told(t, "session show acme/s-2"); status != 1 || !strings.Contains(printed, "cannot show session acme/s-2") {
		t.Errorf("status %d, %s", status, printed)
	}
	if _, printed, status := told(t, "session show acme/s-1"); status != 0 || !strings.Contains(printed, "\nexpires     2026-12-01T17:08:00.000Z\n") {
		t.Errorf("status %d, %s", status, printed)
	}
	if _, printed, status := told(t, "session show acme/s-1 -o json"); status != 0 || !strings.Contains(printed, `"hostname": "room-3"`) {
		t.Errorf("status %d, %s", status, printed)
	}
}
