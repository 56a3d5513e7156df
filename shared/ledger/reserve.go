package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Reservation asks for a seat.
type Reservation struct {
	SessionID string
	Holder    license.Holder
	// Pools are those that will count the session, the first refusal first. The
	// first one's count is told with every heartbeat.
	Pools []Pool
	// RecordEpoch is as in [Heartbeat].
	RecordEpoch int64
	// LicenseEnds bounds the token's life; zero means the license never ends.
	LicenseEnds time.Time
}

// staleLimit is how many expired sessions one Reserve names for a pool: what one
// transaction of the record can end.
const staleLimit = 400

// Reserve implements [Seats]. It is sent at most once per session id: bytes left
// in a connection that was given up can reach the server much later, and must
// then not bring back a session that somebody was told of and has released.
func (r *Redis) Reserve(ctx context.Context, caller license.Caller, q Reservation) (Hold, error) {
	args, err := r.reservation(q)
	if err != nil {
		return Hold{}, err
	}
	a, err := r.run(ctx, caller, call{script: "reserve", args: args, once: true})
	if err != nil {
		return Hold{}, err
	}
	switch a.code {
	case codeOK, codeHeld:
		h := a.reserved(caller, q)
		return h, a.err
	case codeStale:
		holds := a.holds(caller, a.now)
		return Hold{}, orErr(a, &StaleError{Holds: holds})
	case codeFull:
		return Hold{}, a.full()
	case codeClock:
		return Hold{}, r.clock(a)
	default:
		return Hold{}, a.unexpected("reserve")
	}
}

func (r *Redis) reservation(q Reservation) ([]argument, error) {
	args := []argument{
		{"record_epoch", q.RecordEpoch},
		{"session", packID(q.SessionID)},
		{"holder", digest(q.Holder)},
		{"who", who(q.Holder)},
		{"license", q.Holder.LicenseID},
		{"license_end", unixMilli(q.LicenseEnds)},
		{"ttl", r.opts.SessionTTL.Milliseconds()},
		{"token_ttl", r.opts.TokenTTL.Milliseconds()},
		{"limit", staleLimit},
	}
	for _, p := range q.Pools {
		if strings.ContainsAny(p.Key, " ,=") {
			return nil, fmt.Errorf("ledger: a pool's key has a blank, a comma or an equals sign: %q", p.Key)
		}
		args = append(args, argument{"pool", p.Key}, argument{"cap", p.Cap})
	}
	return args, nil
}

func (r *reply) reserved(caller license.Caller, q Reservation) Hold {
	h := Hold{
		Now: r.now, TokenExpiresAt: r.time(2), Renewed: r.int(3) == 1, Recorded: r.int(4) == 1, Grant: r.int(5),
		Existing: r.code == codeHeld,
	}
	h.Session = license.Session{
		ID: unpackID(r.str(0)), OrganizationID: caller.OrganizationID, Holder: q.Holder,
		AcquiredAt: r.time(6), LastHeartbeatAt: r.now, ExpiresAt: r.time(1), Epoch: r.epoch,
	}
	for i := range q.Pools {
		h.PoolsUsed = append(h.PoolsUsed, int(r.int(7+i)))
	}
	if len(h.PoolsUsed) > 0 {
		h.Used = h.PoolsUsed[0]
	}
	return h
}

func (r *reply) full() error {
	e := &FullError{Pool: int(r.int(0)), Used: int(r.int(1)), Cap: int(r.int(2)), RetryAfter: r.time(3).Sub(r.now)}
	return orErr(*r, e)
}
