package license

import (
	"errors"
	"fmt"
	"time"
)

// Errors without further facts. They cross packages by errors.Is; only
// shared/web turns them into answers.
var (
	// ErrOrganizationNotFound: no such organization.
	ErrOrganizationNotFound = errors.New("organization not found")
	// ErrLicenseNotFound: the caller's organization has no such license.
	ErrLicenseNotFound = errors.New("license not found")
	// ErrSessionNotFound: the caller has no such session.
	ErrSessionNotFound = errors.New("session not found")
	// ErrUserNotFound: the caller's organization has no such user.
	ErrUserNotFound = errors.New("user not found")
	// ErrWebhookNotFound: the caller's organization has no such webhook.
	ErrWebhookNotFound = errors.New("webhook not found")
	// ErrDeliveryNotFound: the webhook has no such delivery.
	ErrDeliveryNotFound = errors.New("delivery not found")
	// ErrKeyNotFound: no key of this name signs license tokens.
	ErrKeyNotFound = errors.New("signing key not found")
	// ErrEmailTaken: there is an account with this address already.
	ErrEmailTaken = errors.New("there is an account with this address already")
	// ErrLastOwner: the change would leave the organization without an owner.
	ErrLastOwner = errors.New("it is the organization's last owner")
	// ErrExists: there is an organization or a license of this id already.
	ErrExists = errors.New("there is one of this id already")
	// ErrStale: what is to be changed is no longer at the revision that the change was
	// made for.
	ErrStale = errors.New("it has changed since that revision")
	// ErrKeyReused: the idempotency key came with another request before.
	ErrKeyReused = errors.New("the idempotency key came with another request before")
	// ErrSecretTold: the request with this key was answered with a secret, once.
	ErrSecretTold = errors.New("the secret was told once, and is kept nowhere")
	// ErrInUse: it cannot go while it is active, or while somebody has a seat of it.
	ErrInUse = errors.New("it is still in use")
	// ErrOrganizationInactive: the organization's status is not active.
	ErrOrganizationInactive = errors.New("organization is not active")
	// ErrLicenseInactive: the license's status is not active.
	ErrLicenseInactive = errors.New("license is not active")
	// ErrLicenseExpired: the license's expiry has passed.
	ErrLicenseExpired = errors.New("license has expired")
)

// Limit names the cap that refused a seat.
type Limit string

// The caps on seats, of which the user's is that of one user's sessions under a license,
// and the one on tokens: a seat is free, and too many tokens of those who held it before
// are still good.
const (
	LimitLicense      Limit = "license"
	LimitUser         Limit = "user"
	LimitOrganization Limit = "organization"
	LimitHandover     Limit = "handover"
)

// MaxOwnSessions is how many of its own sessions a refused user is told.
const MaxOwnSessions = 10

// NoSeatsError says that every seat was held by a living session, that the user has as
// many as one user may, or that a free one could not pass on yet.
type NoSeatsError struct {
	// Limit is the cap that was reached.
	Limit Limit
	// Used and Max are that cap's living sessions and size; of [LimitLicense] those
	// of all licenses that could have given a seat, of [LimitHandover] tokens.
	Used, Max int
	// RetryAfter is how long until the earliest of those sessions could expire, or
	// the earliest of those tokens ends.
	RetryAfter time.Duration
	// LicenseID is whose limit it is, of [LimitUser].
	LicenseID string
	// Own are the caller's sessions under that license, of [LimitUser]: the newest, at most
	// [MaxOwnSessions]. LastHeartbeatAt is zero where it is not known. None are told where
	// they could not be found out.
	Own []Session
}

func (e *NoSeatsError) Error() string {
	return fmt.Sprintf("no seats available: %d of %d of the %s are in use", e.Used, e.Max, e.Limit)
}

// AmbiguousError says that a request which names neither a license nor a product
// could mean several products.
type AmbiguousError struct {
	// LicenseIDs are the usable licenses to choose from, ascending.
	LicenseIDs []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d licenses could be meant", len(e.LicenseIDs))
}

// TakenError says that an organization cannot have a value, because another one has it.
type TakenError struct {
	// Field is the field's name in the document.
	Field string
}

func (e *TakenError) Error() string { return "another organization has this " + e.Field }

// SessionEndedError says that a session is over, for good.
type SessionEndedError struct {
	Reason EndReason
}

func (e *SessionEndedError) Error() string { return "session ended: " + string(e.Reason) }

// UnavailableError wraps the failure of a backend. The same request can
// succeed later without a change.
type UnavailableError struct {
	// Backend is the part that failed: redis, firestore, kms, identity; seats where
	// no backend failed and the protocol came to no end in time.
	Backend string
	// RetryAfter is a hint to the client; zero leaves it to the HTTP layer.
	RetryAfter time.Duration
	// Detail is a sentence or two for the client; empty leaves it to the HTTP layer.
	Detail string
	Err    error
}

func (e *UnavailableError) Error() string { return e.Backend + " unavailable: " + e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

// Backend names the part whose failure err is, for the log; empty if it is none.
func Backend(err error) string {
	if e, ok := errors.AsType[*UnavailableError](err); ok {
		return e.Backend
	}
	return ""
}
