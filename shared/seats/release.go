package seats

import (
	"context"
	"errors"
	"log/slog"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Revoke ends a living session of the caller whose license no longer allows it,
// for this reason.
func (p *Protocol) Revoke(ctx context.Context, caller license.Caller, hold ledger.Hold, reason license.EndReason) error {
	return p.repeat(ctx, func() error {
		return p.endOnRequest(ctx, caller, ledger.Mark{SessionID: hold.ID, UserID: caller.UserID, Own: reason})
	})
}

// Release gives a seat back; of a session already ended it is a success that
// changes nothing. Owners and admins release any session of their organization; a
// member is told of a colleague's what it is told of one that never was.
// It is a success also while the record is away: the session's end has begun, and
// whoever can record it completes it before its seat is granted again. Errors:
// license.ErrSessionNotFound, *license.UnavailableError.
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
		return license.ErrSessionNotFound
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

// conclude records the end of a marked session and removes it. A mark that a
// rebuild took over is under a newer epoch, and the release begins anew there.
func (p *Protocol) conclude(ctx context.Context, caller license.Caller, hold ledger.Hold) error {
	err := p.record.End(ctx, caller, hold.Epoch, ends([]ledger.Hold{hold}))
	if errors.Is(err, record.ErrFenced) {
		return p.fenced(ctx, caller, hold.Epoch)
	}
	if err != nil {
		p.leave(ctx, caller, hold, err)
		return nil
	}
	p.forget([]ledger.Hold{hold})
	if err := p.step(ctx, StepEnded); err != nil {
		return err
	}
	ctx, cancel := p.detached(ctx)
	defer cancel()
	return p.removeConcluded(ctx, caller, hold)
}

// leave leaves a marked session in the ledger, for the reaper to come soon.
func (p *Protocol) leave(ctx context.Context, caller license.Caller, hold ledger.Hold, outage error) {
	p.opts.Log.WarnContext(ctx, "the end of a session is yet to be recorded",
		slog.String("organization_id", caller.OrganizationID), slog.String("session_id", hold.ID),
		slog.String("backend", license.Backend(outage)), slog.String("error", outage.Error()))
	ctx, cancel := p.detached(ctx)
	defer cancel()
	_ = p.ledger.Schedule(ctx, true, caller.OrganizationID) // if that fails, the visit comes within a TTL
}

// removeConcluded removes the session, also from a ledger that a rebuild made
// meanwhile: it may have read the record before the end was in it.
func (p *Protocol) removeConcluded(ctx context.Context, caller license.Caller, hold ledger.Hold) error {
	var retry *retryError
	for range maxAttempts {
		_, err := p.ledger.Remove(ctx, caller, ledger.BySession, hold)
		if err == nil {
			return p.step(ctx, StepRemoved)
		}
		if err := p.rebuilt(ctx, caller, err); !errors.As(err, &retry) {
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
	err = p.record.End(ctx, caller, unknown.Epoch, ends([]ledger.Hold{hold}))
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
	return license.ErrSessionNotFound
}
