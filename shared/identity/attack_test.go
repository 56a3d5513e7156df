package identity_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
)

var victim = fakeidp.Claims{UserID: "u-victim", TenantID: "acme", Email: "victim@acme.example"}

func encode(v any) string {
	if s, ok := v.(string); ok {
		return base64.RawURLEncoding.EncodeToString([]byte(s))
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// lastBits changes a bit of the last character that no byte is made of.
func lastBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last^1:last^1+1]
}

// payload puts other claims between header and signature.
func payload(t *testing.T, token string, change func(map[string]any)) string {
	t.Helper()
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	change(claims)
	return parts[0] + "." + encode(claims) + "." + parts[2]
}

// serialize is the flattened JSON form of the same signature (RFC 7515 section 7.2.2).
func serialize(token string) string {
	p := strings.Split(token, ".")
	return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, p[0], p[1], p[2])
}

// spellings are other ways to write a genuine token, or to break it, which hold
// for both kinds of tokens.
func spellings(genuine string) map[string]string {
	p := strings.Split(genuine, ".")
	header, claims, signature := p[0], p[1], p[2]
	return map[string]string{
		"empty":                   "",
		"dots":                    "..",
		"no signature":            header + "." + claims + ".",
		"two segments":            header + "." + claims,
		"four segments":           genuine + "." + signature,
		"five segments":           genuine + ".a.b",
		"trailing garbage":        genuine + "x",
		"trailing line break":     genuine + "\n",
		"line break inside":       header + ".\r\n" + claims + "." + signature,
		"leading space":           " " + genuine,
		"trailing space":          genuine + " ",
		"with its scheme":         "Bearer " + genuine,
		"twice":                   genuine + "," + genuine,
		"padded":                  genuine + "==",
		"unused bits":             lastBits(genuine),
		"JSON serialization":      serialize(genuine),
		"truncated signature":     genuine[:len(genuine)-4],
		"over 32 KiB":             genuine + strings.Repeat("A", 32<<10),
		"header null":             encode("null") + "." + claims + "." + signature,
		"claims null":             header + "." + encode("null") + "." + signature,
		"header a list":           encode("[]") + "." + claims + "." + signature,
		"header with a tail":      encode(`{"alg":"RS256","kid":"k"} {}`) + "." + claims + "." + signature,
		"alg none, signature cut": encode(`{"alg":"none","kid":"k","typ":"JWT"}`) + "." + claims + ".",
		"alg none":                encode(`{"alg":"none","kid":"k","typ":"JWT"}`) + "." + claims + "." + signature,
		"no alg":                  encode(`{"kid":"k"}`) + "." + claims + "." + signature,
		"alg null":                encode(`{"alg":null,"kid":"k"}`) + "." + claims + "." + signature,
		"alg in lower case":       encode(`{"alg":"rs256","kid":"k"}`) + "." + claims + "." + signature,
		"ES256, short signature":  encode(`{"alg":"ES256","kid":"k"}`) + "." + claims + "." + encode("sig"),
		"RS256 and ES256":         encode(`{"alg":"RS256","ALG":"ES256","kid":"k"}`) + "." + claims + "." + encode("sig"),
		"crit":                    encode(`{"alg":"RS256","kid":"k","crit":["exp"]}`) + "." + claims + "." + signature,
		"no kid":                  encode(`{"alg":"RS256"}`) + "." + claims + "." + signature,
		"kid a number":            encode(`{"alg":"RS256","kid":1}`) + "." + claims + "." + signature,
		"Kelvin sign for k":       encode("{\"alg\":\"RS256\",\"kid\":\"a\",\"\u212aid\":\"b\"}") + "." + claims + "." + signature,
	}
}

func TestVerifyRefusesSpellings(t *testing.T) {
	idp, v := newWorld(t)
	genuine := idp.IDToken(victim)
	if _, err := v.Verify(t.Context(), genuine); err != nil {
		t.Fatal(err) // else the refusals below would mean nothing
	}
	for name, token := range spellings(genuine) {
		t.Run(name, func(t *testing.T) {
			for _, verify := range []func() error{
				func() error { _, err := v.Verify(t.Context(), token); return err },
				func() error { _, err := v.VerifyFresh(t.Context(), token); return err },
			} {
				err := verify()
				wantError(t, err, identity.ErrUnauthenticated)
				wantSilent(t, err, "victim", "acme")
			}
		})
	}
}

func TestVerifyRefusesForgeries(t *testing.T) {
	idp, v := newWorld(t)
	elsewhere, err := fakeidp.New(fakeidp.Config{ProjectID: project, Stranger: true})
	if err != nil {
		t.Fatal(err)
	}
	genuine := idp.IDToken(victim)
	with := func(override, header map[string]any) string {
		c := victim
		c.Override, c.Header = override, header
		return idp.IDToken(c)
	}
	for name, token := range map[string]string{
		"another issuer's key":      elsewhere.IDToken(victim),
		"another key, our kid":      elsewhere.IDToken(fakeidp.Claims{UserID: "u-victim", TenantID: "acme", Header: map[string]any{"kid": idp.KeyID()}}),
		"unknown kid":               with(nil, map[string]any{"kid": "0000"}),
		"no kid":                    with(nil, map[string]any{"kid": nil}),
		"RS384 in the header":       with(nil, map[string]any{"alg": "RS384"}),
		"HS256 with certificate":    fakeidp.SignedBySecret(genuine, idp.KeyID(), idp.Certificate()),
		"none":                      fakeidp.Unsigned(genuine, idp.KeyID()),
		"changed organization":      payload(t, genuine, func(c map[string]any) { c["tenant_id"] = "globex" }),
		"changed role":              payload(t, genuine, func(c map[string]any) { c["role"] = "owner" }),
		"changed expiry":            payload(t, genuine, func(c map[string]any) { c["exp"] = 32503680000 }),
		"audience of another":       with(map[string]any{"aud": "other-project"}, nil),
		"issuer of another":         with(map[string]any{"iss": "https://securetoken.google.com/other-project"}, nil),
		"session cookie's issuer":   with(map[string]any{"iss": "https://session.firebase.google.com/" + project}, nil),
		"audience a list":           with(map[string]any{"aud": []string{project}}, nil),
		"no audience":               with(map[string]any{"aud": nil}, nil),
		"no subject":                with(map[string]any{"sub": nil}, nil),
		"empty subject":             with(map[string]any{"sub": ""}, nil),
		"subject a number":          with(map[string]any{"sub": 7}, nil),
		"subject of 129 characters": with(map[string]any{"sub": strings.Repeat("u", 129)}, nil),
		"second subject":            with(map[string]any{"SUB": "u-admin"}, nil),
		"second subject, long s":    with(map[string]any{"\u017fub": "u-admin"}, nil),
		"second expiry":             with(map[string]any{"Exp": 32503680000}, nil),
		"signed, but over 32 KiB":   with(map[string]any{"padding": strings.Repeat("a", 32<<10)}, nil),
		"signed, with crit":         with(nil, map[string]any{"crit": []string{"exp"}}),
		"signed, with Alg":          with(nil, map[string]any{"Alg": "RS256"}),
		"service account's token":   idp.SchedulerToken(fakeidp.SchedulerClaims{Audience: project, Email: "x@y.example"}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), token)
			wantError(t, err, identity.ErrUnauthenticated)
			wantSilent(t, err, "victim", "acme", "other-project", "u-admin")
		})
	}
}
