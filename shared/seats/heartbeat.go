package seats

import (
	"context"
	"errors"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Heartbeat extends the caller's own living session. Errors:
// license.ErrSessionNotFound (also for another user's session),
// *license.SessionEndedError once its end is recorded, for good, and
// *license.UnavailableError, after which the client keeps working until its
// token ends.
func (p *Pool) Heartbeat(ctx context.Context, caller license.Caller, sessionID string, candidates []LicenseEnd, renew bool) (Hold, error) {
	var hold Hold
	err := p.repeat(ctx, func() (err error) {
		hold, err = p.beat(ctx, caller, sessionID, candidates, renew)
		return err
	})
	return hold, err
}

func (p *Pool) beat(ctx context.Context, caller license.Caller, sessionID string, candidates []LicenseEnd, renew bool) (Hold, error) {
	hold, err := p.ledger.Beat(ctx, caller, sessionID, candidates, renew)
	var expired *ExpiredError
	var owed *OwedError
	var unknown *UnknownError
	switch {
	case errors.Is(err, ErrForeign):
		return Hold{}, license.ErrSessionNotFound
	case errors.As(err, &expired):
		if err := p.end(ctx, caller, []Hold{expired.Hold}); err != nil {
			return Hold{}, err
		}
		return Hold{}, &license.SessionEndedError{Reason: expired.Hold.EndedReason}
	case errors.As(err, &owed):
		if owed.Hold.UserID != caller.UserID {
			return Hold{}, license.ErrSessionNotFound
		}
		return Hold{}, &license.SessionEndedError{Reason: owed.Hold.EndedReason}
	case errors.As(err, &unknown):
		return Hold{}, p.displaced(ctx, caller, sessionID, unknown)
	}
	return hold, p.rebuilt(ctx, caller, err)
}

// displaced answers for a session the ledger does not hold. Its record decides;
// if that is still active, its seat may have gone to another and it is ended.
func (p *Pool) displaced(ctx context.Context, caller license.Caller, sessionID string, unknown *UnknownError) error {
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
	hold := Hold{Session: s}
	hold.Epoch = unknown.Epoch
	if err := p.end(ctx, caller, []Hold{hold}); err != nil {
		return err
	}
	return &license.SessionEndedError{Reason: license.EndDisplaced}
}

// Unsigned tells the ledger that a renewal it decided could not be signed, so
// that the next heartbeat tries again.
func (p *Pool) Unsigned(ctx context.Context, caller license.Caller, hold Hold) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	_ = p.ledger.Retoken(ctx, caller, hold.ID, hold.PreviousTokenExpiry) // failing that, the client may ask with token=renew
}
