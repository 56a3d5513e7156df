package functions_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row is a line of the contract's table of errors.
type row struct {
	status     int
	retryable  bool
	retryAfter bool
	members    []string // beside those every problem has
}

// contract is that table, written down once more: the service must agree with
// the page, not with itself.
var contract = map[string]row{
	"invalid_request":                  {status: 400, members: []string{"errors"}},
	"unauthenticated":                  {status: 401},
	"insufficient_user_authentication": {status: 401},
	"tenant_missing":                   {status: 403},
	"organization_inactive":            {status: 403},
	"license_inactive":                 {status: 403},
	"license_expired":                  {status: 403},
	"forbidden":                        {status: 403},
	"not_found":                        {status: 404},
	"organization_not_found":           {status: 404},
	"license_not_found":                {status: 404},
	"session_not_found":                {status: 404},
	"user_not_found":                   {status: 404},
	"webhook_not_found":                {status: 404},
	"delivery_not_found":               {status: 404},
	"key_not_found":                    {status: 404},
	"method_not_allowed":               {status: 405},
	"no_seats_available":               {status: 409, retryable: true, retryAfter: true, members: []string{"seats_used", "seats_max", "limit"}},
	"license_ambiguous":                {status: 409, members: []string{"licenses"}},
	"already_exists":                   {status: 409, members: []string{"errors"}},
	"email_taken":                      {status: 409},
	"last_owner":                       {status: 409},
	"in_use":                           {status: 409},
	"idempotency_key_reused":           {status: 409},
	"secret_told":                      {status: 409},
	"request_timeout":                  {status: 408},
	"session_ended":                    {status: 410, members: []string{"reason"}},
	"precondition_failed":              {status: 412},
	"payload_too_large":                {status: 413},
	"unsupported_media_type":           {status: 415},
	"precondition_required":            {status: 428},
	"rate_limited":                     {status: 429, retryable: true, retryAfter: true},
	"internal":                         {status: 500, retryable: true},
	"unavailable":                      {status: 503, retryable: true, retryAfter: true},
}

// problem is a refusal's document.
type problem map[string]any

// refused ends the test unless the answer is this problem, to the letter.
func (a answer) refused(t *testing.T, code string) problem {
	t.Helper()
	want, known := contract[code]
	if !known {
		t.Fatalf("the contract has no code %q", code)
	}
	a.want(t, want.status)
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%s: %v in %s", a.what, err, a.body)
	}
	a.checkHeader(t, want)
	members := append([]string{"type", "title", "status", "code", "detail", "instance", "retryable"}, want.members...)
	if p["limit"] == "user" { // of no other limit
		members = append(members, "your_sessions")
	}
	slices.Sort(members)
	if got := slices.Sorted(maps.Keys(p)); !slices.Equal(got, members) {
		t.Errorf("%s: members %v, want %v", a.what, got, members)
	}
	fixed := problem{
		"type": "https://licenses.coditect.ai/problems/" + strings.ReplaceAll(code, "_", "-"), "status": float64(want.status),
		"code": code, "retryable": want.retryable, "instance": a.header.Get("X-Request-Id"),
	}
	for name, v := range fixed {
		if p[name] != v {
			t.Errorf("%s: %s is %v, want %v", a.what, name, p[name], v)
		}
	}
	if p["title"] == "" || p["detail"] == "" {
		t.Errorf("%s: says nothing to people: %s", a.what, a.body)
	}
	return p
}

func (a answer) checkHeader(t *testing.T, want row) {
	t.Helper()
	if got := a.header.Values("Content-Type"); len(got) != 1 || got[0] != "application/problem+json" {
		t.Errorf("%s: Content-Type %q", a.what, got)
	}
	after := a.header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); want.retryAfter && (err != nil || seconds < 1) || !want.retryAfter && after != "" {
		t.Errorf("%s: Retry-After %q", a.what, after)
	}
	if got := a.header.Get("WWW-Authenticate"); (want.status == http.StatusUnauthorized) != strings.HasPrefix(got, "Bearer ") {
		t.Errorf("%s: WWW-Authenticate %q", a.what, got)
	}
	if got := a.header.Get("Allow"); (want.status == http.StatusMethodNotAllowed) != (got != "") {
		t.Errorf("%s: Allow %q", a.what, got)
	}
}

// wantMember compares one of the problem's own members.
func (p problem) wantMember(t *testing.T, name string, want any) {
	t.Helper()
	got, err := json.Marshal(p[name])
	if err != nil {
		t.Fatal(err)
	}
	if expected, err := json.Marshal(want); err != nil || !bytes.Equal(got, expected) {
		t.Errorf("%s is %s, want %s", name, got, expected)
	}
}
