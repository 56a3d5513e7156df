package seats

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// own are the caller's sessions under a license whose limit for one user is reached, so
// that the user can choose which to end. The record names them, the ledger says which of
// them live, and since when nothing was heard of them. Where they cannot be found out the
// refusal stands without them.
func (p *Protocol) own(ctx context.Context, caller license.Caller, licenseID string) []license.Session {
	sessions, err := p.record.OwnSessions(ctx, caller, licenseID, license.MaxOwnSessions)
	if err != nil || len(sessions) == 0 {
		return nil
	}
	ids := make([]string, len(sessions))
	for i := range sessions {
		ids[i] = sessions[i].ID
		sessions[i].LastHeartbeatAt = time.Time{} // the record has that of the grant
	}
	sights, err := p.ledger.Look(ctx, caller, ids)
	if err != nil {
		return sessions
	}
	living := sessions[:0]
	for i, s := range sessions {
		if sights[i].State == ledger.Living {
			s.LastHeartbeatAt = sights[i].LastHeartbeatAt
			living = append(living, s)
		}
	}
	return living
}

// outdated takes back a seat that was granted on terms which may not hold any more. One
// that another request relies on stays: whoever records it looks at it first (counted).
func (p *Protocol) outdated(ctx context.Context, caller license.Caller, hold ledger.Hold, err error) error {
	if !hold.Existing {
		p.withdraw(ctx, caller, hold)
	}
	return &license.UnavailableError{Backend: "seats", Err: err}
}

// counted makes sure of a session that another request took, which may have been on older
// terms and died before it recorded anything: once it is recorded by this request, nobody
// asks any more by whose terms it is counted. One that a pool of these terms does not count
// is ended, and the acquire begins anew. But these terms may be the older ones: a license
// that no longer limits its users outdates nobody's. So they are read anew before anything
// is ended, and only what no request can have recorded since is.
func (p *Protocol) counted(ctx context.Context, caller license.Caller, req Request, hold ledger.Hold) error {
	user := userPool(req.Terms.Choices[hold.Candidate].Pools)
	if !hold.Existing || user == "" {
		return nil
	}
	sights, err := p.ledger.Look(ctx, caller, []string{hold.ID})
	if err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	if slices.Contains(sights[0].Pools, user) {
		return nil
	}
	if err := p.stillCounts(ctx, caller, hold, user); err != nil {
		return err
	}
	// As displaced: the other request may have answered with it.
	marked, err := p.ledger.Mark(ctx, caller, ledger.Mark{SessionID: hold.ID, UserID: hold.UserID, Own: license.EndDisplaced})
	if err == nil {
		err = p.end(ctx, caller, []ledger.Hold{marked})
	}
	var unknown *ledger.UnknownError
	if err != nil && !errors.As(err, &unknown) {
		return p.rebuilt(ctx, caller, err)
	}
	return &retryError{obstacle: "a session was counted by older terms"}
}

// stillCounts reads whether the hold's license still limits its users. If it does, a grant
// that they do not count was outdated before it could be recorded, or is of an epoch that
// is over, in which nothing can be ended.
func (p *Protocol) stillCounts(ctx context.Context, caller license.Caller, hold ledger.Hold, user string) error {
	bought, err := p.record.Entitlements(ctx, caller)
	if err != nil {
		return err
	}
	if !slices.Contains(license.NewCounting(bought.Licenses).PoolKeys(hold.Holder), user) {
		return p.outdated(ctx, caller, hold, record.ErrOutdated)
	}
	return nil
}

// userPool is the key of the pool that counts the user's sessions; empty if none does.
func userPool(pools []license.Pool) string {
	i := slices.IndexFunc(pools, func(p license.Pool) bool { return p.Limit == license.LimitUser })
	if i < 0 {
		return ""
	}
	return pools[i].Key
}
