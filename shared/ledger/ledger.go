// Package ledger counts seats: who is in which pool, until when, by the Redis
// server's own clock. It is mechanism alone. It is handed pools with their caps
// and refuses by a pool's place in that list; what a pool stands for, which caps
// were bought and in which order ends are recorded is decided by its callers
// (shared/license and shared/seats).
//
// One operation is one Go file beside its one Lua file: reserve.go holds the
// arguments, by name, and the answer of reserve.lua. All scripts begin with
// prelude.lua; those on one organization's ledger go on with session.lua (a
// session's data, with session.go), organization.lua (keys, epoch, generation),
// members.lua and meters.lua.
package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Hold is a session as the ledger knows it.
type Hold struct {
	// Session has no Client and no Status: the ledger does not know them. Its
	// EndedAt, EndedReason and TokenEnds are set once it has expired or its end was begun.
	license.Session
	// Now is the Redis server's time of the answer; zero where one session's end is told.
	Now time.Time
	// TokenExpiresAt is when a license token ends that is made for this answer, but for
	// its license's own end; zero where none is to be made. It counts from Now.
	TokenExpiresAt time.Time
	// TokensGood is how many tokens of the session's license may be good, this one's
	// included. Only a reservation tells it.
	TokensGood int
	// Used counts the living sessions of the first pool, this one included: that of
	// the candidate, or of the session where nothing is reserved.
	Used int
	// PoolsUsed counts the living sessions of each pool of the candidate, in its
	// order, this one included. Only a reservation tells it.
	PoolsUsed []int
	// Grant counts the requests that may answer with this grant before it is
	// known to be recorded: from 1, and from epoch times [GrantsPerEpoch] after
	// a rebuild, so that no count from before matches one from after it.
	Grant int64
	// Recorded says that the session is known to be in the record.
	Recorded bool
	// Existing says that a reservation found the session rather than made it.
	Existing bool
	// Candidate is the place, among a reservation's candidates, of the session's license.
	Candidate int
}

// GrantsPerEpoch is far more requests than share one grant in one epoch.
const GrantsPerEpoch = 1000

// Pool is a set of sessions that is counted, and how many it may have.
type Pool struct {
	// Key names the pool within its organization: no blank, comma or equals sign.
	// The empty key is the organization's own pool, which counts all its sessions.
	Key string
	// Cap is the most living sessions the pool may have after a grant.
	Cap int
}

// Ledger counts seats. All times are the Redis server's. Every method is scoped
// to its caller's organization; another organization's sessions do not exist for
// it. Any method with a caller may answer [*RebuildError], after which nothing
// was changed, or [*license.UnavailableError] (Backend "redis"), after which
// the change may or may not have been made: all are safe to repeat. It wraps
// [*ClockError] where the clocks differ: Reserve and Visit do nothing then, and
// Heartbeat calls nobody expired and has no token made. A ledger
// whose data a newer revision of this program wrote is unavailable.
// ledgertest.Run enforces this contract on every implementation.
type Ledger interface {
	Seats
	Looking
	Metering
	Reaping
	Rebuilding
	Index

	// Ping reports whether the ledger's servers answer and take writes.
	Ping(ctx context.Context) error
}

// Seats are taken, kept and given back.
type Seats interface {
	// Reserve finds and renews the living session that the holder has under the
	// first of the candidates where it has one (Hold.Existing), or takes a seat
	// under the first that is open and has room. *StaleError: those must be ended
	// first; the holder's own that are over are among them, under whichever
	// candidate. *FullError: none is open and has room. A repeat with the same
	// session id finds what the first made. Each answer is one to make a token of.
	Reserve(ctx context.Context, caller license.Caller, r Reservation) (Hold, error)

	// Heartbeat extends caller.UserID's living session by a session TTL; the answer is
	// one to make a token of. *ExpiredError, *UnknownError, ErrForeign.
	Heartbeat(ctx context.Context, caller license.Caller, h Heartbeat) (Hold, error)

	// Mark begins the end of a living session, with a reason; one whose end has
	// begun, by itself too, is answered as it is. *UnknownError, ErrForeign, ErrTouched.
	Mark(ctx context.Context, caller license.Caller, m Mark) (Hold, error)

	// Remove takes sessions out under the given condition and counts those taken. The
	// last token of each counts as spent until it ends, but not of a grant that failed.
	Remove(ctx context.Context, caller license.Caller, how Removal, holds ...Hold) (int, error)
}

// Looking tells what the ledger has, and changes nothing.
type Looking interface {
	// Look tells of each session, in their order, what the ledger has of it. Who is
	// seen to be over has not ended by that: a heartbeat finds it so for itself. While
	// the clocks differ nobody is.
	Look(ctx context.Context, caller license.Caller, sessionIDs []string) ([]Sight, error)

	// Count tells of each pool, by its key and in their order, how many of its sessions
	// are [Living] as Look has it.
	Count(ctx context.Context, caller license.Caller, pools []string) ([]int, error)
}

// Metering tells how seats are used. The ledger counts it by the way, for the own pool
// of each session: the first of its pools.
type Metering interface {
	// Tally tells what was counted in up to limit hours of pools, by pool and hour, after
	// what the Tally before gave as its Last; empty begins. A dead generation is told as it
	// is; the present one, if dead is empty, is counted up to now, and hours are closed that
	// have been over for [Patience]. Each number only grows within a generation, and
	// whatever was told stays until it is Tallied.
	Tally(ctx context.Context, caller license.Caller, dead, after string, limit int) (Tally, error)

	// Tallied forgets closed hours that were told of and are recorded, these alone. If the
	// generation is no longer the present one nothing is forgotten: Clear will.
	Tallied(ctx context.Context, caller license.Caller, generation string, meters []Meter) error
}

// Reaping is what a reaper looks at, and what it leaves clean.
type Reaping interface {
	// Visit lists up to limit sessions to end, and begins the ends of the expired.
	Visit(ctx context.Context, caller license.Caller, limit int) (Visit, error)

	// Known says which sessions the ledger holds.
	Known(ctx context.Context, caller license.Caller, sessionIDs []string) (Holdings, error)

	// Clear removes the keys of a dead generation, and what it counted.
	Clear(ctx context.Context, caller license.Caller, generation string) error
}

// Rebuilding makes an organization's ledger anew from recorded sessions.
type Rebuilding interface {
	// Forget makes the ledger ask for a rebuild if it still is of epoch.
	Forget(ctx context.Context, caller license.Caller, epoch license.Epoch) error

	// Claim takes or renews owner's lease on the rebuild that nonce names, for
	// [RebuildLease], and tells how far it has come. ErrLost if there is no
	// such rebuild to do (any more). The lease saves work and guards nothing. owner
	// is a name without semicolons that nobody else uses.
	Claim(ctx context.Context, caller license.Caller, nonce, owner string) (Claim, error)

	// Disclaim gives owner's lease back, after a rebuild that failed; another's stays.
	Disclaim(ctx context.Context, caller license.Caller, nonce, owner string) error

	// Stage adds recorded sessions to the generation of epoch, for the rebuild
	// that nonce names, notes how far it has come, and renews its lease. A session
	// whose end had begun is staged as ending. ErrLost if that rebuild was overtaken.
	Stage(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, c Chunk) error

	// Spend adds tokens that outlive their sessions to the generation of epoch, after all
	// its sessions. ErrLost as Stage.
	Spend(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, spent []Spent) error

	// Load makes exactly the staged sessions the organization's ledger; all of
	// them live at least for a session TTL from now. ErrLost if overtaken.
	Load(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch) error
}

// Index says which organizations a reaper must visit, and when. It is kept in
// shards, so that it spreads over a cluster.
type Index interface {
	// Schedule puts organizations into the index: one session TTL from now, or now.
	Schedule(ctx context.Context, now bool, organizationIDs ...string) error

	// DueShards is how many shards the index has.
	DueShards() int

	// Shard is where the index keeps an organization.
	Shard(organizationID string) int

	// Due lists up to limit organizations of a shard that should be visited now.
	Due(ctx context.Context, shard, limit int) (Due, error)

	// Filled confirms that a fresh shard was filled.
	Filled(ctx context.Context, shard int, identity string) error

	// Reschedule tells the index what a visit found, and whether the organization
	// left it: it had no session for a whole TTL.
	Reschedule(ctx context.Context, organizationID string, v Visit) (left bool, err error)
}
