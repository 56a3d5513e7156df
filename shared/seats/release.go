package seats

import (
	"context"
	"errors"
	"log/slog"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Revoke ends a living session whose license no longer allows it.
func (p *Protocol) Revoke(ctx context.Context, caller license.Caller, hold ledger.Hold) error {
	return p.repeat(ctx, func() error {
		return p.endOnRequest(ctx, caller, ledger.Mark{SessionID: hold.ID, UserID: caller.UserID, Own: license.EndRevoked})
	})
}

// Release gives a seat back; of a session already ended it is a success that
// changes nothing. Owners and admins release any session of their organization.
// Errors: license.ErrSessionNotFound, license.ErrForbidden,
// *license.UnavailableError.
func (p *Protocol) Release(ctx context.Context, caller license.Caller, sessionID string) error {
	mark := ledger.Mark{SessionID: sessionID, UserID: caller.UserID, Own: license.EndReleased}
	if caller.Administers() {
		mark.Other = license.EndRevoked
	}
	return p.repeat(ctx, func() error { return p.endOnRequest(ctx, caller, mark) })
}

// endOnRequest marks a session in the ledger, records its end, then removes it
// by its id. The mark comes first: if this process dies, the next request or
// reaper that meets the session completes its end.
func (p *Protocol) endOnRequest(ctx context.Context, caller license.Caller, mark ledger.Mark) error {
	hold, err := p.ledger.Mark(ctx, caller, mark)
	if errors.Is(err, ledger.ErrForeign) {
		return license.ErrForbidden
	}
	if pending, ok := errors.AsType[*ledger.PendingError](err); ok {
		return permitted(caller, pending.Hold.Session)
	}
	if unknown, ok := errors.AsType[*ledger.UnknownError](err); ok {
		return p.endUnheld(ctx, caller, mark, unknown)
	}
	if err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	if err := p.step(ctx, StepMarked); err != nil {
		return err
	}
	return p.conclude(ctx, caller, hold)
}

// conclude records the end of a marked session and removes it.
func (p *Protocol) conclude(ctx context.Context, caller license.Caller, hold ledger.Hold) error {
	how := ledger.BySession
	err := p.record.EndNow(ctx, caller, hold.Epoch, ended(hold))
	if errors.Is(err, record.ErrFenced) {
		// A rebuild may have brought the session back. It is marked there first,
		// because if this process died after the record its session would live on.
		return p.fenced(ctx, caller, hold.Epoch)
	}
	if err != nil {
		how = ledger.LeavingPending // the seat is given back all the same; the reaper records it
		p.opts.Log.WarnContext(ctx, "the end of a session is yet to be recorded",
			slog.String("organization_id", caller.OrganizationID), slog.String("session_id", hold.ID),
			slog.String("backend", license.Backend(err)), slog.String("error", err.Error()))
	}
	p.forget([]ledger.Hold{hold})
	if err := p.step(ctx, StepEnded); err != nil {
		return err
	}
	ctx, cancel := p.detached(ctx)
	defer cancel()
	return p.removeConcluded(ctx, caller, how, hold)
}

// removeConcluded removes the session, also from a ledger that a rebuild made
// meanwhile: it may have read the record before the end was in it. An end that
// is pending begins anew instead, because only what is marked may be left pending.
func (p *Protocol) removeConcluded(ctx context.Context, caller license.Caller, how ledger.Removal, hold ledger.Hold) error {
	var retry *retryError
	for range maxAttempts {
		_, err := p.ledger.Remove(ctx, caller, how, hold)
		if err == nil {
			return p.step(ctx, StepRemoved)
		}
		if err := p.rebuilt(ctx, caller, err); !errors.As(err, &retry) || how == ledger.LeavingPending {
			return err
		}
	}
	return retry
}

// endUnheld releases a session the ledger does not hold.
func (p *Protocol) endUnheld(ctx context.Context, caller license.Caller, mark ledger.Mark, unknown *ledger.UnknownError) error {
	s, err := p.record.Session(ctx, caller, mark.SessionID)
	if err != nil {
		return err
	}
	if err := permitted(caller, s); err != nil || s.Status == license.SessionEnded {
		return err
	}
	s.EndedAt, s.EndedReason = unknown.Now, mark.Own
	if s.UserID != caller.UserID {
		s.EndedReason = mark.Other
	}
	hold := ledger.Hold{Session: s}
	err = p.record.EndNow(ctx, caller, unknown.Epoch, ended(hold))
	if errors.Is(err, record.ErrFenced) {
		return p.fenced(ctx, caller, unknown.Epoch)
	}
	if err != nil {
		return err
	}
	_, err = p.ledger.Remove(ctx, caller, ledger.BySession, hold)
	return p.rebuilt(ctx, caller, err)
}

func permitted(caller license.Caller, s license.Session) error {
	if caller.MayEnd(s.UserID) {
		return nil
	}
	return license.ErrForbidden
}
