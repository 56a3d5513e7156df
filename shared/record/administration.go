package record

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// Errors of [Administration].
var (
	// ErrEntryNotFound: the caller's organization has no such entry in its audit.
	ErrEntryNotFound = errors.New("audit entry not found")
	// ErrIncompleteAct: an act without who or when; nothing was sent.
	ErrIncompleteAct = errors.New("an act needs its actor and its time")
	// ErrManyFilters: sessions are picked by their project, by their machine, or by their
	// license and user.
	ErrManyFilters = errors.New("no index has sessions by project or machine and by anything else together")
)

// RetainKeys is for how long an idempotency key is remembered: whoever repeats a
// request for longer looks first at what came of it.
const RetainKeys = 24 * time.Hour

// RetainAudit is for how long the audit is kept before Firestore's TTL policy on
// purge_at may delete it.
const RetainAudit = RetainEnded

// Act is who changes something, when and how.
type Act struct {
	// Actor is the e-mail address or user id of who acts, for the audit.
	Actor string
	// At is when, by the clock of who writes.
	At time.Time
	// Key is the idempotency key of a create, of an act on the signing keys, of a
	// RetryDelivery, or of one of [Requests]; empty is none. It counts for its actor
	// alone, and for [RetainKeys].
	Key string
	// DryRun writes nothing and answers what a write would.
	DryRun bool
}

func (a Act) check() error {
	if a.Actor == "" || a.At.IsZero() {
		return ErrIncompleteAct
	}
	return nil
}

// Revised is what a document says, and its revision.
type Revised[T any] struct {
	Value T
	// Revision changes with every change of the document, whoever makes it. It is
	// empty where there is no document yet: in the answer to a create that was a dry run.
	Revision string
}

// Entry is what the audit has of one act.
type Entry struct {
	ID    string
	At    time.Time
	Actor string
	// Action is one of those below.
	Action Action
	// Object is what was changed: organizations/acme, organizations/acme/licenses/pro,
	// organizations/acme/sessions/{id}, organizations/acme/users/{id},
	// organizations/acme/webhooks/{id} or a delivery of it.
	Object string
	// Before and After are the document's fields; nil where there was or is none.
	// Whole numbers are int64, times are in UTC.
	Before, After map[string]any
	// State is how far an act on a user came; empty of all others, which are done.
	State EntryState
}

// Span is a time, from From on and before To. A zero one of them is no bound.
type Span struct{ From, To time.Time }

func (s Span) has(at time.Time) bool {
	return (s.From.IsZero() || !at.Before(s.From)) && (s.To.IsZero() || at.Before(s.To))
}

// of is what a query finds within the span.
func (s Span) of(query firestore.Query) firestore.Query {
	if !s.From.IsZero() {
		query = query.Where("at", ">=", s.From)
	}
	if !s.To.IsZero() {
		query = query.Where("at", "<", s.To)
	}
	return query
}

// SessionFilter says which sessions are meant; an empty field lets all through. A project
// or a machine is the only one, or [ErrManyFilters]: no index has it together with another.
type SessionFilter struct {
	LicenseID, UserID, Project, HardwareID string
}

// fields are the fields of documents that are asked for, and what they have to be.
func (f SessionFilter) fields() map[string]string {
	all := map[string]string{}
	add := func(name, want string) {
		if want != "" {
			all[name] = valid(want)
		}
	}
	add("license_id", f.LicenseID)
	add("user_id", f.UserID)
	add("client.project", f.Project)
	add("hardware_id", f.HardwareID)
	return all
}

func (f SessionFilter) check() error {
	alone := f.LicenseID+f.UserID == ""
	if f.Project != "" && (!alone || f.HardwareID != "") || f.HardwareID != "" && !alone {
		return ErrManyFilters
	}
	return nil
}

func (f SessionFilter) matches(d sessionDoc) bool {
	return (f.LicenseID == "" || valid(f.LicenseID) == d.LicenseID) && (f.UserID == "" || valid(f.UserID) == d.UserID) &&
		(f.Project == "" || valid(f.Project) == d.Client.Project) && (f.HardwareID == "" || valid(f.HardwareID) == d.HardwareID)
}

// Action is what was done.
type Action string

// The actions that are recorded, beside those of [Users] and [Webhooks].
const (
	OrganizationCreated Action = "organization.created"
	OrganizationChanged Action = "organization.changed"
	LicenseCreated      Action = "license.created"
	LicenseChanged      Action = "license.changed"
	LicenseDeleted      Action = "license.deleted"
	SessionRevoked      Action = "session.revoked"
)

// Administration is the part of the record that sells: organizations and licenses, who
// has their seats, and who changed what. Every method but Organizations is scoped to the caller's
// organization, as those of [Record] are, and the same holds for ids, contexts, copies
// and failures.
//
// Each write but RevokeSession, and those of [Users], [ServiceActs], [Purging] and [Requests], is one transaction together with its audit entry and its
// idempotency key, so that none of them is there without the others. What is written is valid
// ([*license.InvalidError]), and the act complete ([ErrIncompleteAct]), or nothing is sent.
//
// A create may be repeated with its key. Any other write whose outcome is unknown is
// repeated safely as well: it finds the document at another revision if it was made.
// recordtest.RunAdministration enforces this contract on every implementation.
type Administration interface {
	Users
	ServiceActs
	Histories
	Purging
	Webhooks
	Requests

	// Organizations lists up to limit organizations of ids greater than after,
	// ascending. An `after` that cannot be an id is license.ErrOrganizationNotFound;
	// empty starts from the first. A limit below 1 lists none.
	Organizations(ctx context.Context, after string, limit int) ([]Revised[license.Organization], error)
	// Organization reads the caller's organization; license.ErrOrganizationNotFound.
	Organization(ctx context.Context, caller license.Caller) (Revised[license.Organization], error)
	// CreateOrganization makes the caller's organization, whatever org.ID says. With a
	// key that came with the same organization before, it answers what it answered
	// then. license.ErrExists, license.ErrKeyReused, [*license.TakenError] for a slug
	// that another organization has; several may have none.
	CreateOrganization(ctx context.Context, caller license.Caller, act Act, org license.Organization) (Revised[license.Organization], error)
	// ChangeOrganization runs change on the organization if it is at the revision, else
	// license.ErrStale. An error of change is answered as it is, and its changes of the id
	// are dropped. It may run more than once, and on after the call has ended without
	// success, so it must touch nothing but its argument. What changes nothing is
	// neither written nor recorded. license.ErrOrganizationNotFound, [*license.TakenError].
	ChangeOrganization(ctx context.Context, caller license.Caller, act Act, revision string, change func(*license.Organization) error) (Revised[license.Organization], error)

	// LicensePage lists up to limit licenses of ids greater than after, ascending, as
	// Organizations does. license.ErrOrganizationNotFound where there is no
	// organization; an `after` that cannot be an id is license.ErrLicenseNotFound.
	LicensePage(ctx context.Context, caller license.Caller, after string, limit int) ([]Revised[license.License], error)
	// License reads one license; license.ErrLicenseNotFound.
	License(ctx context.Context, caller license.Caller, id string) (Revised[license.License], error)
	// CreateLicense makes a license of the caller's organization, whatever
	// lic.OrganizationID says, as CreateOrganization does.
	// license.ErrOrganizationNotFound where there is no organization.
	CreateLicense(ctx context.Context, caller license.Caller, act Act, lic license.License) (Revised[license.License], error)
	// ChangeLicense is to a license what ChangeOrganization is to an organization.
	ChangeLicense(ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*license.License) error) (Revised[license.License], error)
	// DeleteLicense deletes the license if it is at the revision, else license.ErrStale. Its
	// sessions end at their next heartbeat. license.ErrLicenseNotFound.
	DeleteLicense(ctx context.Context, caller license.Caller, act Act, id, revision string) error

	// SessionPage lists up to limit active sessions that the filter lets through, the
	// newest acquired first. after is the Last of the page before; empty starts with the
	// newest. Nothing active throughout is skipped or seen twice, but a session whose
	// document lacks the time of its grant, or its part, is in no list.
	// license.ErrOrganizationNotFound; license.ErrSessionNotFound for an `after` that is no
	// session's document, or one that the filter does not let through: who may see a part
	// of the sessions must not find out by a position what others there are. A limit
	// below 1 lists none. [ErrManyFilters].
	SessionPage(ctx context.Context, caller license.Caller, filter SessionFilter, after string, limit int) (Page, error)

	// RevokeSession notes in a session's document who wants it to end. By itself that ends
	// nothing: the seat protocol does. Whoever then records its end ([Record.End]) for
	// license.EndRevoked puts the act into the audit, with the session before and after, in
	// the transaction of the end: whichever process dies in between, there is no entry
	// without the end, and no such end without its entry. Of several notes the last counts,
	// also for an end that the customer's own administrator asked for meanwhile. Of a session
	// that has ended nothing is written. license.ErrSessionNotFound.
	RevokeSession(ctx context.Context, caller license.Caller, act Act, id string) error

	// Usage reads how the seats of the caller's organization were used, by the hour:
	// hours in which nothing was counted are left out. Ascending by license, then by time.
	// Licenses that are deleted are there as well. license.ErrOrganizationNotFound;
	// license.ErrLicenseNotFound for an id that cannot be one.
	Usage(ctx context.Context, caller license.Caller, q UsageQuery) ([]usage.Hour, error)

	// SessionsDuring visits, page by page and in no order, the sessions that had a seat at some
	// time from q.From on and before q.To: those that were acquired within it, or before it and
	// have not ended, or after q.From. Each is visited once; one that ends meanwhile may be
	// seen as it was before. What SessionPage has in no list is not visited either, and
	// nothing that [RetainEnded] lets go. license.ErrOrganizationNotFound; license.ErrLicenseNotFound for
	// an id that cannot be one. An error of visit
	// ends it, and is answered as it is.
	SessionsDuring(ctx context.Context, caller license.Caller, q UsageQuery, visit func(Page) error) error

	// Audit lists up to limit acts on the caller's organization within the span, newest first, after
	// the entry of an id; empty starts with the newest. license.ErrOrganizationNotFound,
	// [ErrEntryNotFound]. A limit below 1 lists none.
	Audit(ctx context.Context, caller license.Caller, span Span, after string, limit int) ([]Entry, error)
}
