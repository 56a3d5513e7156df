// Package grant turns a held seat into what its holder is given: the license
// token and the answer that acquire and heartbeat share.
package grant

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// Terms are what every grant has in common.
type Terms struct {
	// TokenIssuer is the iss claim of license tokens, the service's own URL.
	TokenIssuer string
	// TokenTTL is the life of a license token, from the seat ledger's time of
	// the grant or renewal.
	TokenTTL time.Duration
	// HeartbeatInterval is how often a holder is asked to send a heartbeat.
	HeartbeatInterval time.Duration
}

// Desk signs and answers.
type Desk struct {
	issuer *token.Issuer
	terms  Terms
}

// NewDesk makes a desk whose tokens come from issuer.
func NewDesk(issuer *token.Issuer, terms Terms) *Desk {
	return &Desk{issuer: issuer, terms: terms}
}

// Sign makes a new token for the hold. Errors as of [token.Issuer.Issue].
func (d *Desk) Sign(ctx context.Context, h ledger.Hold, lic license.License) (token.Token, error) {
	return d.issuer.Issue(ctx, d.claims(h, lic))
}

// Token is the token this process made for the hold while that is fresh and
// still true, else a new one: a repeated acquire usually costs no signature.
func (d *Desk) Token(ctx context.Context, h ledger.Hold, lic license.License) (token.Token, error) {
	claims := d.claims(h, lic)
	if h.Existing && !h.Renewed {
		if t, ok := d.issuer.Reusable(claims); ok {
			return t, nil
		}
	}
	return d.issuer.Issue(ctx, claims)
}

func (d *Desk) claims(h ledger.Hold, lic license.License) token.Claims {
	return token.NewClaims(d.terms.TokenIssuer, h.Session, lic, h.Now, license.TokenExpiry(lic, h.Now, d.terms.TokenTTL))
}

// JWKS is the published key set.
func (d *Desk) JWKS(ctx context.Context) ([]byte, error) { return d.issuer.JWKS(ctx) }

// Answer is what the holder is told; t is zero when no token goes with it.
func (d *Desk) Answer(h ledger.Hold, lic license.License, t token.Token) api.Session {
	return api.Session{
		SessionID: h.ID, LicenseID: lic.ID, OrganizationID: h.OrganizationID, UserID: h.UserID,
		HardwareID: h.HardwareID, InstanceID: h.InstanceID,
		Product: lic.Product, Plan: lic.Plan, Entitlements: api.List(lic.Entitlements),
		AcquiredAt: api.NewTime(h.AcquiredAt), LastHeartbeatAt: api.NewTime(h.LastHeartbeatAt), ExpiresAt: api.NewTime(h.ExpiresAt),
		HeartbeatIntervalSeconds: seconds(d.terms.HeartbeatInterval),
		NextHeartbeatAt:          api.NewTime(license.NextHeartbeat(h.Session, h.Now, d.terms.HeartbeatInterval)),
		LicenseToken:             t.Compact, LicenseTokenExpiresAt: api.NewTime(t.ExpiresAt),
		SeatsUsed: h.Used, SeatsMax: lic.MaxSeats, ServerTime: api.NewTime(h.Now),
	}
}

// seconds is whole seconds, at least one: clients sleep that long.
func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
