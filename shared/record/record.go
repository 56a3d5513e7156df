// Package record is the record: organizations, licenses and sessions in
// Firestore, scoped to the caller's organization by construction.
//
// Redis counts; the record survives it. The seat ledger can always be rebuilt
// from the active sessions here, and two rules keep that true: a session is
// recorded before its grant is announced, and its end before it is acted on.
package record

import (
	"context"
	"errors"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// Errors of the session methods.
var (
	// ErrFenced: the ledger's epoch is no longer the one given (or no epoch was
	// ever opened); nothing was written. What was decided under the old epoch
	// must be decided again.
	ErrFenced = errors.New("the seat ledger's epoch has moved on")
	// ErrOutdated: since what was bought was read for the grant, sessions are counted in
	// more pools; nothing was written. It must be read, and the grant decided, again.
	ErrOutdated = errors.New("what the grant rests on was read before sessions were counted anew")
	// ErrEnded: the session's record is ended; it can never be active again.
	ErrEnded = errors.New("the session's record has ended")
	// ErrNotWritten marks failures after which it is certain that nothing was
	// written and nothing will be: the write was never sent. An unavailable
	// store whose error carries neither this mark nor [ErrRefused] leaves the
	// outcome of a write unknown: it may be there, or still come.
	ErrNotWritten = errors.New("nothing was written")
	// ErrRefused marks failures in which the store answered every attempt at
	// the write with a refusal (permission, quota, contention): nothing was
	// written by this call and nothing will be.
	ErrRefused = errors.New("the write was refused")
	// ErrTooManyEnds: more than [MaxEnds] ends in one call; nothing was sent.
	ErrTooManyEnds = errors.New("too many ends in one call")
	// ErrIncompleteEnd: an end without its time or its reason, which repeats
	// could not agree on; nothing was sent.
	ErrIncompleteEnd = errors.New("an end needs its time and its reason")
)

// MaxEnds is how many sessions one [Record.End] takes: Firestore's long-standing
// limit of 500 writes in a transaction, with room to spare.
const MaxEnds = 400

// End is the end of one session, as the seat ledger knows it. Ends are merged
// into the record: what the ledger does not know (empty values) keeps what was
// recorded. Of two ends of one session the first that is recorded stands.
type End struct {
	// Session carries what the ledger knows of the session; EndedAt and
	// EndedReason are set ([ErrIncompleteEnd] otherwise). Its Status and
	// OrganizationID are not looked at.
	Session license.Session
}

// Parts is how many parts an organization's sessions are listed in; Whole lists
// them as one, which costs a small organization one query and not sixteen.
const (
	Parts = 16
	Whole = -1
)

// Page is some of an organization's active sessions. It is the visitor's to
// change.
type Page struct {
	Sessions []license.Session
	// Last is the name of the last document of the page. Listing goes on from it in
	// the page's own part as in any other: a part that lies before it has no more.
	Last string
	// More says that there may be more after the page.
	More bool
	// Unreadable are names of documents that were left out, because a person broke
	// them: a field is of another type, the license, the user or the time of the
	// grant is missing, or the name does not fit the id. Sessions that the service
	// records are never among them.
	Unreadable []string
}

// Usages keeps how seats were used.
type Usages interface {
	// FileUsage joins what generations of the ledger counted to what is recorded of their
	// licenses' hours: of each number the greater one stays, so that it may be told any
	// number of times, in any order and by several at once. The numbers of different
	// generations add up. A repeat that says nothing new writes nothing. Not all of it is
	// one transaction; each hour is. license.ErrLicenseNotFound, before anything is sent.
	// Of an organization that is not there, or is being purged, nothing is kept.
	// Documents that a person broke are left as they are and named in an
	// [*UnreadableUsageError]; what belongs to others is filed all the same.
	FileUsage(ctx context.Context, caller license.Caller, filings []usage.Filing) error
}

// Record is what the service remembers. Every method is scoped to
// caller.OrganizationID and answers for another organization's ids exactly as
// for ids that do not exist. An id that cannot be one (empty, "..", with a
// slash, …) names nothing: license.ErrOrganizationNotFound,
// license.ErrLicenseNotFound or license.ErrSessionNotFound, also from the
// methods that write, before anything is sent.
//
// Each method needs a context with a deadline (and has a shorter one of its
// own) and returns [*license.UnavailableError] (Backend "firestore") when the
// store cannot be reached; from methods that write it wraps [ErrNotWritten] or
// [ErrRefused] where that is certain. Every write may be repeated. Arguments
// and answers are copied: no caller shares a slice with the record.
// recordtest.Run enforces this contract on every implementation.
type Record interface {
	Signing
	Usages

	// Entitlements reads the organization, the ledger's epoch and all licenses,
	// ascending by id. license.ErrOrganizationNotFound if there is no organization.
	Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error)

	// Licenses lists all licenses, ascending by id, also where there is no organization.
	Licenses(ctx context.Context, caller license.Caller) ([]license.License, error)

	// PutOrganization creates or replaces the caller's organization; its ID is
	// caller.OrganizationID, whatever org.ID says.
	PutOrganization(ctx context.Context, caller license.Caller, org license.Organization) error
	// PutLicense creates or replaces a license of the caller's organization,
	// which must exist (license.ErrOrganizationNotFound). One that limits the sessions of a
	// user, and did not before, ends the epoch in the same transaction, so that the ledger is
	// rebuilt and counts those that there are. [Administration] does the same.
	PutLicense(ctx context.Context, caller license.Caller, lic license.License) error

	// OpenEpoch is the first step of a rebuild. If nonce is not the last one
	// seen, the epoch is raised by one (an organization never rebuilt before
	// gets 1) and the nonce remembered; either way the current epoch is
	// answered. So any number of rebuilders of one Redis incarnation agree on
	// one epoch, and everything decided under an older one is fenced from then on.
	OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (license.Epoch, error)

	// Create records a session as active if the ledger's epoch is s.Epoch (its
	// number and its nonce; the zero epoch never is) and the session has no record.
	// A record that is already active counts as success and is left as it is: it is
	// a retry of our own or a second request of the same holder, and what the caller
	// needs to know, that the session would survive the loss of Redis, is true. The
	// epoch that record was made under does not matter: a rebuild keeps sessions
	// granted under older epochs, and their holders' repeated acquires come here
	// with the current one. ErrOutdated if s.TermsEpoch is older than the last license that
	// came to limit the sessions of a user, also where there is a record. ErrFenced, ErrEnded.
	// One read, which may be shared with others of the organization, and one write on the
	// usual path.
	Create(ctx context.Context, caller license.Caller, s license.Session) error

	// End records up to [MaxEnds] sessions as ended in one transaction if the
	// epoch still is the given one, else ErrFenced and nothing is written; more
	// are ErrTooManyEnds, none are nothing to do (and no call). A session without a
	// record gets one that is ended from the start (a tombstone), so that a create
	// still on its way cannot succeed later. A session that has ended stays as it is
	// and counts as done: whoever comes late, such as a sweep that races with a
	// release, must not change what was told. One read, and one read and at most one
	// write per session, and one more for the audit's entry where the vendor has asked
	// for the end ([Administration]).
	End(ctx context.Context, caller license.Caller, epoch license.Epoch, ends []End) error

	// Session reads one session; license.ErrSessionNotFound if the caller's
	// organization has none by that id.
	Session(ctx context.Context, caller license.Caller, id string) (license.Session, error)

	// OwnSessions lists up to limit active sessions that caller.UserID has under a license,
	// the newest acquired first. A limit below 1 lists none.
	OwnSessions(ctx context.Context, caller license.Caller, licenseID string, limit int) ([]license.Session, error)

	// ActiveSessions calls visit with the pages of one part of the organization's
	// active sessions ([Whole]: of all) until all were seen or visit fails. after is the Last of the
	// page to go on from, in this call or any other, or empty. A session's part (of
	// [Parts]) is the first digit of the SHA-256 of its id, so parts are of like
	// size and can be read beside each other. Sessions active during the whole
	// call are seen exactly once. A document that cannot be read stops nobody:
	// see [Page]. An `after` that can be no document's name is
	// license.ErrSessionNotFound.
	ActiveSessions(ctx context.Context, caller license.Caller, part int, after string, visit func(Page) error) error

	// SpentTokens calls visit with the pages of those ended sessions of one part whose
	// last token ends after that time, in any order, until all were seen or visit fails.
	// Last is no position. Sessions that had ended at the call are seen.
	SpentTokens(ctx context.Context, caller license.Caller, part int, after time.Time, visit func(Page) error) error

	// CountActive counts the active sessions without reading them, those of
	// unreadable documents too.
	CountActive(ctx context.Context, caller license.Caller) (int, error)

	// OrganizationIDs lists up to limit organization ids greater than after,
	// ascending: for the reaper's sweep, which walks all tenants. An `after`
	// that cannot be an id is license.ErrOrganizationNotFound; empty starts
	// from the first. A limit below 1 lists none.
	OrganizationIDs(ctx context.Context, after string, limit int) ([]string, error)

	// Ping reports whether the store answers, and lets this process read and write.
	// It leaves nothing behind.
	Ping(ctx context.Context) error
}

// RetainEnded is how long ended sessions are kept before Firestore's TTL policy
// on purge_at may delete them (housekeeping only): long enough for a yearly
// audit and its argument.
const RetainEnded = 400 * 24 * time.Hour
