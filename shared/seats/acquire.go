package seats

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Request asks a [Pool] for a seat.
type Request struct {
	Organization license.Organization
	License      license.License
	// Holder.LicenseID is taken from License.
	Holder license.Holder
	Client license.Client
}

// Acquire takes a seat, or renews the one the holder has (Hold.Existing).
//
// issue is called with the hold once the record has it, to sign the token whose
// life counts from Hold.Now; if it fails, a seat newly taken is given back
// before the error is returned. Errors: *license.NoSeatsError, which is answered
// only if living sessions really filled the cap at some moment of the call, and
// *license.UnavailableError.
func (p *Pool) Acquire(ctx context.Context, caller license.Caller, req Request, issue func(context.Context, ledger.Hold) error) (ledger.Hold, error) {
	req.Holder.LicenseID = req.License.ID
	if err := p.note(ctx, caller.OrganizationID); err != nil {
		return ledger.Hold{}, err
	}
	var hold ledger.Hold
	err := p.repeat(ctx, func() (err error) {
		hold, err = p.grant(ctx, caller, req, issue)
		return err
	})
	return hold, err
}

func (p *Pool) grant(ctx context.Context, caller license.Caller, req Request, issue func(context.Context, ledger.Hold) error) (hold ledger.Hold, err error) {
	work := p.undecided.begin(caller.OrganizationID)
	lost := false // a seat was taken, and is held by nobody: also when a panic ends it
	defer func() { work.end(lost) }()
	hold, err = p.reserve(ctx, caller, req)
	var full *license.NoSeatsError
	switch {
	case errors.As(err, &full):
		return ledger.Hold{}, work.refused(ctx, err)
	case err != nil:
		return ledger.Hold{}, err
	}
	lost = !hold.Existing
	p.audit(ctx, req, hold)
	hold, err = p.complete(ctx, caller, req, hold, issue)
	lost = lost && err != nil
	return hold, err
}

// complete records a reserved seat and has its token signed.
func (p *Pool) complete(ctx context.Context, caller license.Caller, req Request, hold ledger.Hold, issue func(context.Context, ledger.Hold) error) (ledger.Hold, error) {
	if err := p.step(ctx, StepReserved); err != nil {
		return ledger.Hold{}, err
	}
	if err := p.recordGrant(ctx, caller, req, hold); err != nil {
		return ledger.Hold{}, err
	}
	if err := p.step(ctx, StepRecorded); err != nil {
		return ledger.Hold{}, err
	}
	if err := issue(ctx, hold); err != nil {
		p.giveBack(ctx, caller, hold)
		return ledger.Hold{}, err
	}
	return hold, p.step(ctx, StepSigned)
}

func (p *Pool) reserve(ctx context.Context, caller license.Caller, req Request) (ledger.Hold, error) {
	hold, err := p.propose(ctx, caller, req)
	if broken(err) {
		// As after a failover. Whether or not that seat was taken: the holder
		// finds it, or gets another.
		hold, err = p.propose(ctx, caller, req)
	}
	var stale *ledger.StaleError
	if errors.As(err, &stale) {
		if err := p.end(ctx, caller, stale.Holds); err != nil {
			return ledger.Hold{}, err
		}
		return ledger.Hold{}, errAgain
	}
	return hold, p.rebuilt(ctx, caller, err)
}

// propose asks for a seat under a session id of its own.
func (p *Pool) propose(ctx context.Context, caller license.Caller, req Request) (ledger.Hold, error) {
	id, err := newSessionID()
	if err != nil {
		return ledger.Hold{}, err
	}
	return p.ledger.Reserve(ctx, caller, ledger.Reservation{
		SessionID: id, Holder: req.Holder, MaxLicense: req.License.MaxSeats,
		MaxOrganization: req.Organization.MaxConcurrentSeats, LicenseEnds: req.License.ExpiresAt,
	})
}

// broken reports whether a connection ended under a call.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// recordGrant makes the record durable before anything is told. A session found
// in the ledger may be one whose first request is still at work, or died.
func (p *Pool) recordGrant(ctx context.Context, caller license.Caller, req Request, hold ledger.Hold) error {
	if epoch, ok := p.recorded.Get(hold.ID); hold.Recorded || ok && epoch == hold.Epoch {
		return nil
	}
	session := hold.Session
	session.Client, session.Status = req.Client, license.SessionActive
	err := p.record.Create(ctx, caller, session)
	switch {
	case err == nil:
		p.recorded.Add(hold.ID, hold.Epoch)
		return nil
	case errors.Is(err, record.ErrFenced):
		return p.fenced(ctx, caller, hold.Epoch)
	case errors.Is(err, record.ErrEnded):
		return p.buried(ctx, caller, hold)
	case hold.Existing:
		return definite(err)
	case errors.Is(err, record.ErrNotWritten):
		p.withdraw(ctx, caller, hold)
	case errors.Is(err, record.ErrRefused):
		p.giveBack(ctx, caller, hold)
	}
	// Anything else may or may not be recorded: the seat is left to expire, and
	// the same holder's next acquire finds it.
	return definite(err)
}

// definite keeps a refused create from being taken for contention to wait out:
// its seat has been given back, so the client is told.
func definite(err error) error {
	var down *license.UnavailableError
	if errors.As(err, &down) {
		return &license.UnavailableError{Backend: down.Backend, RetryAfter: down.RetryAfter, Err: errors.New(down.Err.Error())}
	}
	return err
}

// fenced handles a record whose epoch has moved: the ledger must be rebuilt
// before anything else can be granted or ended.
func (p *Pool) fenced(ctx context.Context, caller license.Caller, epoch int64) error {
	if err := p.ledger.Forget(ctx, caller, epoch); err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	return errAgain
}

// buried clears a hold whose record has ended: its seat is free.
func (p *Pool) buried(ctx context.Context, caller license.Caller, hold ledger.Hold) error {
	if _, err := p.ledger.Remove(ctx, caller, ledger.BySession, hold); err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	return errAgain
}

// withdraw takes back a seat of which nothing was recorded nor ever will be,
// unless another request of the same holder has come to rely on it.
func (p *Pool) withdraw(ctx context.Context, caller license.Caller, hold ledger.Hold) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	_, _ = p.ledger.Remove(ctx, caller, ledger.IfUntouched, hold) // failing that, it expires
}

// giveBack ends a new grant that cannot be completed. Each step may fail: what
// is left is an expired seat that the next acquire or the reaper clears.
func (p *Pool) giveBack(ctx context.Context, caller license.Caller, hold ledger.Hold) {
	if hold.Existing {
		return
	}
	ctx, cancel := p.detached(ctx)
	defer cancel()
	p.recorded.Remove(hold.ID)
	marked, err := p.ledger.Mark(ctx, caller, ledger.Mark{
		SessionID: hold.ID, UserID: hold.UserID, Own: license.EndFailed, Grant: hold.Grant,
	})
	if err != nil {
		return
	}
	_ = p.end(ctx, caller, []ledger.Hold{marked})
}
