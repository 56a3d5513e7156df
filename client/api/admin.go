package api

import (
	"strings"
	"time"
)

// The paths of the customers: of members, and of those who administer an organization.
// Which organization is meant is said by the ID token alone.
const (
	PathMyLicenses        = "/api/v1/licenses"
	PathMySessions        = "/api/v1/licenses/sessions"
	PathAdminOverview     = "/api/v1/admin/overview"
	PathAdminLicenses     = "/api/v1/admin/licenses"
	PathAdminLicense      = "/api/v1/admin/licenses/{license}"
	PathAdminSessions     = "/api/v1/admin/sessions"
	PathAdminSessionsFind = "/api/v1/admin/sessions:find"
	PathAdminSession      = "/api/v1/admin/sessions/{session_id}"
	PathAdminEndAll       = "/api/v1/admin/sessions:end-all"
	PathAdminUsers        = "/api/v1/admin/users"
	PathAdminGroups       = "/api/v1/admin/groups"
	PathAdminFind         = "/api/v1/admin/users:find"
	PathAdminMachine      = "/api/v1/admin/users:create-machine"
	PathAdminUser         = "/api/v1/admin/users/{user}"
	PathAdminSignOut      = "/api/v1/admin/users/{user}:sign-out"
	PathAdminRotate       = "/api/v1/admin/users/{user}:rotate-token"
	PathAdminAudit        = "/api/v1/admin/audit"
	PathAdminUsage        = "/api/v1/admin/usage"
	PathAdminMetrics      = "/api/v1/admin/metrics"
	PathAdminDenials      = "/api/v1/admin/denials"
)

// MaxSignInAge is how old the sign-in of an administrator may be who changes something.
// An ID token has its time as auth_time; a refreshed token keeps it.
const MaxSignInAge = 12 * time.Hour

// MaxEnded is how many sessions one request ends at most.
const MaxEnded = 100

// AdminLicensePath is the path of one license, for those who administer its organization.
func AdminLicensePath(licenseID string) string {
	return strings.Replace(PathAdminLicense, ParamLicense, licenseID, 1)
}

// AdminSessionPath is the path of one session, for those who administer its organization.
func AdminSessionPath(sessionID string) string {
	return strings.Replace(PathAdminSession, ParamSessionID, sessionID, 1)
}

// AdminUserPath is the path of one user, for those who administer its organization. Behind
// it, with a colon before, stands what is done to the user: see [AdminSignOutPath] and
// [AdminRotatePath].
func AdminUserPath(userID string) string { return strings.Replace(PathAdminUser, ParamUser, userID, 1) }

// AdminSignOutPath is where a user's sign-ins are ended, for those who administer its
// organization.
func AdminSignOutPath(userID string) string {
	return strings.Replace(PathAdminSignOut, ParamUser, userID, 1)
}

// AdminRotatePath is where a machine is given another token, for those who administer its
// organization.
func AdminRotatePath(userID string) string {
	return strings.Replace(PathAdminRotate, ParamUser, userID, 1)
}

// The states of a [LicenseUse] and of an [OwnLicense].
const (
	// StateActive: its seats are granted.
	StateActive = "active"
	// StateInGrace has ended: who has a seat of it keeps it for the time of its grace,
	// and nobody is granted one.
	StateInGrace = "in_grace"
	// StateExpired has ended, and its grace with it.
	StateExpired = "expired"
	// StateSuspended: it, or its organization, is suspended.
	StateSuspended = "suspended"
)

// LicenseUse is a license, and how many of its seats are taken.
type LicenseUse struct {
	LicenseID string `json:"license_id" example:"acme-pro" doc:"The license."`
	Product   string `json:"product" example:"studio" doc:"The product."`
	Plan      string `json:"plan" example:"pro" doc:"The edition."`
	State     string `json:"state" enum:"active,in_grace,expired,suspended" example:"active" doc:"active: its seats are granted. in_grace: it has ended, who has a seat keeps it for some time, and nobody is granted one. expired: it has ended. suspended: the license or the organization is suspended."`
	ExpiresAt string `json:"expires_at,omitempty" example:"2030-01-01T00:00:00.000Z" doc:"When it ends, RFC 3339, or never. Absent where nobody has said either: it does not end."`
	SeatsUsed *int   `json:"seats_used,omitempty" minimum:"0" example:"3" doc:"Seats of it that are held now. Absent while the seat ledger is away or being rebuilt: then nobody knows."`
	SeatsMax  int    `json:"seats_max" minimum:"0" example:"10" doc:"Seats it has."`
}

// LicenseUseList is a page of what the caller's organization has, by id.
type LicenseUseList struct {
	Licenses []LicenseUse `json:"licenses" nullable:"false" doc:"Ascending by id."`
	After    string       `json:"after,omitempty" example:"acme-pro" doc:"There are more: ask with this as after. Absent on the last page."`
}

// LicenseOverview is a license as those who administer its organization watch it. Today
// begins at midnight in UTC.
type LicenseOverview struct {
	LicenseUse
	PeakToday    *int   `json:"peak_today,omitempty" minimum:"0" example:"9" doc:"The most seats of it in use at a time today, as of the reaper's last visit some minutes ago, and at least those that are held now. Absent while the record cannot be asked."`
	DenialsToday *int64 `json:"denials_today,omitempty" minimum:"0" example:"2" doc:"Requests for a seat of it that were refused today, as of the reaper's last visit some minutes ago. Absent while the record cannot be asked."`
}

// Overview is an organization with a page of its licenses, by id.
type Overview struct {
	OrganizationID string            `json:"organization_id" example:"acme" doc:"The organization."`
	Name           string            `json:"name" example:"Acme Inc." doc:"What people call it."`
	Status         string            `json:"status" example:"active" doc:"active, or else no seat is granted or kept."`
	SeatsUsed      *int              `json:"seats_used,omitempty" minimum:"0" example:"12" doc:"Seats of all its licenses together that are held now. Absent while the seat ledger is away or being rebuilt: then nobody knows."`
	SeatsMax       int               `json:"seats_max" minimum:"0" example:"100" doc:"Seats of all its licenses together that may be held at a time, however many the licenses have."`
	Licenses       []LicenseOverview `json:"licenses" nullable:"false" doc:"Ascending by id."`
	After          string            `json:"after,omitempty" example:"acme-pro" doc:"There are more licenses: ask with this as after. Absent on the last page."`
}

// OwnLicense is a license as those who administer its organization see it: all that was
// bought, and what of it is used. Its ETag names the revision of what was bought.
type OwnLicense struct {
	License
	State     string `json:"state" enum:"active,in_grace,expired,suspended" example:"active" doc:"active: its seats are granted. in_grace: it has ended, who has a seat keeps it for some time, and nobody is granted one. expired: it has ended. suspended: the license or the organization is suspended."`
	SeatsUsed *int   `json:"seats_used,omitempty" minimum:"0" example:"3" doc:"Seats of it that are held now. Absent while the seat ledger is away or being rebuilt: then nobody knows."`
}

// OwnLicenseList is a page of the licenses of the caller's organization, by id.
type OwnLicenseList struct {
	Licenses []OwnLicense `json:"licenses" nullable:"false" doc:"Ascending by id."`
	After    string       `json:"after,omitempty" example:"acme-pro" doc:"There are more: ask with this as after. Absent on the last page."`
}

// EndSessionsRequest says whose sessions are to end: those of a user, of a license, of a
// user under a license, or all. One of them is needed.
type EndSessionsRequest struct {
	LicenseID string `json:"license_id,omitempty" pattern:"^[a-z0-9][a-z0-9-]{0,62}$" patternDescription:"a license id: 1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen" example:"acme-pro" doc:"Sessions of this license alone."`
	UserID    string `json:"user_id,omitempty" maxLength:"128" example:"u-1" doc:"Sessions of this user alone."`
	All       bool   `json:"all,omitempty" doc:"true, and neither license_id nor user_id: all sessions of the organization."`
}

// EndSessionsReport is what became of an [EndSessionsRequest].
type EndSessionsReport struct {
	Ended int  `json:"ended" minimum:"0" maximum:"100" example:"7" doc:"Sessions that are over now, or would be."`
	More  bool `json:"more" example:"false" doc:"There are more of them: ask again."`
}
