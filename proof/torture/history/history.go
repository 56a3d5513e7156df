// Package history is what a torture run saw, and what may be concluded from it:
// operations with the times of their call and return, the faults that were
// played meanwhile, and checkers that find broken promises in them.
//
// No checker may raise a false alarm, whatever the timing: each concludes only
// from what was certain. A seat is certainly held from the return of the answer
// that told so to the expiry it told, or to the call of the request that gave
// it up.
package history

import (
	"math"
	"time"
)

// Instant is a moment in microseconds since 1970, by the clock of this machine; in
// Op.Server and Op.Expires, in records and in expiries it is a stamp, by the clock of
// the server that made it, which may have been stepped (see [Step]). No time is
// looked at that a function process told by its own clock.
type Instant int64

// Never is the return of an operation whose outcome is unknown: it may still
// take effect at any time.
const Never Instant = math.MaxInt64

// Now is this moment.
func Now() Instant { return At(time.Now()) }

// At is t, in the microseconds of an [Instant].
func At(t time.Time) Instant { return Instant(t.UnixMicro()) }

// After is d later.
func (i Instant) After(d time.Duration) Instant { return i + Instant(d/time.Microsecond) }

// String is the time of day, in UTC.
func (i Instant) String() string {
	if i == Never {
		return "never"
	}
	return time.UnixMicro(int64(i)).UTC().Format("15:04:05.000000")
}

// Kind is what was asked.
type Kind string

// The kinds.
const (
	Acquire   Kind = "acquire"
	Heartbeat Kind = "heartbeat"
	Release   Kind = "release" // by the holder
	Revoke    Kind = "revoke"  // by an administrator of the holder's organization
	// Intrude is any request of somebody who has no business with the session
	// or license named; Want says which refusal is due.
	Intrude Kind = "intrude"
	Reap    Kind = "reap"
)

// Result is what became of it.
type Result string

// The results.
const (
	Granted    Result = "granted"     // 201: a new session
	Found      Result = "found"       // 200 to an acquire: the holder has one
	Extended   Result = "extended"    // 200 to a heartbeat
	Released   Result = "released"    // 204
	Full       Result = "full"        // 409 no_seats_available
	Ended      Result = "ended"       // 410
	NotFound   Result = "not found"   // 404
	Inactive   Result = "inactive"    // 403: the license, or its organization, is out of use
	Reaped     Result = "reaped"      // 200 to a reap
	Refused    Result = "unavailable" // 503: may have happened, may still happen
	Unknown    Result = "unknown"     // no answer: likewise
	NotSent    Result = "not sent"    // nobody took the connection: did not happen
	Unexpected Result = "unexpected"  // what no fault explains; Detail says what
)

// Holder is who holds a seat: a program on a machine.
type Holder struct{ Org, License, User, Hardware string }

// Op is one request.
type Op struct {
	Kind   Kind
	Holder Holder // whose seat it is about; for Intrude, whose it really is
	Result Result
	// Session was named by the request, or by the answer of an acquire.
	Session string
	// By says who sent it when that was not the holder, and Worker to whom.
	By string
	// Intruder is the organization of who sent an [Intrude].
	Intruder string
	Worker   int

	Call, Return Instant
	// Answered is when a function process gave up a request of unknown outcome;
	// Never, when none said so.
	Answered Instant
	// Server and Expires are the times of an answer that told of a living session.
	Server, Expires Instant
	// Token is when the license token of that answer ends, a stamp as well; 0: it had none.
	Token Instant
	// Limit is which cap refused, Reason why a session ended, Want the refusal
	// an intruder is due.
	Limit, Reason string
	Want          Result
	Detail        string
	// Complete says that a reap left nothing to the next one.
	Complete bool
}

// holds says that the answer told of a living session.
func (o Op) holds() bool { return o.Result == Granted || o.Result == Found || o.Result == Extended }

// open says that it may have happened at any time from its call on.
func (o Op) open() bool { return o.Result == Refused || o.Result == Unknown }

// Fault is something that was done to the service.
type Fault struct {
	Kind, Target string
	Begin, End   Instant
	// Loses says that Redis lost acknowledged writes; Rebuilds, that it lost none and
	// ledgers were rebuilt all the same; Delays, that requests to Redis may have
	// reached it late, or were repeated.
	Loses, Rebuilds, Delays bool
}

// Org is what an organization has bought at first; see [Change].
type Org struct {
	Cap      int
	Licenses map[string]int
	// Handover is that of its licenses; nil is the usual one.
	Handover *int
}

// Opening is the request of a function process to the record for the epoch by which
// it rebuilds an organization's ledger, or goes on with another's rebuild.
type Opening struct {
	Org        string
	Worker     int
	Begin, End Instant
}

// Fill is a demand of a quiet moment: nothing is broken any more, and everybody
// has gone. Users take all seats of a license that their organization's cap
// leaves to it; once all are taken, Turned asks for one more.
type Fill struct {
	Org, License string
	Users        []string
	Turned       string
	// From is when it became quiet, Until when it was given up.
	From, Until Instant
	// Within is how long a seat may stay taken after the ledger's first answer:
	// the life of a session that was given a new one by a rebuild, and some more.
	Within time.Duration
	// Others is how many strangers were served from the last progress on: those
	// who were not served were not kept from it by a slow machine.
	Others int
}

// History is what was seen.
type History struct {
	Ops    []Op
	Faults []Fault
	Orgs   map[string]Org
	Fills  []Fill
	// Steps and Skews are of the clocks of the servers and of the function
	// processes; Tolerance is how far the two may be apart where anything is granted
	// or ended.
	Steps     []Step
	Skews     []Skew
	Tolerance time.Duration
	// Changes are of what was bought, Reads tell when the function processes heard
	// of them, Restores are of the record.
	Changes  []Change
	Reads    []Read
	Restores []Restore
	// Opened are the epochs that function processes had opened, to rebuild by.
	Opened []Opening
	// Pending are sessions whose release a function process acknowledged while the
	// record could not be written, by that process's own log. A loss of Redis
	// before the reaper has recorded the end lets such a session live for one
	// more TTL: the one stated exception to "no resurrection".
	Pending map[string]bool
	// Retry is the time after which a function process may repeat a request to
	// Redis by itself; the first one may then arrive after the answer. It is a
	// timer's: on a slow machine a repeat comes later, and none comes earlier.
	Retry time.Duration

	view *view
}

// Violation is a broken promise.
type Violation struct {
	Check, Text           string
	Org, License, Session string
	At                    Instant
}
