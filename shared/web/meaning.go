package web

import (
	"context"
	"errors"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// scope says which operations can answer with a code although they do not
// declare it. The zero value is none.
type scope int

const (
	whereDeclared scope = iota
	everywhere
	whereSignedIn
	whereUsers
	wherePeople
	whereRoles
	whereRecent
	whereRead
	whereSized
)

// ErrNotFound is a handler's answer for what its path names and does not exist,
// where the code is [api.NotFound].
var ErrNotFound = errors.New("there is nothing of this name")

// ErrNoRevision is a handler's answer to a change without If-Match.
var ErrNoRevision = errors.New("a change without the revision it was made for")

// meaning is what the service adds to a code's row in the table of client/api.
// A code that needs none of it has no line here.
type meaning struct {
	code api.Code
	// scope is where the funnel itself answers with the code.
	scope scope
	// err is the error that means the code; nil where an error's type does.
	err error
	// example is a fault for the document; nil shows the code alone.
	example func() *fault
}

// meanings are in the order in which errors are looked up.
func meanings() []meaning {
	return []meaning{
		{code: api.InvalidRequest, scope: everywhere, example: exampleInvalid},
		{code: api.Unauthenticated, scope: whereSignedIn, err: license.ErrUnauthenticated},
		{code: api.SignInTooOld, scope: whereRecent, err: license.ErrSignInTooOld},
		{code: api.TenantMissing, scope: whereUsers, err: license.ErrTenant},
		{code: api.Forbidden, scope: whereRoles, err: license.ErrForbidden},
		{code: api.OrganizationInactive, err: license.ErrOrganizationInactive},
		{code: api.LicenseInactive, err: license.ErrLicenseInactive},
		{code: api.LicenseExpired, err: license.ErrLicenseExpired},
		{code: api.NotFound, scope: everywhere, err: ErrNotFound},
		{code: api.OrganizationNotFound, err: license.ErrOrganizationNotFound},
		{code: api.LicenseNotFound, err: license.ErrLicenseNotFound},
		{code: api.SessionNotFound, err: license.ErrSessionNotFound},
		{code: api.UserNotFound, err: license.ErrUserNotFound},
		{code: api.WebhookNotFound, err: license.ErrWebhookNotFound},
		{code: api.DeliveryNotFound, err: license.ErrDeliveryNotFound},
		{code: api.KeyNotFound, err: license.ErrKeyNotFound},
		{code: api.MethodNotAllowed, scope: everywhere, example: exampleMethod},
		{code: api.NoSeatsAvailable, example: exampleNoSeats},
		{code: api.LicenseAmbiguous, example: exampleAmbiguous},
		{code: api.AlreadyExists, example: exists},
		{code: api.EmailTaken, err: license.ErrEmailTaken},
		{code: api.LastOwner, err: license.ErrLastOwner},
		{code: api.InUse, err: license.ErrInUse},
		{code: api.IdempotencyKeyReused, err: license.ErrKeyReused},
		{code: api.SecretTold, err: license.ErrSecretTold},
		{code: api.RequestTimeout, scope: whereRead},
		{code: api.SessionEnded, example: exampleEnded},
		{code: api.PreconditionFailed, err: license.ErrStale},
		{code: api.PayloadTooLarge, scope: whereSized},
		{code: api.UnsupportedMediaType, scope: whereRead},
		{code: api.PreconditionRequired, err: ErrNoRevision},
		{code: api.RateLimited, scope: wherePeople, example: exampleRateLimited},
		{code: api.Internal, scope: everywhere},
		{code: api.Unavailable, scope: everywhere, err: context.DeadlineExceeded},
	}
}

// exampleFault is a fault of the code as the funnel would make it.
func exampleFault(code api.Code) *fault {
	for _, m := range meanings() {
		if m.code == code && m.example != nil {
			return m.example()
		}
	}
	return &fault{code: code}
}

func exampleInvalid() *fault {
	return &fault{code: api.InvalidRequest, fields: oneField("hardware_id", "is required")}
}

func exampleMethod() *fault { return &fault{code: api.MethodNotAllowed, allow: "POST"} }

func exampleRateLimited() *fault { return &fault{code: api.RateLimited, retryAfter: time.Second} }

func exampleNoSeats() *fault {
	return noSeats(&license.NoSeatsError{Limit: license.LimitLicense, Used: 10, Max: 10, RetryAfter: 42 * time.Second})
}

func exampleAmbiguous() *fault {
	return ambiguous(&license.AmbiguousError{LicenseIDs: []string{"acme-lab", "acme-pro"}})
}

func exampleEnded() *fault { return ended(&license.SessionEndedError{Reason: license.EndExpired}) }
