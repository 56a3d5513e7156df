// Package token makes license tokens: compact JWS (RFC 7515) whose signature
// comes from an RSA-4096 key in Cloud KMS that never leaves it, and publishes the
// keys to check them with. Reading tokens is [licensejwt]'s part.
package token

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Claims is what a license token says; see [licensejwt.Claims].
type Claims = licensejwt.Claims

// NewClaims is what the token of session s on license lic says. now is the seat
// ledger's time of the grant or renewal (a token's life never counts from
// signing, however slow) and expires the end of the token's life, usually
// [license.TokenExpiry]; both are rounded down to whole seconds, so that a token
// never outlives what was granted.
func NewClaims(issuer string, s license.Session, lic license.License, now, expires time.Time) Claims {
	entitlements := slices.Clone(lic.Entitlements)
	if entitlements == nil {
		entitlements = []string{}
	}
	return Claims{
		Issuer:       issuer,
		Audience:     lic.Product,
		Subject:      s.UserID,
		SessionID:    s.ID,
		IssuedAt:     now.Unix(),
		NotBefore:    now.Add(-licensejwt.NotBeforeMargin).Unix(),
		ExpiresAt:    expires.Unix(),
		TenantID:     s.OrganizationID,
		LicenseID:    lic.ID,
		Plan:         lic.Plan,
		Entitlements: entitlements,
		HardwareID:   s.HardwareID,
		InstanceID:   s.InstanceID,
	}
}

// Verify is [licensejwt.Verify], for code that has this package at hand anyway.
// Programs that only check licenses import licensejwt, which needs no cloud client.
func Verify(compact string, keys jose.JSONWebKeySet, now time.Time, leeway time.Duration, issuer, audience string) (Claims, error) {
	return licensejwt.Verify(compact, keys, now, leeway, issuer, audience)
}
