package identity_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/api/option"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
)

func checkingWorld(t *testing.T) (*fakeidp.IDP, *identity.Verifier) {
	t.Helper()
	idp := newIDP(t)
	return idp, newVerifier(t, identity.Config{
		KeyClient: idp.Client(), CheckRevoked: true,
		ClientOptions: []option.ClientOption{option.WithHTTPClient(idp.Client())},
	})
}

func TestVerifyFresh(t *testing.T) {
	for name, tt := range map[string]struct {
		happen func(idp *fakeidp.IDP, tenant string)
		want   error
	}{
		"nothing happened":      {func(*fakeidp.IDP, string) {}, nil},
		"revoked":               {func(idp *fakeidp.IDP, tenant string) { idp.Revoke(tenant, "u-1", time.Now()) }, identity.ErrUnauthenticated},
		"revoked long ago":      {func(idp *fakeidp.IDP, tenant string) { idp.Revoke(tenant, "u-1", time.Now().Add(-time.Hour)) }, nil},
		"disabled":              {func(idp *fakeidp.IDP, tenant string) { idp.Disable(tenant, "u-1") }, identity.ErrUnauthenticated},
		"deleted":               {func(idp *fakeidp.IDP, tenant string) { idp.Delete(tenant, "u-1") }, identity.ErrUnauthenticated},
		"a namesake is revoked": {func(idp *fakeidp.IDP, _ string) { idp.Revoke("globex", "u-1", time.Now()) }, nil},
	} {
		for kind, claims := range map[string]fakeidp.Claims{
			"project": {UserID: "u-1", TenantID: "acme"},
			"tenant":  {UserID: "u-1", FirebaseTenant: "acme"},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					idp, v := checkingWorld(t)
					token := idp.IDToken(claims)
					_, err := v.VerifyFresh(t.Context(), token)
					wantOK(t, err)
					pass(10 * time.Second)
					tt.happen(idp, claims.FirebaseTenant)
					caller, err := v.VerifyFresh(t.Context(), token)
					wantError(t, err, tt.want)
					wantSilent(t, err, "u-1", "acme")
					if (caller.UserID == "u-1") != (tt.want == nil) {
						t.Errorf("caller is %+v", caller)
					}
					if n := idp.Lookups(); n != 2 {
						t.Errorf("%d lookups, want one per call", n)
					}
				})
			})
		}
	}
}

func TestVerifyFreshWhenLookupIsAway(t *testing.T) {
	for name, mode := range outages() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, v := checkingWorld(t)
				token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
				_, err := v.Verify(t.Context(), token)
				wantOK(t, err)
				idp.SetMode(mode)
				began := time.Now()
				_, err = v.VerifyFresh(t.Context(), token)
				wantUnavailable(t, err)
				if d := time.Since(began); d > 3*time.Second {
					t.Errorf("the answer took %v", d)
				}
				_, err = v.Verify(t.Context(), token) // known, and without the check
				wantOK(t, err)
			})
		})
	}
}

func TestVerifyFreshRefusesBeforeItAsks(t *testing.T) {
	idp, v := checkingWorld(t)
	for name, c := range map[string]struct {
		claims fakeidp.Claims
		want   error
	}{
		"expired":          {fakeidp.Claims{UserID: "u-1", TenantID: "acme", IssuedAt: time.Now().Add(-2 * time.Hour)}, identity.ErrUnauthenticated},
		"other project":    {fakeidp.Claims{UserID: "u-1", TenantID: "acme", Override: map[string]any{"aud": "x"}}, identity.ErrUnauthenticated},
		"unknown key":      {fakeidp.Claims{UserID: "u-1", FirebaseTenant: "acme", Header: map[string]any{"kid": "x"}}, identity.ErrUnauthenticated},
		"malformed tenant": {fakeidp.Claims{UserID: "u-1", FirebaseTenant: "../../x"}, identity.ErrTenant},
	} {
		_, err := v.VerifyFresh(t.Context(), idp.IDToken(c.claims))
		if n := idp.Lookups(); n != 0 {
			t.Errorf("%s: Identity Platform was asked", name)
		}
		wantError(t, err, c.want)
	}
}

// Without CheckRevoked the two are the same, and nothing is asked.
func TestVerifyFreshUnchecked(t *testing.T) {
	idp, v := newWorld(t)
	token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
	idp.Disable("", "u-1")
	_, err := v.VerifyFresh(t.Context(), token)
	wantOK(t, err)
	if n := idp.Lookups(); n != 0 {
		t.Errorf("%d lookups, want none", n)
	}
}

func TestVerifyFreshKeepsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, v := checkingWorld(t)
		token := idp.IDToken(fakeidp.Claims{UserID: "u-1", TenantID: "acme"})
		_, err := v.VerifyFresh(t.Context(), token)
		wantOK(t, err)
		idp.SetMode(fakeidp.Hanging)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err = v.VerifyFresh(ctx, token)
		wantUnavailable(t, err)
		if d := time.Since(began); d != 50*time.Millisecond {
			t.Errorf("the answer took %v", d)
		}
	})
}
