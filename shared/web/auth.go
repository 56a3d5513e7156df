package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// challengeNone is the challenge of RFC 6750, section 3: no error code when no
// token was given.
const challengeNone = `Bearer realm="coditect-licenses"`

// challengeInvalid is that of a token that does not do. problem is as in
// [license.UnauthenticatedError].
func challengeInvalid(problem string) string {
	return challengeNone + `, error="invalid_token", error_description="` + problem + `"`
}

// challengeSignIn is that of RFC 9470, section 3: the token is good, and more than a
// refreshed one is needed.
func challengeSignIn() string {
	return fmt.Sprintf(`%s, error="insufficient_user_authentication", error_description="A more recent sign-in is needed", max_age="%.0f"`,
		challengeNone, api.MaxSignInAge.Seconds())
}

// anyInvalid is said of a token where the log alone is told more.
const anyInvalid = "The token is malformed, expired, revoked or not meant for this service"

// authenticate finds out who calls, and lets through what the limiter allows.
func (x *exchange) authenticate(ctx context.Context, route *Route) error {
	if err := route.op.Access.refuses(x.r.Header); err != nil {
		return err
	}
	token, err := bearer(x.r.Header["Authorization"])
	if err != nil {
		return err
	}
	x.call.Caller, err = route.auth(ctx, token)
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

// admits refuses callers whose role the operation does not let in, and then those who
// have to sign in again. Who has no rights is not sent to get a newer token.
func (o Operation) admits(c license.Caller, now time.Time) error {
	if !o.letsIn(c.Role) {
		return fmt.Errorf("%s is not for the role %q: %w", o.ID, c.Role, license.ErrForbidden)
	}
	if o.needsRecentSignIn() && now.Sub(c.SignedInAt) > api.MaxSignInAge {
		return fmt.Errorf("%s by a sign-in at %s: %w", o.ID, c.SignedInAt.Format(time.RFC3339), license.ErrSignInTooOld)
	}
	return nil
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

// checkedByGoogle is the header whose token Cloud Run's IAM check looks at instead
// of Authorization, where a request has both
// (https://docs.cloud.google.com/run/docs/authenticating/service-to-service#x-serverless-authorization).
const checkedByGoogle = "X-Serverless-Authorization"

// refuses: a request behind Cloud Run's check that has checkedByGoogle was let through for
// that header's token, and what its Authorization holds was checked by nobody. It
// could look as if Cloud Run had, down to the mark in place of its signature. Cloud
// Scheduler sends no such header.
func (a Access) refuses(h http.Header) error {
	if _, sent := h[checkedByGoogle]; sent && (a == AccessScheduler || a == AccessStaff) {
		return unauthenticated("The request has an X-Serverless-Authorization header", "Send the token as Authorization: Bearer alone.")
	}
	return nil
}

// bearer takes the token out of the Authorization header's values. Two headers
// are refused: it would be unclear which of them counts.
func bearer(values []string) (string, error) {
	const remedy = "Send one header, Authorization: Bearer and the ID token after a blank."
	switch len(values) {
	case 0:
		return "", noToken("There is no Authorization header. " + remedy)
	case 1:
	default:
		return "", unauthenticated("There are several Authorization headers", remedy)
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", noToken("The Authorization header has another scheme than Bearer. " + remedy)
	}
	token = strings.TrimLeft(token, " ")
	switch {
	case token == "":
		return "", unauthenticated("The Authorization header has no token after Bearer", remedy)
	case !isToken68(token):
		return "", unauthenticated("The token has characters that no token has, such as blanks, quotes or brackets", remedy)
	}
	return token, nil
}

func unauthenticated(problem, remedy string) error {
	return &license.UnauthenticatedError{Problem: problem, Remedy: remedy}
}

// noToken is the refusal of a request that has none.
func noToken(detail string) error {
	return &fault{code: api.Unauthenticated, challenge: challengeNone, detail: detail, cause: errors.New(detail)}
}

// isToken68 reports whether s has the form of RFC 6750's b64token.
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if !token68[body[i]] {
			return false
		}
	}
	return body != ""
}

// token68 says which bytes RFC 6750's b64token may have, = at its end left out. A
// table, because every byte of every request's token is looked up.
var token68 = func() (may [256]bool) { //nolint:gochecknoglobals // never written after
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/") {
		may[c] = true
	}
	return may
}()
