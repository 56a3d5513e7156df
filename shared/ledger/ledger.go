// Package ledger is the seat ledger and the protocol that keeps it honest: who
// holds which seat, until when, by the Redis server's own clock.
//
// [Ledger] is the counting alone (redis.go, with the scripts in scripts/);
// [Pool] is the protocol over ledger and record: acquire, heartbeat, release,
// reap and rebuild. docs/architecture.md tells it step by step.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// RebuildError is the answer of a ledger that is not loaded on this very Redis
// server: after a loss, a failover, or before the organization's first use.
type RebuildError struct {
	// Nonce names this incarnation; a rebuild begun with another one changes nothing.
	Nonce string
}

func (e *RebuildError) Error() string { return "the organization's seat ledger must be rebuilt" }

// UnknownError says that the ledger does not hold the session.
type UnknownError struct {
	// Epoch and Now are the ledger's epoch and time when it said so.
	Epoch int64
	Now   time.Time
}

// Holdings is what the ledger knows of some sessions.
type Holdings struct {
	Epoch int64
	Now   time.Time
	// Held counts the sessions in the ledger.
	Held int
	// Known says for each session asked for whether the ledger holds it or owes its end.
	Known []bool
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the seat ledger does not hold the session in epoch %d", e.Epoch)
}

// StaleError names the ended-to-be sessions that stand in a grant's way.
type StaleError struct {
	// Holds are expired: their ends must be recorded and they must be removed first.
	Holds []Hold
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%d expired sessions must be ended first", len(e.Holds))
}

// ExpiredError says that the session's time has run out, or that its end was
// begun, and that the end is still to be recorded.
type ExpiredError struct{ Hold Hold }

func (e *ExpiredError) Error() string { return "the session has expired" }

// OwedError says that the session was removed and its end is still owed to the record.
type OwedError struct{ Hold Hold }

func (e *OwedError) Error() string { return "the session has ended, its record is still to follow" }

// Errors of a ledger without further facts.
var (
	// ErrForeign: the session is another user's.
	ErrForeign = errors.New("the session is another user's")
	// ErrTouched: another request has answered with this grant since.
	ErrTouched = errors.New("the grant was answered by another request")
	// ErrLost: the rebuild was overtaken; do the operation again.
	ErrLost = errors.New("the rebuild was overtaken")
)

// GrantsPerEpoch is far more requests than share one grant in one epoch.
const GrantsPerEpoch = 1000

// RebuildLease is how long a rebuild is left to the process that began it, from
// its last sign of life: above the reading of one page of the record, far below
// the time in which a program misses its seat.
func RebuildLease(sessionTTL time.Duration) time.Duration { return min(5*time.Second, sessionTTL/16) }

// Hold is a session as the ledger knows it.
type Hold struct {
	// Session has no Client and no Status: the ledger does not know them. Its
	// EndedAt and EndedReason are set once it has expired or its end was begun.
	license.Session
	// Now is the Redis server's time of the answer; zero where one session's end is told.
	Now time.Time
	// TokenExpiresAt is when the holder's license token ends, as far as the
	// ledger can know: what was last decided here.
	TokenExpiresAt time.Time
	// Renewed says that TokenExpiresAt was just moved: a new token is to be signed.
	Renewed bool
	// PreviousTokenExpiry is TokenExpiresAt before it was moved by a heartbeat.
	PreviousTokenExpiry time.Time
	// Used counts the license's living sessions, this one included; for display,
	// because a session marked a moment ago may still be among them.
	Used int
	// UsedByOrganization counts the living sessions of all the organization's
	// licenses, this one included. Only a reservation tells it.
	UsedByOrganization int
	// Grant counts the requests that may answer with this grant before it is
	// known to be recorded: from 1, and from epoch times [GrantsPerEpoch] after
	// a rebuild, so that no count from before matches one from after it.
	Grant int64
	// Recorded says that the session is known to be in the record.
	Recorded bool
	// Existing says that a reservation found the session rather than made it.
	Existing bool
}

// Reservation asks for a seat.
type Reservation struct {
	SessionID string
	Holder    license.Holder
	// MaxLicense and MaxOrganization are the two caps.
	MaxLicense, MaxOrganization int
	// LicenseEnds bounds the token's life; zero means the license never ends.
	LicenseEnds time.Time
}

// LicenseEnd is a license a session may be of, and when that ends (zero: never).
type LicenseEnd struct {
	LicenseID string
	Ends      time.Time
}

// Mark begins the end of a session.
type Mark struct {
	SessionID string
	// UserID is who ends it, for Own; empty matches nobody.
	UserID string
	// Own is the reason if the session is UserID's, Other if it is not; an
	// empty Other means another user's session is ErrForeign.
	Own, Other license.EndReason
	// Grant, when not 0, marks only while that is the hold's count.
	Grant int64
}

// Removal says under which condition a session is removed.
type Removal string

// The conditions.
const (
	// IfExpired: only if it still is; a rebuild may have revived it since.
	IfExpired Removal = "expired"
	// BySession: whatever its state; its end is recorded.
	BySession Removal = "session"
	// IfUntouched: a failed grant that was never recorded, while no other request answers with it.
	IfUntouched Removal = "grant"
	// Owing: as BySession, remembering that the end is still to be recorded.
	Owing Removal = "owe"
)

// Visit is what a reaper finds at one organization.
type Visit struct {
	Epoch int64
	Now   time.Time
	// Earliest is when the next session could expire; zero: there is none.
	Earliest time.Time
	// Expired are sessions to end, earliest first.
	Expired []Hold
	// Owed are ends to record.
	Owed []Hold
	// Dead are generations whose keys can be cleared.
	Dead []string
}

// Due is one shard's answer to which organizations to visit.
type Due struct {
	Organizations []string
	// Fresh says that this shard was not filled on this server: note every
	// organization with sessions, then confirm with Seeded(Identity).
	Fresh    bool
	Identity string
}

// Ledger counts ledger. All times are the Redis server's. Every method is scoped
// to caller.OrganizationID; another organization's sessions do not exist for
// it. Any method with a caller may answer [*RebuildError], after which nothing
// was changed, or [*license.UnavailableError] (Backend "redis"), after which
// the change may or may not have been made: all are safe to repeat.
// ledgertest.Run enforces this contract on every implementation.
type Ledger interface {
	// Reserve takes a seat for the holder, or finds and renews the one it has
	// (Hold.Existing). *StaleError: those must be ended first.
	// *license.NoSeatsError: living sessions fill a cap. A repeat with the same
	// session id finds what the first made.
	Reserve(ctx context.Context, caller license.Caller, r Reservation) (Hold, error)

	// Beat extends caller.UserID's living session by a session TTL and decides
	// on its token (forced with renew). candidates are the licenses it may be
	// of; many, or another one, cost a second round trip, and a license that is
	// not among them counts as never ending. *ExpiredError, *OwedError,
	// *UnknownError, ErrForeign.
	Beat(ctx context.Context, caller license.Caller, sessionID string, candidates []LicenseEnd, renew bool) (Hold, error)

	// Retoken puts back when the session's token ends, after a renewal that was not signed.
	Retoken(ctx context.Context, caller license.Caller, sessionID string, ends time.Time) error

	// Mark makes a living session expire at once, with a reason; an expired or
	// marked one is answered as it is. *OwedError, *UnknownError, ErrForeign, ErrTouched.
	Mark(ctx context.Context, caller license.Caller, m Mark) (Hold, error)

	// Remove takes sessions out under the given condition and counts those taken.
	Remove(ctx context.Context, caller license.Caller, how Removal, holds ...Hold) (int, error)

	// Visit lists up to limit expired sessions and owed ends each.
	Visit(ctx context.Context, caller license.Caller, limit int) (Visit, error)

	// Known says which sessions the ledger holds or owes an end for.
	Known(ctx context.Context, caller license.Caller, sessionIDs []string) (Holdings, error)

	// Repaid forgets owed ends that are recorded now.
	Repaid(ctx context.Context, caller license.Caller, sessionIDs ...string) error

	// Claim takes or renews owner's lease on the rebuild that nonce names, for
	// [RebuildLease]; false means that another owner has it. ErrLost if there is no
	// such rebuild to do (any more). The lease saves work and guards nothing. owner
	// is a name without semicolons that nobody else uses.
	Claim(ctx context.Context, caller license.Caller, nonce, owner string) (bool, error)

	// Disclaim gives owner's lease back, after a rebuild that failed; another's stays.
	Disclaim(ctx context.Context, caller license.Caller, nonce, owner string) error

	// Stage adds recorded sessions to the generation of epoch, for the rebuild
	// that nonce names, and renews its lease. ErrLost if that rebuild was overtaken.
	Stage(ctx context.Context, caller license.Caller, nonce string, epoch int64, sessions []license.Session) error

	// Load makes exactly the staged sessions the organization's ledger, each
	// with a full session TTL from its staging. ErrLost if overtaken.
	Load(ctx context.Context, caller license.Caller, nonce string, epoch int64) error

	// Forget makes the ledger ask for a rebuild if it still is of epoch.
	Forget(ctx context.Context, caller license.Caller, epoch int64) error

	// Clear removes the keys of a dead generation.
	Clear(ctx context.Context, caller license.Caller, generation string) error

	// Note puts organizations into the index of those a reaper must visit:
	// one session TTL from now, or now.
	Note(ctx context.Context, now bool, organizationIDs ...string) error

	// DueShards is how many shards the index has.
	DueShards() int

	// Shard is where the index keeps an organization.
	Shard(organizationID string) int

	// Due lists up to limit organizations of a shard that should be visited now.
	Due(ctx context.Context, shard, limit int) (Due, error)

	// Seeded confirms that a fresh shard was filled.
	Seeded(ctx context.Context, shard int, identity string) error

	// Settle tells the index what a visit found, and whether the organization
	// left it: it had no session for a whole TTL.
	Settle(ctx context.Context, organizationID string, v Visit) (left bool, err error)

	// Ping reports whether the ledger's servers answer.
	Ping(ctx context.Context) error
}
