// Package heartbeat is the function that keeps seats: one Redis round trip
// while all is well.
package heartbeat

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

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
		ID: "heartbeat", Method: http.MethodPatch, Path: api.PathHeartbeat, Params: []web.Param{web.SessionParam()},
		Also:        []web.Way{{ID: "heartbeatByPost", Method: http.MethodPost, Path: api.PathHeartbeat}},
		Summary:     "Keep a seat",
		Description: "Renews a session of the caller. Send the next at next_heartbeat_at, which is about every heartbeat_interval_seconds. The license token is in the answer only when it was renewed, or when the query has token=renew. A license that has ended is told by license_in_grace_until while its holders may go on. A license that is over or suspended: 403, and the session has ended; acquire once more, another license of the product may have a seat. A body is ignored.",
		Query: []web.Param{{
			Name: api.QueryToken, Description: "renew: answer with a fresh license token.", Enum: []any{api.QueryTokenRenew},
		}},
		Body:    web.BodyIgnored,
		Answers: []web.Documented{{Status: http.StatusOK, Description: "The session, renewed.", Body: api.ExampleSession()}},
		Problems: []api.Code{
			api.OrganizationInactive, api.LicenseInactive, api.LicenseExpired,
			api.OrganizationNotFound, api.LicenseNotFound, api.SessionEnded,
		},
	}, f.heartbeat)}
}

func (f *function) heartbeat(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	bought, err := f.Entitlements.Get(ctx, c.Caller, record.Hurried)
	if err != nil {
		return web.Answer{}, f.keep(ctx, c, err)
	}
	renew := c.Query.Get(api.QueryToken) == api.QueryTokenRenew
	hold, err := f.Seats.Heartbeat(ctx, c.Caller, ledger.Heartbeat{
		SessionID: c.SessionID(), LicenseEnds: f.ends(bought), RecordEpoch: bought.Epoch.Number, Renew: renew,
	})
	if err != nil {
		return web.Answer{}, err
	}
	web.Annotate(ctx, slog.String("license_id", hold.LicenseID), slog.Bool("token_renewed", hold.Renewed))
	if renew {
		web.Annotate(ctx, slog.String("token_asked", api.QueryTokenRenew))
	}
	lic, err := f.allowed(ctx, c.Caller, bought, hold)
	if err != nil {
		return web.Answer{}, err
	}
	signed, err := f.sign(ctx, c.Caller, hold, lic, renew)
	if err != nil {
		return web.Answer{}, err
	}
	web.Seats(ctx, hold.Used, lic.MaxSeats, license.Fullness(hold.Used, lic.MaxSeats))
	body := seats.Answer(hold, lic, f.HeartbeatInterval)
	body.LicenseToken, body.LicenseTokenExpiresAt = signed.Compact, api.NewTime(signed.ExpiresAt)
	return web.Answer{Outcome: "kept", Body: body}, nil
}

// keep extends the seat although what the organization has bought cannot be
// told now, so that nobody loses one to an outage of the record. The answer is
// that outage all the same, or that the session is over.
func (f *function) keep(ctx context.Context, c web.Call, outage error) error {
	var away *license.UnavailableError
	if !errors.As(outage, &away) {
		return outage
	}
	hold, err := f.Seats.Heartbeat(ctx, c.Caller, ledger.Heartbeat{SessionID: c.SessionID()})
	if err != nil {
		return err
	}
	f.postpone(ctx, c.Caller, hold)
	return outage
}

// postpone leaves a renewal that fell due, and goes out with no answer, to the
// next heartbeat.
func (f *function) postpone(ctx context.Context, caller license.Caller, hold ledger.Hold) {
	if hold.Renewed {
		f.Seats.Unsigned(ctx, caller, hold)
	}
}

// errNoToken answers a holder that asked for a token while the clocks of the
// service differ: its seat is extended, and no token is made at a doubtful time.
var errNoToken = &license.UnavailableError{Backend: "redis", Err: errors.New("no token is made while the clock of Redis is wrong")}

// sign makes the renewed token, if there is one due. If a renewal that the
// holder did not ask for cannot be signed, the heartbeat succeeds all the same:
// the seat is extended, the token is good for nearly half its life yet, and the
// next heartbeat tries again.
func (f *function) sign(ctx context.Context, caller license.Caller, hold ledger.Hold, lic license.License, asked bool) (token.Token, error) {
	if !hold.Renewed && asked {
		return token.Token{}, errNoToken
	}
	if !hold.Renewed {
		return token.Token{}, nil
	}
	signed, err := f.Tokens.ForSession(ctx, hold.Session, lic, hold.Now)
	if err == nil {
		return signed, nil
	}
	f.Seats.Unsigned(ctx, caller, hold)
	if asked {
		return token.Token{}, err
	}
	web.Degraded(ctx, "unsigned", err)
	return token.Token{}, nil
}

// allowed is the session's license if it may still be used. What the cache
// refuses is looked up anew before anyone loses a seat: this instance may not
// yet have heard of a license that was made, extended or reactivated.
func (f *function) allowed(ctx context.Context, caller license.Caller, bought license.Entitlements, hold ledger.Hold) (license.License, error) {
	if lic, err := f.usable(bought, hold); err == nil {
		return lic, nil
	}
	bought, err := f.Entitlements.Get(ctx, caller, record.Now)
	if err != nil {
		f.postpone(ctx, caller, hold)
		return license.License{}, err
	}
	lic, refusal := f.usable(bought, hold)
	if refusal == nil {
		return lic, nil
	}
	if err := f.Seats.Revoke(ctx, caller, hold, license.EndedBy(refusal)); err != nil {
		return license.License{}, err
	}
	return license.License{}, refusal
}

// usable treats a license that was deleted as one that was switched off: its
// holders lose their seats at the next heartbeat.
func (f *function) usable(bought license.Entitlements, hold ledger.Hold) (license.License, error) {
	lic, ok := bought.License(hold.LicenseID)
	if !ok {
		return license.License{}, license.ErrLicenseInactive
	}
	return lic, license.Keepable(bought.Organization, lic, f.Now())
}

// ends are the ends of the licenses that may come before a new token's. Twice its
// life: this process's clock may be behind the ledger's.
func (f *function) ends(bought license.Entitlements) map[string]time.Time {
	return bought.EndingBefore(f.Now().Add(2 * f.Tokens.TTL()))
}
