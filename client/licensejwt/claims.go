// Package licensejwt is the license token as its readers see it: the claims
// and their offline verification: [Verify] for a program that has the key set from
// the service itself, [Roots] for one that trusts the vendor's root keys alone. It
// knows nothing of how tokens are made, so that a program which only checks its
// license does not link a cloud client.
package licensejwt

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Type is the `typ` header of every license token (RFC 7519, section 5.1). It
// tells license tokens from any other JWT the same key could ever sign
// (RFC 8725, section 3.11).
const Type = "license+jwt"

// NotBeforeMargin is how long before its grant a license token is already
// valid. Without it a client whose clock is a little slow would refuse the token
// it was just given; a token has no use before its grant, so nothing is risked.
const NotBeforeMargin = 60 * time.Second

// Claims is what a license token says. Times are NumericDate (RFC 7519, section
// 2): whole seconds since 1970-01-01 UTC.
type Claims struct {
	// Issuer is the license service's own name, an https URL.
	Issuer string `json:"iss"`
	// Audience is the product the license is for; always exactly one.
	Audience string `json:"aud"`
	// Subject is the user id of the session's holder.
	Subject string `json:"sub"`
	// SessionID is the session whose seat this token stands for.
	SessionID string `json:"jti"`
	// IssuedAt is the seat ledger's time of the grant or renewal, not of signing.
	IssuedAt int64 `json:"iat"`
	// NotBefore is IssuedAt less [NotBeforeMargin].
	NotBefore int64 `json:"nbf"`
	// ExpiresAt is the first second at which the token is no longer valid.
	ExpiresAt int64 `json:"exp"`
	// TenantID is the organization that owns the license.
	TenantID string `json:"tenant_id"`
	// LicenseID is the license, unique within its organization.
	LicenseID string `json:"license_id"`
	// Plan is the vendor's name for the edition sold; may be empty.
	Plan string `json:"plan"`
	// Entitlements are the features sold; an array in JSON also when empty.
	Entitlements []string `json:"entitlements"`
	// HardwareID is the machine the seat was taken on. A client compares it with
	// its own fingerprint: a token carried to another machine is not a license there.
	HardwareID string `json:"hardware_id"`
	// InstanceID tells copies on one machine apart; absent when empty.
	InstanceID string `json:"instance_id,omitempty"`
}

// MarshalJSON writes the claims with `entitlements` as an array, never null:
// clients in typed languages would stumble over null.
func (c Claims) MarshalJSON() ([]byte, error) {
	type plain Claims
	if c.Entitlements == nil {
		c.Entitlements = []string{}
	}
	return json.Marshal(plain(c))
}

// Validate reports every required claim that is missing and times out of
// order. It does not compare anything with a clock.
func (c Claims) Validate() error {
	required := []struct{ name, value string }{
		{"iss", c.Issuer},
		{"aud", c.Audience},
		{"sub", c.Subject},
		{"jti", c.SessionID},
		{"tenant_id", c.TenantID},
		{"license_id", c.LicenseID},
		{"hardware_id", c.HardwareID},
	}
	var faults []error
	for _, r := range required {
		if r.value == "" {
			faults = append(faults, fmt.Errorf("claim %s is missing", r.name))
		}
	}
	if c.NotBefore <= 0 || c.IssuedAt < c.NotBefore || c.ExpiresAt < c.IssuedAt {
		faults = append(faults, errors.New("claims nbf, iat, exp are missing or out of order"))
	}
	return errors.Join(faults...)
}
