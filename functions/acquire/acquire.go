// Package acquire is the function that hands out seats. It also publishes what
// needs no caller: the keys of license tokens and the API's description.
package acquire

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/grant"
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
	Pool         *seats.Pool
	Desk         *grant.Desk
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
		Description: "Takes a seat of a license, or renews the one this holder has. A holder is a license, user, hardware id and instance id: asking again, for instance after a lost answer, never takes a second seat.",
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
	bought, err := f.Entitlements.Entitlements(ctx, c.Caller)
	if err != nil {
		return web.Answer{}, err
	}
	lic, err := license.Choose(bought, in.LicenseID, in.Product, f.Now())
	if err != nil {
		return web.Answer{}, err
	}
	web.Annotate(ctx, slog.String("license_id", lic.ID))
	var signed token.Token
	hold, err := f.Pool.Acquire(ctx, c.Caller, request(c.Caller, bought.Organization, lic, in), func(ctx context.Context, h seats.Hold) error {
		signed, err = f.Desk.Token(ctx, h, lic)
		return err
	})
	if err != nil {
		return web.Answer{}, err
	}
	annotate(ctx, hold, bought.Organization, lic)
	return answer(hold, f.Desk.Answer(hold, lic, signed)), nil
}

func request(caller license.Caller, org license.Organization, lic license.License, in api.AcquireRequest) seats.Request {
	return seats.Request{
		Organization: org,
		License:      lic,
		Holder:       license.Holder{UserID: caller.UserID, HardwareID: in.HardwareID, InstanceID: in.InstanceID},
		Client:       license.Client{Name: in.Client.Name, Version: in.Client.Version, Hostname: in.Client.Hostname},
	}
}

func answer(hold seats.Hold, body api.Session) web.Answer {
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
