// Package acquire is the function that hands out seats. It also publishes what
// needs no caller: the keys of license tokens and the API's description.
package acquire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Deps is what the function works with.
type Deps struct {
	Authenticate web.Authenticator
	Entitlements *record.Cache
	Seats        *seats.Protocol
	Tokens       *token.Issuer
	// HeartbeatInterval is how often a holder is asked to send a heartbeat.
	HeartbeatInterval time.Duration
	// Now judges the expiry of licenses; the seats' own times are the ledger's.
	Now func() time.Time
	// Document is the OpenAPI document of all functions, in JSON.
	Document []byte
}

// New makes the function.
func New(opts web.Options, deps Deps) *web.App {
	f := &function{deps}
	return web.NewApp(opts, web.Authenticators{web.AccessUser: deps.Authenticate}, f.routes()...)
}

// Operations are what the function serves.
func Operations() []web.Operation { return web.Operations((*function)(nil).routes()...) }

type function struct{ Deps }

func (f *function) routes() []web.Route {
	return append(f.publicRoutes(), web.Handle(web.Operation{
		ID: "acquire", Method: http.MethodPost, Path: api.PathAcquire, Body: web.BodyRequired,
		Summary:     "Take a seat",
		Description: "Takes a seat of a license, or renews the one this holder has. A holder is a license, user, hardware id and instance id: asking again, for instance after a lost answer, never takes a second seat. The licenses of one product add up: without license_id the session that the holder has under any of them is found first, and else a seat of the license that ends first and has room is taken. seats_used and seats_max of a 409 are then sums over these licenses. null and an empty string mean that a member which is not required is absent; a byte order mark before the body is ignored.",
		Answers: []web.Documented{
			{Status: http.StatusCreated, Description: "A new session.", Body: api.ExampleSession(), Headers: map[string]string{"Location": "The session's address."}},
			{Status: http.StatusOK, Description: "The session this holder already had, renewed.", Body: api.ExampleSession()},
		},
		Problems: []api.Code{
			api.OrganizationInactive, api.LicenseInactive, api.LicenseExpired,
			api.OrganizationNotFound, api.LicenseNotFound,
			api.NoSeatsAvailable, api.LicenseAmbiguous,
		},
	}, f.acquire))
}

func (f *function) acquire(ctx context.Context, c web.Call, in api.AcquireRequest) (web.Answer, error) {
	in = tidy(in)
	if err := instance(&in); err != nil {
		return web.Answer{}, err
	}
	bought, err := f.Entitlements.Get(ctx, c.Caller, record.Usual)
	if err != nil {
		return web.Answer{}, err
	}
	a, err := f.seat(ctx, c.Caller, in, bought)
	if !outdated(err) {
		return a, err
	}
	// This instance may not have heard of a renewal yet, and the answer would be
	// taken for the end: nobody is sent away, or loses a session, on old knowledge. Nor is
	// anybody granted a seat on it that a limit of since then should count.
	if bought, err = f.Entitlements.Get(ctx, c.Caller, record.Now); err != nil {
		return web.Answer{}, err
	}
	a, err = f.seat(ctx, c.Caller, in, bought)
	for range license.MaxChoices { // a holder may have a session under each
		other, ok := errors.AsType[*seats.UnusableError](err)
		if !ok {
			break
		}
		if err := f.Seats.Revoke(ctx, c.Caller, other.Hold, license.EndedBy(other.Err)); err != nil {
			return web.Answer{}, err
		}
		a, err = f.seat(ctx, c.Caller, in, bought)
	}
	return a, err
}

// instance gives a program that asks for it an instance id of its own. With one
// of the program's own the two could differ.
func instance(in *api.AcquireRequest) error {
	switch {
	case !in.NewInstance:
		return nil
	case in.InstanceID != "":
		return &web.InvalidRequestError{Errors: []api.FieldError{{
			Field: "new_instance", Message: "cannot be true together with instance_id: leave one of them out",
		}}}
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("make an instance id: %w", err)
	}
	in.InstanceID = id.String()
	return nil
}

// outdated reports whether a refusal may rest on what was true a moment ago.
func outdated(err error) bool {
	for _, refusal := range []error{record.ErrOutdated, license.ErrOrganizationInactive, license.ErrLicenseInactive, license.ErrLicenseExpired} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// seat takes a seat on the terms that follow from what was bought.
func (f *function) seat(ctx context.Context, caller license.Caller, in api.AcquireRequest, bought license.Entitlements) (web.Answer, error) {
	terms, err := license.Decide(bought, caller, license.Request{LicenseID: in.LicenseID, Product: in.Product}, f.Now())
	if err != nil {
		return web.Answer{}, err
	}
	var signed token.Token
	hold, err := f.Seats.Acquire(ctx, caller, f.request(caller, bought, terms, in), func(ctx context.Context, h ledger.Hold) error {
		signed, err = f.Tokens.ForSession(ctx, h.Session, terms.Choices[h.Candidate].License, h.Now, h.TokenExpiresAt)
		return err
	})
	if err != nil {
		annotateRefusal(ctx, err, terms.Choices)
		return web.Answer{}, err
	}
	choice := terms.Choices[hold.Candidate]
	annotate(ctx, hold, choice)
	body := seats.Answer(hold, choice.License, f.HeartbeatInterval)
	body.LicenseToken, body.LicenseTokenExpiresAt = signed.Compact, api.NewTime(signed.ExpiresAt)
	return answer(hold, body), nil
}

func (f *function) request(caller license.Caller, bought license.Entitlements, terms license.Terms, in api.AcquireRequest) seats.Request {
	return seats.Request{
		Terms: terms, RecordEpoch: bought.Epoch.Number, Ready: f.Tokens.Ready,
		Holder: license.Holder{UserID: caller.UserID, HardwareID: in.HardwareID, InstanceID: in.InstanceID},
		Client: license.Client(in.Client),
	}
}

func answer(hold ledger.Hold, body api.Session) web.Answer {
	if hold.Existing {
		return web.Answer{Status: http.StatusOK, Outcome: "renewed", Body: body}
	}
	return web.Answer{
		Status:  http.StatusCreated,
		Outcome: "created",
		Header:  http.Header{"Location": {api.SessionPath(hold.ID)}},
		Body:    body,
	}
}
