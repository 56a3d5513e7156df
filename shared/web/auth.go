package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// maxToken bounds a bearer token, in bytes: several times the largest ID token
// (1000 bytes of custom claims), and little work to refuse.
const maxToken = 8 << 10

// The challenges of RFC 6750, section 3: no error code when no token was given.
const (
	challengeNone    = `Bearer realm="coditect-licenses"`
	challengeInvalid = `Bearer realm="coditect-licenses", error="invalid_token", error_description="The token is malformed, expired, revoked or not meant for this service"`
)

// authenticate finds out who calls, and lets through what the limiter allows.
func (x *exchange) authenticate(ctx context.Context, auth Authenticator) error {
	token, err := bearer(x.r.Header["Authorization"])
	if err != nil {
		return err
	}
	x.call.Caller, err = auth(ctx, token)
	if err != nil {
		// An authenticator may answer a caller together with an error; the log must not
		// name that caller.
		x.call.Caller = license.Caller{}
		return err
	}
	return x.limit(ctx)
}

// limit takes the request from its caller's allowance.
func (x *exchange) limit(ctx context.Context) error {
	if x.app.limiter == nil {
		return nil
	}
	if wait := x.app.limiter.Take(ctx, x.call.Caller); wait > 0 {
		return &fault{code: api.RateLimited, retryAfter: wait}
	}
	return nil
}

// admits refuses callers whose role the operation does not let in.
func (o Operation) admits(c license.Caller) error {
	if len(o.Roles) == 0 || slices.Contains(o.Roles, c.Role) {
		return nil
	}
	return fmt.Errorf("%s is not for the role %q: %w", o.ID, c.Role, license.ErrForbidden)
}

// guard gives every route the authenticator of its access.
func (a Authenticators) guard(routes []Route) []Route {
	guarded, used := slices.Clone(routes), map[Access]bool{}
	for i, r := range guarded {
		if r.op.Access == AccessPublic {
			continue
		}
		if guarded[i].auth = a[r.op.Access]; guarded[i].auth == nil {
			panic(fmt.Sprintf("web: %s: nothing verifies its callers", r.op.ID))
		}
		used[r.op.Access] = true
	}
	if len(used) != len(a) {
		panic("web: an authenticator that no route asks for")
	}
	return guarded
}

// bearer takes the token out of the Authorization header's values. Two headers
// are refused: it would be unclear which of them counts.
func bearer(values []string) (string, error) {
	switch len(values) {
	case 0:
		return "", unauthenticated(challengeNone, "no Authorization header")
	case 1:
	default:
		return "", unauthenticated(challengeInvalid, "several Authorization headers")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", unauthenticated(challengeNone, "another scheme than Bearer")
	}
	token = strings.TrimLeft(token, " ")
	if len(token) > maxToken || !isToken68(token) {
		return "", unauthenticated(challengeInvalid, "the token is not of the form of a bearer token")
	}
	return token, nil
}

func unauthenticated(challenge, reason string) error {
	return &fault{code: api.Unauthenticated, challenge: challenge, cause: errors.New(reason)}
}

// isToken68 reports whether s has the form of RFC 6750's b64token.
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		c := body[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return body != ""
}
