package seats

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

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

// Reap ends every session of one organization whose time has run out, completes every
// end that somebody else began, and files how seats were used. It is safe to overlap, to repeat
// and to die half way; a context that ends leaves the rest for the next run.
func (p *Protocol) Reap(ctx context.Context, organizationID string) (Reaped, error) {
	caller := license.ServiceCaller(organizationID)
	var done Reaped
	left := p.unfiled(organizationID)
	err := p.repeat(ctx, func() error { return done.watch(p.reap(ctx, caller, &done, left)) })
	p.remember(organizationID, left)
	left.report(ctx, caller, p.opts.Log)
	return done, err
}

// watch notes whether a visit made a rebuild necessary.
func (r *Reaped) watch(err error) error {
	if retry, ok := errors.AsType[*retryError](err); ok {
		r.Rebuilt = r.Rebuilt || retry.rebuilt
	}
	return err
}

// reap visits an organization until a visit finds nothing to do. What a visit
// finds expired is this one's to end, so the next visit goes on while the ends
// of the last are recorded. What was ending already is looked at once they are.
func (p *Protocol) reap(ctx context.Context, caller license.Caller, done *Reaped, left *unfiled) error {
	ending, busy := newParallel(p.opts.Parallel), false
	var removed atomic.Int64
	defer func() { done.Sessions += int(removed.Load()) }()
	for ending.failed() == nil {
		v, err := p.ledger.Visit(ctx, caller, record.MaxEnds)
		v.Dead = slices.DeleteFunc(v.Dead, func(g string) bool { return left.dead[g] })
		switch {
		case err != nil:
			_ = ending.wait() // the visit's error is the better answer
			return p.rebuilt(ctx, caller, err)
		case len(v.Expired) > 0:
			busy = true
			ending.do(func() error { return p.endAdding(ctx, caller, v.Expired, &removed) })
		case busy:
			busy = false
			_ = ending.wait() // looked at by the loop
		case len(v.Ending)+len(v.Dead) == 0:
			refused, err := p.tally(ctx, caller, "", left)
			if err != nil {
				return err
			}
			if refused {
				v.Earliest = nextFiling(v)
			}
			done.Left, err = p.ledger.Reschedule(ctx, caller.OrganizationID, v)
			return err
		default:
			ending.fail(p.attend(ctx, caller, v, &removed, left))
		}
	}
	return ending.wait()
}

// refusalsVisit is how soon an organization that refused in this hour is visited again.
const refusalsVisit = time.Minute

// nextFiling is when to visit an organization next that refused in this hour: the
// refusals that come now are in the report soon, also those that no instance asks for.
func nextFiling(v ledger.Visit) time.Time {
	soon := v.Now.Add(refusalsVisit)
	if v.Earliest.IsZero() || soon.Before(v.Earliest) {
		return soon
	}
	return v.Earliest
}

// endAdding ends holds and adds how many it removed.
func (p *Protocol) endAdding(ctx context.Context, caller license.Caller, holds []ledger.Hold, removed *atomic.Int64) error {
	n, err := p.endCounting(ctx, caller, holds)
	removed.Add(int64(n))
	return err
}

// attend completes what others began and clears what others left, once the record has
// what was counted there.
func (p *Protocol) attend(ctx context.Context, caller license.Caller, v ledger.Visit, removed *atomic.Int64, left *unfiled) error {
	if err := p.endAdding(ctx, caller, v.Ending, removed); err != nil {
		return err
	}
	for _, g := range v.Dead {
		if _, err := p.tally(ctx, caller, g, left); err != nil {
			return err
		}
		if left.dead[g] {
			continue
		}
		if err := p.ledger.Clear(ctx, caller, g); err != nil {
			return err
		}
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
	return p.record.ActiveSessions(ctx, caller, record.Whole, "", func(page record.Page) error {
		p.report(ctx, caller, page)
		n, err := p.endUnknown(ctx, caller, page.Sessions)
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
