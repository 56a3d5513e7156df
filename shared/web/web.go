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
	"net/http"
	"net/url"
	"reflect"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Call is what a handler is given beside its body.
type Call struct {
	// Caller is who the route's [Authenticator] said it is; zero on public routes.
	Caller license.Caller
	// SessionID is the path's session, a UUID in lower case; empty on other paths.
	SessionID string
	// Query is the parsed query; nil when there is none.
	Query url.Values
}

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

// Route is one operation with its handler, made by [Handle].
type Route struct {
	op      Operation
	paths   []pattern
	methods []string
	auth    Authenticator
	call    func(ctx context.Context, c Call, body []byte) (Answer, error)
}

// Handle makes the route of an operation. In is what the body decodes to: the
// operation's Request, or any type where there is none. An empty body, where
// one may be empty, is a zero In.
//
// It panics on wiring that could only be a mistake: a public operation with an
// authenticator, any other without, or an In that is not the operation's Request.
func Handle[In any](op Operation, auth Authenticator, h func(ctx context.Context, c Call, in In) (Answer, error)) Route {
	if (op.Access == AccessPublic) != (auth == nil) {
		panic(fmt.Sprintf("web: %s: an authenticator is needed exactly where access is not public", op.ID))
	}
	if op.Request != nil && op.Request != reflect.TypeFor[In]() {
		panic(fmt.Sprintf("web: %s: the handler takes %s, the operation %s", op.ID, reflect.TypeFor[In](), op.Request))
	}
	body := newDecoder(op.Request)
	return Route{
		op: op, paths: op.patterns(), methods: op.methods(), auth: auth,
		call: func(ctx context.Context, c Call, raw []byte) (Answer, error) {
			var in In
			if len(raw) > 0 {
				if err := body.decode(raw, &in); err != nil {
					return Answer{}, err
				}
			}
			return h(ctx, c, in)
		},
	}
}
