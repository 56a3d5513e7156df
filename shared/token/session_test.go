package token_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// forSessions is an issuer of one-hour tokens over the KMS stand-in.
func forSessions(t *testing.T) (*token.Issuer, *fakekms.Server) {
	t.Helper()
	server, err := fakekms.New(fakekms.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client, err := kms.NewKeyManagementClient(t.Context(), server.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	issuer, err := token.NewIssuer(token.Config{Key: server.Key(), Name: issuerName, ActivationDelay: delay, Deadline: patience}, client)
	if err != nil {
		t.Fatal(err)
	}
	return issuer, server
}

func held() (license.Session, license.License) {
	session := license.Session{
		ID: "0199aaaa-0000-7000-8000-000000000001", OrganizationID: "acme",
		Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw-1", InstanceID: "i-1"},
	}
	return session, license.License{
		ID: "pro", OrganizationID: "acme", Product: "studio", Plan: "gold", MaxSeats: 7,
		Status: license.StatusActive, Entitlements: []string{"export"},
	}
}

// TestTheTokensLifeCountsFromTheGrant, by the ledger's clock, however late it is
// signed, and ends with the license.
func TestTheTokensLifeCountsFromTheGrant(t *testing.T) {
	issuer, _ := forSessions(t)
	raw, err := issuer.JWKS(t.Context())
	var keys jose.JSONWebKeySet
	if err := errors.Join(err, json.Unmarshal(raw, &keys)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ends, want time.Time
	}{
		"a perpetual license": {time.Time{}, start.Add(time.Hour).Truncate(time.Second)},
		"a license that ends": {start.Add(10 * time.Minute), start.Add(10 * time.Minute).Truncate(time.Second)},
	} {
		s, lic := held()
		lic.ExpiresAt = tt.ends
		signed, err := issuer.ForSession(t.Context(), s, lic, start, start.Add(time.Hour))
		if err != nil || !signed.ExpiresAt.Equal(tt.want) {
			t.Errorf("%s: it ends %v, %v; want %v", name, signed.ExpiresAt, err, tt.want)
		}
		claims, err := token.Verify(signed.Compact, keys, start, 0, issuerName, "studio")
		if err != nil || claims.IssuedAt != start.Unix() || claims.ExpiresAt != tt.want.Unix() {
			t.Errorf("%s: %+v, %v", name, claims, err)
		}
		if claims.TenantID != "acme" || claims.LicenseID != "pro" || claims.Plan != "gold" || claims.HardwareID != "hw-1" || claims.Subject != "ann" {
			t.Errorf("%s: %+v", name, claims)
		}
	}
	s, lic := held()
	lic.ExpiresAt = start.Add(-time.Minute)
	if _, err := issuer.ForSession(t.Context(), s, lic, start, start.Add(time.Hour)); !errors.Is(err, license.ErrLicenseExpired) {
		t.Errorf("a license that ended before the grant: %v", err)
	}
}
