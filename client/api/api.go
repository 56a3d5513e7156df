// Package api is the HTTP contract as Go types: paths, bodies and problem
// codes, and the way back from an answer to an error ([CheckResponse]). The
// functions, the OpenAPI document and programs that hold seats share it, so it
// imports the standard library alone.
//
// The struct tags beside `json` (doc, minLength, pattern, lenient, …) are read by
// shared/web for validation and for the OpenAPI document.
package api

import "strings"

// The paths of the service.
const (
	PathAcquire       = "/api/v1/licenses/acquire"
	PathSession       = "/api/v1/licenses/sessions/{session_id}"
	PathHeartbeat     = "/api/v1/licenses/sessions/{session_id}/heartbeat"
	PathRelease       = "/api/v1/licenses/sessions/{session_id}/release"
	PathJWKS          = "/.well-known/jwks.json"
	PathOpenAPI       = "/openapi.json"
	PathReap          = "/internal/v1/reap"
	PathDeliver       = "/internal/v1/deliver"
	PathRebuild       = "/internal/v1/organizations/{organization}/rebuild"
	PathCheck         = "/internal/v1/organizations/{organization}/check"
	PathRevokeKey     = "/internal/v1/keys/{kid}/revoke"
	PathOrganizations = "/api/v1/control/organizations"
	PathOrganization  = "/api/v1/control/organizations/{organization}"
	PathLicenses      = "/api/v1/control/organizations/{organization}/licenses"
	PathLicense       = "/api/v1/control/organizations/{organization}/licenses/{license}"
	PathSessions      = "/api/v1/control/organizations/{organization}/sessions"
	PathEndAll        = "/api/v1/control/organizations/{organization}/sessions:end-all"
	PathSessionsFind  = "/api/v1/control/organizations/{organization}/sessions:find"
	PathSessionOf     = "/api/v1/control/organizations/{organization}/sessions/{session_id}"
	PathUsers         = "/api/v1/control/organizations/{organization}/users"
	PathUsersFind     = "/api/v1/control/organizations/{organization}/users:find"
	PathGroups        = "/api/v1/control/organizations/{organization}/groups"
	PathUsersMachine  = "/api/v1/control/organizations/{organization}/users:create-machine"
	PathUser          = "/api/v1/control/organizations/{organization}/users/{user}"
	PathUserSignOut   = "/api/v1/control/organizations/{organization}/users/{user}:sign-out"
	PathUserLink      = "/api/v1/control/organizations/{organization}/users/{user}:link"
	PathUserRotate    = "/api/v1/control/organizations/{organization}/users/{user}:rotate-token"
	PathAudit         = "/api/v1/control/organizations/{organization}/audit"
	PathUsage         = "/api/v1/control/organizations/{organization}/usage"
	PathDenials       = "/api/v1/control/organizations/{organization}/denials"
	PathLive          = "/live"
	PathReady         = "/ready"
	PathStartup       = "/startup"
)

// ParamSessionID stands for the session's id in [PathSession], [PathHeartbeat],
// [PathRelease] and [PathSessionOf].
const ParamSessionID = "{session_id}"

// ParamKeyID stands for the signing key's kid in [PathRevokeKey].
const ParamKeyID = "{kid}"

// ParamOrganization stands for the organization's id in [PathRebuild], [PathCheck] and
// the paths of the vendor, ParamLicense for the license's, ParamUser for the user's.
const (
	ParamOrganization = "{organization}"
	ParamLicense      = "{license}"
	ParamUser         = "{user}"
)

// QueryToken and QueryTokenRenew once asked a heartbeat for a fresh license token:
// ?token=renew. Each answer has one; the query is accepted, and without effect.
const (
	QueryToken      = "token"
	QueryTokenRenew = "renew"
)

// Media types of bodies.
const (
	ContentTypeJSON    = "application/json"
	ContentTypeJWKS    = "application/jwk-set+json" // RFC 7517, section 8.5.2
	ContentTypeProblem = "application/problem+json" // RFC 9457
	ContentTypeCSV     = "text/csv"                 // RFC 4180
	// ContentTypeOpenMetrics is what Prometheus reads
	// (https://prometheus.io/docs/specs/om/open_metrics_spec/).
	ContentTypeOpenMetrics = "application/openmetrics-text"
	ContentTypeNDJSON      = "application/x-ndjson" // a JSON document on each line
)

// MaxBody is the largest request body, in bytes: far more than the longest
// valid acquire, little enough to hold for every request in flight.
const MaxBody = 16 << 10

// MaxClientText is how many characters of a string of [ClientInfo] are kept.
const MaxClientText = 128

// MaxProject is how many characters of a project's name are kept.
const MaxProject = 64

// SessionPath is the path of one session, for release and for Location.
func SessionPath(sessionID string) string {
	return strings.Replace(PathSession, ParamSessionID, sessionID, 1)
}

// ReleasePath is where POST does what DELETE does at [SessionPath].
func ReleasePath(sessionID string) string {
	return strings.Replace(PathRelease, ParamSessionID, sessionID, 1)
}

// HeartbeatPath is the path of one session's heartbeat.
func HeartbeatPath(sessionID string) string {
	return strings.Replace(PathHeartbeat, ParamSessionID, sessionID, 1)
}

// RebuildPath is where an operator has an organization's seat ledger rebuilt.
func RebuildPath(organizationID string) string {
	return strings.Replace(PathRebuild, ParamOrganization, organizationID, 1)
}

// CheckPath is where an operator has an organization's seat ledger compared.
func CheckPath(organizationID string) string {
	return strings.Replace(PathCheck, ParamOrganization, organizationID, 1)
}

// OrganizationPath is the path of one organization, for the vendor.
func OrganizationPath(organizationID string) string {
	return strings.Replace(PathOrganization, ParamOrganization, organizationID, 1)
}

// LicensesPath is the path of an organization's licenses, for the vendor.
func LicensesPath(organizationID string) string {
	return strings.Replace(PathLicenses, ParamOrganization, organizationID, 1)
}

// LicensePath is the path of one license, for the vendor.
func LicensePath(organizationID, licenseID string) string {
	return strings.Replace(strings.Replace(PathLicense, ParamOrganization, organizationID, 1), ParamLicense, licenseID, 1)
}

// SessionsPath is the path of an organization's sessions, for the vendor.
func SessionsPath(organizationID string) string {
	return strings.Replace(PathSessions, ParamOrganization, organizationID, 1)
}

// EndAllPath is [PathEndAll] of an organization.
func EndAllPath(organizationID string) string {
	return strings.Replace(PathEndAll, ParamOrganization, organizationID, 1)
}

// SessionsFindPath is where an organization's sessions are looked for, for the vendor.
func SessionsFindPath(organizationID string) string {
	return strings.Replace(PathSessionsFind, ParamOrganization, organizationID, 1)
}

// SessionOfPath is the path of one session of an organization, for the vendor.
func SessionOfPath(organizationID, sessionID string) string {
	return strings.Replace(strings.Replace(PathSessionOf, ParamOrganization, organizationID, 1), ParamSessionID, sessionID, 1)
}

// UsersPath is the path of an organization's users, for the vendor.
func UsersPath(organizationID string) string {
	return strings.Replace(PathUsers, ParamOrganization, organizationID, 1)
}

// GroupsPath is the path of the groups that an organization's users are in, for the vendor.
func GroupsPath(organizationID string) string {
	return strings.Replace(PathGroups, ParamOrganization, organizationID, 1)
}

// UsersFindPath is where the user with an address is looked for, for the vendor.
func UsersFindPath(organizationID string) string {
	return strings.Replace(PathUsersFind, ParamOrganization, organizationID, 1)
}

// UsersMachinePath is where machine users are made, for the vendor.
func UsersMachinePath(organizationID string) string {
	return strings.Replace(PathUsersMachine, ParamOrganization, organizationID, 1)
}

// UserPath is the path of one user, for the vendor. Behind it, with a colon before, stands
// what is done to the user: see [UserSignOutPath], [UserLinkPath] and [UserRotatePath].
func UserPath(organizationID, userID string) string {
	return inOrganization(PathUser, organizationID, ParamUser, userID)
}

// UserSignOutPath is where a user's sign-ins are ended, for the vendor.
func UserSignOutPath(organizationID, userID string) string {
	return inOrganization(PathUserSignOut, organizationID, ParamUser, userID)
}

// UserLinkPath is where a link is made by which a user sets a password, for the vendor.
func UserLinkPath(organizationID, userID string) string {
	return inOrganization(PathUserLink, organizationID, ParamUser, userID)
}

// UserRotatePath is where a machine is given another token, for the vendor.
func UserRotatePath(organizationID, userID string) string {
	return inOrganization(PathUserRotate, organizationID, ParamUser, userID)
}

func inOrganization(path, organizationID, param, id string) string {
	return strings.Replace(strings.Replace(path, ParamOrganization, organizationID, 1), param, id, 1)
}

// AuditPath is the path of what was changed in an organization, for the vendor.
func AuditPath(organizationID string) string {
	return strings.Replace(PathAudit, ParamOrganization, organizationID, 1)
}

// UsagePath is the path of how an organization's seats were used, for the vendor.
func UsagePath(organizationID string) string {
	return strings.Replace(PathUsage, ParamOrganization, organizationID, 1)
}

// DenialsPath is the path of which requests of an organization were refused, for the vendor.
func DenialsPath(organizationID string) string {
	return strings.Replace(PathDenials, ParamOrganization, organizationID, 1)
}

// RevokeKeyPath is where an operator revokes a signing key.
func RevokeKeyPath(kid string) string {
	return strings.Replace(PathRevokeKey, ParamKeyID, kid, 1)
}
