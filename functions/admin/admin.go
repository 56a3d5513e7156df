// Package admin is the function that sells: organizations, their licenses and users, the
// sessions that have their seats, and who changed what. It is the vendor's own door, open to
// Google accounts of its staff.
package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Deps is what the function works with.
type Deps struct {
	// Authenticate verifies the vendor's staff.
	Authenticate web.Authenticator
	Record       record.Administration
	Sessions     Sessions
	// Ledger says which of the record's sessions live, Seats end them.
	Ledger ledger.Looking
	Seats  *seats.Protocol
	// People are the users of organizations.
	People *people.Directory
	// Changed is told of an organization that was changed: what this process keeps of
	// it is old.
	Changed func(organizationID string)
	Now     func() time.Time
}

// Sessions reads one session of the record.
type Sessions interface {
	Session(ctx context.Context, caller license.Caller, id string) (license.Session, error)
}

// New makes the function.
func New(opts web.Options, deps Deps) *web.App {
	f := &function{deps}
	return web.NewApp(opts, web.Authenticators{web.AccessStaff: deps.Authenticate}, f.routes()...)
}

// Operations are what the function serves.
func Operations() []web.Operation { return web.Operations((*function)(nil).routes()...) }

type function struct{ Deps }

func (f *function) routes() []web.Route {
	return append([]web.Route{
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
		web.Handle(getSession(), f.getSession),
		web.Handle(revokeSession(), f.revokeSession),
		web.Handle(listAudit(), f.listAudit),
	}, f.userRoutes()...)
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

// caller is the staff's, for the organization in the path.
func caller(c web.Call) license.Caller { return staff(c, c.Param("organization")) }

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
