package deployed

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

const (
	scheduler     = "scheduler@test.iam.gserviceaccount.com"
	audience      = "https://reaper.example.com/"
	olderAudience = "https://reaper-older.example.com/"
	doorAudience  = "https://licenses.example.com/api/v1/control"
	seller        = "eve@vendor.example.com"
	issuer        = "https://licenses.coditect.ai"
	product       = "studio"
	// callLimit is longer than anything a function may take to answer.
	callLimit = 30 * time.Second
)

// projectID is a project of its own in the shared emulator.
func projectID() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return "test-" + hex.EncodeToString(b)
}

// inherited is what every process has from its system.
func inherited() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
	if dir := os.Getenv(coverVariable); dir != "" {
		env = append(env, "GOCOVERDIR="+dir)
	}
	return env
}

// keep notes what no process may print, nor in hexadecimal, which libraries use
// for what has control characters around it. Of a token each part is a secret.
func (c *cloud) keep(secret string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, part := range strings.Split(secret, ".") {
		if strings.HasPrefix(secret, "eyJ") && len(part) > 16 {
			c.known = append(c.known, part[16:]) // the beginning is the same in all tokens
		}
	}
	if secret != "" {
		c.known = append(c.known, secret, hex.EncodeToString([]byte(secret)))
	}
	return secret
}

func (c *cloud) secrets() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.known...)
}

// organization makes an organization with one license of that many seats.
func (c *cloud) organization(id string, seats int) {
	c.t.Helper()
	caller := license.ServiceCaller(id)
	err := c.record.PutOrganization(c.t.Context(), caller, license.Organization{
		ID: id, Name: id, Slug: id, SubscriptionTier: "team", MaxConcurrentSeats: 1000, Status: license.StatusActive,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.addLicense(id, id+"-pro", product, seats)
}

func (c *cloud) addLicense(organization, id, product string, seats int) {
	c.t.Helper()
	err := c.record.PutLicense(c.t.Context(), license.ServiceCaller(organization), license.License{
		ID: id, OrganizationID: organization, Product: product, Plan: "pro", MaxSeats: seats,
		Status: license.StatusActive, Entitlements: []string{"export"},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// active is how many sessions of the organization the record holds as active.
func (c *cloud) active(organization string) int {
	c.t.Helper()
	return must(c.record.CountActive(c.t.Context(), license.ServiceCaller(organization)))(c.t)
}

func (c *cloud) idToken(user, organization string) string {
	return c.keep(c.idp.IDToken(fakeidp.Claims{UserID: user, TenantID: organization, Email: c.keep(user + "@people.example.com")}))
}

// schedulerToken is any Google ID token of an account, not the scheduler's alone.
func (c *cloud) schedulerToken(audience, account string) string {
	return c.keep(c.idp.SchedulerToken(fakeidp.SchedulerClaims{Audience: audience, Email: account}))
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// newClient keeps connections alive, as real clients do, and has no proxy.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: callLimit, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// call makes a request; bearer "" sends none, body "" none. header is name, value, …
func call(client *http.Client, method, url, bearer, body string, header ...string) (reply, error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		return reply{}, err
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		r.Header.Set("Content-Type", api.ContentTypeJSON)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, content}, err
}

// user is one caller of the functions.
type user struct {
	t      *testing.T
	c      *cloud
	client *http.Client
	token  string
}

func (c *cloud) user(t *testing.T, name, organization string) *user {
	return &user{t: t, c: c, client: newClient(t), token: c.idToken(name, organization)}
}

func (u *user) call(p *process, method, path, body string, header ...string) reply {
	u.t.Helper()
	return must(call(u.client, method, p.base+path, u.token, body, header...))(u.t)
}

func (u *user) acquire(p *process, hardware string, header ...string) reply {
	u.t.Helper()
	return u.call(p, http.MethodPost, api.PathAcquire, `{"hardware_id":"`+u.c.keep(hardware)+`"}`, header...)
}

func (u *user) heartbeat(p *process, session, query string) reply {
	u.t.Helper()
	return u.call(p, http.MethodPatch, api.HeartbeatPath(session)+query, "")
}

func (u *user) release(p *process, session string) reply {
	u.t.Helper()
	return u.call(p, http.MethodDelete, api.SessionPath(session), "")
}

// session reads a session out of an answer with that status.
func (u *user) session(r reply, status int) api.Session {
	u.t.Helper()
	s := read[api.Session](u.t, r, status)
	if s.LicenseToken != "" {
		u.c.keep(s.LicenseToken)
	}
	return s
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

// refused checks that an answer is a whole problem document.
func refused(t *testing.T, r reply, code api.Code) api.Problem {
	t.Helper()
	p := read[api.Problem](t, r, code.Info().Status)
	if p.Code != code || p.Type != code.Info().Type || p.Status != r.status || p.Instance != r.header.Get("X-Request-Id") {
		t.Errorf("problem %+v (request %q), want %s", p, r.header.Get("X-Request-Id"), code)
	}
	if got := r.header.Get("Content-Type"); got != api.ContentTypeProblem {
		t.Errorf("content type %q", got)
	}
	return p
}

// keySet is what an acquire process publishes.
func keySet(t *testing.T, client *http.Client, p *process) jose.JSONWebKeySet {
	t.Helper()
	r := must(call(client, http.MethodGet, p.base+api.PathJWKS, "", ""))(t)
	if got := r.header.Get("Content-Type"); got != api.ContentTypeJWKS {
		t.Errorf("key set of type %q", got)
	}
	return read[jose.JSONWebKeySet](t, r, http.StatusOK)
}

// verified reads a license token as a client does offline.
func verified(t *testing.T, keys jose.JSONWebKeySet, s api.Session) licensejwt.Claims {
	t.Helper()
	claims, err := licensejwt.Verify(s.LicenseToken, keys, time.Now(), time.Minute, issuer, product)
	if err != nil {
		t.Fatalf("the license token does not verify: %v", err)
	}
	if claims.SessionID != s.SessionID || claims.HardwareID != s.HardwareID || claims.Subject != s.UserID || claims.TenantID != s.OrganizationID {
		t.Errorf("claims %+v are not of session %+v", claims, s)
	}
	return claims
}
