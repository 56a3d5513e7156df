package web

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"sync"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Access says who may call an operation. The zero value is a signed-in user:
// an operation is public only if it says so.
type Access int

// The kinds of access.
const (
	// AccessUser: an Identity Platform ID token.
	AccessUser Access = iota
	// AccessAdmin: such a token of one who administers the organization, an owner or an
	// admin. What is not only read needs a recent sign-in too ([api.MaxSignInAge]).
	AccessAdmin
	// AccessScheduler: a Google OIDC token of the scheduler's service account.
	AccessScheduler
	// AccessStaff: a Google ID token of the vendor's staff, or of a program of theirs.
	AccessStaff
	// AccessPublic: no token.
	AccessPublic
)

// judgesQuery reports whether a query may have nothing but what is declared.
func (o Operation) judgesQuery() bool {
	return !o.AnyQuery && (len(o.Query) > 0 || o.Access == AccessAdmin || o.Access == AccessStaff)
}

// ofUsers: the token is an Identity Platform ID token.
func (a Access) ofUsers() bool { return a == AccessUser || a == AccessAdmin }

// Operation is one line of the HTTP contract, declared beside its handler. The
// funnel enforces it and the OpenAPI document is made of it, so that the two
// cannot differ. [Handle] adds the type of the request's body.
type Operation struct {
	ID, Method string
	// Path may have a parameter in any of its segments, alone or between literal
	// text: /line/{ticket}:first.
	Path string
	// Aliases are further paths that mean the same; they are not documented.
	Aliases []string
	// Also are further ways to ask for the same: documented, each beside the first.
	Also                 []Way
	Summary, Description string
	Access               Access
	// Roles are those that may call; none lets in every role that Access lets in, but for
	// [license.RoleMetrics], which is let in where it is named.
	Roles []license.Role
	// Reads says that it changes nothing, though its method is not GET.
	Reads bool
	// Params are the parameters of Path, one for each.
	Params []Param
	// Query are the parameters of the query. They are documented, and of administration
	// and of lists all that a query may have, each once; the handler judges the values.
	Query []Param
	// AnyQuery lets every query in, whatever Query says: of what programs in the field call.
	AnyQuery bool
	// Headers are those of the request that mean something; they are documented, and
	// the handler judges them.
	Headers []Param
	Body    BodyRule
	Answers []Documented
	// Problems are the codes of this operation, beside those that follow from
	// Access, Roles, Params and Body.
	Problems []api.Code
	// AnyOrigin lets pages of every origin read the answers: for documents that are
	// public anyway.
	AnyOrigin bool
	// request is the body's type; nil with BodyNone.
	request reflect.Type
	// probe operations are called all the time: their successes are noise.
	probe bool
}

// Way is another method or path of an operation, for programs and networks that
// cannot send the first. The log and the metrics know the operation alone.
type Way struct {
	// ID names it in the OpenAPI document, where names are unique.
	ID, Method, Path string
}

// Param is a parameter of an operation's path or query.
type Param struct {
	Name, Description string
	// Format ("uuid") or Pattern is the form of its values. In a path one of them
	// is needed: an id that cannot exist is answered as one that does not.
	Format, Pattern string
	// Enum are all values it may have, where they are few.
	Enum []any
	// Missing is the code for what does not exist; empty is [api.NotFound].
	Missing api.Code
	// Personal keeps the value out of the log: it names a person.
	Personal bool
}

const (
	formatUUID   = "uuid"
	sessionParam = "session_id"
)

// SessionParam is the session in a path. Its handler gets it in lower case.
func SessionParam() Param {
	return Param{
		Name: sessionParam, Description: "The session, as acquire named it.",
		Format: formatUUID, Missing: api.SessionNotFound,
	}
}

// form is the check that a path's parameter must pass.
func (p Param) form() func(string) bool {
	switch {
	case p.Format == formatUUID:
		return license.ValidSessionID
	case p.Pattern != "":
		return matcher(p.Pattern)
	}
	panic(fmt.Sprintf("web: the path's parameter %s has no form", p.Name))
}

// matchers are those of the patterns so far. The paths of all functions share a few, and
// to compile one is most of what a path costs.
var matchers sync.Map //nolint:gochecknoglobals // only grows by what is compiled into the program

func matcher(pattern string) func(string) bool {
	known, _ := matchers.Load(pattern)
	if m, ok := known.(*regexp.Regexp); ok {
		return m.MatchString
	}
	compiled := regexp.MustCompile(pattern)
	matchers.Store(pattern, compiled)
	return compiled.MatchString
}

func (p Param) missing() api.Code {
	if p.Missing == "" {
		return api.NotFound
	}
	return p.Missing
}

// Documented is a success an operation can answer with.
type Documented struct {
	Status      int
	Description string
	// ContentType is that of Body; empty means JSON.
	ContentType string
	// Body is the type of the body, by an example of it; nil for none.
	Body any
	// Headers describes what this answer carries beside the usual ones.
	Headers map[string]string
}

// codes are all the codes the operation can answer with.
func (o Operation) codes() []api.Code {
	codes := append([]api.Code{}, o.Problems...)
	for _, p := range o.Params {
		codes = append(codes, p.missing())
	}
	for _, m := range meanings() {
		if o.is(m.scope) {
			codes = append(codes, m.code)
		}
	}
	return codes
}

// roles are those that may call; none lets every role in.
func (o Operation) roles() []license.Role {
	if o.Access == AccessAdmin && len(o.Roles) == 0 {
		return []license.Role{license.RoleOwner, license.RoleAdmin}
	}
	return o.Roles
}

// letsIn reports whether the role may call.
func (o Operation) letsIn(role license.Role) bool {
	roles := o.roles()
	if len(roles) == 0 {
		return role != license.RoleMetrics
	}
	return slices.Contains(roles, role)
}

// needsRecentSignIn: an administrator's token that was stolen, or left behind in a
// browser, is refreshed for weeks. It can look, and soon nothing else.
func (o Operation) needsRecentSignIn() bool {
	return o.Access == AccessAdmin && o.Method != http.MethodGet && !o.Reads
}

// is reports whether what holds for the scope holds for the operation.
func (o Operation) is(s scope) bool {
	switch s {
	case everywhere:
		return true
	case whereSignedIn:
		return o.Access != AccessPublic
	case whereUsers:
		return o.Access.ofUsers()
	case wherePeople:
		return o.Access.ofUsers() || o.Access == AccessStaff
	case whereRoles:
		return len(o.roles()) > 0 || o.Access == AccessUser
	case whereRecent:
		return o.needsRecentSignIn()
	case whereRead:
		return o.Body.read()
	case whereSized:
		return o.Body != BodyNone
	default:
		return false
	}
}

// withHead are the methods that one means: HEAD is where GET is (RFC 9110,
// section 9.3.2).
func withHead(method string) []string {
	if method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{method}
}

// live tells that the process runs.
func live() Operation {
	return Operation{
		ID: "live", Method: http.MethodGet, Path: api.PathLive, Access: AccessPublic, probe: true,
		Summary: "Liveness probe", Description: "The process runs. Every function has it.",
		Answers: []Documented{{Status: http.StatusOK, Description: "It does.", Body: api.Health{Status: api.HealthOK}}},
	}
}

// ready tells whether what the function does would work.
func ready() Operation {
	checks := map[string]string{"redis": api.HealthOK, "firestore": api.HealthOK}
	broken := map[string]string{"redis": api.HealthFailed, "firestore": api.HealthOK}
	return Operation{
		ID: "ready", Method: http.MethodGet, Path: api.PathReady, Access: AccessPublic, probe: true,
		Summary: "Readiness probe", Description: "Tries what the function does: a write in Redis and its eviction policy, the rights on the record and on the key. Looked at once a second at most. Every function has it; the load balancer does not route it.",
		Answers: []Documented{
			{Status: http.StatusOK, Description: "All of it works.", Body: api.Health{Status: api.HealthOK, Checks: checks}},
			{Status: http.StatusServiceUnavailable, Description: "Some of it does not.", Body: api.Health{Status: api.HealthFailed, Checks: broken}},
		},
	}
}

// startup tells whether a new instance can take requests.
func startup() Operation {
	checks := map[string]string{"redis": api.HealthOK}
	broken := map[string]string{"redis": api.HealthFailed}
	return Operation{
		ID: "startup", Method: http.MethodGet, Path: api.PathStartup, Access: AccessPublic, probe: true,
		Summary: "Start-up probe", Description: "Tries what a new instance of the function cannot do without: of heartbeat and release Redis alone, so that they scale while the record or the key is away. Every function has it; the load balancer does not route it.",
		Answers: []Documented{
			{Status: http.StatusOK, Description: "All of it works.", Body: api.Health{Status: api.HealthOK, Checks: checks}},
			{Status: http.StatusServiceUnavailable, Description: "Some of it does not.", Body: api.Health{Status: api.HealthFailed, Checks: broken}},
		},
	}
}
