package people_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"firebase.google.com/go/v4/auth"
	"go.uber.org/goleak"
	"google.golang.org/api/option"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(servers.Main(m)) }

// provider is one Identity Platform.
type provider struct {
	accounts *people.Accounts
	client   *auth.Client
	signIns  *people.SignIns
	// signIn signs in whoever has the link, and answers what the ID token says.
	signIn func(t *testing.T, email, link string) (map[string]any, error)
	// refresh gets an ID token for a refresh token, and answers what it says.
	refresh func(t *testing.T, token string) (map[string]any, error)
	// idp is the stand-in; nil of Google's emulator.
	idp *fakeidp.IDP
}

// patience is more than the emulator takes on a busy machine.
const patience = time.Minute

func newProvider(t *testing.T, project string, rpc *http.Client) provider {
	t.Helper()
	client, err := identity.NewAccounts(t.Context(), identity.AccountsConfig{ProjectID: project, Signer: fakeidp.Signer}, option.WithHTTPClient(rpc))
	must(t, err)
	administrator, public, err := identity.NewToolkits(t.Context(), rpc)
	must(t, err)
	p := provider{client: client, signIns: &people.SignIns{
		Project: project, APIKey: fakeidp.APIKey, Administrator: administrator, Public: public,
	}}
	p.accounts = people.NewAccounts(client, p.signIns, patience)
	p.refresh = func(t *testing.T, token string) (map[string]any, error) {
		t.Helper()
		return refresh(t, rpc, token)
	}
	return p
}

// standIn is the local stack's.
func standIn(t *testing.T) provider { return standInAt(t, nil) }

// standInAt is the same by a clock of the test's own.
func standInAt(t *testing.T, now func() time.Time) provider {
	t.Helper()
	idp, err := fakeidp.New(fakeidp.Config{ProjectID: "demo", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t, "demo", idp.Client())
	p.idp = idp
	p.signIn = func(t *testing.T, email, _ string) (map[string]any, error) {
		t.Helper()
		token, err := idp.SignIn(email)
		if err != nil {
			return nil, err
		}
		return claimsOf(t, token), nil
	}
	return p
}

// emulated is Google's emulator, without any account.
func emulated(t *testing.T) provider {
	t.Helper()
	e := emulator{addr: servers.Auth(t), next: &http.Transport{}}
	t.Cleanup(e.next.CloseIdleConnections)
	p := newProvider(t, servers.AuthProject, &http.Client{Transport: e})
	p.signIn = func(t *testing.T, email, link string) (map[string]any, error) {
		t.Helper()
		return e.signIn(t, email, link)
	}
	return p
}

// emulator sends what is for Google to the emulator.
type emulator struct {
	addr string
	next *http.Transport
}

// RoundTrip implements [http.RoundTripper]. Nothing of Google's is an emulator of signatures:
// this one's does not look at them.
func (e emulator) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "iamcredentials.googleapis.com" {
		body := io.NopCloser(strings.NewReader(`{"keyId":"k","signedBlob":"c2lnbmVk"}`))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Request: r}, nil
	}
	r = r.Clone(r.Context())
	r.URL.Path = "/" + r.URL.Host + r.URL.Path
	r.URL.Scheme, r.URL.Host, r.Host = "http", e.addr, ""
	r.Header.Set("Authorization", "Bearer owner") // its administrator
	return e.next.RoundTrip(r)
}

const clientAPI = "https://identitytoolkit.googleapis.com/v1/accounts:"

// signIn sets a password by the link, if there is one, and signs in with it.
func (e emulator) signIn(t *testing.T, email, link string) (map[string]any, error) {
	t.Helper()
	const password = "correct horse battery"
	parsed, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	key := parsed.Query().Get("apiKey")
	if link != "" {
		if _, err := e.ask(t, "resetPassword", key, map[string]any{"oobCode": parsed.Query().Get("oobCode"), "newPassword": password}); err != nil {
			return nil, err
		}
	}
	answer, err := e.ask(t, "signInWithPassword", key, map[string]any{"email": email, "password": password, "returnSecureToken": true})
	if err != nil {
		return nil, err
	}
	return claimsOf(t, answer["idToken"].(string)), nil //nolint:forcetypeassert // a failed test
}

func (e emulator) ask(t *testing.T, what, key string, body map[string]any) (answer map[string]any, err error) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, clientAPI+what+"?key="+key, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := e.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %v", what, answer["error"])
	}
	return answer, nil
}

// refresh asks as programs of users do.
func refresh(t *testing.T, client *http.Client, token string) (map[string]any, error) {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://securetoken.googleapis.com/v1/token?key="+fakeidp.APIKey, strings.NewReader(form))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(r)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		IDToken string         `json:"id_token"`
		Error   map[string]any `json:"error"`
	}
	must(t, json.NewDecoder(response.Body).Decode(&answer))
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("refresh: %v", answer.Error)
	}
	return claimsOf(t, answer.IDToken), nil
}

// claimsOf reads a token, whose signature is no matter here.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	must(t, json.Unmarshal(raw, &claims))
	return claims
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// wantAway checks an outage, which must not tell whom it was about.
func wantAway(t *testing.T, err error) {
	t.Helper()
	if license.Backend(err) != "identity" || strings.Contains(err.Error(), "@") {
		t.Fatalf("error %v, want Identity Platform unavailable", err)
	}
}

func ann() license.Invitation {
	return license.Invitation{
		Email: "ann@acme.example", Name: "Ann Archer",
		User: license.User{ID: "ann", OrganizationID: "acme", Role: license.RoleAdmin, Groups: []string{"cad", "night shift"}},
	}
}
