package api

import "strings"

// The paths by which all that is known of an organization or a user is handed out, and by
// which it is erased, for the vendor.
const (
	PathExport    = "/api/v1/control/organizations/{organization}/export"
	PathPurge     = "/api/v1/control/organizations/{organization}:purge"
	PathUserPurge = "/api/v1/control/organizations/{organization}/users/{user}:purge"
)

// ExportPath is where all of an organization is read, for the vendor.
func ExportPath(organizationID string) string {
	return strings.Replace(PathExport, ParamOrganization, organizationID, 1)
}

// PurgePath is where an organization is erased, for the vendor.
func PurgePath(organizationID string) string {
	return strings.Replace(PathPurge, ParamOrganization, organizationID, 1)
}

// UserPurgePath is where a user is erased, for the vendor.
func UserPurgePath(organizationID, userID string) string {
	return inOrganization(PathUserPurge, organizationID, ParamUser, userID)
}

// The kinds of an [ExportLine].
const (
	ExportOrganization = "organization"
	ExportLicense      = "license"
	ExportUser         = "user"
	ExportSession      = "session"
	ExportUsage        = "usage"
	ExportAudit        = "audit"
	ExportUnreadable   = "unreadable"
	// ExportCursor: all before it is whole, and another answer goes on behind it.
	ExportCursor = "cursor"
	// ExportEnd: that was all.
	ExportEnd = "end"
)

// ExportLine is a line of an export. It has the member that its kind names, and no other.
type ExportLine struct {
	Kind         string           `json:"kind" enum:"organization,license,user,session,usage,audit,unreadable,cursor,end" example:"cursor" doc:"What the line has. cursor: all before it is whole; ask with its after for what follows, also where an answer breaks off behind it. end: that was all."`
	Organization *Organization    `json:"organization,omitempty" doc:"The organization."`
	License      *License         `json:"license,omitempty" doc:"A license."`
	User         *User            `json:"user,omitempty" doc:"A user, as Identity Platform and the record have it."`
	Session      *ExportedSession `json:"session,omitempty" doc:"A session, active or ended."`
	Usage        *ExportedUsage   `json:"usage,omitempty" doc:"An hour of a license."`
	Audit        *AuditEntry      `json:"audit,omitempty" doc:"An entry of the audit."`
	Document     string           `json:"document,omitempty" example:"sessions/3f-x" doc:"A document that cannot be read, because a person broke it."`
	After        string           `json:"after,omitempty" example:"sessions:3f-019ab00d-4c00-7000-8000-000000000001" doc:"Of a cursor: what to ask with."`
}

// ExportedSession is a session as the record has it.
type ExportedSession struct {
	SessionID       string     `json:"session_id" format:"uuid" example:"019ab00d-4c00-7000-8000-000000000001" doc:"The session."`
	LicenseID       string     `json:"license_id" example:"acme-pro" doc:"The license whose seat it had."`
	UserID          string     `json:"user_id" example:"u-1" doc:"Who had the seat; (erased) where the user was purged."`
	HardwareID      string     `json:"hardware_id" example:"hw-1" doc:"The machine's fingerprint, as given at acquire."`
	InstanceID      string     `json:"instance_id" example:"" doc:"The instance id of acquire; empty when there is none."`
	Client          LiveClient `json:"client" doc:"The program, as it described itself at acquire."`
	Status          string     `json:"status" enum:"active,ended" example:"ended" doc:"active or ended."`
	AcquiredAt      Time       `json:"acquired_at" format:"date-time" doc:"When the seat was taken."`
	LastHeartbeatAt Time       `json:"last_heartbeat_at" format:"date-time" doc:"As of acquire, or of the end: heartbeats are not recorded."`
	EndedAt         string     `json:"ended_at,omitempty" example:"2026-11-23T10:00:00.000Z" doc:"When it ended, RFC 3339; absent while it has not."`
	EndedReason     string     `json:"ended_reason,omitempty" example:"released" doc:"Why it ended."`
}

// ExportedUsage is an hour in which a license was used.
type ExportedUsage struct {
	LicenseID string `json:"license_id" example:"acme-pro" doc:"The license."`
	At        Time   `json:"at" format:"date-time" doc:"When the hour begins."`
	UsageCounts
}

// PurgeRequest asks for an organization to be erased.
type PurgeRequest struct {
	Confirm string `json:"confirm" example:"acme" doc:"The organization's id once more."`
}

// PurgeReport is what became of a [PurgeRequest].
type PurgeReport struct {
	OrganizationID string `json:"organization_id" example:"acme" doc:"The organization."`
	Licenses       int    `json:"licenses" minimum:"0" example:"2" doc:"How many of them there were when the request came, as of the numbers that follow."`
	Users          int    `json:"users" minimum:"0" example:"40" doc:"Users, each with its account in Identity Platform."`
	Sessions       int    `json:"sessions" minimum:"0" example:"12000" doc:"Sessions that have ended."`
	Usage          int    `json:"usage" minimum:"0" example:"180" doc:"Days of licenses."`
	Audit          int    `json:"audit" minimum:"0" example:"77" doc:"Entries of the audit."`
	Deleted        int    `json:"deleted" minimum:"0" example:"12299" doc:"Documents that this request has deleted; none in a dry run."`
	More           bool   `json:"more" example:"false" doc:"There are more: ask again. Absent of them all, and of a dry run, it is false."`
}

// UserPurgeReport is what became of a user that was to be erased.
type UserPurgeReport struct {
	OrganizationID string `json:"organization_id" example:"acme" doc:"The organization."`
	UserID         string `json:"user_id" example:"k5vyjm2w7hd3q4n6t2bzxc5rfa" doc:"The user."`
	AccountRemoved bool   `json:"account_removed" example:"true" doc:"The user's account and document were deleted, or would be; false where there is none."`
	SessionsEnded  int    `json:"sessions_ended" minimum:"0" example:"1" doc:"Live sessions that were ended, or would be, a hundred at most."`
	SessionsErased int    `json:"sessions_erased" minimum:"0" example:"211" doc:"Sessions that no longer tell who had them, or would not."`
	More           bool   `json:"more" example:"false" doc:"There are more sessions: ask again."`
}
