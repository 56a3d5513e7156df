package ledger

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Reservation asks for a seat.
type Reservation struct {
	SessionID string
	// Holder is who asks. Its license is that of the candidate under which the
	// session is found or made; it is not looked at here.
	Holder license.Holder
	// Candidates are the licenses under which the session may be, each at most once.
	Candidates []Candidate
	// RecordEpoch is as in [Heartbeat].
	RecordEpoch int64
	// Request names the request, without blanks: if it is refused more than once, because
	// it is tried again or an answer was lost, that counts as one refusal. Empty counts each.
	Request string
}

// Candidate is a license that a reservation may be counted under.
type Candidate struct {
	// LicenseID completes the holder: under each license it is another one.
	LicenseID string
	// Pools are those that will count the session, at least one, the first refusal
	// first. The first one's count is told with every heartbeat.
	Pools []Pool
	// Closed: no seat is granted here. A session that the holder has is answered,
	// and ended first where it has expired, as that of any other candidate.
	Closed bool
	// TokenTTL is the longest life of the license's tokens; zero is the ledger's own.
	TokenTTL time.Duration
	// TokenCap is how many tokens of the license may be good once another holder has a
	// seat: those of the sessions of the first pool, which has a key, and those that
	// outlive their sessions. Who was given such a one itself is not subject to it.
	TokenCap int
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
		{"who", who(q.Holder)},
		{"ttl", r.opts.SessionTTL.Milliseconds()},
		{"token_min", r.opts.TokenMin.Milliseconds()},
		{"limit", staleLimit},
		{"request", q.Request},
	}
	for _, c := range q.Candidates {
		if len(c.Pools) == 0 || c.Pools[0].Key == "" {
			return nil, fmt.Errorf("ledger: no pool of its own counts the sessions of %q", c.LicenseID)
		}
		for _, p := range c.Pools {
			if strings.ContainsAny(p.Key, " ,=") {
				return nil, fmt.Errorf("ledger: a pool's key has a blank, a comma or an equals sign: %q", p.Key)
			}
			args = append(args, argument{"license", c.LicenseID}, argument{"holder", digest(q.holder(c))},
				argument{"token_ttl", r.tokenTTL(c.TokenTTL)}, argument{"token_cap", c.TokenCap},
				argument{"open", flag(!c.Closed)}, argument{"pool", p.Key}, argument{"cap", p.Cap})
		}
	}
	return args, nil
}

// tokenTTL is that of a license in milliseconds, or the usual one.
func (r *Redis) tokenTTL(own time.Duration) int64 {
	ttl := cmp.Or(own, r.opts.TokenTTL)
	return min(ttl, cmp.Or(r.opts.TokenMost, ttl)).Milliseconds()
}

// holder is who asks, as the candidate's holder.
func (q Reservation) holder(c Candidate) license.Holder {
	h := q.Holder
	h.LicenseID = c.LicenseID
	return h
}

func (r *reply) reserved(caller license.Caller, q Reservation) Hold {
	h := Hold{
		Now: r.now, TokenExpiresAt: r.tokenTime(2), Recorded: r.int(3) == 1, Grant: r.int(4),
		Existing: r.code == codeHeld, Candidate: int(r.int(6)), TokensGood: int(r.int(7)),
	}
	if h.Candidate < 0 || h.Candidate >= len(q.Candidates) {
		r.fail(6, "a candidate's place")
		return h
	}
	c := q.Candidates[h.Candidate]
	h.Session = license.Session{
		ID: unpackID(r.str(0)), OrganizationID: caller.OrganizationID, Holder: q.holder(c),
		AcquiredAt: r.time(5), LastHeartbeatAt: r.now, ExpiresAt: r.time(1), Epoch: r.epoch,
	}
	for i := range c.Pools {
		h.PoolsUsed = append(h.PoolsUsed, int(r.int(8+i)))
	}
	h.Used = h.PoolsUsed[0]
	return h
}

func (r *reply) full() error {
	e := &FullError{RetryAfter: r.time(0).Sub(r.now)}
	for i := 1; i < len(r.values); i += 4 {
		e.Refusals = append(e.Refusals, Refusal{
			Candidate: int(r.int(i)), Pool: max(0, int(r.int(i+1))), Tokens: r.int(i+1) < 0,
			Used: int(r.int(i + 2)), Cap: int(r.int(i + 3)),
		})
	}
	return orErr(*r, e)
}
