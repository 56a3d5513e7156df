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
		Description: "Renews a session of the caller. Send the next at next_heartbeat_at, which is about every heartbeat_interval_seconds. Each answer has a fresh license token, unless none can be made at the moment: keep the one you have then. token=renew in the query, which once asked for it, is accepted. A license that has ended is told by license_in_grace_until while its holders may go on. A license that is over or suspended: 403, and the session has ended; acquire once more, another license of the product may have a seat. A body is ignored.",
		Query: []web.Param{{
			Name: api.QueryToken, Description: "renew: accepted, and without effect: each answer has a fresh license token.", Enum: []any{api.QueryTokenRenew},
		}},
		AnyQuery: true,
		Body:     web.BodyIgnored,
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "The session, renewed.", Body: api.ExampleSession()}},
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
	unready := f.Tokens.Ready() // what cannot be signed must not be counted as given
	hold, err := f.Seats.Heartbeat(ctx, c.Caller, ledger.Heartbeat{
		SessionID: c.SessionID(), TokenTTLs: bought.TokenTTLs(), RecordEpoch: bought.Epoch.Number, NoToken: unready != nil,
	})
	if err != nil {
		return web.Answer{}, err
	}
	web.Annotate(ctx, slog.String("license_id", hold.LicenseID))
	lic, err := f.allowed(ctx, c.Caller, bought, hold)
	if err != nil {
		return web.Answer{}, err
	}
	signed := f.sign(ctx, hold, lic, unready)
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
	if _, err := f.Seats.Heartbeat(ctx, c.Caller, ledger.Heartbeat{SessionID: c.SessionID(), NoToken: true}); err != nil {
		return err
	}
	return outage
}

// sign makes the holder's next token. If it cannot be made the heartbeat succeeds all
// the same: the seat is extended, and the token that the holder has is good for as long
// as it has held its seat. None is made while the clocks of the service differ.
func (f *function) sign(ctx context.Context, hold ledger.Hold, lic license.License, unready error) token.Token {
	if unready != nil {
		web.Degraded(ctx, "unsigned", unready)
	}
	if hold.TokenExpiresAt.IsZero() {
		return token.Token{}
	}
	signed, err := f.Tokens.ForSession(ctx, hold.Session, lic, hold.Now, hold.TokenExpiresAt)
	if err != nil {
		web.Degraded(ctx, "unsigned", err)
		return token.Token{}
	}
	return signed
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
