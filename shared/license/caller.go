package license

import "time"

// Role is what a caller may do within its own organization.
type Role string

// The roles of Identity Platform's `role` claim. [RoleService] is never taken
// from a token: it marks this service's own work, such as the reaper's.
const (
	RoleMember Role = "member"
	// RoleMetrics is a machine's that reads how many seats are used, and may nothing else.
	RoleMetrics Role = "metrics"
	RoleAdmin   Role = "admin"
	RoleOwner   Role = "owner"
	RoleService Role = "service"
)

// Caller is the verified identity a request acts for. Every method that
// reaches a tenant's data takes it first, so nothing can be addressed outside
// the caller's own organization.
type Caller struct {
	OrganizationID string
	UserID         string
	Email          string
	Role           Role
	// SignedInAt is when a user last proved who they are. A token that was refreshed
	// keeps the time of its sign-in. Zero: this caller does not sign in.
	SignedInAt time.Time
}

// ServiceCaller is the caller for this service's own work on one organization.
func ServiceCaller(organizationID string) Caller {
	return Caller{OrganizationID: organizationID, Role: RoleService}
}

// MayEnd reports whether the caller may end a session held by userID in the
// caller's own organization: its holder, and owners and admins.
func (c Caller) MayEnd(userID string) bool {
	return c.UserID == userID && userID != "" || c.Administers()
}

// Administers reports whether the caller's role reaches beyond its own sessions.
func (c Caller) Administers() bool {
	return c.Role == RoleOwner || c.Role == RoleAdmin
}
