package license

import "errors"

// Errors of access. A package that verifies callers wraps one of them with its
// own reason; the reason goes to the log, never into the answer.
var (
	// ErrUnauthenticated: the credentials are missing, malformed, expired,
	// wrongly signed or revoked.
	ErrUnauthenticated = errors.New("the caller could not be authenticated")
	// ErrTenant: the credentials are genuine but name no organization, or two
	// that differ.
	ErrTenant = errors.New("the credentials name no single organization")
	// ErrForbidden: the caller is known and its role does not allow the request.
	ErrForbidden = errors.New("the caller's role does not allow this")
)
