package identity_test

import (
	"strings"
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
		{Audience: controlURL, Accounts: []string{eve, "@gmail.com"}},
		{Audience: controlURL + "," + reaperURL, Accounts: []string{eve}},
	} {
		if _, err := identity.NewStaff(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// TestStaffTellsEveryFault: each account that is none, by its place and not by itself.
func TestStaffTellsEveryFault(t *testing.T) {
	_, err := identity.NewStaff(identity.StaffConfig{Accounts: []string{eve, "eve", billing, "@gmail.com"}})
	for _, want := range []string{"audience", "account 2 ", "account 4 "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell of %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "account 1 ") {
		t.Errorf("a good account is faulted: %v", err)
	}
}

// TestStaffBehindIAM: as of the scheduler, a token without its signature is taken only
// where Cloud Run is said to have checked it, and only of those who may call.
func TestStaffBehindIAM(t *testing.T) {
	idp := newIDP(t)
	behind, err := identity.NewStaff(identity.StaffConfig{Audience: controlURL, Accounts: []string{eve}, KeyClient: idp.Client(), IAMChecked: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(behind.Close)
	stripped := func(audience, email string) string {
		signed := idp.SchedulerToken(fakeidp.SchedulerClaims{Audience: audience, Email: email})
		return signed[:strings.LastIndexByte(signed, '.')+1] + "SIGNATURE_REMOVED_BY_GOOGLE"
	}
	_, err = behind.Verify(t.Context(), stripped(controlURL, eve))
	wantOK(t, err)
	_, err = behind.Verify(t.Context(), stripped(controlURL, "bob@vendor.example"))
	wantError(t, err, identity.ErrForbidden)
	_, err = behind.Verify(t.Context(), stripped(reaperURL, eve))
	wantError(t, err, identity.ErrUnauthenticated)
	_, err = newStaff(t, idp, eve).Verify(t.Context(), stripped(controlURL, eve))
	wantError(t, err, identity.ErrUnauthenticated)
}

func TestCheckStaffAccount(t *testing.T) {
	for account, good := range map[string]bool{
		eve: true, billing: true, "@vendor.example": true, "o'neil+x@mail.vendor.example": true, "eve@gmail.com": true,
		"": false, "eve": false, "@": false, "eve@": false, "@vendor": false, "Eve@vendor.example": false, "@Vendor.example": false,
		"eve@vendor.example,bob@vendor.example": false, "eve@vendor.example ": false, "Eve <eve@vendor.example>": false,
		"user:eve@vendor.example": false, "eve@bob@vendor.example": false, "*@vendor.example": false, "@vendor.example.": false,
		"@gmail.com": false, "@googlemail.com": false,
	} {
		if err := identity.CheckStaffAccount(account); (err == nil) != good {
			t.Errorf("%q: %v", account, err)
		}
	}
}
