package seats

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"syscall"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Request asks a [Protocol] for a seat.
type Request struct {
	// Terms are those that [license.Decide] came to.
	Terms license.Terms
	// Holder is who asks; its license is that of the choice under which it gets its seat.
	Holder license.Holder
	Client license.Client
	// RecordEpoch is the number of the record's epoch as it was read with what the terms
	// rest on; 0: there was none.
	RecordEpoch int64
	// Ready says why no token could be signed now. It is asked before every attempt,
	// also by who has waited for another's grant that came to nothing: no seat is
	// taken, and nothing recorded, that would have to be given back. Nil is always ready.
	Ready func() error
}

// UnusableError says that the holder has a living session of a license that may
// not be used any more: it is to be ended ([Protocol.Revoke]) before another
// license is tried. Nothing was changed, but that the session was renewed.
type UnusableError struct {
	Hold ledger.Hold
	// Err is why it may not go on.
	Err error
}

func (e *UnusableError) Error() string {
	return "the holder's session is of another license: " + e.Err.Error()
}
func (e *UnusableError) Unwrap() error { return e.Err }

// Acquire takes a seat under the first of the terms' choices that has room, or
// renews the one the holder has (Hold.Existing). Hold.Candidate is the choice's place.
//
// sign is called with the hold once the record has it, to sign the token whose
// life counts from Hold.Now; if it fails, a seat newly taken is given back
// before the error is returned. Errors: *license.NoSeatsError, which is answered
// only if living sessions really filled the cap at some moment of the call, the
// terms' own refusal, *UnusableError, what Ready says, and *license.UnavailableError,
// which wraps [record.ErrOutdated] where other terms may hold by now: nothing was granted
// on those that came.
func (p *Protocol) Acquire(ctx context.Context, caller license.Caller, req Request, sign func(context.Context, ledger.Hold) error) (ledger.Hold, error) {
	if err := p.schedule(ctx, caller.OrganizationID); err != nil {
		return ledger.Hold{}, err
	}
	var hold ledger.Hold
	name := requestName()
	err := p.repeat(ctx, func() (err error) {
		hold, err = p.grant(ctx, caller, req, name, sign)
		return err
	})
	if full, ok := errors.AsType[*license.NoSeatsError](err); ok {
		p.scheduleFiling(ctx, caller.OrganizationID)
		if full.Limit == license.LimitUser {
			full.Own = p.own(ctx, caller, full.LicenseID)
		}
	}
	return hold, err
}

func (p *Protocol) grant(ctx context.Context, caller license.Caller, req Request, name string, sign func(context.Context, ledger.Hold) error) (hold ledger.Hold, err error) {
	if req.Ready != nil {
		if err := req.Ready(); err != nil {
			return ledger.Hold{}, err
		}
	}
	work := p.attempts.begin(caller.OrganizationID)
	lost := false // a seat was taken, and is held by nobody: also when a panic ends it
	defer func() { work.end(lost) }()
	hold, err = p.reserve(ctx, caller, req, name)
	if full, ok := errors.AsType[*ledger.FullError](err); ok {
		if len(full.Refusals) == 0 {
			return ledger.Hold{}, req.Terms.Refusal
		}
		return ledger.Hold{}, work.refused(ctx, noSeats(full, req.Terms.Choices))
	}
	if err != nil {
		return ledger.Hold{}, err
	}
	if refusal := req.Terms.Choices[hold.Candidate].Refusal; refusal != nil {
		return ledger.Hold{}, &UnusableError{Hold: hold, Err: refusal}
	}
	lost = !hold.Existing
	p.audit(ctx, req, hold)
	hold, err = p.complete(ctx, caller, req, hold, sign)
	lost = lost && err != nil
	return hold, err
}

// noSeats tells which of the bought limits refuses. Licenses add up: if each has
// no seat left of its own, so many seats of all of them are taken. If one has, what it
// meets is in the way: the user's limit, the organization's, or the tokens of its earlier
// holders.
func noSeats(full *ledger.FullError, choices []license.Choice) error {
	all := &license.NoSeatsError{Limit: license.LimitLicense, RetryAfter: full.RetryAfter}
	for _, r := range full.Refusals {
		limit := choices[r.Candidate].Pools[r.Pool].Limit
		if r.Tokens {
			limit = license.LimitHandover
		}
		if limit != license.LimitLicense {
			return &license.NoSeatsError{
				Limit: limit, Used: r.Used, Max: r.Cap, RetryAfter: full.RetryAfter, LicenseID: choices[r.Candidate].License.ID,
			}
		}
		all.Used, all.Max = all.Used+r.Used, all.Max+r.Cap
	}
	return all
}

// complete records a reserved seat and has its token signed.
func (p *Protocol) complete(ctx context.Context, caller license.Caller, req Request, hold ledger.Hold, sign func(context.Context, ledger.Hold) error) (ledger.Hold, error) {
	if err := p.step(ctx, StepReserved); err != nil {
		return ledger.Hold{}, err
	}
	if err := p.recordGrant(ctx, caller, req, hold); err != nil {
		return ledger.Hold{}, err
	}
	if err := p.step(ctx, StepRecorded); err != nil {
		return ledger.Hold{}, err
	}
	if err := sign(ctx, hold); err != nil {
		p.giveBack(ctx, caller, hold)
		return ledger.Hold{}, err
	}
	return hold, p.step(ctx, StepSigned)
}

// reserve asks the ledger for a seat, and ends first what stands in its way.
func (p *Protocol) reserve(ctx context.Context, caller license.Caller, req Request, name string) (ledger.Hold, error) {
	hold, err := p.propose(ctx, caller, req, name)
	if broken(err) {
		// As after a failover. If the first call took a seat, the second finds it for
		// the holder; else it takes one.
		hold, err = p.propose(ctx, caller, req, name)
	}
	if stale, ok := errors.AsType[*ledger.StaleError](err); ok {
		if err := p.end(ctx, caller, stale.Holds); err != nil {
			return ledger.Hold{}, err
		}
		return ledger.Hold{}, &retryError{obstacle: "expired sessions were ended"}
	}
	return hold, p.rebuilt(ctx, caller, err)
}

// propose asks for a seat under a session id of its own.
func (p *Protocol) propose(ctx context.Context, caller license.Caller, req Request, name string) (ledger.Hold, error) {
	id, err := p.opts.NewSessionID()
	if err != nil {
		return ledger.Hold{}, err
	}
	r := ledger.Reservation{SessionID: id, Holder: req.Holder, RecordEpoch: req.RecordEpoch}
	r.Request = name
	for _, choice := range req.Terms.Choices {
		r.Candidates = append(r.Candidates, candidate(choice))
	}
	return p.ledger.Reserve(ctx, caller, r)
}

// requestName tells a request from the next one of the same holder, so that of the
// refusals of one, which it may meet several of, one is counted.
func requestName() string { return strconv.FormatUint(uint64(rand.Uint32()), 36) } //nolint:gosec // uniqueness, not secrecy

func candidate(c license.Choice) ledger.Candidate {
	out := ledger.Candidate{LicenseID: c.License.ID, Closed: !c.Open, TokenTTL: c.License.TokenTTL(0), TokenCap: c.TokenCap}
	for _, pool := range c.Pools {
		out.Pools = append(out.Pools, ledger.Pool{Key: pool.Key, Cap: pool.Cap})
	}
	return out
}

// broken reports whether a connection ended under a call.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// recordGrant makes the record durable before anything is told. A session found
// in the ledger may be one whose first request is still at work, or died.
func (p *Protocol) recordGrant(ctx context.Context, caller license.Caller, req Request, hold ledger.Hold) error {
	if epoch, ok := p.recorded.Get(hold.ID); hold.Recorded || ok && epoch == hold.Epoch {
		return nil
	}
	if err := p.counted(ctx, caller, req, hold); err != nil {
		return err
	}
	session := hold.Session
	session.Client, session.Status, session.TermsEpoch = req.Client, license.SessionActive, req.RecordEpoch
	err := p.record.Create(ctx, caller, session)
	switch {
	case err == nil:
		p.recorded.Add(hold.ID, hold.Epoch)
		return nil
	case errors.Is(err, record.ErrFenced):
		return p.fenced(ctx, caller, hold.Epoch)
	case errors.Is(err, record.ErrEnded):
		return p.removeEnded(ctx, caller, hold)
	case errors.Is(err, record.ErrOutdated):
		return p.outdated(ctx, caller, hold, err)
	case hold.Existing:
		return err
	case errors.Is(err, record.ErrNotWritten):
		p.withdraw(ctx, caller, hold)
	case errors.Is(err, record.ErrRefused):
		p.giveBack(ctx, caller, hold)
	}
	// Anything else may or may not be recorded: the seat is left to expire, and
	// the same holder's next acquire finds it.
	return err
}

// fenced handles a record whose epoch has moved: the ledger must be rebuilt
// before anything else can be granted or ended.
func (p *Protocol) fenced(ctx context.Context, caller license.Caller, epoch license.Epoch) error {
	if err := p.ledger.Forget(ctx, caller, epoch); err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	return &retryError{obstacle: "the record's epoch had moved on"}
}

// removeEnded clears a hold whose record has ended: its seat is free.
func (p *Protocol) removeEnded(ctx context.Context, caller license.Caller, hold ledger.Hold) error {
	if _, err := p.ledger.Remove(ctx, caller, ledger.BySession, hold); err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	return &retryError{obstacle: "the session's record had ended"}
}

// withdraw takes back a seat of which nothing was recorded nor ever will be,
// unless another request of the same holder has come to rely on it. If that
// fails, the seat expires by itself.
func (p *Protocol) withdraw(ctx context.Context, caller license.Caller, hold ledger.Hold) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	_, _ = p.ledger.Remove(ctx, caller, ledger.IfUntouched, hold)
}

// giveBack ends a new grant that cannot be completed. Each step may fail: what
// is left is an expired seat that the next acquire or the reaper clears.
func (p *Protocol) giveBack(ctx context.Context, caller license.Caller, hold ledger.Hold) {
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
