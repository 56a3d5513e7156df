// Package web is the one way in: every request of every function passes the
// same funnel (route, identity, rate limit, body, call, error translation, log
// line), so that a handler holds only its decision.
//
// net/http carries it; huma (github.com/danielgtaylor/huma/v2) reads the
// schemas out of the types of client/api, validates bodies by them and holds
// the OpenAPI document. Routing and errors are ours, to the letter of the contract.
package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Call is what a handler is given beside its body.
type Call struct {
	// Caller is who the route's [Authenticator] said it is; zero on public routes.
	Caller license.Caller
	// Query is the parsed query; nil when there is none.
	Query  url.Values
	params map[string]string
	header http.Header
	stream *Stream
	// malformed is why a part of the query was dropped.
	malformed error
}

// maxNamed is how many parameters of a query are found fault with at once, and
// maxNameShown how much of a name is told.
const (
	maxNamed     = 8
	maxNameShown = 64
)

// checkQuery is an [*InvalidRequestError] for a query that is malformed, or has a
// parameter that the operation does not know, or one of them several times: it names
// each. What is mistyped must not be answered with something else.
func (c Call) checkQuery(known []Param) error {
	if c.malformed != nil {
		return &InvalidRequestError{Errors: oneField("query", "is malformed: correct it")}
	}
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.Name
	}
	hint := "; there are " + strings.Join(names, ", ")
	if len(names) == 0 {
		hint = "; there are none"
	}
	var faults []api.FieldError
	for _, name := range slices.Sorted(maps.Keys(c.Query)) {
		switch {
		case len(faults) == maxNamed:
		case !slices.Contains(names, name):
			faults = append(faults, oneField(clip(name, maxNameShown), "is no parameter of this query"+hint+": correct it, or leave it out")...)
		case len(c.Query[name]) > 1:
			faults = append(faults, oneField(name, "is sent several times: send it once")...)
		}
	}
	if len(faults) > 0 {
		return &InvalidRequestError{Errors: faults}
	}
	return nil
}

// Header is the value of the request's header with this name; empty without one.
// Several are an [*InvalidRequestError]: it would be unclear which of them counts.
func (c Call) Header(name string) (string, error) {
	switch values := c.header.Values(name); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	default:
		return "", &InvalidRequestError{Errors: oneField(name, "is sent several times; send it once")}
	}
}

// HasHeader reports whether a header of this name was sent, if only an empty one.
func (c Call) HasHeader(name string) bool { return len(c.header.Values(name)) > 0 }

// Param is the value of the path's parameter with this name. It panics if the
// operation has none: an id that is silently empty could address something else.
func (c Call) Param(name string) string {
	value, ok := c.params[name]
	if !ok {
		panic("web: the operation's path has no parameter " + name)
	}
	return value
}

// SessionID is the path's session, a UUID in lower case.
func (c Call) SessionID() string { return c.Param(sessionParam) }

// Answer is what a handler says.
type Answer struct {
	// Status is 200–599; zero means 200.
	Status int
	// Outcome is what came of the request, one of few words, for the log and the
	// metrics made of it; empty is "answered".
	Outcome string
	// Header is added to the answer. Cache-Control replaces no-store.
	Header http.Header
	// Body is encoded as JSON. A []byte is sent as it is, with the Header's
	// Content-Type; nil sends none.
	Body any
}

// Authenticator verifies the token of `Authorization: Bearer …`. It returns
// an error wrapping license.ErrUnauthenticated, license.ErrTenant or
// license.ErrForbidden, or a *license.UnavailableError; anything else is an
// internal error, and nobody gets in.
type Authenticator func(ctx context.Context, bearer string) (license.Caller, error)

// Authenticators verify callers, by the access that operations ask for.
type Authenticators map[Access]Authenticator

// Route is one operation with its handler, made by [Handle].
type Route struct {
	op   Operation
	ways []way
	auth Authenticator // the App's for the operation's access; nil for public ones
	call func(ctx context.Context, c Call, body []byte) (Answer, error)
}

// Handle makes the route of an operation. In is what the body decodes to, and
// struct{} where none is taken. An empty body, where one may be empty, is a zero In.
//
// It panics on a declaration that could only be a mistake: an In without a body
// or a body without an In, a path whose parameters are not declared, roles where
// nobody signs in.
func Handle[In any](op Operation, h func(ctx context.Context, c Call, in In) (Answer, error)) Route {
	if in := reflect.TypeFor[In](); in != reflect.TypeFor[struct{}]() {
		op.request = in
	}
	op.mustMakeSense()
	body := newDecoder(op.request)
	return Route{
		op: op, ways: op.ways(),
		call: func(ctx context.Context, c Call, raw []byte) (Answer, error) {
			var in In
			if op.judgesQuery() {
				if err := c.checkQuery(op.Query); err != nil {
					return Answer{}, err
				}
			}
			if len(raw) > 0 {
				if err := body.decode(raw, &in); err != nil {
					return Answer{}, err
				}
			}
			return h(ctx, c, in)
		},
	}
}

// Operations are the declarations of routes.
func Operations(routes ...Route) []Operation {
	ops := make([]Operation, len(routes))
	for i, r := range routes {
		ops[i] = r.op
	}
	return ops
}

func (o Operation) mustMakeSense() {
	if (o.request != nil) != o.Body.read() {
		panic(fmt.Sprintf("web: %s: the handler takes a body exactly where the operation does", o.ID))
	}
	if o.Access == AccessPublic && len(o.Roles) > 0 {
		panic(fmt.Sprintf("web: %s: nobody who is not known has a role", o.ID))
	}
	if o.Access == AccessAdmin && slices.Contains(o.Roles, license.RoleMember) {
		panic(fmt.Sprintf("web: %s: no member administers", o.ID))
	}
}

// way is a path of a route with the methods it takes there.
type way struct {
	pattern
	methods []string
}

func (o Operation) ways() []way {
	all := []way{o.way(o.Method, o.Path)}
	for _, alias := range o.Aliases {
		all = append(all, o.way(o.Method, alias))
	}
	for _, also := range o.Also {
		all = append(all, o.way(also.Method, also.Path))
	}
	return all
}

func (o Operation) way(method, template string) way {
	p := newPattern(template, o.Params)
	if len(p.names()) != len(o.Params) {
		panic(fmt.Sprintf("web: %s: %s lacks a parameter that is declared", o.ID, template))
	}
	return way{p, withHead(method)}
}
