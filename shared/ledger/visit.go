package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Visit is what a reaper finds at one organization.
type Visit struct {
	Epoch license.Epoch
	Now   time.Time
	// Earliest is when the next session could expire; zero: there is none.
	Earliest time.Time
	// Expired are sessions to end, earliest first; from this visit on they are
	// ending, and no other visit names them here.
	Expired []Hold
	// Ending are sessions whose end began before, and whose end somebody was to
	// complete. They are listed once nothing is Expired.
	Ending []Hold
	// Dead are generations whose keys can be cleared.
	Dead []string
}

// Visit implements [Reaping].
func (r *Redis) Visit(ctx context.Context, caller license.Caller, limit int) (Visit, error) {
	a, err := r.run(ctx, caller, call{script: "visit", args: []argument{{"limit", limit}}})
	if err != nil {
		return Visit{}, err
	}
	if a.code == codeClock {
		return Visit{}, r.clock(a)
	}
	v := Visit{Epoch: a.epoch, Now: a.now}
	if first := a.int(0); first > 0 {
		v.Earliest = time.UnixMilli(first).UTC()
	}
	expired, ending := reply{values: a.list(1), epoch: a.epoch}, reply{values: a.list(2), epoch: a.epoch}
	v.Expired, v.Ending = expired.holds(caller, a.now), ending.holds(caller, a.now)
	for _, g := range a.list(3) {
		if generation, ok := g.(string); ok {
			v.Dead = append(v.Dead, generation)
		}
	}
	return v, errors.Join(a.err, expired.err, ending.err)
}
