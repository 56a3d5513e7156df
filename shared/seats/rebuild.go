package seats

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/refresh"
	"github.com/google/uuid"
)

// rebuilt answers a ledger's call for a rebuild with one, after which the
// operation begins anew; any other error (or none) passes.
func (p *Protocol) rebuilt(ctx context.Context, caller license.Caller, err error) error {
	fresh, ok := errors.AsType[*ledger.RebuildError](err)
	if !ok {
		return err
	}
	if err := p.rebuild(ctx, caller, fresh.Nonce); err != nil {
		return err
	}
	return &retryError{obstacle: "the ledger had to be rebuilt", rebuilt: true}
}

// rebuild makes the ledger anew from the record, once per process and
// incarnation at a time: the first request does the work with a deadline of
// its own, the others wait as long as theirs allow.
func (p *Protocol) rebuild(ctx context.Context, caller license.Caller, nonce string) error {
	org := caller.OrganizationID
	_, err := p.rebuilds.Do(ctx, org+"\x00"+nonce, p.opts.RebuildDeadline, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, p.reloadAlone(ctx, license.ServiceCaller(org), nonce)
	})
	if errors.Is(err, refresh.ErrLeft) {
		return &license.UnavailableError{Backend: "seats", Err: err}
	}
	return err
}

// The waits of a process that leaves a rebuild to another: short while the
// rebuild may be a small one, and rare enough that hundreds of instances ask
// Redis some thousand times a second at most.
const (
	firstClaimPause = 20 * time.Millisecond
	maxClaimPause   = 250 * time.Millisecond
	// claimAttempts is more than fit into a rebuild's deadline. Only in tests,
	// whose clocks may stand still, does a process reach it and do the work itself.
	claimAttempts = 600
)

// reloadAlone leaves the rebuild to the process that has the lease on it, and
// does it itself once that one shows no sign of life: after a loss all instances
// notice at once, and each would read the whole organization from the record.
func (p *Protocol) reloadAlone(ctx context.Context, caller license.Caller, nonce string) error {
	pause, owner := firstClaimPause, uuid.NewString()
	for range claimAttempts {
		claimed, err := p.ledger.Claim(ctx, caller, nonce, owner)
		switch {
		case errors.Is(err, ledger.ErrLost):
			return nil // it is rebuilt, or this Redis is gone again
		case err != nil || claimed:
			return p.reloadClaimed(ctx, caller, nonce, owner, err)
		}
		if err := p.opts.Wait(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // jitter
			return &license.UnavailableError{Backend: "seats", Err: err}
		}
		pause = min(2*pause, maxClaimPause)
	}
	return p.reload(ctx, caller, nonce, owner)
}

// reloadClaimed gives the lease back if a backend fails, so that the next
// request is answered as quickly as this one; also if the claim itself did, whose
// answer may be all that was lost.
func (p *Protocol) reloadClaimed(ctx context.Context, caller license.Caller, nonce, owner string, err error) error {
	if err == nil {
		err = p.reload(ctx, caller, nonce, owner)
	}
	var down *license.UnavailableError
	if errors.As(err, &down) {
		ctx, cancel := p.detached(ctx)
		defer cancel()
		_ = p.ledger.Disclaim(ctx, caller, nonce, owner) // if that fails, the lease ends by itself
	}
	return err
}

func (p *Protocol) reload(ctx context.Context, caller license.Caller, nonce, owner string) error {
	epoch, err := p.record.OpenEpoch(ctx, caller, nonce)
	if err != nil {
		return contended(err)
	}
	// A slow record must not bring the others in before the first page is staged.
	if _, err := p.ledger.Claim(ctx, caller, nonce, owner); err != nil && !errors.Is(err, ledger.ErrLost) {
		return err
	}
	if err := p.step(ctx, StepOpened); err != nil {
		return err
	}
	// The loss may have taken the reaper's index with it.
	if err := p.ledger.Schedule(ctx, false, caller.OrganizationID); err != nil {
		return err
	}
	err = p.record.ActiveSessions(ctx, caller, func(sessions []license.Session) error {
		return p.ledger.Stage(ctx, caller, nonce, epoch, members(sessions))
	})
	if err == nil {
		err = p.step(ctx, StepStaged)
	}
	if err == nil {
		err = p.ledger.Load(ctx, caller, nonce, epoch)
	}
	if errors.Is(err, ledger.ErrLost) {
		return nil // another rebuild was quicker, or this Redis is gone again
	}
	if err != nil {
		return err
	}
	if epoch > 1 { // the first is only an organization's first use
		p.opts.Log.WarnContext(ctx, "a seat ledger was rebuilt from the record",
			slog.String("organization_id", caller.OrganizationID), slog.Int64("epoch", epoch))
	}
	return p.step(ctx, StepLoaded)
}

// members are recorded sessions with the pools that count them.
func members(sessions []license.Session) []ledger.Member {
	out := make([]ledger.Member, len(sessions))
	for i, s := range sessions {
		out[i] = ledger.Member{Session: s, Pools: license.PoolKeys(s.LicenseID)}
	}
	return out
}
