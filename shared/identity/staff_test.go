package identity_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

const (
	controlURL = "https://control.example"
	eve        = "eve@vendor.example"
	billing    = "billing@coditect-test.iam.gserviceaccount.com"
)

func newStaff(t *testing.T, idp *fakeidp.IDP, accounts ...string) *identity.Staff {
	t.Helper()
	s, err := identity.NewStaff(identity.StaffConfig{Audience: controlURL, Accounts: accounts, KeyClient: idp.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestStaffVerify(t *testing.T) {
	with := func(email string, override map[string]any) fakeidp.SchedulerClaims {
		return fakeidp.SchedulerClaims{Audience: controlURL, Email: email, Override: override}
	}
	synctest.Test(t, func(t *testing.T) {
		idp := newIDP(t)
		s := newStaff(t, idp, eve, billing, "@staff.example")
		for name, tt := range map[string]struct {
			claims fakeidp.SchedulerClaims
			want   error
		}{
			"a person":                {with(eve, nil), nil},
			"a program":               {with(billing, nil), nil},
			"of the domain":           {with("ann@staff.example", map[string]any{"hd": "staff.example"}), nil},
			"by the address alone":    {with("ann@staff.example", nil), identity.ErrForbidden},
			"of another domain":       {with("ann@staff.example", map[string]any{"hd": "evil.example"}), identity.ErrForbidden},
			"of a domain without end": {with("ann@x.example", map[string]any{"hd": ""}), identity.ErrForbidden},
			"a stranger":              {with("bob@vendor.example", nil), identity.ErrForbidden},
			"an address not verified": {with(eve, map[string]any{"email_verified": false}), identity.ErrForbidden},
			"no address":              {with(eve, map[string]any{"email": nil}), identity.ErrForbidden},
			"another issuer":          {with(eve, map[string]any{"iss": "https://evil.example"}), identity.ErrUnauthenticated},
			"another audience":        {with(eve, map[string]any{"aud": reaperURL}), identity.ErrUnauthenticated},
			"expired":                 {with(eve, map[string]any{"exp": time.Now().Unix()}), identity.ErrUnauthenticated},
		} {
			caller, err := s.Verify(t.Context(), idp.SchedulerToken(tt.claims))
			if want := (license.Caller{UserID: tt.claims.Email, Role: license.RoleService, Email: tt.claims.Email}); tt.want == nil && (err != nil || caller != want) {
				t.Errorf("%s: %+v, %v", name, caller, err)
			}
			if tt.want != nil {
				wantError(t, err, tt.want)
				if caller != (license.Caller{}) {
					t.Errorf("%s: refused, and called %+v", name, caller)
				}
			}
		}
	})
}

func TestNobodyIsStaffByDefault(t *testing.T) {
	for _, cfg := range []identity.StaffConfig{
		{},
		{Audience: controlURL},
		{Accounts: []string{eve}},
		{Audience: controlURL, Accounts: []string{""}},
		{Audience: controlURL, Accounts: []string{"eve"}},
		{Audience: controlURL, Accounts: []string{"@"}},
	} {
		if _, err := identity.NewStaff(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}
