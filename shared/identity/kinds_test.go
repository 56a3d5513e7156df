package identity_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// jwt is an unverifiable token.
func jwt(header, claims map[string]any) string {
	return encode(header) + "." + encode(claims) + "." + encode("signature")
}

// mistakes are credentials that people send in place of an ID token, by a word of
// what they have to be told.
func mistakes(idp *fakeidp.IDP) map[string][]string {
	rs256 := map[string]any{"alg": "RS256", "kid": "k", "typ": "JWT"}
	ann := fakeidp.Claims{UserID: "u-victim", TenantID: "acme"}
	with := func(override map[string]any) string {
		c := ann
		c.Override = override
		return idp.IDToken(c)
	}
	past, later := ann, ann
	past.IssuedAt, past.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	later.IssuedAt = time.Now().Add(time.Hour)
	genuine := idp.IDToken(ann)
	const account = "minter@victim.iam.gserviceaccount.com"
	custom := map[string]any{
		"iss": account, "sub": account, "uid": "u-victim", "exp": time.Now().Add(-time.Hour).Unix(),
		"aud": "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit",
	}
	return map[string][]string{
		"expired":       {idp.IDToken(past)},
		"not valid yet": {idp.IDToken(later)},
		"never set":     {"undefined", "null", "None", "nil", "NaN", "UNDEFINED", "false"},
		"custom token":  {jwt(map[string]any{"alg": "RS256", "typ": "JWT"}, custom), jwt(rs256, custom), jwt(map[string]any{"alg": "none"}, custom)},
		"access token": {
			"ya29.a0AfB_victim-u-victim", "ya29.c.b0Aaekm1.victim",
			jwt(rs256, map[string]any{"iss": "https://login.victim.example/", "scope": "read"}),
			jwt(rs256, map[string]any{"iss": "https://login.victim.example/", "scp": []string{"read"}}),
			jwt(map[string]any{"alg": "RS256", "typ": "at+jwt"}, map[string]any{"iss": "https://login.victim.example/"}),
		},
		"refresh token":     {"AMf-vBx0victim", "1//0gvictim", "AE0u-Nvictim"},
		"session cookie":    {jwt(rs256, map[string]any{"iss": "https://session.firebase.google.com/" + project, "aud": project})},
		"license token":     {jwt(map[string]any{"alg": "RS256", "kid": "1", "typ": "license+jwt"}, map[string]any{"iss": "https://licenses.example"})},
		"Google itself":     {idp.SchedulerToken(fakeidp.SchedulerClaims{Audience: project, Email: account}), jwt(rs256, map[string]any{"iss": "accounts.google.com"})},
		"API key":           {"AIzaSyVictim"},
		"encrypted":         {"a.b.c.d.e"},
		"another issuer":    {jwt(rs256, map[string]any{"iss": "https://victim.auth0.example/"}), jwt(rs256, map[string]any{})},
		"another project":   {with(map[string]any{"iss": "https://securetoken.google.com/victim", "aud": "victim"}), with(map[string]any{"aud": []string{project}})},
		"not signed":        {fakeidp.Unsigned(genuine, idp.KeyID())},
		"another algorithm": {fakeidp.SignedBySecret(genuine, idp.KeyID(), []byte("victim")), jwt(map[string]any{"alg": "ES256"}, map[string]any{})},
		"not a JWT":         {"victim", "a.b", "a.b.c.d", genuine + "." + "x"},
		"damaged":           {encode("{") + genuine[strings.IndexByte(genuine, '.'):], "a.b.c", encode("[]") + "." + encode("{}") + ".x"},
		"longer than":       {genuine + strings.Repeat("A", 32<<10)},
		"signature":         {genuine[:len(genuine)-8] + "AAAA" + genuine[len(genuine)-4:]},
		"anonymous":         {with(map[string]any{"firebase": map[string]any{"sign_in_provider": "anonymous"}})},
		"names no user":     {with(map[string]any{"sub": ""})},
		"no sign-in in the": {with(map[string]any{"auth_time": nil})},
	}
}

// TestMistakesAreNamed, and nothing of the token is.
func TestMistakesAreNamed(t *testing.T) {
	idp, v := newWorld(t)
	description := regexp.MustCompile(`^[A-Z][\x20-\x21\x23-\x5B\x5D-\x7E]+[^.]$`) // RFC 6750, section 3
	for word, tokens := range mistakes(idp) {
		for _, token := range tokens {
			_, err := v.Verify(t.Context(), token)
			e, ok := errors.AsType[*license.UnauthenticatedError](err)
			if !ok {
				t.Errorf("%s: %v", word, err)
				continue
			}
			if !strings.Contains(e.Problem, word) {
				t.Errorf("%.40s is said to be: %s; want %q", token, e.Problem, word)
			}
			if !description.MatchString(e.Problem) || !strings.HasSuffix(e.Remedy, ".") {
				t.Errorf("not fit to be told: %q, %q", e.Problem, e.Remedy)
			}
			wantSilent(t, err, "victim", "acme")
		}
	}
}

// TestLongIDTokensAreRead: a SAML provider's list of groups makes them long.
func TestLongIDTokensAreRead(t *testing.T) {
	idp, v := newWorld(t)
	groups := make([]string, 500)
	for i := range groups {
		groups[i] = "CN=a group of some department,OU=x"
	}
	token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme", Override: map[string]any{"firebase": map[string]any{
		"sign_in_provider": "saml.acme", "sign_in_attributes": map[string]any{"groups": groups},
	}}})
	if len(token) < 16<<10 || len(token) > 32<<10 {
		t.Fatalf("the token has %d bytes: this test wants one that is long and read", len(token))
	}
	caller, err := v.Verify(t.Context(), token)
	if err != nil || caller.UserID != "u-1" {
		t.Errorf("%+v, %v", caller, err)
	}
}
