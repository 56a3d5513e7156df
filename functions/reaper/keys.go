package reaper

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// rotate makes the next signing key where one is due. It runs beside the reaping:
// neither waits for the backends of the other, and no failure of it is the run's.
func (f *function) rotate(ctx context.Context) {
	if f.Keys == nil {
		return
	}
	done, err := f.Keys.Rotate(ctx)
	if err != nil {
		web.Degraded(ctx, "rotation", err)
	}
	if done == (token.Rotated{}) { // the record did not say
		return
	}
	annotateKeys(ctx, done)
	if done.Good == 0 {
		web.Alarm(ctx)
	}
}

// annotateKeys tells the log how old the newest signing key is, in hours with two
// decimals: an alert counts on it.
func annotateKeys(ctx context.Context, done token.Rotated) {
	web.Annotate(ctx,
		slog.Int("delegations_good", done.Good),
		slog.Float64("delegation_age_hours", math.Round(done.NewestAge.Hours()*100)/100))
	if done.Made != "" {
		web.Annotate(ctx, slog.String("delegation_made", done.Made))
	}
}

func revoking() web.Operation {
	return web.Operation{
		ID: "revokeKey", Method: http.MethodPost, Path: api.PathRevokeKey, Access: web.AccessScheduler,
		Params: []web.Param{{
			Name: "kid", Description: "The signing key, as tokens and the key set name it.", Pattern: "^[A-Za-z0-9_-]{43}$", Missing: api.KeyNotFound,
		}},
		Summary:     "Revoke a signing key",
		Description: "For operators, when a key may be known to others. Takes it out of the key set for good, and makes one in its place that signs at once: programs that meet its tokens fetch the key set anew. The tokens that the revoked key signed are refused wherever the new key set has arrived, within six minutes. Safe to repeat.",
		Answers:     []web.Documented{{Status: http.StatusOK, Description: "The key is revoked.", Body: api.RevokeReport{KeyID: "9dV6mBq0…", NextKeyID: "s0kq3WcX…", GoodKeys: 2}}},
		Problems:    []api.Code{api.Forbidden},
	}
}

func (f *function) revoke(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	kid := c.Param("kid")
	web.Annotate(ctx, slog.String("kid", kid), slog.String("asked_by", c.Caller.Email))
	if f.Keys == nil {
		return web.Answer{}, web.ErrNotFound
	}
	done, err := f.Keys.Revoke(ctx, kid)
	pending, revoked := errors.AsType[*token.PendingError](err)
	switch {
	case errors.Is(err, token.ErrUnknownDelegation):
		return web.Answer{}, license.ErrKeyNotFound
	case revoked:
		web.Degraded(ctx, "rotation", pending)
		web.Alarm(ctx)
	case err != nil:
		return web.Answer{}, err
	}
	annotateKeys(ctx, done)
	return web.Answer{Outcome: "revoked", Body: api.RevokeReport{
		KeyID: kid, NextKeyID: done.Made, Pending: revoked, GoodKeys: done.Good,
	}}, nil
}
