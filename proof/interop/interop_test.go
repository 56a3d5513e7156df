// Package interop reads license tokens as vendors' programs do: with the
// published keys alone, in libraries that this service does not sign with.
package interop

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuer = "https://licenses.coditect.ai"

// service is the whole service over the embedded stand-ins. A KMS signs for it
// with an RSA-4096 key, as in production.
type service struct{ *devstack.Stack }

func start(t *testing.T) service {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return service{stack}
}

func (s service) call(t *testing.T, method, path, bearer, body string) []byte {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// take is a session of acme's one license, whose product is studio.
func (s service) take(t *testing.T, user string) api.Session {
	t.Helper()
	now := time.Now()
	idToken := s.IDP.IDToken(fakeidp.Claims{
		UserID: user, TenantID: "acme", Email: user + "@acme.example", IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	})
	var session api.Session
	if err := json.Unmarshal(s.call(t, http.MethodPost, api.PathAcquire, idToken, `{"hardware_id":"hw"}`), &session); err != nil {
		t.Fatal(err)
	}
	return session
}

func (s service) published(t *testing.T) jwk.Set {
	t.Helper()
	set, err := jwk.Parse(s.call(t, http.MethodGet, api.PathJWKS, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// claims are those that both libraries are asked for.
type claims struct{ subject, session string }

// readers verify a token at a time, for a product.
func readers(keys jwk.Set, product string, now time.Time) map[string]func(compact string) (claims, error) {
	clock := func() time.Time { return now }
	return map[string]func(string) (claims, error){
		"golang-jwt": func(compact string) (claims, error) {
			var got jwt.RegisteredClaims
			_, err := jwt.ParseWithClaims(compact, &got, func(tok *jwt.Token) (any, error) {
				kid, _ := tok.Header["kid"].(string)
				key, ok := keys.LookupKeyID(kid)
				if !ok {
					return nil, jwt.ErrTokenUnverifiable
				}
				var public rsa.PublicKey
				return &public, jwk.Export(key, &public)
			}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithStrictDecoding(), jwt.WithIssuer(issuer),
				jwt.WithAudience(product), jwt.WithExpirationRequired(), jwt.WithTimeFunc(clock))
			return claims{got.Subject, got.ID}, err
		},
		"jwx": func(compact string) (claims, error) {
			tok, err := jwxjwt.Parse([]byte(compact), jwxjwt.WithKeySet(keys), jwxjwt.WithIssuer(issuer),
				jwxjwt.WithAudience(product), jwxjwt.WithClock(jwxjwt.ClockFunc(clock)))
			if err != nil {
				return claims{}, err
			}
			subject, _ := tok.Subject()
			session, _ := tok.JwtID()
			return claims{subject, session}, nil
		},
	}
}

// TestOtherLibrariesVerify a token while it is valid, for its product, and with
// no byte changed.
func TestOtherLibrariesVerify(t *testing.T) {
	service := start(t)
	s := service.take(t, "ann")
	keys := service.published(t)
	for library, read := range readers(keys, "studio", s.ServerTime.Time) {
		t.Run(library, func(t *testing.T) {
			if got, err := read(s.LicenseToken); err != nil || got != (claims{"ann", s.SessionID}) {
				t.Fatalf("got %v, %v", got, err)
			}
			for at := 0; at < len(s.LicenseToken); at += 7 {
				if _, err := read(flipped(s.LicenseToken, at)); err == nil {
					t.Errorf("byte %d may be changed", at)
				}
			}
		})
	}
	for what, refusing := range map[string]map[string]func(string) (claims, error){
		"after its end":         readers(keys, "studio", s.LicenseTokenExpiresAt.Time),
		"long before its grant": readers(keys, "studio", s.ServerTime.Add(-time.Hour)),
		"for another product":   readers(keys, "lab", s.ServerTime.Time),
	} {
		for library, read := range refusing {
			if _, err := read(s.LicenseToken); err == nil {
				t.Errorf("%s takes it %s", library, what)
			}
		}
	}
}

// flipped replaces one byte by another of base64url, with other high bits, so
// that the change is never only in a segment's stray bits.
func flipped(compact string, at int) string {
	with := "A"
	if c := compact[at]; c >= 'A' && c <= 'P' {
		with = "w"
	}
	return compact[:at] + with + compact[at+1:]
}

// TestOtherLibrariesRefuseWhatNobodySigned: the algorithm is not the token's to choose.
func TestOtherLibrariesRefuseWhatNobodySigned(t *testing.T) {
	service := start(t)
	s := service.take(t, "ann")
	keys := service.published(t)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(s.LicenseToken, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var genuine jwt.MapClaims
	if err := json.Unmarshal(payload, &genuine); err != nil {
		t.Fatal(err)
	}
	for name, how := range map[string]struct {
		method jwt.SigningMethod
		key    any
	}{
		"none":                      {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType},
		"HS256 with the public key": {jwt.SigningMethodHS256, publicPEM(t, keys)},
	} {
		tok := jwt.NewWithClaims(how.method, genuine)
		kid, _ := first(t, keys).KeyID()
		tok.Header["kid"], tok.Header["typ"] = kid, "license+jwt"
		forged, err := tok.SignedString(how.key)
		if err != nil {
			t.Fatal(err)
		}
		for library, read := range readers(keys, "studio", s.ServerTime.Time) {
			if _, err := read(forged); err == nil {
				t.Errorf("%s verifies in %s", name, library)
			}
		}
	}
}

func first(t *testing.T, keys jwk.Set) jwk.Key {
	t.Helper()
	key, ok := keys.Key(0)
	if !ok {
		t.Fatal("no key is published")
	}
	return key
}

// publicPEM is the first published key as a text that anybody has.
func publicPEM(t *testing.T, keys jwk.Set) []byte {
	t.Helper()
	var public rsa.PublicKey
	if err := jwk.Export(first(t, keys), &public); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// TestOtherLibrariesFollowARotation: with the key set of an instance that knows
// the new key, tokens of both keys verify. (Versions of one number have one key
// in every stand-in, so the second service's key set has the first one's key.)
func TestOtherLibrariesFollowARotation(t *testing.T) {
	old, fresh := start(t), start(t)
	if _, err := fresh.KMS.AddVersion(fakekms.VersionSpec{CreatedAt: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	before, after := old.take(t, "ann"), fresh.take(t, "bob")
	keys := fresh.published(t)
	if keys.Len() != 2 {
		t.Fatalf("%d keys are published, want 2", keys.Len())
	}
	for library, read := range readers(keys, "studio", after.ServerTime.Time) {
		for _, s := range []api.Session{before, after} {
			if _, err := read(s.LicenseToken); err != nil {
				t.Errorf("%s: %v", library, err)
			}
		}
	}
}
