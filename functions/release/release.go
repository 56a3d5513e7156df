// Package release is the function that takes seats back.
package release

import (
	"context"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// New makes the function.
func New(opts web.Options, authenticate web.Authenticator, pool *seats.Pool) *web.App {
	f := &function{pool}
	return web.NewApp(opts, web.Handle(web.Release(), authenticate, f.release))
}

type function struct{ pool *seats.Pool }

func (f *function) release(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	if err := f.pool.Release(ctx, c.Caller, c.SessionID); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "released"}, nil
}
