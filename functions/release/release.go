// Package release is the function that takes seats back.
package release

import (
	"context"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// New makes the function.
func New(opts web.Options, authenticate web.Authenticator, protocol *seats.Protocol) *web.App {
	f := &function{protocol}
	return web.NewApp(opts, web.Authenticators{web.AccessUser: authenticate}, f.routes()...)
}

// Operations are what the function serves.
func Operations() []web.Operation { return web.Operations((*function)(nil).routes()...) }

type function struct{ seats *seats.Protocol }

func (f *function) routes() []web.Route {
	return []web.Route{web.Handle(web.Operation{
		ID: "release", Method: http.MethodDelete, Path: api.PathSession, Params: []web.Param{web.SessionParam()},
		Summary:     "Give a seat back",
		Description: "Ends a session; ending it again changes nothing and succeeds. Owners and admins may end any session of their organization, members their own.",
		Answers:     []web.Documented{{Status: http.StatusNoContent, Description: "The session is over."}},
		Problems:    []api.Code{api.Forbidden},
	}, f.release)}
}

func (f *function) release(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	if err := f.seats.Release(ctx, c.Caller, c.SessionID()); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "released"}, nil
}
