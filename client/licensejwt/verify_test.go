package licensejwt_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

const (
	issuer  = "https://licenses.example.com"
	product = "studio"
	kid     = "license-token-1"
)

// granted is the moment of the test token's grant.
var granted = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// generate makes one small key per number and process: the size is not what is
// tested here, and every byte of a token is.
func generate(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	})
}

var ours, theirs = generate(2048), generate(2048)

func keySet(keys ...jose.JSONWebKey) jose.JSONWebKeySet { return jose.JSONWebKeySet{Keys: keys} }

func signingKey() jose.JSONWebKey {
	return jose.JSONWebKey{Key: &ours().PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"}
}

func goodHeader() map[string]any {
	return map[string]any{"alg": "RS256", "kid": kid, "typ": licensejwt.Type}
}

func goodClaims() licensejwt.Claims {
	return licensejwt.Claims{
		Issuer: issuer, Audience: product, Subject: "user-secret", SessionID: "s-1",
		IssuedAt: granted.Unix(), NotBefore: granted.Unix() - 60, ExpiresAt: granted.Unix() + 3600,
		TenantID: "acme", LicenseID: "acme-pro", Plan: "pro", Entitlements: []string{"export"},
		HardwareID: "hw-secret", InstanceID: "i-1",
	}
}

func segment(t *testing.T, v any) string {
	t.Helper()
	raw, ok := v.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// sign makes a token by hand, so that it can be wrong in any way we like.
func sign(t *testing.T, key *rsa.PrivateKey, header, payload any) string {
	t.Helper()
	input := segment(t, header) + "." + segment(t, payload)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + segment(t, signature)
}

func verify(compact string, keys jose.JSONWebKeySet) (licensejwt.Claims, error) {
	return licensejwt.Verify(compact, keys, granted, 0, issuer, product)
}

func TestVerifyReturnsTheClaims(t *testing.T) {
	got, err := verify(sign(t, ours(), goodHeader(), goodClaims()), keySet(signingKey()))
	if err != nil {
		t.Fatal(err)
	}
	want := goodClaims()
	if !slices.Equal(got.Entitlements, want.Entitlements) {
		t.Errorf("entitlements %v", got.Entitlements)
	}
	got.Entitlements, want.Entitlements = nil, nil
	gotJSON, _ := json.Marshal(got)
	wantJSON, _ := json.Marshal(want)
	if !bytes.Equal(gotJSON, wantJSON) {
		t.Errorf("got %s, want %s", gotJSON, wantJSON)
	}
}

func TestVerifyIgnoresUnknownClaimsAndHeaders(t *testing.T) {
	header := goodHeader()
	header["x"] = "later"
	payload := members(t)
	payload["seat"] = 7
	if _, err := verify(sign(t, ours(), header, payload), keySet(signingKey())); err != nil {
		t.Error(err)
	}
}

func TestVerifyGivesEmptyEntitlementsForNone(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"null":   func(m map[string]any) { m["entitlements"] = nil },
		"absent": func(m map[string]any) { delete(m, "entitlements") },
	} {
		payload := members(t)
		change(payload)
		got, err := verify(sign(t, ours(), goodHeader(), payload), keySet(signingKey()))
		if err != nil || got.Entitlements == nil || len(got.Entitlements) != 0 {
			t.Errorf("%s: got %#v, %v", name, got.Entitlements, err)
		}
	}
}

// members is the good payload as a map to change.
func members(t *testing.T) map[string]any {
	t.Helper()
	raw, err := json.Marshal(goodClaims())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTimes(t *testing.T) {
	compact := sign(t, ours(), goodHeader(), goodClaims())
	for _, c := range []struct {
		name   string
		after  time.Duration
		leeway time.Duration
		want   error
	}{
		{"at the grant", 0, 0, nil},
		{"client's clock 60 s slow", -60 * time.Second, 0, nil},
		{"client's clock slower than the margin", -60*time.Second - 1, 0, licensejwt.ErrNotYetValid},
		{"slower, within the leeway", -90 * time.Second, 30 * time.Second, nil},
		{"slower than margin and leeway", -90*time.Second - 1, 30 * time.Second, licensejwt.ErrNotYetValid},
		{"last moment", time.Hour - 1, 0, nil},
		{"exp itself", time.Hour, 0, licensejwt.ErrExpired},
		{"exp, within the leeway", time.Hour + 29*time.Second, 30 * time.Second, nil},
		{"exp and the leeway over", time.Hour + 30*time.Second, 30 * time.Second, licensejwt.ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := licensejwt.Verify(compact, keySet(signingKey()), granted.Add(c.after), c.leeway, issuer, product)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestIssuedInTheFutureIsNotYetValid(t *testing.T) {
	claims := goodClaims()
	claims.IssuedAt += 61
	_, err := verify(sign(t, ours(), goodHeader(), claims), keySet(signingKey()))
	if !errors.Is(err, licensejwt.ErrNotYetValid) {
		t.Errorf("got %v", err)
	}
}

func TestNotBeforeCountsByItself(t *testing.T) {
	claims := goodClaims()
	claims.NotBefore = claims.IssuedAt
	compact := sign(t, ours(), goodHeader(), claims)
	early := granted.Add(-time.Second)
	if _, err := licensejwt.Verify(compact, keySet(signingKey()), early, 0, issuer, product); !errors.Is(err, licensejwt.ErrNotYetValid) {
		t.Errorf("got %v", err)
	}
}

func TestForgedHeaders(t *testing.T) {
	stranger := jose.JSONWebKey{Key: &theirs().PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"}
	der, _ := x509.MarshalPKIXPublicKey(&ours().PublicKey)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	with := func(name string, value any) map[string]any {
		h := goodHeader()
		h[name] = value
		if value == nil {
			delete(h, name)
		}
		return h
	}
	hs256 := func(secret []byte) string {
		input := segment(t, with("alg", "HS256")) + "." + segment(t, goodClaims())
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + segment(t, mac.Sum(nil))
	}
	none := segment(t, with("alg", "none")) + "." + segment(t, goodClaims()) + "."
	for name, compact := range map[string]string{
		"alg none":                         none,
		"alg None with a signature":        sign(t, ours(), with("alg", "None"), goodClaims()),
		"alg missing":                      sign(t, ours(), with("alg", nil), goodClaims()),
		"alg PS256":                        sign(t, ours(), with("alg", "PS256"), goodClaims()),
		"alg RS512":                        sign(t, ours(), with("alg", "RS512"), goodClaims()),
		"HS256 with the public PEM":        hs256(public),
		"HS256 with the public DER":        hs256(der),
		"HS256 with an empty secret":       hs256(nil),
		"another key under our kid":        sign(t, theirs(), goodHeader(), goodClaims()),
		"another key, brought along":       sign(t, theirs(), with("jwk", stranger), goodClaims()),
		"typ missing":                      sign(t, ours(), with("typ", nil), goodClaims()),
		"typ JWT":                          sign(t, ours(), with("typ", "JWT"), goodClaims()),
		"typ in other case":                sign(t, ours(), with("typ", "License+JWT"), goodClaims()),
		"typ not a string":                 sign(t, ours(), with("typ", []string{licensejwt.Type}), goodClaims()),
		"kid missing":                      sign(t, ours(), with("kid", nil), goodClaims()),
		"critical header nobody knows":     sign(t, ours(), with("crit", []string{"x"}), goodClaims()),
		"header not JSON":                  sign(t, ours(), []byte("{"), goodClaims()),
		"header with alg twice, last good": sign(t, ours(), []byte(`{"alg":"none","alg":"RS256","kid":"`+kid+`","typ":"license+jwt"}`), goodClaims()),
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, compact, keySet(signingKey())) })
	}
}

// TestOtherAlgorithmsOfOurKey: signatures that are genuine, by our own key, in
// algorithms a license token is never signed with.
func TestOtherAlgorithmsOfOurKey(t *testing.T) {
	payload, _ := json.Marshal(goodClaims())
	for _, alg := range []jose.SignatureAlgorithm{jose.RS384, jose.RS512, jose.PS256, jose.PS512} {
		key := jose.JSONWebKey{Key: ours(), KeyID: kid}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType(licensejwt.Type))
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		t.Run(string(alg), func(t *testing.T) { wantInvalid(t, compact, keySet(signingKey())) })
	}
}

// wantInvalid wants ErrInvalid, no claims, and an error that tells nothing of the token.
func wantInvalid(t *testing.T, compact string, keys jose.JSONWebKeySet) {
	t.Helper()
	claims, err := verify(compact, keys)
	if !errors.Is(err, licensejwt.ErrInvalid) {
		t.Fatalf("got %v, want ErrInvalid", err)
	}
	if claims.Subject != "" || claims.Entitlements != nil {
		t.Error("claims of a refused token were returned")
	}
	for _, secret := range []string{"user-secret", "hw-secret", compact} {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error quotes the token: %v", err)
		}
	}
}

func TestKeySets(t *testing.T) {
	compact := sign(t, ours(), goodHeader(), goodClaims())
	if _, err := verify(compact, keySet()); !errors.Is(err, licensejwt.ErrUnknownKey) {
		t.Errorf("empty key set: got %v", err)
	}
	other := signingKey()
	other.KeyID = "license-token-2"
	if _, err := verify(compact, keySet(other)); !errors.Is(err, licensejwt.ErrUnknownKey) {
		t.Errorf("only another kid: got %v", err)
	}
	if _, err := verify(compact, keySet(other, signingKey())); err != nil {
		t.Errorf("among others: %v", err)
	}
	edKey, _, _ := ed25519.GenerateKey(nil)
	changed := func(change func(*jose.JSONWebKey)) jose.JSONWebKeySet {
		k := signingKey()
		change(&k)
		return keySet(k)
	}
	for name, keys := range map[string]jose.JSONWebKeySet{
		"kid twice":            keySet(signingKey(), signingKey()),
		"key for encryption":   changed(func(k *jose.JSONWebKey) { k.Use = "enc" }),
		"use missing":          changed(func(k *jose.JSONWebKey) { k.Use = "" }),
		"key for PS256":        changed(func(k *jose.JSONWebKey) { k.Algorithm = "PS256" }),
		"alg missing":          changed(func(k *jose.JSONWebKey) { k.Algorithm = "" }),
		"Ed25519 key":          changed(func(k *jose.JSONWebKey) { k.Key = edKey }),
		"private key":          changed(func(k *jose.JSONWebKey) { k.Key = ours() }),
		"symmetric key":        changed(func(k *jose.JSONWebKey) { k.Key = []byte("secret") }),
		"another key, our kid": changed(func(k *jose.JSONWebKey) { k.Key = &theirs().PublicKey }),
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, compact, keys) })
	}
}

func TestShortKeysAreRefused(t *testing.T) {
	short := generate(1024)()
	key := signingKey()
	key.Key = &short.PublicKey
	wantInvalid(t, sign(t, short, goodHeader(), goodClaims()), keySet(key))
}

func TestGenuineSignatureOverBadClaims(t *testing.T) {
	good, _ := json.Marshal(goodClaims())
	cases := map[string]any{
		"not an object":        []byte(`"x"`),
		"garbage at the end":   append(slices.Clone(good), " {}"...),
		"a claim twice":        []byte(strings.Replace(string(good), `"plan"`, `"tenant_id":"globex","plan"`, 1)),
		"a claim in caps only": []byte(strings.Replace(string(good), `"tenant_id"`, `"TENANT_ID"`, 1)),
		"two audiences":        []byte(strings.Replace(string(good), `"aud":"studio"`, `"aud":["studio","lab"]`, 1)),
	}
	for _, name := range []string{"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "tenant_id", "license_id", "hardware_id"} {
		without := members(t)
		delete(without, name)
		cases["without "+name] = without
	}
	for name, change := range map[string]func(map[string]any){
		"other issuer":       func(m map[string]any) { m["iss"] = issuer + "/" },
		"other audience":     func(m map[string]any) { m["aud"] = "lab" },
		"exp a fraction":     func(m map[string]any) { m["exp"] = float64(granted.Unix()) + 0.5 },
		"exp a string":       func(m map[string]any) { m["exp"] = "4102444800" },
		"exp before iat":     func(m map[string]any) { m["exp"] = granted.Unix() - 1 },
		"iat before nbf":     func(m map[string]any) { m["iat"] = granted.Unix() - 61 },
		"nbf negative":       func(m map[string]any) { m["nbf"] = -1 },
		"tenant not a text":  func(m map[string]any) { m["tenant_id"] = 7 },
		"entitlements a map": func(m map[string]any) { m["entitlements"] = map[string]any{} },
	} {
		payload := members(t)
		change(payload)
		cases[name] = payload
	}
	for name, payload := range cases {
		t.Run(name, func(t *testing.T) { wantInvalid(t, sign(t, ours(), goodHeader(), payload), keySet(signingKey())) })
	}
}

func TestEmptyExpectationsMatchNothing(t *testing.T) {
	compact := sign(t, ours(), goodHeader(), goodClaims())
	for _, c := range [][2]string{{"", product}, {issuer, ""}} {
		if _, err := licensejwt.Verify(compact, keySet(signingKey()), granted, 0, c[0], c[1]); !errors.Is(err, licensejwt.ErrInvalid) {
			t.Errorf("%q: got %v", c, err)
		}
	}
}
