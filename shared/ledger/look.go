package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// State is what has become of a session, as the ledger has it.
type State int

// The states; look.lua has the same numbers.
const (
	// Unheld: the ledger does not hold it.
	Unheld State = iota
	// Living: it has its seat.
	Living
	// Over: its time is over by the server's clock, and nobody has begun its end.
	Over
	// Ending: its end has begun.
	Ending
)

// Sight is a session as the ledger has it; of one that it does not hold, the state alone.
type Sight struct {
	State State
	// LastHeartbeatAt is when it was last renewed.
	LastHeartbeatAt time.Time
	// ExpiresAt is when it ends unless it is renewed; of one whose end has begun, when
	// that was.
	ExpiresAt time.Time
	// Pools are the keys of the pools that count it, but for the organization's own.
	Pools []string
}

// Look implements [Looking].
func (r *Redis) Look(ctx context.Context, caller license.Caller, sessionIDs []string) ([]Sight, error) {
	a, err := r.run(ctx, caller, call{script: "look", args: sessions(sessionIDs)})
	if err != nil {
		return nil, err
	}
	sights := make([]Sight, len(sessionIDs))
	for i, id := range sessionIDs {
		sights[i] = a.sight(caller, id, 3*i)
	}
	if a.err != nil {
		return nil, a.err
	}
	return sights, nil
}

// sight reads one session's state, end and data.
func (r *reply) sight(caller license.Caller, id string, i int) Sight {
	state, ends, data := State(r.int(i)), r.time(i+1), r.str(i+2)
	if r.err != nil || state == Unheld {
		return Sight{}
	}
	if state < Unheld || state > Ending {
		r.fail(i, "a state")
	}
	h, err := parseSession(caller, id, data)
	if err != nil {
		r.err = unavailable(err)
		return Sight{}
	}
	return Sight{State: state, LastHeartbeatAt: h.LastHeartbeatAt, ExpiresAt: ends, Pools: poolsOf(data)}
}
