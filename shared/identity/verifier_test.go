package identity_test

import (
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func TestVerifyCaller(t *testing.T) {
	idp, v := newWorld(t)
	now := time.Now().UTC().Truncate(time.Second)
	yesterday := now.Add(-24 * time.Hour)
	member := license.Caller{OrganizationID: "acme", UserID: "u-1", Role: license.RoleMember, SignedInAt: now}
	with := func(change func(*license.Caller)) license.Caller {
		c := member
		change(&c)
		return c
	}
	long := strings.Repeat("ü", 128/2) // 64 characters, 128 bytes: the SDK counts bytes
	tests := map[string]struct {
		claims fakeidp.Claims
		want   license.Caller
	}{
		"custom claim":             {fakeidp.Claims{TenantID: "acme"}, member},
		"identity platform tenant": {fakeidp.Claims{FirebaseTenant: "acme"}, member},
		"both and equal":           {fakeidp.Claims{TenantID: "acme", FirebaseTenant: "acme"}, member},
		"email":                    {fakeidp.Claims{TenantID: "acme", Email: "a@acme.example"}, with(func(c *license.Caller) { c.Email = "a@acme.example" })},
		"email of a wrong type":    {fakeidp.Claims{TenantID: "acme", Override: map[string]any{"email": 7}}, member},
		"endless email":            {fakeidp.Claims{TenantID: "acme", Email: strings.Repeat("a", 255)}, member},
		"owner":                    {fakeidp.Claims{TenantID: "acme", Role: "owner"}, with(func(c *license.Caller) { c.Role = license.RoleOwner })},
		"admin":                    {fakeidp.Claims{TenantID: "acme", Role: "admin"}, with(func(c *license.Caller) { c.Role = license.RoleAdmin })},
		"member":                   {fakeidp.Claims{TenantID: "acme", Role: "member"}, member},
		"metrics":                  {fakeidp.Claims{TenantID: "acme", Role: "metrics"}, with(func(c *license.Caller) { c.Role = license.RoleMetrics })},
		"role service":             {fakeidp.Claims{TenantID: "acme", Role: "service"}, member},
		"role Owner":               {fakeidp.Claims{TenantID: "acme", Role: "Owner"}, member},
		"role with a space":        {fakeidp.Claims{TenantID: "acme", Role: "admin "}, member},
		"roles in a list":          {fakeidp.Claims{TenantID: "acme", Override: map[string]any{"role": []string{"owner"}}}, member},
		"role true":                {fakeidp.Claims{TenantID: "acme", Override: map[string]any{"role": true}}, member},
		"claim named Role":         {fakeidp.Claims{TenantID: "acme", Override: map[string]any{"Role": "owner"}}, member},
		"claim named TENANT_ID":    {fakeidp.Claims{TenantID: "acme", Override: map[string]any{"TENANT_ID": "globex"}}, member},
		"signed in before":         {fakeidp.Claims{TenantID: "acme", Override: map[string]any{"auth_time": yesterday.Unix()}}, with(func(c *license.Caller) { c.SignedInAt = yesterday })},
		"longest user id":          {fakeidp.Claims{UserID: long, TenantID: "acme"}, with(func(c *license.Caller) { c.UserID = long })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.claims.UserID == "" {
				tt.claims.UserID = "u-1"
			}
			tt.claims.IssuedAt = now
			token := idp.IDToken(tt.claims)
			for range 2 { // verified, then from memory
				got, err := v.Verify(t.Context(), token)
				wantOK(t, err)
				if got != tt.want {
					t.Errorf("caller is %+v, want %+v", got, tt.want)
				}
			}
		})
	}
}

func TestVerifyRefusesTenants(t *testing.T) {
	idp, v := newWorld(t)
	override := func(value any) fakeidp.Claims {
		return fakeidp.Claims{UserID: "u-1", Override: map[string]any{"tenant_id": value}}
	}
	firebase := func(value any) fakeidp.Claims {
		return fakeidp.Claims{UserID: "u-1", TenantID: "acme", Override: map[string]any{"firebase": map[string]any{"tenant": value}}}
	}
	for name, c := range map[string]fakeidp.Claims{
		"none":                    {UserID: "u-1"},
		"two that differ":         {UserID: "u-1", TenantID: "acme", FirebaseTenant: "globex"},
		"path":                    override("../x"),
		"slash":                   override("acme/globex"),
		"braces":                  override("{acme}"),
		"upper case":              override("Acme"),
		"leading hyphen":          override("-acme"),
		"trailing line break":     override("acme\n"),
		"64 characters":           override(strings.Repeat("a", 64)),
		"number":                  override(7),
		"list":                    override([]string{"acme"}),
		"empty":                   override(""),
		"only in another case":    {UserID: "u-1", Override: map[string]any{"Tenant_ID": "acme"}},
		"empty, the other good":   {UserID: "u-1", FirebaseTenant: "acme", Override: map[string]any{"tenant_id": ""}},
		"good, the other empty":   firebase(""),
		"good, the other a path":  firebase("../acme"),
		"good, the other unclear": {UserID: "u-1", TenantID: "Globex", FirebaseTenant: "globex"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second would come from memory if refusals were kept
				caller, err := v.Verify(t.Context(), idp.IDToken(c))
				wantError(t, err, identity.ErrTenant)
				wantSilent(t, err, "acme", "globex", "u-1")
				if caller != (license.Caller{}) {
					t.Errorf("caller is %+v beside an error", caller)
				}
			}
		})
	}
}

// A tenant the Admin SDK cannot even read is a malformed token.
func TestVerifyRefusesTenantOfWrongType(t *testing.T) {
	idp, v := newWorld(t)
	for _, value := range []any{7, []string{"acme"}, map[string]any{"tenant": 7}} {
		_, err := v.Verify(t.Context(), idp.IDToken(fakeidp.Claims{
			UserID: "u-1", TenantID: "acme", Override: map[string]any{"firebase": value},
		}))
		wantError(t, err, identity.ErrUnauthenticated)
	}
}

// TestVerifyRefusesAnonymousUsers: a tenant that lets anybody in must not make
// anybody a member.
func TestVerifyRefusesAnonymousUsers(t *testing.T) {
	idp, v := newWorld(t)
	for provider, ok := range map[string]bool{
		"anonymous": false, "password": true, "custom": true, "google.com": true, "saml.acme": true,
	} {
		for name, claims := range map[string]fakeidp.Claims{
			"tenant":       {UserID: "u-1", FirebaseTenant: "acme", Override: map[string]any{"firebase": map[string]any{"tenant": "acme", "sign_in_provider": provider}}},
			"custom claim": {UserID: "u-1", TenantID: "acme", Override: map[string]any{"firebase": map[string]any{"sign_in_provider": provider}}},
		} {
			_, err := v.Verify(t.Context(), idp.IDToken(claims))
			if ok {
				wantOK(t, err)
			} else {
				wantError(t, err, identity.ErrUnauthenticated)
			}
			if t.Failed() {
				t.Fatalf("%s: signed in with %v", name, provider)
			}
		}
	}
}

func TestVerifyLifetime(t *testing.T) {
	tests := map[string]struct {
		issued, expires time.Duration // from now
		override        map[string]any
		ok              bool
	}{
		"fresh":                       {0, time.Hour, nil, true},
		"last second":                 {-time.Hour, time.Second, nil, true},
		"expires now":                 {-time.Hour, 0, nil, false},
		"expired a second ago":        {-time.Hour, -time.Second, nil, false},
		"expired within SDK's leeway": {-time.Hour, -299 * time.Second, nil, false},
		"issuer a minute ahead":       {time.Minute, time.Hour, nil, true},
		"issued in the future":        {61 * time.Second, time.Hour, nil, false},
		"no exp":                      {0, time.Hour, map[string]any{"exp": nil}, false},
		"exp as text":                 {0, time.Hour, map[string]any{"exp": "32503680000"}, false},
		"exp of a float":              {0, time.Hour, map[string]any{"exp": 1e300}, false},
		"exp past time.Time":          {0, time.Hour, map[string]any{"exp": int64(math.MaxInt64)}, false}, // the SDK's sum overflows
		"negative exp":                {0, time.Hour, map[string]any{"exp": -1}, false},
		"no iat":                      {0, time.Hour, map[string]any{"iat": nil}, false},
		"iat as text":                 {0, time.Hour, map[string]any{"iat": "0"}, false},
		"no auth_time":                {0, time.Hour, map[string]any{"auth_time": nil}, false},
		"auth_time to come":           {0, time.Hour, map[string]any{"auth_time": int64(32503680000)}, false},
		"auth_time zero":              {0, time.Hour, map[string]any{"auth_time": 0}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, v := newWorld(t)
				_, err := v.Verify(t.Context(), idp.IDToken(fakeidp.Claims{
					UserID: "u-1", TenantID: "acme", Override: tt.override,
					IssuedAt: time.Now().Add(tt.issued), ExpiresAt: time.Now().Add(tt.expires),
				}))
				if tt.ok {
					wantOK(t, err)
				} else {
					wantError(t, err, identity.ErrUnauthenticated)
				}
			})
		})
	}
}

// The strict checks follow the given clock, whatever the system's says.
func TestVerifyUsesGivenClock(t *testing.T) {
	idp := newIDP(t)
	now := time.Now()
	v := newVerifier(t, identity.Config{KeyClient: idp.Client(), Now: func() time.Time { return now }})
	token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme", ExpiresAt: now.Add(2 * time.Minute)})
	_, err := v.Verify(t.Context(), token)
	wantOK(t, err)
	now = now.Add(2*time.Minute + time.Second)
	_, err = v.Verify(t.Context(), token)
	wantError(t, err, identity.ErrUnauthenticated)
}

func TestCacheHonoursExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, v := newWorld(t)
		token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme", ExpiresAt: time.Now().Add(90 * time.Second)})
		for range 2 {
			_, err := v.Verify(t.Context(), token)
			wantOK(t, err)
			pass(45*time.Second - time.Nanosecond)
		}
		_, err := v.Verify(t.Context(), token)
		wantOK(t, err)
		pass(2 * time.Nanosecond) // 90 s have passed
		_, err = v.Verify(t.Context(), token)
		wantError(t, err, identity.ErrUnauthenticated)
	})
}

// A remembered token is taken without another look at its signature: also
// when its key has been withdrawn meanwhile, but not for longer than 5 minutes.
func TestCacheSparesSignatureForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, v := newWorld(t)
		idp.SetMaxAge(time.Minute)
		known := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
		unknown := idp.IDToken(fakeidp.Claims{UserID: "u-2", TenantID: "acme"})
		_, err := v.Verify(t.Context(), known)
		wantOK(t, err)
		wantOK(t, idp.Rotate())
		wantOK(t, idp.Rotate())

		pass(5*time.Minute - time.Second)
		_, err = v.Verify(t.Context(), unknown)
		wantError(t, err, identity.ErrUnauthenticated)
		_, err = v.Verify(t.Context(), known)
		wantOK(t, err)

		pass(time.Second)
		_, err = v.Verify(t.Context(), known)
		wantError(t, err, identity.ErrUnauthenticated)
	})
}

func TestVerifyConcurrently(t *testing.T) {
	idp, v := newWorld(t)
	tokens := map[string]string{}
	for _, org := range []string{"acme", "globex", "initech"} {
		tokens[org] = idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: org})
	}
	var all sync.WaitGroup
	for range 8 {
		for org, token := range tokens {
			all.Go(func() {
				for range 20 {
					caller, err := v.Verify(t.Context(), token)
					wantOK(t, err)
					if caller.OrganizationID != org {
						t.Errorf("token of %s is taken for %s", org, caller.OrganizationID)
					}
				}
			})
		}
	}
	all.Wait()
	if n := idp.Fetches(); n != 1 {
		t.Errorf("certificates were fetched %d times, want once", n)
	}
}

func TestNewRefusesEmulator(t *testing.T) {
	for _, value := range []string{"", "127.0.0.1:9099"} {
		t.Setenv("FIREBASE_AUTH_EMULATOR_HOST", value)
		if _, err := identity.New(t.Context(), identity.Config{ProjectID: project}); err == nil {
			t.Errorf("FIREBASE_AUTH_EMULATOR_HOST=%q is accepted", value)
		}
	}
}

func TestNewTellsEveryFault(t *testing.T) {
	_, err := identity.New(t.Context(), identity.Config{CacheSize: -1})
	for _, want := range []string{"project id", "cache size"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell of the %s", err, want)
		}
	}
}

func TestNewPassesOnFaultyOptions(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist.json")
	if _, err := identity.New(t.Context(), identity.Config{ProjectID: project, CheckRevoked: true}); err == nil {
		t.Error("a revocation check without credentials is accepted")
	}
}

// otherTransport is a default transport the Admin SDK cannot clone.
type otherTransport struct{ http.RoundTripper }

func TestNewLeavesDefaultTransport(t *testing.T) {
	original := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = original })
	for name, transport := range map[string]http.RoundTripper{"usual": original, "other": otherTransport{original}} {
		http.DefaultTransport = transport
		idp, v := newWorld(t)
		if http.DefaultTransport != transport {
			t.Errorf("%s: the default transport was exchanged", name)
		}
		_, err := v.Verify(t.Context(), idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"}))
		wantOK(t, err)
	}
}

func BenchmarkVerify(b *testing.B) {
	idp := newIDP(b)
	token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
	other := idp.IDToken(fakeidp.Claims{UserID: "u-2", TenantID: "acme"})
	b.Run("known", func(b *testing.B) {
		v := newVerifier(b, identity.Config{KeyClient: idp.Client()})
		for b.Loop() {
			_, err := v.Verify(b.Context(), token)
			wantOK(b, err)
		}
	})
	b.Run("new", func(b *testing.B) { // one remembered token, two that take turns
		v := newVerifier(b, identity.Config{KeyClient: idp.Client(), CacheSize: 1})
		for b.Loop() {
			token, other = other, token
			_, err := v.Verify(b.Context(), token)
			wantOK(b, err)
		}
	})
}
