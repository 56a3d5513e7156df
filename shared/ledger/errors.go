package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// RebuildError is the answer of a ledger that is not loaded on this very Redis
// server: after a loss, a failover, a change of version, or before the
// organization's first use.
type RebuildError struct {
	// Nonce names this incarnation; a rebuild begun with another one changes nothing.
	Nonce string
}

func (e *RebuildError) Error() string { return "the organization's seat ledger must be rebuilt" }

// FullError says that no candidate of a reservation had room.
type FullError struct {
	// Refusals are why, one for each candidate that was open, in their order.
	Refusals []Refusal
	// RetryAfter is how long until the earliest session of the pools that refused
	// could expire, or the earliest of the tokens that did ends.
	RetryAfter time.Duration
}

// Refusal says that living sessions fill a pool, or that a seat is free and another
// token of the license would be one too many.
type Refusal struct {
	// Candidate is its place among the reservation's, Pool that of its first full
	// pool among its own; from 0.
	Candidate, Pool int
	// Tokens says that its tokens refuse, and no pool.
	Tokens bool
	// Used and Cap are the pool's living sessions and its size, or how many tokens may
	// be good and the most that may.
	Used, Cap int
}

func (e *FullError) Error() string {
	return fmt.Sprintf("no candidate has room: %+v", e.Refusals)
}

// UnknownError says that the ledger does not hold the session.
type UnknownError struct {
	// Epoch and Now are the ledger's epoch and time when it said so.
	Epoch license.Epoch
	Now   time.Time
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the seat ledger does not hold the session in epoch %q", e.Epoch)
}

// StaleError names the ended-to-be sessions that stand in a grant's way.
type StaleError struct {
	// Holds are expired: their ends must be recorded and they must be removed first.
	Holds []Hold
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%d expired sessions must be ended first", len(e.Holds))
}

// ExpiredError says that the end of the session has begun, by itself or by
// somebody's wish, and that it is still to be recorded.
type ExpiredError struct{ Hold Hold }

func (e *ExpiredError) Error() string { return "the session has expired" }

// ClockError says that the Redis server's clock and this process's differ by
// more than is tolerated. One of them is wrong, so nothing was granted or ended.
type ClockError struct{ Server, Here time.Time }

func (e *ClockError) Error() string {
	return fmt.Sprintf("the clock of Redis shows %s, and this process's %s: nothing is granted or ended until they agree",
		e.Server.Format(time.RFC3339), e.Here.Format(time.RFC3339))
}

// Errors without further facts.
var (
	// ErrForeign: the session is another user's.
	ErrForeign = errors.New("the session is another user's")
	// ErrTouched: another request has answered with this grant since.
	ErrTouched = errors.New("the grant was answered by another request")
	// ErrLost: the rebuild was overtaken; do the operation again.
	ErrLost = errors.New("the rebuild was overtaken")
)
