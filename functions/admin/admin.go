// Package admin is the administration: organizations, their licenses and users, the
// sessions that have their seats, how these were used, and who changed what. It has two doors, each a function of its own.
// The vendor's, control, is open to Google accounts of its staff, who name the
// organization they mean in the path. The customers', admin, is open to users, and
// serves each the organization that its ID token names.
package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/web"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// Deps is what the function works with.
type Deps struct {
	// Authenticate verifies the callers of the door: staff, or users.
	Authenticate web.Authenticator
	Record       record.Administration
	Sessions     Sessions
	// Entitlements are what organizations have, as acquire knows it.
	Entitlements *record.Cache
	// Ledger says which of the record's sessions live, Seats end them.
	Ledger ledger.Looking
	Seats  *seats.Protocol
	// People are the users of organizations; nil at a customers' door that has no say in them.
	People *people.Directory
	// Keys are those that sign license tokens; of the vendor's door alone.
	Keys Keys
	// WebhookKey is what webhooks' secrets are derived from; without one there are no
	// webhooks. WebhookPolicy says where they may lead.
	WebhookKey    webhook.Key
	WebhookPolicy webhook.Policy
	Now           func() time.Time
}

// Sessions reads one session of the record.
type Sessions interface {
	Session(ctx context.Context, caller license.Caller, id string) (license.Session, error)
}

// New makes the customers' door.
func New(opts web.Options, deps Deps) *web.App {
	f := &function{deps}
	return web.NewApp(opts, web.Authenticators{web.AccessUser: deps.Authenticate, web.AccessAdmin: deps.Authenticate}, f.routes()...)
}

// NewControl makes the vendor's door.
func NewControl(opts web.Options, deps Deps) *web.App {
	f := &function{deps}
	return web.NewApp(opts, web.Authenticators{web.AccessStaff: deps.Authenticate}, f.controlRoutes()...)
}

// Operations are what the customers' door serves, ControlOperations the vendor's.
func Operations() []web.Operation { return web.Operations((*function)(nil).routes()...) }

// ControlOperations are what the vendor's door serves.
func ControlOperations() []web.Operation {
	return web.Operations((*function)(nil).controlRoutes()...)
}

type function struct{ Deps }

// routes are those of the customers' door. A handler that controlRoutes has as well
// takes its organization from [caller].
func (f *function) routes() []web.Route {
	return slices.Concat([]web.Route{
		web.Handle(listMyLicenses(), f.listMyLicenses),
		web.Handle(listMySessions(), f.listMySessions),
		web.Handle(adminOverview(), f.adminOverview),
		web.Handle(adminListLicenses(), f.adminListLicenses),
		web.Handle(adminGetLicense(), f.adminGetLicense),
		web.Handle(adminListSessions(), f.listSessions),
		web.Handle(adminFindSessions(), f.findSessions),
		web.Handle(adminGetSession(), f.getSession),
		web.Handle(adminRevokeSession(), f.revokeSession),
		once(f, adminEndSessions(), asTold, f.endSessions),
		web.Handle(adminListAudit(), f.listAudit),
		web.Handle(adminReportUsage(), f.reportUsage),
		web.Handle(adminReportDenials(), f.reportDenials),
		web.Handle(adminMetrics(), f.adminMetrics),
	}, f.ourUserRoutes(), f.webhookRoutes(forOwners))
}

// controlRoutes are those of the vendor's door.
func (f *function) controlRoutes() []web.Route {
	return slices.Concat([]web.Route{
		web.Handle(listOrganizations(), f.listOrganizations),
		web.Handle(createOrganization(), f.createOrganization),
		web.Handle(getOrganization(), f.getOrganization),
		web.Handle(patchOrganization(), f.patchOrganization),
		web.Handle(listLicenses(), f.listLicenses),
		web.Handle(createLicense(), f.createLicense),
		web.Handle(getLicense(), f.getLicense),
		web.Handle(patchLicense(), f.patchLicense),
		web.Handle(deleteLicense(), f.deleteLicense),
		web.Handle(listSessions(), f.listSessions),
		web.Handle(findSessions(), f.findSessions),
		web.Handle(getSession(), f.getSession),
		web.Handle(revokeSession(), f.revokeSession),
		once(f, endSessions(), asTold, f.endSessions),
		web.Handle(listAudit(), f.listAudit),
		web.Handle(reportUsage(), f.reportUsage),
		web.Handle(reportDenials(), f.reportDenials),
		web.Handle(checkLedger(), f.checkLedger),
		once(f, rebuildLedger(), asTold, f.rebuildLedger),
		web.Handle(exportOrganization(), f.exportOrganization),
		once(f, purgeOrganization(), outliving, f.purgeOrganization),
		once(f, purgeUser(), asTold, f.purgeUser),
	}, f.userRoutes(), f.keyRoutes(), f.webhookRoutes(asDeclared))
}

// forVendor begins what is documented of each operation.
const forVendor = "For the vendor: no route of the load balancer leads here. "

const idPattern = "^[a-z0-9][a-z0-9-]{0,62}$"

func organizationParam() web.Param {
	return web.Param{Name: "organization", Description: "The organization.", Pattern: idPattern, Missing: api.OrganizationNotFound}
}

func licenseParam() web.Param {
	return web.Param{Name: "license", Description: "The license.", Pattern: idPattern, Missing: api.LicenseNotFound}
}

// forAdmins is an operation of the vendor's door at the customers': the organization is
// the caller's own, and no path names it. Who may call is said by the access.
func forAdmins(op web.Operation, id, path, summary string) web.Operation {
	op.ID, op.Path, op.Summary, op.Access = id, path, summary, web.AccessAdmin
	op.Params = slices.DeleteFunc(slices.Clone(op.Params), func(p web.Param) bool { return p.Name == organizationParam().Name })
	op.Description = strings.TrimSpace(strings.TrimPrefix(op.Description, strings.TrimSpace(forVendor)))
	return op
}

// caller is who asks, with the organization that the request is about: its own, which
// the ID token names, or, for the vendor's staff, who have none, the one in the path.
// No user has the role of the service, whatever a token says.
func caller(c web.Call) license.Caller {
	if c.Caller.Role == license.RoleService {
		return staff(c, c.Param(organizationParam().Name))
	}
	return c.Caller
}

// staff is the caller, for an organization.
func staff(c web.Call, organizationID string) license.Caller {
	return license.Caller{OrganizationID: organizationID, Role: license.RoleService, Email: c.Caller.Email}
}

func etagHeader() map[string]string {
	return map[string]string{"ETag": "What If-Match of a change names."}
}

// answered is the answer of one object at a revision.
func answered(status int, outcome, revision string, body any) web.Answer {
	a := web.Answer{Status: status, Outcome: outcome, Body: body, Header: http.Header{}}
	if revision != "" {
		a.Header.Set("Etag", etag(revision))
	}
	return a
}

// etag is the revision as a strong entity tag (RFC 9110, section 8.8.3).
func etag(revision string) string {
	if revision == "" {
		return ""
	}
	return `"` + revision + `"`
}
