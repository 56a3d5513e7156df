package control

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestCheckEndpoint(t *testing.T) {
	for _, tt := range []struct {
		text  string
		local bool
		want  string // "" for a refusal
	}{
		{"https://control.example.com", false, "https://control.example.com"},
		{"https://control.example.com/", false, "https://control.example.com"},
		{"https://control.example.com:8443", false, "https://control.example.com:8443"},
		{"http://127.0.0.1:8080", true, "http://127.0.0.1:8080"},
		{"http://localhost:8080", true, "http://localhost:8080"},
		{"http://[::1]:8080", false, "http://[::1]:8080"},
		{"http://control.example.com", false, ""},
		{"http://127.0.0.1.example.com", false, ""},
		{"https://control.example.com", true, ""},
		{"https://control.example.com/api", false, ""},
		{"https://control.example.com?a=b", false, ""},
		{"https://user:pass@control.example.com", false, ""},
		{"control.example.com", false, ""},
		{"ftp://127.0.0.1", false, ""},
		{"https://", false, ""},
		{":", false, ""},
		{"", false, ""},
	} {
		if got, err := CheckEndpoint(tt.text, tt.local); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q, local %t: %q, %v; want %q", tt.text, tt.local, got, err, tt.want)
		}
	}
}

func TestTokenCommand(t *testing.T) {
	const preset = "gcloud auth print-identity-token --audiences={audience}"
	for _, tt := range []struct{ command, impersonate, want string }{
		{preset, "", "gcloud auth print-identity-token --audiences=https://c.example"},
		{preset, "eve@p.iam.gserviceaccount.com", "gcloud auth print-identity-token --audiences=https://c.example --impersonate-service-account=eve@p.iam.gserviceaccount.com --include-email"},
		{"  my-token   {audience} ", "", "my-token https://c.example"},
		{"", "", ""},
	} {
		if got := TokenCommand(tt.command, "https://c.example", tt.impersonate); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%q: %q, want %q", tt.command, got, tt.want)
		}
	}
}

// TestCommandToken: one word is a token; it and everything else that is printed is told
// to nobody.
func TestCommandToken(t *testing.T) {
	get := func(words ...string) (string, error) { return CommandToken(words)(t.Context()) }
	if got, err := get("echo", "secret"); got != "secret" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for name, words := range map[string][]string{
		"nothing": {"true"}, "two words": {"echo", "secret", "more"}, "a failure": {"sh", "-c", "echo secret; exit 3"},
		"no program": {"./no-such-program"}, "no command": nil,
	} {
		if got, err := get(words...); err == nil || got != "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	_, err := get("sh", "-c", "echo 'Invalid account type for `--audiences`. Requires valid service account.' >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "Invalid account type") || !strings.Contains(err.Error(), "--impersonate") {
		t.Errorf("what a person has to do is not said: %v", err)
	}
}

func TestLocalToken(t *testing.T) {
	s := serve(t, ok(`{"id_token":"secret"}`), ok(`{}`), ok(`hello`), func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
	token := LocalToken(s.client.endpoint)
	if got, err := token(t.Context()); got != "secret" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got := s.requests()[0]; got.method != http.MethodPost || got.path != "/dev/staff-token" || got.body != "{}" || got.auth != "" {
		t.Errorf("%+v", got)
	}
	for range 3 {
		if got, err := token(t.Context()); err == nil {
			t.Errorf("%q is a token", got)
		}
	}
}

// TestProbe sends no token, and any answer says the time.
func TestProbe(t *testing.T) {
	forbidden := func(w http.ResponseWriter) {
		w.Header().Set("Date", "Tue, 01 Dec 2026 17:00:00 GMT")
		w.WriteHeader(http.StatusForbidden)
	}
	s := serve(t, forbidden, func(w http.ResponseWriter) { w.Header()["Date"] = nil })
	if at, err := s.client.Probe(t.Context()); err != nil || at.Format("15:04") != "17:00" || s.requests()[0].auth != "" {
		t.Errorf("%v, %v, %+v", at, err, s.requests()[0])
	}
	if at, err := s.client.Probe(t.Context()); err == nil {
		t.Errorf("an answer without a time: %v", at)
	}
}
