package license

import "errors"

// Errors of access. A package that verifies callers wraps one of them with its
// own reason; the reason goes to the log, never into the answer, unless it is an
// [*UnauthenticatedError].
var (
	// ErrUnauthenticated: the credentials are missing, malformed, expired,
	// wrongly signed or revoked.
	ErrUnauthenticated = errors.New("the caller could not be authenticated")
	// ErrTenant: the credentials are genuine but name no organization, or two
	// that differ.
	ErrTenant = errors.New("the credentials name no single organization")
	// ErrForbidden: the caller is known and its role does not allow the request.
	ErrForbidden = errors.New("the caller's role does not allow this")
	// ErrSignInTooOld: the caller may do this, and has to sign in again first.
	ErrSignInTooOld = errors.New("the caller's sign-in is too old for this")
)

// UnauthenticatedError is [ErrUnauthenticated] with a reason that its sender is
// told, because it is a mistake anybody makes: a token that expired, or of another
// kind.
type UnauthenticatedError struct {
	// Problem is what is wrong, as a sentence without its full stop, of printable
	// ASCII without quotes and backslashes (error_description of RFC 6750, section 3).
	// It says nothing that was in the token.
	Problem string
	// Remedy is what to do, in whole sentences.
	Remedy string
}

func (e *UnauthenticatedError) Error() string { return ErrUnauthenticated.Error() + ": " + e.Problem }

func (e *UnauthenticatedError) Unwrap() error { return ErrUnauthenticated }
