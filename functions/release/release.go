// Package release is the function that takes seats back.
package release

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Deps is what the function works with.
type Deps struct {
	Authenticate web.Authenticator
	Entitlements *record.Cache
	Seats        *seats.Protocol
	// Revocations note who ends somebody else's session, for the audit. Where there are none,
	// nobody ends one.
	Revocations Revocations
	Now         func() time.Time
}

// Revocations is what the function does of [record.Administration].
type Revocations interface {
	RevokeSession(ctx context.Context, caller license.Caller, act record.Act, id string) error
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
	return []web.Route{web.Handle(web.Operation{
		ID: "release", Method: http.MethodDelete, Path: api.PathSession, Params: []web.Param{web.SessionParam()},
		Also: []web.Way{{ID: "releaseByPost", Method: http.MethodPost, Path: api.PathRelease}}, Body: web.BodyIgnored,
		Summary:     "Give a seat back",
		Description: "Ends a session; ending it again changes nothing and succeeds. Owners and admins may end any session of their organization, which the audit tells of, members their own. A body is ignored.",
		Answers:     []web.Documented{{Status: http.StatusNoContent, Description: "The session is over."}},
		Problems:    []api.Code{api.OrganizationNotFound},
	}, f.release)}
}

func (f *function) release(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	if err := f.known(ctx, c.Caller); err != nil {
		return web.Answer{}, err
	}
	own := c.Caller
	own.Role = license.RoleMember
	err := f.Seats.Release(ctx, own, c.SessionID())
	if errors.Is(err, license.ErrSessionNotFound) && c.Caller.Administers() && f.Revocations != nil {
		err = f.revoke(ctx, c)
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "released"}, nil
}

// revoke ends a session that is not the caller's own. Who asks is noted first: from then on
// no process can record the end without the audit's entry. So it needs the record, which
// giving back one's own seat does not.
func (f *function) revoke(ctx context.Context, c web.Call) error {
	act := record.Act{Actor: c.Caller.UserID, At: f.Now()}
	if err := f.Revocations.RevokeSession(ctx, c.Caller, act, c.SessionID()); err != nil {
		return err
	}
	return f.Seats.Release(ctx, c.Caller, c.SessionID())
}

// patience is how long a release waits to hear of its organization: a program that
// exits gives it two seconds in all (docs/clients.md).
const patience = 500 * time.Millisecond

// known refuses callers whose organization has no document. They have no session,
// and looking for one would make a ledger for the name they came with. While the
// record is away it lets everybody pass: a seat must come back, and nothing can be
// made without the record.
func (f *function) known(ctx context.Context, caller license.Caller) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := f.Entitlements.Get(ctx, caller, record.Hurried)
	if errors.Is(err, license.ErrOrganizationNotFound) {
		return err
	}
	return nil
}
