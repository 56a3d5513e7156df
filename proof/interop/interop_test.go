// Package interop reads license tokens as vendors' programs do: with the
// published keys alone, in libraries that this service does not sign with.
package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuer  = "https://licenses.coditect.ai"
	product = "studio" // of acme's one license
)

// document is a file of client/vectors, or one of its form.
type document struct {
	KeySets map[string]json.RawMessage `json:"key_sets"`
	Cases   []question                 `json:"cases"`
}

// question is a token to be read with a key set, for a product, at a time.
type question struct {
	Name       string `json:"name"`
	KeySet     string `json:"key_set"`
	Now        int64  `json:"now"`
	Leeway     int64  `json:"leeway"`
	Issuer     string `json:"issuer"`
	Audience   string `json:"audience"`
	Token      string `json:"token"`
	Verdict    string `json:"verdict"`
	Reason     string `json:"reason"`
	AnyLibrary bool   `json:"any_library"`
}

// answer is what a library makes of a token.
type answer struct {
	Verdict string `json:"verdict"`
	Expired bool   `json:"expired"`
	Why     string `json:"why"`
	Subject string `json:"subject"`
	Session string `json:"session"`
}

// library reads every token of a document, by the names of its cases.
type library func(t *testing.T, d document) map[string]answer

func libraries() map[string]library {
	return map[string]library{"golang-jwt": golangJWT, "jwx": jwx, "PyJWT": pyJWT, "jose": nodeJose}
}

// check asks a library every question of a document. It wants the verdicts, and
// that what has expired is told from what is not genuine.
func check(t *testing.T, read library, d document) map[string]answer {
	t.Helper()
	answers := read(t, d)
	for _, q := range d.Cases {
		got := answers[q.Name]
		if got.Verdict != q.Verdict || got.Expired != (q.Reason == "expired") {
			t.Errorf("%s: got %+v, want %s %s", q.Name, got, q.Verdict, q.Reason)
		}
	}
	return answers
}

// TestOtherLibrariesAnswerTheVectors that any library can answer by a key set,
// algorithms, issuer, audience and time.
func TestOtherLibrariesAnswerTheVectors(t *testing.T) {
	raw, err := os.ReadFile("../../client/vectors/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	var all document
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	asked := document{KeySets: all.KeySets}
	for _, q := range all.Cases {
		if q.AnyLibrary {
			asked.Cases = append(asked.Cases, q)
		}
	}
	if len(asked.Cases) < 40 {
		t.Fatalf("%d cases for any library, want at least 40", len(asked.Cases))
	}
	for name, read := range libraries() {
		t.Run(name, func(t *testing.T) { check(t, read, asked) })
	}
}

// ways are those in which tokens are signed.
func ways() []token.Signing { return []token.Signing{token.ByDelegation, token.ByRoot} }

// TestOtherLibrariesVerify a token of the service while it is valid, for its
// product, and with no byte changed.
func TestOtherLibrariesVerify(t *testing.T) {
	for _, way := range ways() {
		service := start(t, way)
		s := service.take(t, "ann")
		asked := questions(s, service.published(t))
		for name, read := range libraries() {
			t.Run(string(way)+"/"+name, func(t *testing.T) {
				got := check(t, read, asked)["genuine"]
				if got.Subject != "ann" || got.Session != s.SessionID {
					t.Errorf("claims of %+v", got)
				}
			})
		}
	}
}

// questions about one token of the service.
func questions(s api.Session, keys []byte) document {
	d := document{KeySets: map[string]json.RawMessage{"published": keys}}
	ask := func(name, compact, audience string, now time.Time, verdict, reason string) {
		d.Cases = append(d.Cases, question{
			Name: name, KeySet: "published", Token: compact, Issuer: issuer, Audience: audience, Now: now.Unix(),
			Verdict: verdict, Reason: reason,
		})
	}
	now, end := s.ServerTime.Time, s.LicenseTokenExpiresAt.Time
	ask("genuine", s.LicenseToken, product, now, "valid", "")
	ask("after its end", s.LicenseToken, product, end, "refused", "expired")
	ask("long before its grant", s.LicenseToken, product, now.Add(-time.Hour), "refused", "not_yet_valid")
	ask("for another product", s.LicenseToken, "lab", now, "refused", "invalid")
	for at := 0; at < len(s.LicenseToken); at += 7 {
		ask(fmt.Sprintf("byte %d changed", at), flipped(s.LicenseToken, at), product, now, "refused", "invalid")
	}
	return d
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

// TestAProgramThatPinnedTheRootVerifies a token of the service by the root's public
// key as KMS gives it out, and the key set from wherever.
func TestAProgramThatPinnedTheRootVerifies(t *testing.T) {
	for _, way := range ways() {
		t.Run(string(way), func(t *testing.T) {
			service := start(t, way)
			s := service.take(t, "ann")
			keys, err := licensejwt.ParseKeySet(service.published(t))
			if err != nil {
				t.Fatal(err)
			}
			roots, err := licensejwt.ParseRoots([]byte(service.root(t)))
			if err != nil {
				t.Fatal(err)
			}
			claims, err := roots.Verify(s.LicenseToken, keys, s.ServerTime.Time, 0, issuer, product)
			if err != nil || claims.SessionID != s.SessionID {
				t.Errorf("%+v, %v", claims, err)
			}
		})
	}
}

// service is the whole service over the embedded stand-ins.
type service struct{ *devstack.Stack }

func start(t *testing.T, way token.Signing) service {
	t.Helper()
	opts := devstack.Defaults()
	opts.TokenSigning = string(way)
	stack, err := devstack.Start(t.Context(), opts)
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

// take is a session of acme's one license.
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

func (s service) published(t *testing.T) []byte {
	t.Helper()
	return s.call(t, http.MethodGet, api.PathJWKS, "", "")
}

// root is the public key of the first version of the root, in PEM.
func (s service) root(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, err := kms.NewKeyManagementClient(ctx, s.KMS.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	key, err := client.GetPublicKey(ctx, &kmspb.GetPublicKeyRequest{Name: s.KMS.Key() + "/cryptoKeyVersions/1"})
	if err != nil {
		t.Fatal(err)
	}
	return key.GetPem()
}
