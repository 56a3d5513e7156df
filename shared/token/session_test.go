package token_test

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestTheTokensLifeCountsFromTheGrant, by the ledger's clock, however late it is
// signed, and ends with the license.
func TestTheTokensLifeCountsFromTheGrant(t *testing.T) {
	b := newBenchWith(t, token.Config{Name: issuerName, TTL: tokenTTL}, fakekms.Config{Versions: []fakekms.VersionSpec{aged(365 * 24 * time.Hour)}})
	granted := start.Add(-tokenTTL / 2)
	s := license.Session{ID: "s-1", OrganizationID: "acme", Holder: license.Holder{LicenseID: "acme-pro", UserID: "u-1", HardwareID: "hw-1"}}
	for name, tt := range map[string]struct{ ends, want time.Time }{
		"a perpetual license": {time.Time{}, granted.Add(tokenTTL)},
		"a license that ends": {granted.Add(3 * tokenTTL / 4), granted.Add(3 * tokenTTL / 4)},
	} {
		lic := license.License{ID: "acme-pro", OrganizationID: "acme", Product: "studio", Plan: "pro", ExpiresAt: tt.ends}
		signed, err := b.ForSession(t.Context(), s, lic, granted)
		if err != nil || !signed.ExpiresAt.Equal(tt.want.Truncate(time.Second)) {
			t.Errorf("%s: it ends %v, %v; want %v", name, signed.ExpiresAt, err, tt.want)
			continue
		}
		claims, err := token.Verify(signed.Compact, b.keySet(t), granted, 0, issuerName, "studio")
		if err != nil || claims.IssuedAt != granted.Unix() || claims.ExpiresAt != tt.want.Unix() {
			t.Errorf("%s: %+v, %v", name, claims, err)
		}
	}
}
