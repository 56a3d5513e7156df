// Package seats is the protocol by which a seat is never sold twice: acquire,
// heartbeat, release, reap and rebuild, over a ledger that counts and a record
// that remembers. README.md beside this file tells the life of a seat, and what
// goes wrong without each guard.
package seats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

// Step names a boundary of the protocol: a point at which a process may die, or
// pause for any time, and every promise must still hold.
type Step string

// The boundaries, in the order an operation passes them.
const (
	// StepReserved: the ledger has the seat, the record has nothing yet.
	StepReserved Step = "reserved"
	// StepRecorded: the record has the session, nothing is signed yet.
	StepRecorded Step = "recorded"
	// StepSigned: the token is signed, the answer is not sent yet.
	StepSigned Step = "signed"
	// StepMarked: an end was begun in the ledger, the record does not know.
	StepMarked Step = "marked"
	// StepEnding: it was decided to record ends, nothing is written.
	StepEnding Step = "ending"
	// StepEnded: ends are recorded, the ledger still has the sessions.
	StepEnded Step = "ended"
	// StepRemoved: the ledger no longer has the sessions.
	StepRemoved Step = "removed"
	// StepOpened: a rebuild has its epoch, nothing is staged.
	StepOpened Step = "opened"
	// StepStaged: all recorded sessions are staged, the ledger is not switched.
	StepStaged Step = "staged"
	// StepLoaded: the ledger is rebuilt.
	StepLoaded Step = "loaded"
	// StepTallied: the ledger has told how seats were used, the record does not know.
	StepTallied Step = "tallied"
	// StepFiled: the record knows, the ledger still has it.
	StepFiled Step = "filed"
	// StepForgotten: the ledger has forgotten the hours that are over.
	StepForgotten Step = "forgotten"
)

// Options configure a [Protocol].
type Options struct {
	// SessionTTL is how long a session lives after its last heartbeat.
	SessionTTL time.Duration
	// RebuildDeadline is how long a rebuild may make no progress; a minute when zero.
	RebuildDeadline time.Duration
	// Parallel is how many transactions or queries one organization's reaping or
	// rebuild does at a time; 8 when zero.
	Parallel int
	// CompensationDeadline bounds the giving back of a seat after a failure,
	// which must be tried also when the request's own time is over; 2 s when zero.
	CompensationDeadline time.Duration
	// OnStep is called at every boundary and stops the operation there if it
	// fails, as a crash would. Tests set it; nil in production.
	OnStep func(context.Context, Step) error
	// Wait pauses between attempts; a timer when nil.
	Wait func(context.Context, time.Duration) error
	// NewSessionID names a new session; a UUIDv7 (RFC 9562) when nil.
	NewSessionID func() (string, error)
	// Log tells what no answer tells: rebuilt ledgers, ends the record does not
	// have yet. Nil logs nothing.
	Log *slog.Logger
	// Now times this instance's own caches, and says from when on a rebuild looks for
	// tokens that are good, if Redis's clock is ahead; time.Now when nil.
	Now func() time.Time
}

// Protocol hands out seats over a ledger and a record.
//
// Its one principle: a grant is recorded before it is announced, an end is
// recorded before it is acted on. Its caches may vanish at any time.
type Protocol struct {
	ledger ledger.Ledger
	record record.Record
	opts   Options
	// scheduled is when this instance last put an organization into the reaper's index,
	// and refusals when it last did so because of a refusal.
	scheduled, refusals *lru.Cache[string, time.Time]
	// recorded are sessions this instance knows to be in the record, and in
	// which epoch: a rebuild may bring back one whose record has ended since.
	recorded *lru.Cache[string, license.Epoch]
	rebuilds refresh.Flight[string, struct{}]
	// unfiledOf has the usage of organizations that could not be filed a short time ago.
	unfiledOf *lru.Cache[string, *unfiled]
	// attempts are the grants at work.
	attempts attempts
	// clockAlarm is when it was last said that the clocks differ, ns; 0: never.
	clockAlarm atomic.Int64
}

// New makes a protocol.
func New(ledger ledger.Ledger, record record.Record, opts Options) (*Protocol, error) {
	if opts.SessionTTL <= 0 {
		return nil, errors.New("seats: SessionTTL must be positive")
	}
	if opts.RebuildDeadline == 0 {
		opts.RebuildDeadline = time.Minute
	}
	if opts.Parallel == 0 {
		opts.Parallel = 8
	}
	if opts.CompensationDeadline == 0 {
		opts.CompensationDeadline = 2 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Wait == nil {
		opts.Wait = wait
	}
	if opts.NewSessionID == nil {
		opts.NewSessionID = newSessionID
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	scheduled, err := lru.New[string, time.Time](10_000)
	if err != nil {
		return nil, fmt.Errorf("seats: %w", err)
	}
	refusals, err := lru.New[string, time.Time](10_000)
	if err != nil {
		return nil, fmt.Errorf("seats: %w", err)
	}
	recorded, err := lru.New[string, license.Epoch](16_384)
	if err != nil {
		return nil, fmt.Errorf("seats: %w", err)
	}
	unfiledOf, err := lru.New[string, *unfiled](1000)
	if err != nil {
		return nil, fmt.Errorf("seats: %w", err)
	}
	return &Protocol{
		ledger: ledger, record: record, opts: opts, scheduled: scheduled, refusals: refusals, recorded: recorded, unfiledOf: unfiledOf,
	}, nil
}

func (p *Protocol) step(ctx context.Context, s Step) error {
	if p.opts.OnStep == nil {
		return nil
	}
	return p.opts.OnStep(ctx, s)
}

// detached outlives the request it comes from: seats are given back also when
// the client has gone or its time is over.
func (p *Protocol) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), p.opts.CompensationDeadline)
}

// schedule puts the organization into the reaper's index before a seat of it is
// taken, at most once per quarter TTL and instance.
func (p *Protocol) schedule(ctx context.Context, org string) error {
	now := p.opts.Now()
	// A quarter is well under the TTL after which an idle organization leaves the index.
	if last, ok := p.scheduled.Get(org); ok && now.Sub(last) < p.opts.SessionTTL/4 {
		return nil
	}
	if err := p.ledger.Schedule(ctx, false, org); err != nil {
		return err
	}
	p.scheduled.Add(org, now)
	return nil
}

// refusalsPause is how seldom an instance asks the reaper to come for refusals. What is
// refused in between is filed by a later visit: see refusalsVisit.
const refusalsPause = 10 * time.Second

// scheduleFiling has the reaper's next run file a refusal: a report of the day's denials
// does not wait until somebody's session may have expired. A refusal stands without it.
func (p *Protocol) scheduleFiling(ctx context.Context, org string) {
	now := p.opts.Now()
	if last, ok := p.refusals.Get(org); ok && now.Sub(last) < refusalsPause {
		return
	}
	if p.ledger.Schedule(ctx, true, org) == nil {
		p.refusals.Add(org, now)
	}
}

// newSessionID is a UUIDv7 (RFC 9562): unique per grant, ordered by time.
func newSessionID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a session id: %w", err)
	}
	return id.String(), nil
}
