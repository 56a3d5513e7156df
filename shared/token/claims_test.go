package token_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

func TestNewClaimsSaysAllOfTheDesign(t *testing.T) {
	s := license.Session{
		ID: "s-1", OrganizationID: "acme",
		Holder: license.Holder{LicenseID: "acme-pro", UserID: "u-1", HardwareID: "hw-1", InstanceID: "i-1"},
	}
	lic := license.License{ID: "acme-pro", OrganizationID: "acme", Product: "studio", Plan: "pro", Entitlements: []string{"export", "render"}}
	raw, err := json.Marshal(token.NewClaims(issuerName, s, lic, start, start.Add(tokenTTL)))
	if err != nil {
		t.Fatal(err)
	}
	// start is 10:00:00.7: every time is rounded down, nbf is a minute before iat.
	want := `{"iss":"https://licenses.example.com","aud":"studio","sub":"u-1","jti":"s-1",` +
		`"iat":1795428000,"nbf":1795427940,"exp":1795431600,"tenant_id":"acme","license_id":"acme-pro",` +
		`"plan":"pro","entitlements":["export","render"],"hardware_id":"hw-1","instance_id":"i-1"}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func TestNewClaimsCopiesEntitlements(t *testing.T) {
	lic := license.License{Entitlements: []string{"export"}}
	claims := token.NewClaims(issuerName, license.Session{}, lic, start, start)
	lic.Entitlements[0] = "changed"
	if claims.Entitlements[0] != "export" {
		t.Error("claims share memory with the cached license")
	}
	if none := token.NewClaims(issuerName, license.Session{}, license.License{}, start, start); none.Entitlements == nil {
		t.Error("no entitlements are null")
	}
}

func TestATokenNeverOutlivesItsLicense(t *testing.T) {
	lic := license.License{ExpiresAt: start.Add(10*time.Minute + 900*time.Millisecond)}
	claims := token.NewClaims(issuerName, license.Session{}, lic, start, license.TokenExpiry(lic, start.Add(tokenTTL)))
	if end := time.Unix(claims.ExpiresAt, 0); end.After(lic.ExpiresAt) || lic.ExpiresAt.Sub(end) >= time.Second {
		t.Errorf("token ends %v, license %v", end, lic.ExpiresAt)
	}
}
