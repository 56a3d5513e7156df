package seats

import (
	"context"
	"errors"
	"log/slog"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// rebuilt turns a ledger's call for a rebuild into one, and into errAgain when
// that is done; any other error (or none) passes.
func (p *Pool) rebuilt(ctx context.Context, caller license.Caller, err error) error {
	var fresh *RebuildError
	if !errors.As(err, &fresh) {
		return err
	}
	if err := p.rebuild(ctx, caller, fresh.Nonce); err != nil {
		return err
	}
	return errAgain
}

// rebuild makes the ledger anew from the record, once per process and
// incarnation at a time: the first request does the work with a deadline of
// its own, the others wait as long as theirs allow.
func (p *Pool) rebuild(ctx context.Context, caller license.Caller, nonce string) error {
	org := caller.OrganizationID
	done := p.rebuilds.DoChan(org+"\x00"+nonce, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.opts.RebuildDeadline)
		defer cancel()
		return nil, p.reload(ctx, license.Service(org), nonce)
	})
	select {
	case <-ctx.Done():
		return &license.UnavailableError{Backend: "seats", Err: ctx.Err()}
	case result := <-done:
		return result.Err
	}
}

func (p *Pool) reload(ctx context.Context, caller license.Caller, nonce string) error {
	epoch, err := p.record.OpenEpoch(ctx, caller, nonce)
	if err != nil {
		return err
	}
	if err := p.step(ctx, StepOpened); err != nil {
		return err
	}
	// The loss may have taken the reaper's index with it.
	if err := p.ledger.Note(ctx, false, caller.OrganizationID); err != nil {
		return err
	}
	err = p.record.ActiveSessions(ctx, caller, func(sessions []license.Session) error {
		return p.ledger.Stage(ctx, caller, nonce, epoch, sessions)
	})
	if err == nil {
		err = p.step(ctx, StepStaged)
	}
	if err == nil {
		err = p.ledger.Load(ctx, caller, nonce, epoch)
	}
	if errors.Is(err, ErrLost) {
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
