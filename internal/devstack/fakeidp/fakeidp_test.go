package fakeidp_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/auth/credentials/idtoken"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
)

const (
	certificatesURL = "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
	keySetURL       = "https://www.googleapis.com/oauth2/v3/certs"
	accountsURL     = "https://identitytoolkit.googleapis.com/v1/projects/demo/accounts:lookup"
	tenantURL       = "https://identitytoolkit.googleapis.com/v1/projects/demo/tenants/acme/accounts:lookup"
)

func newIDP(t *testing.T) *fakeidp.IDP {
	t.Helper()
	idp, err := fakeidp.New(fakeidp.Config{ProjectID: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	return idp
}

// call answers status, body and header of one request.
func call(t *testing.T, client *http.Client, method, url, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// certificates reads the published keys the way a verifier does.
func certificates(t *testing.T, idp *fakeidp.IDP) map[string]*x509.Certificate {
	t.Helper()
	_, body, _ := call(t, idp.Client(), http.MethodGet, certificatesURL, "")
	var texts map[string]string
	if err := json.Unmarshal([]byte(body), &texts); err != nil {
		t.Fatal(err)
	}
	parsed := map[string]*x509.Certificate{}
	for id, text := range texts {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			t.Fatalf("key %s is not PEM", id)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		parsed[id] = certificate
	}
	return parsed
}

// opened is a token's header and claims, whose signature is the published key's
// by the standard library alone.
func opened(t *testing.T, idp *fakeidp.IDP, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	decoded := make([][]byte, len(parts))
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(json.Unmarshal(decoded[0], &header), json.Unmarshal(decoded[1], &claims)); err != nil {
		t.Fatal(err)
	}
	certificate := certificates(t, idp)[header["kid"].(string)]
	if header["alg"] != "RS256" || certificate == nil {
		t.Fatalf("header is %v", header)
	}
	if err := certificate.CheckSignature(x509.SHA256WithRSA, []byte(parts[0]+"."+parts[1]), decoded[2]); err != nil {
		t.Fatal(err)
	}
	return header, claims
}

// An ID token verifies against what is published.
func TestIDToken(t *testing.T) {
	idp := newIDP(t)
	now := time.Now().Truncate(time.Second)
	text := idp.IDToken(fakeidp.Claims{
		UserID: "u-1", TenantID: "acme", FirebaseTenant: "acme", Email: "a@acme.example", Role: "admin",
		IssuedAt: now, ExpiresAt: now.Add(time.Minute),
		Override: map[string]any{"extra": 7, "user_id": nil}, Header: map[string]any{"typ": nil},
	})
	header, claims := opened(t, idp, text)
	if _, typed := header["typ"]; typed || header["kid"] != idp.KeyID() {
		t.Errorf("header is %v", header)
	}
	for name, want := range map[string]any{
		"aud": "demo", "iss": "https://securetoken.google.com/demo",
		"sub": "u-1", "tenant_id": "acme", "email": "a@acme.example", "role": "admin", "extra": 7.0, "user_id": nil,
		"iat": float64(now.Unix()), "auth_time": float64(now.Unix()), "exp": float64(now.Add(time.Minute).Unix()),
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if tenant := claims["firebase"].(map[string]any)["tenant"]; tenant != "acme" {
		t.Errorf("firebase.tenant is %v", tenant)
	}
}

func TestIDTokenLeavesOutWhatIsEmpty(t *testing.T) {
	idp := newIDP(t)
	header, claims := opened(t, idp, idp.IDToken(fakeidp.Claims{UserID: "u-1"}))
	if header["typ"] != "JWT" {
		t.Errorf("header is %v", header)
	}
	for _, name := range []string{"tenant_id", "email", "role"} {
		if v, present := claims[name]; present {
			t.Errorf("%s is %v", name, v)
		}
	}
	if exp, iat := claims["exp"].(float64), claims["iat"].(float64); exp-iat != 3600 {
		t.Errorf("the token lives %v s, want an hour", exp-iat)
	}
}

// The forgeries say what a genuine token says, with a header of their own.
func TestForgeries(t *testing.T) {
	genuine := newIDP(t).IDToken(fakeidp.Claims{UserID: "u-1"})
	claims := strings.Split(genuine, ".")[1]
	none := strings.Split(fakeidp.Unsigned(genuine, "k"), ".")
	if len(none) != 3 || none[1] != claims || none[2] != "" {
		t.Errorf("unsigned: %v", none)
	}
	// RFC 7515 section 5.1, over the claims of the genuine token.
	signed := strings.Split(fakeidp.SignedBySecret(genuine, "k", []byte("secret")), ".")
	mac := hmac.New(sha256.New, []byte("secret"))
	_, _ = mac.Write([]byte(signed[0] + "." + claims))
	if len(signed) != 3 || signed[1] != claims || signed[2] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signed by a secret: %v", signed)
	}
	for algorithm, header := range map[string]string{"none": none[0], "HS256": signed[0]} {
		text, err := base64.RawURLEncoding.DecodeString(header)
		if err != nil || string(text) != `{"alg":"`+algorithm+`","kid":"k","typ":"JWT"}` {
			t.Errorf("%s: header %s, %v", algorithm, text, err)
		}
	}
}

func TestIDTokenPanicsOnNonsense(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a claim that is not JSON was signed")
		}
	}()
	newIDP(t).IDToken(fakeidp.Claims{Override: map[string]any{"f": func() {}}})
}

// An OIDC token is one for Google's own validator.
func TestSchedulerToken(t *testing.T) {
	idp := newIDP(t)
	validator, err := idtoken.NewValidator(&idtoken.ValidatorOptions{Client: idp.Client()})
	if err != nil {
		t.Fatal(err)
	}
	token := idp.SchedulerToken(fakeidp.SchedulerClaims{Audience: "https://reaper.example", Email: "s@demo.example"})
	payload, err := validator.Validate(t.Context(), token, "https://reaper.example")
	if err != nil {
		t.Fatal(err)
	}
	if payload.Issuer != "https://accounts.google.com" || payload.Claims["email"] != "s@demo.example" || payload.Claims["email_verified"] != true {
		t.Errorf("payload is %+v", payload)
	}
}

func TestRotate(t *testing.T) {
	idp := newIDP(t)
	first := idp.KeyID()
	if n := len(certificates(t, idp)); n != 1 {
		t.Fatalf("%d keys at first, want 1", n)
	}
	for i, firstPublished := range []bool{true, false} {
		if err := idp.Rotate(); err != nil {
			t.Fatal(err)
		}
		keys := certificates(t, idp)
		if len(keys) != 2 || keys[idp.KeyID()] == nil || (keys[first] != nil) != firstPublished {
			t.Errorf("rotation %d: %d keys, first one published: %v", i+1, len(keys), keys[first] != nil)
		}
	}
	block, _ := pem.Decode(idp.Certificate())
	if block == nil || !bytes.Equal(block.Bytes, certificates(t, idp)[idp.KeyID()].Raw) {
		t.Error("Certificate is not the signing key's")
	}
}

func TestCertificatesSayHowLongTheyLive(t *testing.T) {
	idp := newIDP(t)
	idp.SetMaxAge(90 * time.Second)
	for _, url := range []string{certificatesURL, keySetURL} {
		if _, _, h := call(t, idp.Client(), http.MethodGet, url, ""); !strings.Contains(h.Get("Cache-Control"), "max-age=90,") {
			t.Errorf("Cache-Control of %s is %q", url, h.Get("Cache-Control"))
		}
	}
	if n := idp.Fetches(); n != 2 {
		t.Errorf("%d fetches counted, want 2", n)
	}
}

func TestModes(t *testing.T) {
	idp := newIDP(t)
	idp.SetMode(fakeidp.Failing)
	if status, _, _ := call(t, idp.Client(), http.MethodGet, keySetURL, ""); status != http.StatusServiceUnavailable {
		t.Errorf("failing: status %d", status)
	}
	idp.SetMode(fakeidp.Garbling)
	if status, body, _ := call(t, idp.Client(), http.MethodGet, keySetURL, ""); status != http.StatusOK || json.Valid([]byte(body)) {
		t.Errorf("garbling: status %d, body %q", status, body)
	}
	idp.SetMode(fakeidp.Hanging)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, keySetURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := idp.Client().Do(req); !errors.Is(err, context.DeadlineExceeded) {
		_ = resp.Body.Close()
		t.Errorf("hanging: %v", err)
	}
	idp.SetMode(fakeidp.Working)
	if status, _, _ := call(t, idp.Client(), http.MethodGet, keySetURL, ""); status != http.StatusOK {
		t.Errorf("working: status %d", status)
	}
}

func TestAccounts(t *testing.T) {
	idp := newIDP(t)
	idp.IDToken(fakeidp.Claims{UserID: "u-1", FirebaseTenant: "acme"})
	const query = `{"localId":["u-1"]}`
	lookup := func(url string) string {
		status, body, _ := call(t, idp.Client(), http.MethodPost, url, query)
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return body
	}
	if body := lookup(accountsURL); strings.Contains(body, "u-1") {
		t.Errorf("a tenant's user is found in the project: %s", body)
	}
	if body := lookup(tenantURL); !strings.Contains(body, `"localId":"u-1"`) || strings.Contains(body, "validSince") {
		t.Errorf("at first: %s", body)
	}
	idp.Revoke("acme", "u-1", time.Unix(1_800_000_000, 0))
	if body := lookup(tenantURL); !strings.Contains(body, `"validSince":"1800000000"`) {
		t.Errorf("revoked: %s", body)
	}
	idp.Disable("acme", "u-1")
	if body := lookup(tenantURL); !strings.Contains(body, `"disabled":true`) || !strings.Contains(body, "validSince") {
		t.Errorf("disabled: %s", body)
	}
	idp.Delete("acme", "u-1")
	if body := lookup(tenantURL); strings.Contains(body, "u-1") {
		t.Errorf("deleted: %s", body)
	}
	if n := idp.Lookups(); n != 5 {
		t.Errorf("%d lookups counted, want 5", n)
	}
	for url, body := range map[string]string{strings.Replace(accountsURL, "demo", "other", 1): query, accountsURL: "?"} {
		if status, _, _ := call(t, idp.Client(), http.MethodPost, url, body); status != http.StatusBadRequest {
			t.Errorf("%s with %s: status %d", url, body, status)
		}
	}
}

// TestClientReachesGoogleOnly: the client of this process, and that of another.
func TestClientReachesGoogleOnly(t *testing.T) {
	idp := newIDP(t)
	server := httptest.NewServer(idp.Handler())
	defer server.Close()
	elsewhere := fakeidp.ClientAt(strings.TrimPrefix(server.URL, "http://"))
	defer elsewhere.CloseIdleConnections()
	for _, client := range []*http.Client{idp.Client(), elsewhere} {
		reachesGoogleOnly(t, client)
	}
}

func reachesGoogleOnly(t *testing.T, client *http.Client) {
	t.Helper()
	for _, url := range []string{"https://example.com/oauth2/v3/certs", "http://www.googleapis.com/oauth2/v3/certs"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s is answered", url)
		}
	}
	if status, _, _ := call(t, client, http.MethodGet, "https://www.googleapis.com/oauth2/v3/certs", ""); status != http.StatusOK {
		t.Errorf("the keys: status %d", status)
	}
	if status, _, _ := call(t, client, http.MethodGet, "https://www.googleapis.com/other", ""); status != http.StatusNotFound {
		t.Errorf("another path: status %d", status)
	}
}

func TestHandlerServes(t *testing.T) {
	idp := newIDP(t)
	server := httptest.NewServer(idp.Handler())
	defer server.Close()
	status, body, _ := call(t, server.Client(), http.MethodGet, server.URL+"/oauth2/v3/certs", "")
	if status != http.StatusOK || !strings.Contains(body, `"kty":"RSA"`) {
		t.Errorf("status %d, body %s", status, body)
	}
}

func TestNewNeedsProject(t *testing.T) {
	if _, err := fakeidp.New(fakeidp.Config{}); err == nil {
		t.Error("an issuer without a project was made")
	}
}
