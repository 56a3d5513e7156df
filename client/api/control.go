package api

// Never is the end of a license that has none.
const Never = "never"

// Headers of the vendor's requests.
const (
	HeaderIfMatch        = "If-Match"
	HeaderIdempotencyKey = "Idempotency-Key"
)

// Parameters of the vendor's queries.
const (
	QueryAfter   = "after"
	QueryLimit   = "limit"
	QueryDryRun  = "dry_run"
	QueryNow     = "now"
	QueryLicense = "license"
	QueryUser    = "user"
	QueryProject = "project"
	QueryActor   = "actor"
	QueryAction  = "action"
	QueryObject  = "object"
	QuerySort    = "sort"
	QueryRole    = "role"
	QueryGroup   = "group"
)

// How many of a list are answered at once: as asked for, or else DefaultPage.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// OrganizationInput is an organization to be created.
type OrganizationInput struct {
	ID                 string `json:"id" example:"acme" doc:"1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen. It cannot be changed."`
	Name               string `json:"name" example:"Acme Inc." doc:"What people call it, at most 128 characters."`
	Slug               string `json:"slug,omitempty" example:"acme" doc:"Its short name in addresses, which no other organization has; the id, if absent."`
	SubscriptionTier   string `json:"subscription_tier,omitempty" example:"team" doc:"What was sold, at most 64 characters."`
	MaxConcurrentSeats int    `json:"max_concurrent_seats" example:"100" doc:"Seats of all its licenses together, 0 to 1000000."`
	Status             string `json:"status,omitempty" example:"active" doc:"active or suspended; active, if absent."`
}

// OrganizationPatch is what is to change of an organization. What is absent stays.
type OrganizationPatch struct {
	Name               *string `json:"name,omitempty" example:"Acme SE" doc:"What people call it, at most 128 characters."`
	Slug               *string `json:"slug,omitempty" example:"acme" doc:"Its short name in addresses, which no other organization has."`
	SubscriptionTier   *string `json:"subscription_tier,omitempty" example:"enterprise" doc:"What was sold, at most 64 characters."`
	MaxConcurrentSeats *int    `json:"max_concurrent_seats,omitempty" example:"200" doc:"Seats of all its licenses together, 0 to 1000000. Fewer end nobody's session."`
	Status             *string `json:"status,omitempty" example:"suspended" doc:"active or suspended. Suspended, all its sessions end at their next heartbeat."`
}

// Organization is an organization as the vendor sees it.
type Organization struct {
	ID                 string `json:"id" example:"acme" doc:"The organization."`
	Name               string `json:"name" example:"Acme Inc." doc:"What people call it."`
	Slug               string `json:"slug" example:"acme" doc:"Its short name in addresses."`
	SubscriptionTier   string `json:"subscription_tier" example:"team" doc:"What was sold."`
	MaxConcurrentSeats int    `json:"max_concurrent_seats" example:"100" doc:"Seats of all its licenses together."`
	Status             string `json:"status" example:"active" doc:"active, or else no seat is granted or kept."`
	ETag               string `json:"etag" example:"\"3f0a\"" doc:"What If-Match of a change names; empty for one that a dry run would create."`
}

// EndedNow is what became of the sessions that a change with [QueryNow] was to end. It is
// absent of all other changes.
type EndedNow struct {
	SessionsEnded *int `json:"sessions_ended,omitempty" minimum:"0" example:"7" doc:"Of a change with now: sessions that ended with it, or would."`
	SessionsLeft  bool `json:"sessions_left,omitempty" doc:"There was no time for all of them, or they could not be ended: those that are left end at their next heartbeat."`
}

// ChangedOrganization is an organization after a change.
type ChangedOrganization struct {
	Organization
	EndedNow
}

// ChangedLicense is a license after a change.
type ChangedLicense struct {
	License
	EndedNow
}

// OrganizationList is a page of organizations, by id.
type OrganizationList struct {
	Organizations []Organization `json:"organizations" nullable:"false" doc:"Ascending by id."`
	After         string         `json:"after,omitempty" example:"acme" doc:"There are more: ask with this as after. Absent on the last page."`
}

// LicenseInput is a license to be created.
type LicenseInput struct {
	ID                 string `json:"id" example:"acme-pro" doc:"1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen; one of its organization. It cannot be changed."`
	Product            string `json:"product" example:"studio" doc:"The product, at most 64 characters."`
	Plan               string `json:"plan,omitempty" example:"pro" doc:"The edition, at most 64 characters."`
	MaxSeats           int    `json:"max_seats" example:"10" doc:"Seats, 0 to 1000000."`
	Status             string `json:"status,omitempty" example:"active" doc:"active or suspended; active, if absent."`
	ExpiresAt          string `json:"expires_at" example:"2030-01-01T00:00:00Z" doc:"When it ends, RFC 3339, or never."`
	GraceSeconds       int64  `json:"grace_seconds,omitempty" example:"604800" doc:"For how long after its end those who hold a seat keep it; a year at most."`
	OfflineMaxSeconds  int64  `json:"offline_max_seconds,omitempty" example:"86400" doc:"The longest life of its tokens, 30 days at most; absent or 0: the service's."`
	Handover           *int   `json:"handover,omitempty" example:"10" doc:"How many tokens of earlier holders may be good for each seat, 0 to 10000; 10, if absent."`
	MaxSessionsPerUser int    `json:"max_sessions_per_user,omitempty" example:"3" doc:"How many sessions of it one user may have at a time, 1 to 1000; absent or 0: as many as there are seats."`
	Entitlements       List   `json:"entitlements,omitempty" example:"export" doc:"The features, at most 64 of at most 64 characters."`
}

// LicensePatch is what is to change of a license. What is absent stays.
type LicensePatch struct {
	Product            *string `json:"product,omitempty" example:"studio" doc:"The product, at most 64 characters."`
	Plan               *string `json:"plan,omitempty" example:"pro" doc:"The edition, at most 64 characters."`
	MaxSeats           *int    `json:"max_seats,omitempty" example:"12" doc:"Seats, 0 to 1000000. Fewer end nobody's session."`
	Status             *string `json:"status,omitempty" example:"suspended" doc:"active or suspended. Suspended, its sessions end at their next heartbeat."`
	ExpiresAt          *string `json:"expires_at,omitempty" example:"2031-01-01T00:00:00Z" doc:"When it ends, RFC 3339, or never."`
	GraceSeconds       *int64  `json:"grace_seconds,omitempty" example:"604800" doc:"For how long after its end those who hold a seat keep it; a year at most."`
	OfflineMaxSeconds  *int64  `json:"offline_max_seconds,omitempty" example:"86400" doc:"The longest life of its tokens, 30 days at most; 0: the service's."`
	Handover           *int    `json:"handover,omitempty" example:"10" doc:"How many tokens of earlier holders may be good for each seat, 0 to 10000."`
	MaxSessionsPerUser *int    `json:"max_sessions_per_user,omitempty" example:"3" doc:"How many sessions of it one user may have at a time, 1 to 1000; 0: as many as there are seats. A lower one ends nobody's session."`
	Entitlements       *List   `json:"entitlements,omitempty" example:"export" doc:"All the features, in place of those before; at most 64 of at most 64 characters."`
}

// License is a license as the vendor sees it.
type License struct {
	ID                 string `json:"id" example:"acme-pro" doc:"The license."`
	OrganizationID     string `json:"organization_id" example:"acme" doc:"Whose it is."`
	Product            string `json:"product" example:"studio" doc:"The product."`
	Plan               string `json:"plan" example:"pro" doc:"The edition."`
	MaxSeats           int    `json:"max_seats" example:"10" doc:"Seats."`
	Status             string `json:"status" example:"active" doc:"active, or else no seat is granted or kept."`
	ExpiresAt          string `json:"expires_at,omitempty" example:"2030-01-01T00:00:00.000Z" doc:"When it ends, RFC 3339, or never. Absent where nobody has said either: it does not end, and a change must say it."`
	GraceSeconds       int64  `json:"grace_seconds" example:"604800" doc:"For how long after its end those who hold a seat keep it."`
	OfflineMaxSeconds  int64  `json:"offline_max_seconds" example:"86400" doc:"The longest life of its tokens; 0: the service's."`
	Handover           int    `json:"handover" example:"10" doc:"How many tokens of earlier holders may be good for each seat."`
	MaxSessionsPerUser int    `json:"max_sessions_per_user" example:"3" doc:"How many sessions of it one user may have at a time; 0: as many as there are seats."`
	Entitlements       List   `json:"entitlements" nullable:"false" example:"export" doc:"The features."`
	ETag               string `json:"etag" example:"\"3f0a\"" doc:"What If-Match of a change names; empty for one that a dry run would create."`
}

// LicenseList is a page of an organization's licenses, by id.
type LicenseList struct {
	Licenses []License `json:"licenses" nullable:"false" doc:"Ascending by id."`
	After    string    `json:"after,omitempty" example:"acme-pro" doc:"There are more: ask with this as after. Absent on the last page."`
}

// The states of a [LiveSession].
const (
	// SessionActive holds its seat.
	SessionActive = "active"
	// SessionEnding is over, or the seat ledger does not hold it any more; its end is
	// yet to be recorded.
	SessionEnding = "ending"
	// SessionExpired is over for want of heartbeats, and nobody has begun its end.
	SessionExpired = "expired"
	// SessionUnknown is active in the record, and the seat ledger is away or being
	// rebuilt: nothing newer is known of it.
	SessionUnknown = "unknown"
)

// LiveSession is a session without a recorded end, as the vendor sees it.
type LiveSession struct {
	SessionID       string     `json:"session_id" format:"uuid" example:"019ab00d-4c00-7000-8000-000000000001" doc:"The session."`
	LicenseID       string     `json:"license_id" example:"acme-pro" doc:"The license whose seat it has."`
	UserID          string     `json:"user_id" example:"u-1" doc:"Who has the seat."`
	HardwareID      string     `json:"hardware_id" example:"hw-1" doc:"The machine's fingerprint, as given at acquire."`
	InstanceID      string     `json:"instance_id" example:"" doc:"The instance id of acquire; empty when there is none."`
	Client          LiveClient `json:"client" doc:"The program, as it described itself at acquire."`
	AcquiredAt      Time       `json:"acquired_at" format:"date-time" doc:"When the seat was taken."`
	LastHeartbeatAt Time       `json:"last_heartbeat_at" format:"date-time" doc:"When the session was last renewed. Where the state is unknown, or the seat ledger does not hold it: when the seat was taken."`
	ExpiresAt       Time       `json:"expires_at" format:"date-time" doc:"When it ends unless a heartbeat renews it; of one whose end has begun, when that was. Where the state is unknown, or the seat ledger does not hold it: as at acquire."`
	State           string     `json:"state" enum:"active,ending,expired,unknown" example:"active" doc:"active: it has its seat. ending: its end has begun, or the seat ledger does not hold it any more, and the record does not say so yet. expired: its heartbeats stopped, and nobody has begun its end. unknown: active in the record, and the seat ledger is away or being rebuilt."`
}

// LiveClient is the program that holds a seat: what is kept of [ClientInfo].
type LiveClient struct {
	Name     string `json:"name" example:"Studio" doc:"The program's name; empty where it gave none, as are the others."`
	Version  string `json:"version" example:"4.2.0" doc:"The program's version."`
	Hostname string `json:"hostname" example:"drawing-room-3" doc:"The machine's name."`
	Project  string `json:"project" example:"bridge-7" doc:"What the work is for."`
}

// The orders of a list of sessions, by the members of [LiveSession]: ascending, and with a
// hyphen before descending. SortNewest is the usual one.
const (
	SortOldest        = "acquired_at"
	SortNewest        = "-acquired_at"
	SortHeartbeat     = "last_heartbeat_at"
	SortHeartbeatDown = "-last_heartbeat_at"
	SortExpiry        = "expires_at"
	SortExpiryDown    = "-expires_at"
	SortUser          = "user_id"
	SortUserDown      = "-user_id"
)

// MaxSorted is how many sessions are sorted at most in another order than [SortNewest], and
// MaxScanned how many are looked at for one page of those that are picked by what no index has.
const (
	MaxSorted  = 1000
	MaxScanned = 400
)

// SessionSearch is which sessions are looked for, and in which order. It is a body, because
// paths and queries are in request logs, and a machine's fingerprint is not to be.
type SessionSearch struct {
	LicenseID  string `json:"license_id,omitempty" maxLength:"63" example:"acme-pro" doc:"Sessions of this license alone."`
	UserID     string `json:"user_id,omitempty" maxLength:"128" example:"u-1" doc:"Sessions of this user alone."`
	Project    string `json:"project,omitempty" maxLength:"128" example:"bridge-7" doc:"Sessions for this project alone: not together with license_id or user_id."`
	HardwareID string `json:"hardware_id,omitempty" maxLength:"128" example:"hw-1" doc:"Sessions on this machine alone, as the list shows it."`
	State      string `json:"state,omitempty" example:"active" doc:"Sessions of this state alone: active, ending, expired or unknown."`
	Text       string `json:"text,omitempty" maxLength:"128" example:"studio" doc:"Sessions alone that have this, in capitals or not, somewhere in the user's id, the project, or the client's name, version or hostname."`
	Sort       string `json:"sort,omitempty" example:"-acquired_at" doc:"In which order: acquired_at, last_heartbeat_at, expires_at or user_id, and with a hyphen before descending; -acquired_at, if absent. In every other order up to 1000 sessions are sorted, as they are at that moment."`
	After      string `json:"after,omitempty" maxLength:"2048" doc:"The after of the page before, of the same search; absent for the first."`
	Limit      int    `json:"limit,omitempty" minimum:"1" maximum:"200" example:"50" doc:"How many; 50, if absent."`
}

// SessionList is a page of an organization's sessions without a recorded end. Of those that
// are picked by state, machine or text a page may have fewer than were asked for, and none at
// all, and yet not be the last.
type SessionList struct {
	Sessions            []LiveSession `json:"sessions" nullable:"false" doc:"The newest acquired first, or as asked for."`
	UnreadableDocuments List          `json:"unreadable_documents,omitzero" nullable:"false" doc:"Session documents of this page that cannot be read and hold no seat."`
	After               string        `json:"after,omitempty" example:"3f-019ab00d-4c00-7000-8000-000000000001" doc:"There may be more: ask for the same with this as after. Absent on the last page."`
}

// AuditEntry is one act on an organization.
type AuditEntry struct {
	ID     string `json:"id" format:"uuid" example:"01993f5a-6c00-7000-8000-000000000001" doc:"The entry."`
	At     Time   `json:"at" format:"date-time" doc:"When."`
	Actor  string `json:"actor" example:"eve@vendor.example" doc:"Who: an e-mail address or a user id."`
	Action string `json:"action" example:"license.changed" doc:"What was done: organization.created, organization.changed, license.created, license.changed, license.deleted, session.revoked, user.invited, user.changed, user.removed, user.signed_out, user.link_made, user.exported, user.purged, organization.exported or ledger.rebuilt; of the service's own audit key.asked, key.revoked, keys.pruned or organization.purged."`
	Object string `json:"object" example:"organizations/acme/licenses/acme-pro" doc:"To what."`
	// Before and After are the document's own fields.
	Before map[string]any `json:"before,omitempty" doc:"The record's fields before; absent for what was created."`
	After  map[string]any `json:"after,omitempty" doc:"The record's fields after; absent for what was deleted."`
	// State is of acts that another store than the record's does.
	State string `json:"state,omitempty" enum:"asked,done,refused" example:"done" doc:"Of an act on a user, which Identity Platform does: asked, and nobody has confirmed that it was done; done; or refused. Absent of all others, which are done."`
}

// AuditList is a page of the audit, newest first. Of one that is filtered a page may have
// fewer entries than were asked for, and none at all, and yet not be the last.
type AuditList struct {
	Entries []AuditEntry `json:"entries" nullable:"false" doc:"Newest first."`
	After   string       `json:"after,omitempty" example:"01993f5a-6c00-7000-8000-000000000001" doc:"There are more: ask with this as after. Absent on the last page."`
}
