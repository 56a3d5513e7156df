package functions_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
)

// TestForgedIDTokens: none of them takes, keeps or ends a seat.
func TestForgedIDTokens(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 2)
		ann := w.user(org, "ann")
		session := ann.take(t, "hw").SessionID
		before := w.state(t, org)
		for name, token := range forgeries(t, w, ann) {
			t.Run(name, func(t *testing.T) {
				forger := user{w: w, org: org, id: "ann", token: token}
				for _, a := range []answer{
					forger.acquire(t, "hw"), forger.acquire(t, "hw-2"), forger.beat(t, session), forger.renew(t, session), forger.release(t, session),
				} {
					a.refused(t, "unauthenticated")
				}
				w.wantState(t, org, before)
			})
		}
		ann.beat(t, session).want(t, http.StatusOK)
	})
}

// forgeries are tokens that claim to be ann's.
func forgeries(t *testing.T, w *world, ann user) map[string]string {
	t.Helper()
	idp := w.stack.IDP
	like := fakeidp.Claims{UserID: "ann", TenantID: ann.org}
	issued := func(change func(*fakeidp.Claims)) string {
		c := like
		change(&c)
		return idp.IDToken(c)
	}
	stranger, err := fakeidp.New(fakeidp.Config{ProjectID: devstack.Project, Stranger: true})
	if err != nil {
		t.Fatal(err)
	}
	foreign := like
	foreign.Header = map[string]any{"kid": idp.KeyID()}
	service := w.stack.SchedulerToken()
	return map[string]string{
		"another key":               stranger.IDToken(like),
		"another key, our key's id": stranger.IDToken(foreign),
		"alg none":                  fakeidp.Unsigned(ann.token, idp.KeyID()),
		"HS256 by the certificate":  fakeidp.SignedBySecret(ann.token, idp.KeyID(), idp.Certificate()),
		"no signature":              ann.token[:len(ann.token)-342],
		"expired":                   issued(func(c *fakeidp.Claims) { c.IssuedAt, c.ExpiresAt = ago(2*time.Hour), ago(time.Second) }),
		"issued in the future":      issued(func(c *fakeidp.Claims) { c.IssuedAt = ago(-10 * time.Minute) }),
		"another project":           issued(func(c *fakeidp.Claims) { c.Override = map[string]any{"aud": "other"} }),
		"another issuer":            issued(func(c *fakeidp.Claims) { c.Override = map[string]any{"iss": "https://accounts.google.com"} }),
		"no subject":                issued(func(c *fakeidp.Claims) { c.Override = map[string]any{"sub": ""} }),
		"a service account's":       service,
	}
}

func ago(d time.Duration) time.Time { return time.Now().Add(-d) }

// claimsOf reads a token without verifying it.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestWhoMayCallTheReaper: only the scheduler's own account.
func TestWhoMayCallTheReaper(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		good := claimsOf(t, w.stack.SchedulerToken())
		audience, account := good["aud"].(string), good["email"].(string)
		signed := func(c fakeidp.SchedulerClaims) string {
			c.Audience, c.Email = or(c.Audience, audience), or(c.Email, account)
			return w.stack.IDP.SchedulerToken(c)
		}
		for name, tt := range map[string]struct{ token, code string }{
			"no token":         {"", "unauthenticated"},
			"a user":           {w.user("acme", "ann").token, "unauthenticated"},
			"an owner":         {w.userAs("acme", "ann", "owner").token, "unauthenticated"},
			"a service role":   {w.userAs("acme", "ann", "service").token, "unauthenticated"},
			"another audience": {signed(fakeidp.SchedulerClaims{Audience: "https://elsewhere.example/"}), "unauthenticated"},
			"another account":  {signed(fakeidp.SchedulerClaims{Email: "other@local.iam.gserviceaccount.com"}), "forbidden"},
			"unverified email": {signed(fakeidp.SchedulerClaims{Override: map[string]any{"email_verified": false}}), "forbidden"},
			"another issuer":   {signed(fakeidp.SchedulerClaims{Override: map[string]any{"iss": "https://securetoken.google.com/local"}}), "unauthenticated"},
			"expired":          {signed(fakeidp.SchedulerClaims{IssuedAt: ago(2 * time.Hour), ExpiresAt: ago(time.Second)}), "unauthenticated"},
		} {
			for _, path := range []string{api.PathReap, "/"} {
				t.Run(name+" at "+path, func(t *testing.T) {
					w.do(t, http.MethodPost, path, tt.token, nil).refused(t, tt.code)
				})
			}
		}
		for _, path := range []string{api.PathReap, "/"} {
			w.do(t, http.MethodPost, path, signed(fakeidp.SchedulerClaims{}), nil).want(t, http.StatusOK)
			w.do(t, http.MethodPost, path, signed(fakeidp.SchedulerClaims{}), `{}`).refused(t, "invalid_request")
		}
	})
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
