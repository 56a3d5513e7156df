package acquire

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// jwksCaching is shorter than KEY_ACTIVATION_DELAY: when a new key begins to
// sign, every cached key set has it.
const jwksCaching = "public, max-age=300"

func (f *function) publicRoutes() []web.Route {
	return []web.Route{
		web.Handle(web.Operation{
			ID: "jwks", Method: http.MethodGet, Path: api.PathJWKS, Access: web.AccessPublic, AnyOrigin: true,
			Summary:     "The public keys",
			Description: "The keys to verify license tokens with, offline. May be kept for as long as Cache-Control says.",
			Answers: []web.Documented{{
				Status: http.StatusOK, Description: "The key set.", ContentType: api.ContentTypeJWKS,
				Body:    api.JWKS{Keys: []api.JWK{{KeyType: "EC", Use: "sig", Algorithm: "ES256", KeyID: "9dV6mBq0…", Curve: "P-256", X: "f83OJ3D2…", Y: "x_FEzRu9…", Certificates: api.List{"MIID…"}}}},
				Headers: map[string]string{"Cache-Control": jwksCaching},
			}},
		}, f.jwks),
		web.Handle(web.Operation{
			ID: "openapi", Method: http.MethodGet, Path: api.PathOpenAPI, Access: web.AccessPublic, AnyOrigin: true,
			Summary:     "This document",
			Description: "The OpenAPI 3.1 document of all functions.",
			Answers:     []web.Documented{{Status: http.StatusOK, Description: "The document.", Body: map[string]any{"openapi": "3.1.0"}}},
		}, f.openAPI),
	}
}

func (f *function) jwks(ctx context.Context, _ web.Call, _ struct{}) (web.Answer, error) {
	keys, err := f.Tokens.JWKS(ctx)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Body: keys, Header: http.Header{
		"Content-Type":  {api.ContentTypeJWKS},
		"Cache-Control": {jwksCaching},
	}}, nil
}

func (f *function) openAPI(context.Context, web.Call, struct{}) (web.Answer, error) {
	return web.Answer{Body: f.Document, Header: http.Header{"Content-Type": {api.ContentTypeJSON}}}, nil
}

// annotate tells the request's log line which seat it was about.
func annotate(ctx context.Context, h ledger.Hold, choice license.Choice) {
	web.Annotate(ctx, slog.String("session_id", h.ID), slog.String("license_id", h.LicenseID))
	fullest := 0.0
	for i, used := range h.PoolsUsed {
		if choice.Pools[i].Limit != license.LimitUser { // who has all of one's own takes nobody's
			fullest = max(fullest, license.Fullness(used, choice.Pools[i].Cap))
		}
	}
	web.Seats(ctx, h.Used, choice.License.MaxSeats, fullest)
	web.Annotate(ctx, slog.Int("tokens_good", h.TokensGood))
}

// annotateRefusal tells the log line whose seats were all taken: the license's, or
// those of the product's licenses together.
func annotateRefusal(ctx context.Context, err error, choices []license.Choice) {
	switch {
	case !errors.As(err, new(*license.NoSeatsError)):
	case len(choices) == 1:
		web.Annotate(ctx, slog.String("license_id", choices[0].License.ID))
	default:
		web.Annotate(ctx, slog.String("product", choices[0].License.Product))
	}
}
