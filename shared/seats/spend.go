package seats

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// bought is what a rebuild needs to know of the licenses as they are now.
type bought struct {
	// counting says which pools count a session.
	counting license.Counting
	// tokenTTLs are those of licenses that have one of their own. Tokens that were made
	// under other terms count by what is known now.
	tokenTTLs map[string]time.Duration
}

// bought reads it, after the rebuild's epoch was opened: of a change that comes later the
// epoch is another one. A license that is damaged must not keep anybody from a ledger.
func (p *Protocol) bought(ctx context.Context, caller license.Caller) (bought, error) {
	licenses, err := p.record.Licenses(ctx, caller)
	away := (*license.UnavailableError)(nil)
	switch {
	case errors.As(err, &away):
		return bought{}, err
	case err != nil:
		return bought{counting: license.UnknownCounting()}, nil //nolint:nilerr // see above
	}
	return bought{license.NewCounting(licenses), license.Entitlements{Licenses: licenses}.TokenTTLs()}, nil
}

// spend adds the tokens that outlive their sessions, once all sessions are staged: those
// good now by the earlier of two clocks, of which one may be wrong. Before the first
// epoch nothing was granted.
func (p *Protocol) spend(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, now time.Time) error {
	if epoch.Number == 1 {
		return nil
	}
	if here := p.opts.Now(); here.Before(now) {
		now = here
	}
	var turn sync.Mutex // as in stage
	reading := newParallel(p.opts.Parallel)
	for part := range record.Parts {
		reading.do(func() error {
			return p.record.SpentTokens(ctx, caller, part, now, func(page record.Page) error {
				p.report(ctx, caller, page)
				progressed(ctx)
				turn.Lock()
				defer turn.Unlock()
				return p.ledger.Spend(ctx, caller, nonce, epoch, spent(page.Sessions))
			})
		})
	}
	return reading.wait()
}

// spent are the tokens of recorded sessions that have ended.
func spent(sessions []license.Session) []ledger.Spent {
	out := make([]ledger.Spent, len(sessions))
	for i, s := range sessions {
		out[i] = ledger.Spent{Holder: s.Holder, Pool: license.OwnPool(s.LicenseID), Ends: s.TokenEnds}
	}
	return out
}
