// Package identity tells who is calling: users by their Identity Platform ID
// token ([Verifier]), Cloud Scheduler by its Google-signed OIDC token
// ([Scheduler]).
//
// Signature, issuer and audience are judged by Google's own libraries; this
// package adds what they leave open (strict expiry, a token's exact spelling,
// the organization) and stands between them and Google's certificate servers,
// so that an outage there does not lock out everybody.
package identity

import (
	"fmt"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Errors of both verifiers: the domain's own values under this package's names,
// so that shared/web knows them. What wraps them is for logs: fixed sentences
// of this package, never a part of a token. A backend that could not be asked is
// [*license.UnavailableError] instead, with Backend "identity": a caller must
// not be told that its token is bad because Google was out of reach.
var (
	// ErrUnauthenticated: the token is missing, malformed, expired, revoked, or
	// not signed for this service (401).
	ErrUnauthenticated = license.ErrUnauthenticated
	// ErrTenant: the token is genuine but names no organization, a malformed
	// one, or two that differ (403 tenant_missing).
	ErrTenant = license.ErrTenant
	// ErrForbidden: the token is genuine but belongs to another account than
	// the one this endpoint is for (403).
	ErrForbidden = license.ErrForbidden
)

// refuse is ErrUnauthenticated with the reason for the log alone: what the
// scheduler's caller is refused for is nobody else's business.
func refuse(reason string) error { return fmt.Errorf("%w: %s", ErrUnauthenticated, reason) }

// unavailable reports that Google could not be asked.
func unavailable(err error) error {
	return &license.UnavailableError{Backend: "identity", Err: err}
}
