package acquire

import (
	"context"
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
	return web.Answer{Body: f.document, Header: http.Header{"Content-Type": {api.ContentTypeJSON}}}, nil
}

// annotate tells the request's log line which seat it was about.
func annotate(ctx context.Context, h ledger.Hold, terms license.Terms) {
	web.Annotate(ctx, slog.String("session_id", h.ID))
	fullest := 0.0
	for i, used := range h.PoolsUsed {
		fullest = max(fullest, license.Fullness(used, terms.Pools[i].Cap))
	}
	web.Seats(ctx, h.Used, terms.License.MaxSeats, fullest)
}
