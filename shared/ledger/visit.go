package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Visit is what a reaper finds at one organization.
type Visit struct {
	Epoch int64
	Now   time.Time
	// Earliest is when the next session could expire; zero: there is none.
	Earliest time.Time
	// Expired are sessions to end, earliest first.
	Expired []Hold
	// Pending are ends to record.
	Pending []Hold
	// Dead are generations whose keys can be cleared.
	Dead []string
}

// Visit implements [Reaping].
func (r *Redis) Visit(ctx context.Context, caller license.Caller, limit int) (Visit, error) {
	a, err := r.run(ctx, caller, call{script: "visit", args: []argument{{"limit", limit}}})
	if err != nil {
		return Visit{}, err
	}
	v := Visit{Epoch: a.epoch, Now: a.now}
	if first := a.int(0); first > 0 {
		v.Earliest = time.UnixMilli(first).UTC()
	}
	expired, pending := reply{values: a.list(1), epoch: a.epoch}, reply{values: a.list(2)}
	v.Expired = expired.holds(caller, a.now)
	v.Pending = pending.pending(caller)
	for _, g := range a.list(3) {
		if generation, ok := g.(string); ok {
			v.Dead = append(v.Dead, generation)
		}
	}
	return v, errors.Join(a.err, expired.err, pending.err)
}
