package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func TestFreshFor(t *testing.T) {
	for name, tt := range map[string]struct {
		cacheControl, age string
		want              time.Duration
	}{
		"google's":        {"public, max-age=19302, must-revalidate, no-transform", "", 19302 * time.Second},
		"less its age":    {"max-age=7200", "3600", time.Hour},
		"upper case":      {"Max-Age=7200", "", 2 * time.Hour},
		"none":            {"", "", minFresh},
		"no-store":        {"no-store", "", minFresh},
		"zero":            {"max-age=0", "", minFresh},
		"older than that": {"max-age=60", "86400", minFresh},
		"negative":        {"max-age=-7200", "", minFresh},
		"not a number":    {"max-age=soon", "", minFresh},
		"a year":          {"max-age=31536000", "", maxFresh},
		"overflowing":     {"max-age=99999999999999999999", "", minFresh},
		"negative age":    {"max-age=3600", "-3600", time.Hour},
	} {
		h := http.Header{"Cache-Control": {tt.cacheControl}, "Age": {tt.age}}
		if got := freshFor(h); got != tt.want {
			t.Errorf("%s: fresh for %v, want %v", name, got, tt.want)
		}
	}
}

// send makes a request without a body; whoever gets an answer closes it.
func send(t *testing.T, client *http.Client, method, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return client.Do(req)
}

// fetchDocument reads one of the real formats.
func fetchDocument(t *testing.T, url string) string {
	t.Helper()
	idp, err := fakeidp.New(fakeidp.Config{ProjectID: "p"})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := send(t, idp.Client(), http.MethodGet, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestCheckKeys(t *testing.T) {
	certificates, keySet := fetchDocument(t, userKeysURL), fetchDocument(t, serviceKeysURL)
	var byID map[string]string
	if err := json.Unmarshal([]byte(certificates), &byID); err != nil {
		t.Fatal(err)
	}
	byID["broken"] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	oneBroken, err := json.Marshal(byID)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		check func([]byte) error
		body  string
		ok    bool
	}{
		"certificates":             {checkCertificates, certificates, true},
		"certificates, one broken": {checkCertificates, string(oneBroken), false},
		"no certificate":           {checkCertificates, "{}", false},
		"null for certificates":    {checkCertificates, "null", false},
		"text for a certificate":   {checkCertificates, `{"a":"b"}`, false},
		"key set for certificates": {checkCertificates, keySet, false},
		"cut off":                  {checkCertificates, certificates[:len(certificates)-9], false},
		"elliptic certificate":     {checkCertificates, ellipticCertificate(t), false},
		"key set":                  {checkKeySet, keySet, true},
		"no key":                   {checkKeySet, `{"keys":[]}`, false},
		"no set":                   {checkKeySet, `{}`, false},
		"nameless key":             {checkKeySet, `{"keys":[{"kty":"RSA","n":"AQAB"}]}`, false},
		"elliptic key":             {checkKeySet, `{"keys":[{"kty":"EC","kid":"a","n":"AQAB"}]}`, false},
		"no modulus":               {checkKeySet, `{"keys":[{"kty":"RSA","kid":"a"}]}`, false},
		"modulus not base64url":    {checkKeySet, `{"keys":[{"kty":"RSA","kid":"a","n":"+/=="}]}`, false},
		"certificates for key set": {checkKeySet, certificates, false},
	} {
		if err := tt.check([]byte(tt.body)); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ellipticCertificate is a valid certificate of a key that cannot sign RS256.
func ellipticCertificate(t *testing.T) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	body, err := json.Marshal(map[string]string{"a": string(certificate)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// answers is a key server that says the same thing every time.
type answers struct {
	status int
	header http.Header
	body   string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func TestKeyCacheRefuses(t *testing.T) {
	for name, server := range map[string]answers{
		"an error's body":  {http.StatusNotFound, nil, "keys"},
		"no content":       {http.StatusNoContent, nil, "keys"},
		"a huge document":  {http.StatusOK, nil, strings.Repeat("k", maxKeysBytes+1)},
		"what fails check": {http.StatusOK, nil, "bad"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeyCache(userKeysURL, &http.Client{Transport: server}, func(b []byte) error {
				if string(b) == "bad" {
					return errNoKeys
				}
				return nil
			}, defaultDeadline, time.Now)
			defer k.close()
			if body, err := k.get(t.Context()); err == nil || body != nil {
				t.Errorf("got %.10q, %v", body, err)
			}
		})
	}
}

// redirects sends the first request elsewhere, where there would be keys.
type redirects struct{ answers }

func (s redirects) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() == userKeysURL {
		return answers{http.StatusFound, http.Header{"Location": {"http://elsewhere.example/"}}, ""}.RoundTrip(r)
	}
	return s.answers.RoundTrip(r)
}

func TestKeyCacheFollowsNoRedirection(t *testing.T) {
	client := &http.Client{Transport: redirects{answers{http.StatusOK, nil, "keys"}}}
	k := newKeyCache(userKeysURL, client, func([]byte) error { return nil }, defaultDeadline, time.Now)
	defer k.close()
	if body, err := k.get(t.Context()); err == nil {
		t.Errorf("got %q from elsewhere", body)
	}
	if client.CheckRedirect != nil {
		t.Error("the given client was changed")
	}
}

func TestKeyCacheServesNothingElse(t *testing.T) {
	k := newKeyCache(userKeysURL, &http.Client{Transport: answers{http.StatusOK, nil, "keys"}}, func([]byte) error { return nil }, defaultDeadline, time.Now)
	defer k.close()
	client := &http.Client{Transport: k}
	for _, u := range []string{serviceKeysURL, userKeysURL + "?x=1", strings.Replace(userKeysURL, "https", "http", 1)} {
		if resp, err := send(t, client, http.MethodGet, u); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s is answered", u)
		}
	}
	if resp, err := send(t, client, http.MethodPost, userKeysURL); err == nil {
		_ = resp.Body.Close()
		t.Error("a POST is answered")
	}
}

// throughTransport asks the connection that the Admin SDK would use.
func throughTransport(t *testing.T, k *keyCache, url string) (int, string) {
	t.Helper()
	transport := k.transport(http.DefaultTransport)
	defer transport.CloseIdleConnections()
	resp, err := send(t, &http.Client{Transport: transport}, http.MethodGet, url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func TestTransportLeadsToKeys(t *testing.T) {
	k := newKeyCache(userKeysURL, &http.Client{Transport: answers{http.StatusOK, nil, "keys"}}, func([]byte) error { return nil }, defaultDeadline, time.Now)
	if status, body := throughTransport(t, k, userKeysURL); status != http.StatusOK || body != "keys" {
		t.Errorf("got %d %q", status, body)
	}
	if status, _ := throughTransport(t, k, "https://"+keysHost+"/other"); status != http.StatusServiceUnavailable {
		t.Errorf("another path of the host: status %d", status)
	}
	k.close()
	if status, text := throughTransport(t, k, userKeysURL); status != 0 || !strings.Contains(text, errClosed.Error()) {
		t.Errorf("after close: %d %q", status, text)
	}
}

// A connection on which nothing is asked ends by itself, and at once on close.
func TestIdleConnectionsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*keyCache)
		want time.Duration
	}{
		"left alone": {func(*keyCache) {}, 2 * defaultDeadline},
		"closed":     {(*keyCache).close, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeyCache(userKeysURL, http.DefaultClient, checkCertificates, defaultDeadline, time.Now)
				defer k.close()
				conn, err := k.dial()
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				began := time.Now()
				tt.end(k)
				_, err = conn.Read(make([]byte, 1))
				if d := time.Since(began); err == nil || d != tt.want {
					t.Errorf("the connection ended after %v (%v), want %v", d, err, tt.want)
				}
			})
		})
	}
}

func TestTransportLeavesOtherHostsAlone(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") }))
	defer server.Close()
	k := newKeyCache(userKeysURL, http.DefaultClient, checkCertificates, defaultDeadline, time.Now)
	defer k.close()
	transport := k.transport(server.Client().Transport)
	defer transport.CloseIdleConnections()
	resp, err := send(t, &http.Client{Transport: transport}, http.MethodGet, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); string(body) != "other" {
		t.Errorf("body is %q", body)
	}
}

// Behind a proxy the keys still come from here: a proxied request would
// never be dialed.
func TestTransportGoesAroundProxy(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128"}
	k := newKeyCache(userKeysURL, http.DefaultClient, checkCertificates, defaultDeadline, time.Now)
	defer k.close()
	transport := k.transport(&http.Transport{Proxy: http.ProxyURL(proxy)})
	for address, want := range map[string]*url.URL{userKeysURL: nil, "https://other.example/": proxy} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := transport.Proxy(req); err != nil || got != want && got.String() != want.String() {
			t.Errorf("%s goes through %v, want %v (%v)", address, got, want, err)
		}
	}
}

func TestTokenCache(t *testing.T) {
	cache, err := newTokenCache(2)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	for i := range byte(3) {
		cache.put(tokenKey{i}, license.Caller{UserID: fmt.Sprint(i)}, now.Add(time.Second))
	}
	for i, want := range []bool{false, true, true} { // bounded: the oldest went
		if caller, ok := cache.get(tokenKey{byte(i)}, now); ok != want || ok && caller.UserID != fmt.Sprint(i) {
			t.Errorf("token %d: %+v, %v", i, caller, ok)
		}
	}
	if _, ok := cache.get(tokenKey{1}, now.Add(time.Second)); ok {
		t.Error("a token is trusted at the very end of its trust")
	}
	if _, ok := cache.get(tokenKey{1}, now); ok {
		t.Error("a token that ran out comes back")
	}
}

// Nothing but keys is ever asked for when revocation is not checked.
func TestRefusingClient(t *testing.T) {
	if resp, err := send(t, refusingClient(), http.MethodGet, "https://identitytoolkit.googleapis.com/"); err == nil {
		_ = resp.Body.Close()
		t.Error("a call was made")
	}
	if _, err := noCredentials().Token(t.Context()); err == nil {
		t.Error("there are credentials")
	}
}

func TestTranslateHidesText(t *testing.T) {
	err := translate(errors.New("user u-1 of acme"))
	var u *license.UnavailableError
	if !errors.As(err, &u) || strings.Contains(err.Error(), "u-1") {
		t.Errorf("got %v", err)
	}
}

// The libraries behind refuse these too, each by its own rules; this holds
// without them.
func TestParseTokenTakesRS256Only(t *testing.T) {
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	token := func(header string) string { return segment(header) + "." + segment(`{}`) + "." + segment("signature") }
	if _, err := parseToken(token(`{"alg":"RS256","kid":"k"}`)); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{
		`{"alg":"none","kid":"k"}`, `{"alg":"HS256","kid":"k"}`, `{"alg":"ES256","kid":"k"}`, `{"alg":"RS384","kid":"k"}`,
		`{"alg":"PS256","kid":"k"}`, `{"alg":"rs256","kid":"k"}`, `{"alg":null,"kid":"k"}`, `{"alg":["RS256"],"kid":"k"}`,
		`{"kid":"k"}`, `{"alg":"RS256"}`, `{"alg":"RS256","kid":""}`, `{"alg":"RS256","kid":null}`,
		`{"alg":"RS256","kid":"k","crit":null}`, `{"alg":"RS256","alg":"none","kid":"k"}`,
	} {
		if _, err := parseToken(token(header)); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: %v", header, err)
		}
	}
}
