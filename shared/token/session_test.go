package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func seat() license.Session {
	return license.Session{
		ID: "0199a000-0000-7000-8000-000000000001", OrganizationID: "acme",
		Holder: license.Holder{LicenseID: "acme-pro", UserID: "u-1", HardwareID: "hw-1"},
	}
}

func pro(ends time.Time) license.License {
	return license.License{ID: "acme-pro", OrganizationID: "acme", Product: "studio", Plan: "pro", Entitlements: []string{"export"}, ExpiresAt: ends}
}

func newIssuer(t *testing.T) *bench {
	t.Helper()
	return newBenchWith(t, token.Config{Name: issuerName, TTL: tokenTTL}, fakekms.Config{Versions: []fakekms.VersionSpec{aged(365 * 24 * time.Hour)}})
}

// TestTheTokensLifeCountsFromTheGrant, by the ledger's clock, however late it is
// signed: else slow signing makes tokens that outlive their sessions. It ends
// with the license.
func TestTheTokensLifeCountsFromTheGrant(t *testing.T) {
	granted := start.Add(-7 * time.Minute)
	for name, tt := range map[string]struct{ ends, want time.Time }{
		"a perpetual license": {time.Time{}, granted.Add(tokenTTL).Truncate(time.Second)},
		"a license that ends": {granted.Add(10 * time.Minute), granted.Add(10 * time.Minute).Truncate(time.Second)},
	} {
		b := newIssuer(t)
		for how, sign := range map[string]func() (token.Token, error){
			"new":   func() (token.Token, error) { return b.ForSession(t.Context(), seat(), pro(tt.ends), granted) },
			"again": func() (token.Token, error) { return b.ForSessionAgain(t.Context(), seat(), pro(tt.ends), granted) },
		} {
			signed, err := sign()
			if err != nil || !signed.ExpiresAt.Equal(tt.want) {
				t.Errorf("%s, %s: it ends %v, %v; want %v", name, how, signed.ExpiresAt, err, tt.want)
			}
			claims, err := token.Verify(signed.Compact, b.keySet(t), granted, 0, issuerName, "studio")
			if err != nil || claims.IssuedAt != granted.Unix() || claims.ExpiresAt != tt.want.Unix() {
				t.Errorf("%s, %s: %+v, %v", name, how, claims, err)
			}
		}
	}
}

func TestALicenseThatEndedBeforeTheGrant(t *testing.T) {
	b := newIssuer(t)
	if _, err := b.ForSession(t.Context(), seat(), pro(start.Add(-time.Minute)), start); !errors.Is(err, license.ErrLicenseExpired) {
		t.Errorf("got %v", err)
	}
}

// TestATokenIsMadeAgainOnlyWhenItMust: for a session that was found, the token this
// process made for it will do while it is fresh and all it says is still true.
func TestATokenIsMadeAgainOnlyWhenItMust(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration
		ends  time.Time
		same  bool
	}{
		"at once":                  {0, time.Time{}, true},
		"within half its life":     {29 * time.Minute, time.Time{}, true},
		"later":                    {31 * time.Minute, time.Time{}, false},
		"a license that ends soon": {0, start.Add(time.Minute), false},
	} {
		b := newIssuer(t)
		first, err := b.ForSession(t.Context(), seat(), pro(time.Time{}), start)
		if err != nil {
			t.Fatal(err)
		}
		b.kms.ResetCalls()
		again, err := b.ForSessionAgain(t.Context(), seat(), pro(tt.ends), start.Add(tt.after))
		if err != nil || (again == first) != tt.same || (b.kms.Calls(fakekms.MethodSign) == 0) != tt.same {
			t.Errorf("%s: the same %v, %v; want %v", name, again == first, err, tt.same)
		}
		if _, err := b.ForSession(t.Context(), seat(), pro(tt.ends), start.Add(tt.after)); err != nil || b.kms.Calls(fakekms.MethodSign) == 0 {
			t.Errorf("%s: asked for a new one, it is not signed: %v", name, err)
		}
	}
}
