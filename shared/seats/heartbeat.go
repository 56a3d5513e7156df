package seats

import (
	"context"
	"errors"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Heartbeat extends the caller's own living session. Errors:
// license.ErrSessionNotFound (also for another user's session),
// *license.SessionEndedError once its end is recorded, for good, and
// *license.UnavailableError, after which the client keeps working until its
// token ends.
func (p *Protocol) Heartbeat(ctx context.Context, caller license.Caller, q ledger.Heartbeat) (ledger.Hold, error) {
	var hold ledger.Hold
	err := p.repeat(ctx, func() (err error) {
		hold, err = p.extend(ctx, caller, q)
		return err
	})
	return hold, err
}

func (p *Protocol) extend(ctx context.Context, caller license.Caller, q ledger.Heartbeat) (ledger.Hold, error) {
	hold, err := p.ledger.Heartbeat(ctx, caller, q)
	if err == nil {
		return hold, nil
	}
	if errors.Is(err, ledger.ErrForeign) {
		return ledger.Hold{}, license.ErrSessionNotFound
	}
	if expired, ok := errors.AsType[*ledger.ExpiredError](err); ok {
		return ledger.Hold{}, p.expired(ctx, caller, expired.Hold)
	}
	if unknown, ok := errors.AsType[*ledger.UnknownError](err); ok {
		return ledger.Hold{}, p.displaced(ctx, caller, q.SessionID, unknown)
	}
	return ledger.Hold{}, p.rebuilt(ctx, caller, err)
}

// expired completes the end of a session, and then says so. An end that somebody
// decided was acknowledged, recorded or not, and is told also while the record
// is away; this process may be the first to acknowledge it, so it leaves it for the
// reaper as a release does.
func (p *Protocol) expired(ctx context.Context, caller license.Caller, hold ledger.Hold) error {
	err := p.end(ctx, caller, []ledger.Hold{hold})
	var away *license.UnavailableError
	if err != nil && (!hold.EndedReason.Decided() || !errors.As(err, &away)) {
		return err
	}
	if err != nil {
		p.leave(ctx, caller, hold, err)
	}
	return &license.SessionEndedError{Reason: hold.EndedReason}
}

// displaced answers for a session the ledger does not hold. Its record decides;
// if that is still active, its seat may have gone to another and it is ended.
func (p *Protocol) displaced(ctx context.Context, caller license.Caller, sessionID string, unknown *ledger.UnknownError) error {
	s, err := p.record.Session(ctx, caller, sessionID)
	switch {
	case err != nil:
		return err
	case s.UserID != caller.UserID:
		return license.ErrSessionNotFound
	case s.Status == license.SessionEnded:
		return &license.SessionEndedError{Reason: s.EndedReason}
	}
	s.EndedAt, s.EndedReason = unknown.Now, license.EndDisplaced
	hold := ledger.Hold{Session: s}
	hold.Epoch = unknown.Epoch
	return p.expired(ctx, caller, hold)
}
