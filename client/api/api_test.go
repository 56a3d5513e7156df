package api_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

func TestPaths(t *testing.T) {
	if got := api.SessionPath("x"); got != "/api/v1/licenses/sessions/x" {
		t.Error(got)
	}
	if got := api.HeartbeatPath("x"); got != "/api/v1/licenses/sessions/x/heartbeat" {
		t.Error(got)
	}
	if got := api.SessionsPath("acme"); got != "/api/v1/control/organizations/acme/sessions" {
		t.Error(got)
	}
	if got := api.UsagePath("acme"); got != "/api/v1/control/organizations/acme/usage" {
		t.Error(got)
	}
	if got := api.DenialsPath("acme"); got != "/api/v1/control/organizations/acme/denials" {
		t.Error(got)
	}
	if got := api.SessionOfPath("acme", "x"); got != "/api/v1/control/organizations/acme/sessions/x" {
		t.Error(got)
	}
}

func TestTimeIsWrittenInOneForm(t *testing.T) {
	cest := time.FixedZone("CEST", 2*3600)
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), "2026-11-23T10:00:00.000Z"},
		{time.Date(2026, 11, 23, 10, 0, 0, 120_000_000, time.UTC), "2026-11-23T10:00:00.120Z"},
		{time.Date(2026, 11, 23, 10, 0, 0, 999_999_999, time.UTC), "2026-11-23T10:00:00.999Z"},
		{time.Date(2026, 7, 1, 0, 30, 0, 1, cest), "2026-06-30T22:30:00.000Z"},
		{time.Time{}, "0001-01-01T00:00:00.000Z"},
	} {
		at := api.NewTime(tt.at)
		asJSON, err := json.Marshal(at)
		if err != nil || string(asJSON) != `"`+tt.want+`"` {
			t.Errorf("%v as JSON: %s, %v", tt.at, asJSON, err)
		}
		asKey, err := json.Marshal(map[api.Time]int{at: 1})
		if err != nil || string(asKey) != `{"`+tt.want+`":1}` {
			t.Errorf("%v as a key: %s, %v", tt.at, asKey, err)
		}
		if at.String() != tt.want {
			t.Errorf("%v as text: %s", tt.at, at)
		}
	}
	if _, err := json.Marshal(api.NewTime(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC))); err == nil {
		t.Error("the year 10000 has no RFC 3339 form")
	}
}

func TestTimeIsRead(t *testing.T) {
	want := time.Date(2026, 11, 23, 10, 0, 0, 120_000_000, time.UTC)
	for _, s := range []string{`"2026-11-23T10:00:00.120Z"`, `"2026-11-23T12:00:00.12+02:00"`, `"2026-11-23T10:00:00.120000Z"`} {
		var got api.Time
		if err := json.Unmarshal([]byte(s), &got); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{`""`, `1`, `"now"`, `{}`, `"2026-11-23"`} {
		if err := json.Unmarshal([]byte(s), new(api.Time)); err == nil {
			t.Errorf("%s was taken", s)
		}
	}
	got := api.NewTime(want)
	if err := json.Unmarshal([]byte("null"), &got); err != nil || !got.Equal(want) {
		t.Errorf("null: %v, %v", got, err)
	}
}

// TestSessionOnTheWire: what is there when nothing is, and what is not.
func TestSessionOnTheWire(t *testing.T) {
	b, err := json.Marshal(api.Session{})
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if list, ok := m["entitlements"].([]any); !ok || len(list) != 0 {
		t.Errorf("entitlements = %v, want []", m["entitlements"])
	}
	for _, absent := range []string{"license_token", "license_token_expires_at"} {
		if _, ok := m[absent]; ok {
			t.Errorf("%s is there", absent)
		}
	}
	const members = "session_id license_id organization_id user_id hardware_id instance_id product plan entitlements acquired_at last_heartbeat_at expires_at heartbeat_interval_seconds next_heartbeat_at seats_used seats_max server_time"
	for _, name := range strings.Fields(members) {
		if _, ok := m[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if want := len(strings.Fields(members)); len(m) != want {
		t.Errorf("%d members, want %d: %v", len(m), want, m)
	}
}

func TestListKeepsItsStrings(t *testing.T) {
	b, err := json.Marshal(api.List{"b", "a"})
	if err != nil || string(b) != `["b","a"]` {
		t.Errorf("%s, %v", b, err)
	}
}

// TestCodes is the contract's table, line by line.
func TestCodes(t *testing.T) {
	const table = `400 invalid_request
401 unauthenticated
401 insufficient_user_authentication
403 tenant_missing
403 organization_inactive
403 license_inactive
403 license_expired
403 forbidden
404 not_found
404 organization_not_found
404 license_not_found
404 session_not_found
404 user_not_found
404 webhook_not_found
404 delivery_not_found
404 key_not_found
405 method_not_allowed
409 no_seats_available retry
409 license_ambiguous
409 already_exists
409 email_taken
409 last_owner
409 in_use
409 idempotency_key_reused
409 secret_told
408 request_timeout
410 session_ended
412 precondition_failed
413 payload_too_large
415 unsupported_media_type
428 precondition_required
429 rate_limited retry
500 internal retry
503 unavailable retry`
	var lines []string
	for _, c := range api.Codes() {
		if http.StatusText(c.Status) == "" || c.Title == "" || len(c.Detail) < 20 {
			t.Errorf("%+v lacks something", c)
		}
		line := strings.TrimSpace(strings.Join([]string{strconv.Itoa(c.Status), string(c.Code), map[bool]string{true: "retry"}[c.Retryable]}, " "))
		lines = append(lines, line)
		if c.Code.Info() != c {
			t.Errorf("%s.Info() = %+v", c.Code, c.Code.Info())
		}
		if want := "https://licenses.coditect.ai/problems/" + strings.ReplaceAll(string(c.Code), "_", "-"); c.Type != want {
			t.Errorf("type %s, want %s", c.Type, want)
		}
	}
	if got := strings.Join(lines, "\n"); got != table {
		t.Errorf("the table is\n%s\nwant\n%s", got, table)
	}
}

func TestCodesIsACopy(t *testing.T) {
	api.Codes()[0].Status = 200
	if api.InvalidRequest.Info().Status != 400 {
		t.Error("a caller can change the table")
	}
}

func TestUnknownCodeIsInternal(t *testing.T) {
	if got := api.Code("made_up").Info(); got != api.Internal.Info() {
		t.Errorf("%+v", got)
	}
}

func TestProblemOnTheWire(t *testing.T) {
	b, err := json.Marshal(api.NewProblem(api.SessionNotFound, "There is none.", "r-1"))
	want := `{"type":"https://licenses.coditect.ai/problems/session-not-found","title":"Session not found","status":404,"code":"session_not_found","detail":"There is none.","instance":"r-1","retryable":false}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v\nwant %s", b, err, want)
	}
}

func TestProblemTellsItsCodesDetail(t *testing.T) {
	if got := api.NewProblem(api.PayloadTooLarge, "", "r-1").Detail; got != "The request body is larger than 16384 bytes. Send less." {
		t.Error(got)
	}
	if got := api.NewProblem("made_up", "", "r-1").Detail; got != api.Internal.Info().Detail {
		t.Error(got)
	}
}

// TestStandardLibraryOnly: the SDK's users get no dependencies by it.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "github.com/coditect-ai/coditect-licenses/client/api" {
		t.Errorf("it depends on\n%s", got)
	}
}
