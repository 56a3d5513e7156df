package functions_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
)

const tokenIssuer = "https://licenses.coditect.ai"

// published is the key set as any program gets it.
func (w *world) published(t *testing.T) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.do(t, http.MethodGet, api.PathJWKS, "", nil).want(t, http.StatusOK).body, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// TestTheLicenseTokenVerifiesOffline, and no byte of it may be changed. (Other
// libraries than ours read it in proof/interop.)
func TestTheLicenseTokenVerifiesOffline(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		s := w.user(org, "ann").take(t, "hw-1", map[string]any{"instance_id": "i-1"})
		keys := w.published(t)
		read := func(compact, product string, now time.Time) (licensejwt.Claims, error) {
			return licensejwt.Verify(compact, keys, now, 0, tokenIssuer, product)
		}
		claims, err := read(s.LicenseToken, "studio", s.ServerTime.Time)
		if err != nil || claims.Subject != "ann" || claims.SessionID != s.SessionID {
			t.Fatalf("%v, %v", claims, err)
		}
		for at := range len(s.LicenseToken) {
			if _, err := read(flipped(s.LicenseToken, at), "studio", s.ServerTime.Time); err == nil {
				t.Errorf("byte %d may be changed", at)
			}
		}
		for what, now := range map[string]time.Time{
			"after its end": s.LicenseTokenExpiresAt.Time, "long before its grant": s.ServerTime.Add(-time.Hour),
		} {
			if _, err := read(s.LicenseToken, "studio", now); err == nil {
				t.Errorf("it is taken %s", what)
			}
		}
		if _, err := read(s.LicenseToken, "lab", s.ServerTime.Time); err == nil {
			t.Error("it is taken for another product")
		}
	})
}

// flipped replaces one byte by another of base64url, never only in stray bits.
func flipped(compact string, at int) string {
	with := "A"
	if c := compact[at]; c >= 'A' && c <= 'P' {
		with = "w"
	}
	return compact[:at] + with + compact[at+1:]
}

// TestWhatTheLicenseTokenSays, member by member.
func TestWhatTheLicenseTokenSays(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		s := ann.take(t, "hw-1")
		now := s.ServerTime.Unix()
		want := map[string]any{
			"iss": tokenIssuer, "aud": "studio", "sub": "ann", "jti": s.SessionID,
			"iat": now, "nbf": now - 60, "exp": s.LicenseTokenExpiresAt.Unix(),
			"tenant_id": org, "license_id": "pro", "plan": "pro", "entitlements": []string{"export"}, "hardware_id": "hw-1",
		}
		wantClaims(t, s.LicenseToken, want)
		wantHeader(t, s.LicenseToken, w.published(t))

		renewed := ann.renew(t, s.SessionID).want(t, http.StatusOK).session(t)
		now = renewed.ServerTime.Unix()
		want["iat"], want["nbf"], want["exp"] = now, now-60, renewed.LicenseTokenExpiresAt.Unix()
		wantClaims(t, renewed.LicenseToken, want)
		if d := renewed.LicenseTokenExpiresAt.Unix() - now; d < 299 || d > 300 {
			t.Errorf("it lives %d s, want five minutes", d)
		}
	})
}

func wantClaims(t *testing.T, compact string, want map[string]any) {
	t.Helper()
	got := segment(t, compact, 1)
	expected, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(expected, &plain); err != nil {
		t.Fatal(err)
	}
	if g, w := canonical(t, got), canonical(t, plain); g != w {
		t.Errorf("claims\n%s\nwant\n%s", g, w)
	}
}

func wantHeader(t *testing.T, compact string, keys jose.JSONWebKeySet) {
	t.Helper()
	header := segment(t, compact, 0)
	if got := slices.Sorted(maps.Keys(header)); !slices.Equal(got, []string{"alg", "kid", "typ"}) || header["alg"] != "ES256" || header["typ"] != "license+jwt" {
		t.Errorf("header %v", header)
	}
	if kid, _ := header["kid"].(string); len(keys.Key(kid)) != 1 {
		t.Errorf("kid %q is not published", kid)
	}
}

func segment(t *testing.T, compact string, n int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func canonical(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestNoTokenOutlivesItsLicense, at grant, at a repeated acquire and at a heartbeat.
func TestNoTokenOutlivesItsLicense(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.tenant(t, 9)
		ends := time.Now().Add(3 * time.Minute).UTC().Truncate(time.Second)
		w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "expires_at": ends})
		ann := w.user(org, "ann")
		s := ann.take(t, "hw")
		again := ann.acquire(t, "hw").want(t, http.StatusOK).session(t)
		renewed := ann.beat(t, s.SessionID).want(t, http.StatusOK).session(t)
		for _, got := range []api.Session{s, again, renewed} {
			if exp := segment(t, got.LicenseToken, 1)["exp"]; exp != float64(ends.Unix()) || !got.LicenseTokenExpiresAt.Equal(ends) {
				t.Errorf("exp %v, told %v, want %v", exp, got.LicenseTokenExpiresAt, ends)
			}
		}
		w.putLicense(t, org, "pro", map[string]any{"max_seats": 1, "expires_at": ends.Add(24 * time.Hour)})
		if s := ann.beat(t, s.SessionID).want(t, http.StatusOK).session(t); s.LicenseTokenExpiresAt.Sub(s.ServerTime.Time) < 299*time.Second {
			t.Errorf("a short token although the license was renewed: %+v", s)
		}
	})
}

// TestATokenSaysWhatIsTrueNow: a repeated acquire never hands out what the
// license said before.
func TestATokenSaysWhatIsTrueNow(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		ann := w.user(org, "ann")
		old := ann.take(t, "hw")
		w.putLicense(t, org, "pro", map[string]any{"product": "studio", "plan": "free", "max_seats": 1})
		s := ann.acquire(t, "hw").want(t, http.StatusOK).session(t)
		if s.LicenseToken == old.LicenseToken || segment(t, s.LicenseToken, 1)["plan"] != "free" || s.Plan != "free" || len(s.Entitlements) != 0 {
			t.Errorf("still the old plan: %+v", s)
		}
		w.putLicense(t, org, "pro", map[string]any{"product": "studio", "plan": "free", "max_seats": 1, "expires_at": time.Now().Add(time.Minute)})
		s = ann.acquire(t, "hw").want(t, http.StatusOK).session(t)
		if d := time.Until(s.LicenseTokenExpiresAt.Time); d > time.Minute {
			t.Errorf("a token for %v, the license has a minute left", d)
		}
	})
}

// TestKeyRotation, where KMS signs: tokens of the old key verify as long as it is
// enabled, new ones are signed with a published key.
func TestKeyRotation(t *testing.T) {
	w := start(t, embedded(), byRoot())
	org := w.licensed(t, 9)
	old := w.user(org, "ann").take(t, "hw")
	if _, err := w.stack.KMS.AddVersion(fakekms.VersionSpec{}); err != nil {
		t.Fatal(err)
	}
	fresh := beside(t, w, w.record) // an instance that reads the list now; it has a KMS of its own
	name, err := fresh.stack.KMS.AddVersion(fakekms.VersionSpec{CreatedAt: ago(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	keys := fresh.published(t)
	if len(keys.Keys) != 2 {
		t.Fatalf("%d keys published, want 2", len(keys.Keys))
	}
	s := fresh.user(org, "bob").take(t, "hw")
	for _, compact := range []string{old.LicenseToken, s.LicenseToken} {
		if _, err := licensejwt.Verify(compact, keys, s.ServerTime.Time, 0, tokenIssuer, "studio"); err != nil {
			t.Error(err)
		}
	}
	if err := fresh.stack.KMS.SetState(name, kmspb.CryptoKeyVersion_DISABLED); err != nil {
		t.Fatal(err)
	}
	fresh.user(org, "cem").take(t, "hw") // the instance signed with that version a moment ago
}

// TestTheKeySet is public, cacheable, and holds public members only.
func TestTheKeySet(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := w.do(t, method, api.PathJWKS, "", nil).want(t, http.StatusOK)
			if got := a.header.Get("Content-Type"); got != "application/jwk-set+json" {
				t.Errorf("%s: Content-Type %q", method, got)
			}
			if got := a.header.Get("Cache-Control"); got != "public, max-age=300" {
				t.Errorf("%s: Cache-Control %q", method, got)
			}
			if method == http.MethodHead {
				if len(a.body) != 0 {
					t.Errorf("HEAD has a body: %s", a.body)
				}
				continue
			}
			wantPublicKeys(t, a.body)
		}
	})
}

// wantPublicKeys: a delegation, and, in the first day, the root that certified it.
func wantPublicKeys(t *testing.T, body []byte) {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%v in %s", err, body)
	}
	for i, want := range []map[string]any{
		{"kty": "EC", "alg": "ES256", "crv": "P-256", "use": "sig", "x": nil, "y": nil, "x5c": nil, "kid": nil},
		{"kty": "RSA", "alg": "RS256", "use": "sig", "n": nil, "e": nil, "kid": nil},
	} {
		got := set.Keys[i]
		if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			t.Errorf("members %v", got)
		}
		for member, value := range want {
			if got[member] == nil || value != nil && got[member] != value {
				t.Errorf("%s: %v, want %v", member, got[member], value)
			}
		}
	}
}

// TestTheKeySetWithoutKMS: nothing is cached of a failure.
func TestTheKeySetWithoutKMS(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	w.kmsDown(codes.Unavailable) // before any key was read
	w.do(t, http.MethodGet, api.PathJWKS, "", nil).refused(t, "unavailable")
	w.kmsUp()
	w.do(t, http.MethodGet, api.PathJWKS, "", nil).want(t, http.StatusOK)
}
