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
	"sync"
	"time"
)

// Instant is a moment in microseconds since 1970, by the clock of this machine,
// which Redis and the clients share. (The function processes have other clocks;
// no time of theirs is looked at.)
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
	Forbidden  Result = "forbidden"   // 403 forbidden
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
	By     string
	Worker int

	Call, Return Instant
	// Answered is when a function process gave up a request of unknown outcome;
	// Never, when none said so.
	Answered Instant
	// Server and Expires are the times of an answer that told of a living session.
	Server, Expires Instant
	// Limit is which cap refused, Reason why a session ended, Want the refusal
	// an intruder is due.
	Limit, Reason string
	Want          Result
	Detail        string
}

// holds says that the answer told of a living session.
func (o Op) holds() bool { return o.Result == Granted || o.Result == Found || o.Result == Extended }

// open says that it may have happened at any time from its call on.
func (o Op) open() bool { return o.Result == Refused || o.Result == Unknown }

// Fault is something that was done to the service.
type Fault struct {
	Kind, Target string
	Begin, End   Instant
	// Loses says that Redis lost acknowledged writes; Delays, that requests to
	// Redis may have reached it late, or were repeated.
	Loses, Delays bool
}

// Org is what an organization has bought.
type Org struct {
	Cap      int
	Licenses map[string]int
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
}

// History is what was seen.
type History struct {
	Ops    []Op
	Faults []Fault
	Orgs   map[string]Org
	Fills  []Fill
	// Pending are sessions whose release a function process acknowledged while the
	// record could not be written, by that process's own log. A loss of Redis
	// before the reaper has recorded the end lets such a session live for one
	// more TTL: the one stated exception to "no resurrection".
	Pending map[string]bool
	// Retry is the time after which a function process may repeat a request to
	// Redis by itself; the first one may then arrive after the answer.
	Retry time.Duration
}

// Violation is a broken promise.
type Violation struct {
	Check, Text           string
	Org, License, Session string
	At                    Instant
}

// Recorder collects a history from many goroutines.
type Recorder struct {
	mu      sync.Mutex
	history History
}

// NewRecorder makes an empty one for these organizations; retry is
// [History.Retry].
func NewRecorder(orgs map[string]Org, retry time.Duration) *Recorder {
	return &Recorder{history: History{Orgs: orgs, Retry: retry}}
}

// Add notes a finished operation. One that never returned is added with the
// result Unknown.
func (r *Recorder) Add(op Op) {
	if op.open() {
		op.Answered, op.Return = op.Return, Never
	}
	if op.Result == Unknown {
		op.Answered = Never // it may still be worked on
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Ops = append(r.history.Ops, op)
}

// Fault notes a fault.
func (r *Recorder) Fault(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Faults = append(r.history.Faults, f)
}

// Fill notes a demand, once it is over.
func (r *Recorder) Fill(f Fill) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Fills = append(r.history.Fills, f)
}

// History is all that was noted so far.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history
}
