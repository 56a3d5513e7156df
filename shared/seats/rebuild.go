package seats

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/refresh"
	"github.com/google/uuid"
)

// rebuilt answers a ledger's call for a rebuild with one, after which the
// operation begins anew; any other error (or none) passes. That the clocks differ
// wakes an operator: nothing else tells it while heartbeats go on.
func (p *Protocol) rebuilt(ctx context.Context, caller license.Caller, err error) error {
	if clocks, ok := errors.AsType[*ledger.ClockError](err); ok {
		p.alarmClock(ctx, clocks)
	}
	fresh, ok := errors.AsType[*ledger.RebuildError](err)
	if !ok {
		return err
	}
	if err := p.rebuild(ctx, caller, fresh.Nonce); err != nil {
		return err
	}
	return &retryError{obstacle: "the ledger had to be rebuilt", rebuilt: true}
}

// rebuild makes the ledger anew from the record, once per process and
// incarnation at a time: the first request does the work with a deadline of
// its own, the others wait as long as theirs allow.
func (p *Protocol) rebuild(ctx context.Context, caller license.Caller, nonce string) error {
	org := caller.OrganizationID
	_, err := p.rebuilds.Do(ctx, org+"\x00"+nonce, longestRebuild, func(ctx context.Context) (struct{}, error) {
		ctx, stop := p.whileProgress(ctx)
		defer stop()
		return struct{}{}, p.reloadAlone(ctx, license.ServiceCaller(org), nonce)
	})
	if errors.Is(err, refresh.ErrLeft) {
		return &license.UnavailableError{Backend: "seats", Err: err, RetryAfter: comeAgain}
	}
	return err
}

const (
	// longestRebuild ends only what would never end.
	longestRebuild = time.Hour
	// comeAgain is when a request that could not wait for a rebuild is told to try
	// again: most rebuilds are over by then, and nobody expires while one lasts.
	comeAgain = 5 * time.Second
)

type progressKey struct{}

// whileProgress ends the context once nothing has come forward for the rebuild's
// deadline, however long the whole takes: a big organization is no failure.
func (p *Protocol) whileProgress(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stalled := time.AfterFunc(p.opts.RebuildDeadline, cancel)
	progress := func() { stalled.Reset(p.opts.RebuildDeadline) }
	return context.WithValue(ctx, progressKey{}, progress), func() { stalled.Stop(); cancel() }
}

// progressed notes that a rebuild has come forward.
func progressed(ctx context.Context) {
	if progress, ok := ctx.Value(progressKey{}).(func()); ok {
		progress()
	}
}

// The waits of a process that leaves a rebuild to another: short while the
// rebuild may be a small one, and rare enough that hundreds of instances ask
// Redis some thousand times a second at most.
const (
	firstClaimPause = 20 * time.Millisecond
	maxClaimPause   = 250 * time.Millisecond
	// claimAttempts is more than fit into the longest rebuild. Only in tests,
	// whose clocks may stand still, does a process reach it and do the work itself.
	claimAttempts = 20_000
)

// reloadAlone leaves the rebuild to the process that has the lease on it, and
// does it itself once that one shows no sign of life: after a loss all instances
// notice at once, and each would read the whole organization from the record.
func (p *Protocol) reloadAlone(ctx context.Context, caller license.Caller, nonce string) error {
	pause, owner := firstClaimPause, uuid.NewString()
	for range claimAttempts {
		claim, err := p.ledger.Claim(ctx, caller, nonce, owner)
		switch {
		case errors.Is(err, ledger.ErrLost):
			return nil // it is rebuilt, or this Redis is gone again
		case err != nil || claim.Held:
			return p.reloadClaimed(ctx, caller, nonce, owner, err)
		}
		progressed(ctx)                                                 // another process shows signs of life
		if err := p.opts.Wait(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // jitter
			return &license.UnavailableError{Backend: "seats", Err: err}
		}
		pause = min(2*pause, maxClaimPause)
	}
	return p.reload(ctx, caller, nonce, owner)
}

// reloadClaimed gives the lease back if a backend fails, so that the next
// request is answered as quickly as this one; also if the claim itself did, whose
// answer may be all that was lost.
func (p *Protocol) reloadClaimed(ctx context.Context, caller license.Caller, nonce, owner string, err error) error {
	if err == nil {
		err = p.reload(ctx, caller, nonce, owner)
	}
	var down *license.UnavailableError
	if errors.As(err, &down) {
		ctx, cancel := p.detached(ctx)
		defer cancel()
		_ = p.ledger.Disclaim(ctx, caller, nonce, owner) // if that fails, the lease ends by itself
	}
	return err
}

// reload opens the epoch, stages what is recorded and switches to it. From the
// opening on nothing that was decided before can change the record, and until the
// switch nothing new is decided: the record's active sessions stand still, so
// whoever goes on with another's work stages the same.
func (p *Protocol) reload(ctx context.Context, caller license.Caller, nonce, owner string) error {
	epoch, err := p.record.OpenEpoch(ctx, caller, nonce)
	if err != nil {
		return contended(err)
	}
	// A slow record must not bring the others in before the first page is staged.
	claim, err := p.ledger.Claim(ctx, caller, nonce, owner)
	if errors.Is(err, ledger.ErrLost) {
		return nil // another rebuild was quicker, or this Redis is gone again
	}
	if err != nil {
		return err
	}
	if err := p.step(ctx, StepOpened); err != nil {
		return err
	}
	// The loss may have taken the reaper's index with it.
	if err := p.ledger.Schedule(ctx, false, caller.OrganizationID); err != nil {
		return err
	}
	err = p.stage(ctx, caller, nonce, epoch, positions(epoch, claim.Staged))
	if err == nil {
		err = p.spend(ctx, caller, nonce, epoch, claim.Now)
	}
	if err == nil {
		err = p.step(ctx, StepStaged)
	}
	if err == nil {
		err = p.ledger.Load(ctx, caller, nonce, epoch)
	}
	if errors.Is(err, ledger.ErrLost) {
		return nil
	}
	if err != nil {
		return err
	}
	if epoch.Number > 1 { // the first is only an organization's first use
		p.opts.Log.WarnContext(ctx, "a seat ledger was rebuilt from the record",
			slog.String("organization_id", caller.OrganizationID), slog.Int64("epoch", epoch.Number))
	}
	return p.step(ctx, StepLoaded)
}

// stage stages what is recorded page by page. The first page is that of the whole
// organization, which is all of most. Of a larger one the parts are read beside
// each other, each from where this or another process has staged it to. Their
// scripts follow one another: whoever else asks this Redis waits for one, not for
// as many as there are parts.
func (p *Protocol) stage(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, staged map[int]string) error {
	own, err := p.bought(ctx, caller)
	if err != nil {
		return err
	}
	var turn sync.Mutex
	read := func(part int, after string, enough error) error {
		return p.record.ActiveSessions(ctx, caller, part, after, func(page record.Page) error {
			p.report(ctx, caller, page)
			progressed(ctx)
			chunk := ledger.Chunk{Members: own.members(page.Sessions), Part: part, Last: position(epoch, page.Last)}
			if part == record.Whole {
				chunk.Part, chunk.Last, staged = 0, "", everywhere(page.Last)
			}
			turn.Lock()
			err := p.ledger.Stage(ctx, caller, nonce, epoch, chunk)
			turn.Unlock()
			if err == nil && page.More {
				err = enough
			}
			return err
		})
	}
	err = errMore
	if len(staged) == 0 {
		err = read(record.Whole, "", errMore)
	}
	if errors.Is(err, errMore) {
		reading := newParallel(p.opts.Parallel)
		for part := range record.Parts {
			reading.do(func() error { return read(part, staged[part], nil) })
		}
		err = reading.wait()
	}
	return err
}

// errMore stops the reading of a whole organization that has more than a page.
var errMore = errors.New("there is more than a page")

// everywhere is a position that all parts go on from.
func everywhere(last string) map[int]string {
	all := map[int]string{}
	for part := range record.Parts {
		all[part] = last
	}
	return all
}

// report names the session documents that could not be read: they hold no seat,
// and must not keep the organization from having its ledger.
func (p *Protocol) report(ctx context.Context, caller license.Caller, page record.Page) {
	if len(page.Unreadable) > 0 {
		p.opts.Log.ErrorContext(ctx, "session documents cannot be read and are left out",
			slog.String("organization_id", caller.OrganizationID), slog.Any("documents", page.Unreadable))
	}
}

// members are recorded sessions with the pools that count them.
func (b bought) members(sessions []license.Session) []ledger.Member {
	out := make([]ledger.Member, len(sessions))
	for i, s := range sessions {
		out[i] = ledger.Member{Session: s, Pools: b.counting.PoolKeys(s.Holder), TokenTTL: b.tokenTTLs[s.LicenseID]}
	}
	return out
}

// position is how far a part is staged, as the ledger keeps it for whoever goes on: under
// which epoch, and the last document. One nonce has a second epoch where the record's has
// moved while the rebuild was at work, and what is staged for the first is in another
// generation. No document's name has the slash.
func position(epoch license.Epoch, last string) string { return epoch.String() + "/" + last }

// positions are the last documents of the parts that are staged under the epoch.
func positions(epoch license.Epoch, staged map[int]string) map[int]string {
	own := map[int]string{}
	for part, at := range staged {
		if last, ok := strings.CutPrefix(at, epoch.String()+"/"); ok {
			own[part] = last
		}
	}
	return own
}
