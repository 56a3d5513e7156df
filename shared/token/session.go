package token

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// ForSession signs a new token of session s on license lic, which lives from now to
// until, both of them the seat ledger's, and no longer than the license. Errors as of
// [Issuer.Issue].
func (i *Issuer) ForSession(ctx context.Context, s license.Session, lic license.License, now, until time.Time) (Token, error) {
	return i.Issue(ctx, NewClaims(i.cfg.Name, s, lic, now, license.TokenExpiry(lic, until)))
}
