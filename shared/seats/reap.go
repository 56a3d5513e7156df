package seats

import (
	"context"
	"errors"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Reaped is what one visit to an organization did.
type Reaped struct {
	// Sessions counts the expired sessions this visit ended and removed.
	Sessions int
	// Repaired counts the records this visit set right.
	Repaired int
	// Rebuilt says that the organization's ledger had to be rebuilt.
	Rebuilt bool
	// Left says that the organization had no session for a whole TTL and is no
	// longer visited until it acquires again.
	Left bool
}

// Reap ends every session of one organization whose time has run out and
// records its pending ends. It is safe to overlap, to repeat and to die half
// way; a context that ends leaves the rest for the next run.
func (p *Protocol) Reap(ctx context.Context, organizationID string) (Reaped, error) {
	caller := license.ServiceCaller(organizationID)
	var done Reaped
	err := p.repeat(ctx, func() error { return done.watch(p.reap(ctx, caller, &done)) })
	return done, err
}

// watch notes whether a visit made a rebuild necessary.
func (r *Reaped) watch(err error) error {
	if retry, ok := errors.AsType[*retryError](err); ok {
		r.Rebuilt = r.Rebuilt || retry.rebuilt
	}
	return err
}

// reap visits an organization until a visit finds nothing to do.
func (p *Protocol) reap(ctx context.Context, caller license.Caller, done *Reaped) error {
	for {
		v, err := p.ledger.Visit(ctx, caller, record.MaxEnds)
		if err != nil {
			return p.rebuilt(ctx, caller, err)
		}
		if len(v.Expired)+len(v.Pending)+len(v.Dead) == 0 {
			done.Left, err = p.ledger.Reschedule(ctx, caller.OrganizationID, v)
			return err
		}
		if err := p.attend(ctx, caller, v, done); err != nil {
			return err
		}
	}
}

func (p *Protocol) attend(ctx context.Context, caller license.Caller, v ledger.Visit, done *Reaped) error {
	n, err := p.endCounting(ctx, caller, v.Expired)
	done.Sessions += n
	if err != nil {
		return err
	}
	if err := p.deliver(ctx, caller, v, done); err != nil {
		return err
	}
	for _, g := range v.Dead {
		if err := p.ledger.Clear(ctx, caller, g); err != nil {
			return err
		}
	}
	return nil
}

// deliver records the ends of seats given back while the record was away.
func (p *Protocol) deliver(ctx context.Context, caller license.Caller, v ledger.Visit, done *Reaped) error {
	for _, h := range v.Pending {
		if err := p.record.EndNow(ctx, caller, 0, ended(h)); err != nil {
			return err
		}
		if err := p.ledger.Delivered(ctx, caller, h.ID); err != nil {
			return p.rebuilt(ctx, caller, err)
		}
		done.Repaired++
	}
	return nil
}

// Sweep ends records that are active although the ledger does not hold their
// sessions: what a crash or a loss at an unlucky moment can leave behind. It
// compares counts first, so that a sound organization costs two cheap calls.
func (p *Protocol) Sweep(ctx context.Context, organizationID string) (Reaped, error) {
	caller := license.ServiceCaller(organizationID)
	var done Reaped
	err := p.repeat(ctx, func() error { return done.watch(p.sweep(ctx, caller, &done)) })
	return done, err
}

func (p *Protocol) sweep(ctx context.Context, caller license.Caller, done *Reaped) error {
	h, err := p.ledger.Known(ctx, caller, nil)
	if err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	active, err := p.record.CountActive(ctx, caller)
	if err != nil || active <= h.Held {
		return err
	}
	return p.record.ActiveSessions(ctx, caller, func(batch []license.Session) error {
		n, err := p.endUnknown(ctx, caller, batch)
		done.Repaired += n
		return err
	})
}

func (p *Protocol) endUnknown(ctx context.Context, caller license.Caller, batch []license.Session) (int, error) {
	ids := make([]string, len(batch))
	for i, s := range batch {
		ids[i] = s.ID
	}
	h, err := p.ledger.Known(ctx, caller, ids)
	if err != nil {
		return 0, p.rebuilt(ctx, caller, err)
	}
	var lost []ledger.Hold
	for i, s := range batch {
		// A younger one may be a grant whose outcome is still on its way.
		if h.Known[i] || s.AcquiredAt.Add(p.opts.SessionTTL).After(h.Now) {
			continue
		}
		s.EndedAt, s.EndedReason, s.Epoch = h.Now, license.EndDisplaced, h.Epoch
		lost = append(lost, ledger.Hold{Session: s})
	}
	_, err = p.endCounting(ctx, caller, lost)
	return len(lost), err
}
