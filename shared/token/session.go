package token

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// ForSession signs a new token of session s on license lic. Its life counts from
// now, the seat ledger's time of the grant or renewal. Errors as of [Issuer.Issue].
func (i *Issuer) ForSession(ctx context.Context, s license.Session, lic license.License, now time.Time) (Token, error) {
	return i.Issue(ctx, i.claims(s, lic, now))
}

// ForSessionAgain is the token this process made for the session while that is
// fresh and still true, else a new one: a repeated acquire usually costs no signature.
func (i *Issuer) ForSessionAgain(ctx context.Context, s license.Session, lic license.License, now time.Time) (Token, error) {
	claims := i.claims(s, lic, now)
	if t, ok := i.Reusable(claims); ok {
		return t, nil
	}
	return i.Issue(ctx, claims)
}

func (i *Issuer) claims(s license.Session, lic license.License, now time.Time) Claims {
	return NewClaims(i.cfg.Name, s, lic, now, license.TokenExpiry(lic, now, i.cfg.TTL))
}

// TTL is how long a token lives that its license does not end.
func (i *Issuer) TTL() time.Duration { return i.cfg.TTL }
