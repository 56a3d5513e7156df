// Package release is the function that takes seats back.
package release

import (
	"context"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// New makes the function.
func New(opts web.Options, authenticate web.Authenticator, protocol *seats.Protocol) *web.App {
	f := &function{protocol}
	return web.NewApp(opts, web.Handle(web.Release(), authenticate, f.release))
}

type function struct{ seats *seats.Protocol }

func (f *function) release(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	if err := f.seats.Release(ctx, c.Caller, c.SessionID); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "released"}, nil
}
