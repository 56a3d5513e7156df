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
func (p *Pool) Heartbeat(ctx context.Context, caller license.Caller, sessionID string, candidates []ledger.LicenseEnd, renew bool) (ledger.Hold, error) {
	var hold ledger.Hold
	err := p.repeat(ctx, func() (err error) {
		hold, err = p.beat(ctx, caller, sessionID, candidates, renew)
		return err
	})
	return hold, err
}

func (p *Pool) beat(ctx context.Context, caller license.Caller, sessionID string, candidates []ledger.LicenseEnd, renew bool) (ledger.Hold, error) {
	hold, err := p.ledger.Beat(ctx, caller, sessionID, candidates, renew)
	var expired *ledger.ExpiredError
	var owed *ledger.OwedError
	var unknown *ledger.UnknownError
	switch {
	case errors.Is(err, ledger.ErrForeign):
		return ledger.Hold{}, license.ErrSessionNotFound
	case errors.As(err, &expired):
		if err := p.end(ctx, caller, []ledger.Hold{expired.Hold}); err != nil {
			return ledger.Hold{}, err
		}
		return ledger.Hold{}, &license.SessionEndedError{Reason: expired.Hold.EndedReason}
	case errors.As(err, &owed):
		if owed.Hold.UserID != caller.UserID {
			return ledger.Hold{}, license.ErrSessionNotFound
		}
		return ledger.Hold{}, &license.SessionEndedError{Reason: owed.Hold.EndedReason}
	case errors.As(err, &unknown):
		return ledger.Hold{}, p.displaced(ctx, caller, sessionID, unknown)
	}
	return hold, p.rebuilt(ctx, caller, err)
}

// displaced answers for a session the ledger does not hold. Its record decides;
// if that is still active, its seat may have gone to another and it is ended.
func (p *Pool) displaced(ctx context.Context, caller license.Caller, sessionID string, unknown *ledger.UnknownError) error {
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
	if err := p.end(ctx, caller, []ledger.Hold{hold}); err != nil {
		return err
	}
	return &license.SessionEndedError{Reason: license.EndDisplaced}
}

// Unsigned tells the ledger that a renewal it decided could not be signed, so
// that the next heartbeat tries again.
func (p *Pool) Unsigned(ctx context.Context, caller license.Caller, hold ledger.Hold) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	_ = p.ledger.Retoken(ctx, caller, hold.ID, hold.PreviousTokenExpiry) // failing that, the client may ask with token=renew
}
