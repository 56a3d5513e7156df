package web

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// InvalidRequestError says what is wrong with a request. Handlers return it
// for what no schema can say; the messages are shown to the client.
type InvalidRequestError struct{ Errors []api.FieldError }

// Error counts the faults. It does not quote them: they may hold what the
// client sent.
func (e *InvalidRequestError) Error() string {
	return fmt.Sprintf("invalid request: %d faults", len(e.Errors))
}

// invalid refuses the body as a whole.
func invalid(message string) error {
	return &InvalidRequestError{Errors: oneField("", message)}
}

func oneField(field, message string) []api.FieldError {
	return []api.FieldError{{Field: field, Message: message}}
}

// fault is a refusal on its way to a problem document. It is also the error
// of the funnel itself.
type fault struct {
	code api.Code
	// detail replaces the code's own text.
	detail string
	// retryAfter becomes Retry-After; zero sends none.
	retryAfter time.Duration
	allow      string           // Allow
	challenge  string           // WWW-Authenticate
	fields     []api.FieldError // errors
	// members fills in what only this code has.
	members func(*api.Problem)
	// cause goes to the log, never to the client.
	cause error
}

func (f *fault) Error() string {
	if f.cause == nil {
		return string(f.code)
	}
	return string(f.code) + ": " + f.cause.Error()
}

func (f *fault) Unwrap() error { return f.cause }

// translate is the one table from errors to problems. A failed backend comes
// first: together with anything else it only means that the answer is not
// known, and what is not known must stay retryable. An error that is not here
// is internal, and nothing is said about it.
func translate(err error) *fault {
	if u, ok := errors.AsType[*license.UnavailableError](err); ok {
		return &fault{code: api.Unavailable, retryAfter: u.RetryAfter, detail: u.Detail}
	}
	if f, ok := errors.AsType[*fault](err); ok {
		c := *f
		return &c
	}
	if e, ok := errors.AsType[*license.UnauthenticatedError](err); ok {
		return &fault{code: api.Unauthenticated, challenge: challengeInvalid(e.Problem), detail: e.Problem + ". " + e.Remedy}
	}
	if e, ok := errors.AsType[*InvalidRequestError](err); ok {
		return &fault{code: api.InvalidRequest, fields: e.Errors}
	}
	if e, ok := errors.AsType[*license.InvalidError](err); ok {
		return invalidDocument(e)
	}
	if e, ok := errors.AsType[*license.NoSeatsError](err); ok {
		return noSeats(e)
	}
	if e, ok := errors.AsType[*license.AmbiguousError](err); ok {
		return ambiguous(e)
	}
	if e, ok := errors.AsType[*license.TakenError](err); ok {
		return taken(e)
	}
	if errors.Is(err, license.ErrExists) {
		return exists()
	}
	if e, ok := errors.AsType[*license.SessionEndedError](err); ok {
		return ended(e)
	}
	return sentinel(err)
}

// invalidDocument names the members as the document's fields are named.
func invalidDocument(e *license.InvalidError) *fault {
	faults := &faultList{}
	for _, each := range e.Faults {
		faults.add(each.Field, each.Message)
	}
	return &fault{code: api.InvalidRequest, fields: faults.fields}
}

// sentinel translates errors that carry no facts.
func sentinel(err error) *fault {
	for _, m := range meanings() {
		if m.err != nil && errors.Is(err, m.err) {
			return &fault{code: m.code}
		}
	}
	return &fault{code: api.Internal}
}

func noSeats(e *license.NoSeatsError) *fault {
	return &fault{
		code:       api.NoSeatsAvailable,
		detail:     noSeatsDetail(e),
		retryAfter: max(e.RetryAfter, 1),
		members: func(p *api.Problem) {
			limit := string(e.Limit)
			p.SeatsUsed, p.SeatsMax, p.Limit = &e.Used, &e.Max, &limit
			p.YourSessions = yourSessions(e.Own)
		},
	}
}

// yourSessions are the caller's own, without what tells one machine from another to a
// program that could send it.
func yourSessions(own []license.Session) (all []api.YourSession) {
	for _, s := range own {
		all = append(all, api.YourSession{
			SessionID: s.ID, Client: api.LiveClient(s.Client), AcquiredAt: api.NewTime(s.AcquiredAt), LastHeartbeatAt: api.NewTime(s.LastHeartbeatAt),
		})
	}
	return all
}

func ambiguous(e *license.AmbiguousError) *fault {
	return &fault{
		code:    api.LicenseAmbiguous,
		members: func(p *api.Problem) { p.Licenses = append(api.List{}, e.LicenseIDs...) },
	}
}

func exists() *fault {
	return &fault{code: api.AlreadyExists, fields: oneField("id", "is in use: choose another")}
}

// taken names the field. Whose the value is stays the other organization's.
func taken(e *license.TakenError) *fault {
	return &fault{
		code:   api.AlreadyExists,
		detail: "Another organization has this " + e.Field + ", and nothing was changed. Choose another one.",
		fields: oneField(e.Field, "is another organization's: choose another"),
	}
}

// ended tells the reason. A failed grant's id was never told to a client, so a
// client that guessed it is told that there is no such session.
func ended(e *license.SessionEndedError) *fault {
	if e.Reason == license.EndFailed {
		return &fault{code: api.SessionNotFound}
	}
	return &fault{
		code:   api.SessionEnded,
		detail: endedDetail(e.Reason),
		members: func(p *api.Problem) {
			reason := string(e.Reason)
			p.Reason = &reason
		},
	}
}

// problem is the document, for the request of the given id.
func (f *fault) problem(requestID string) api.Problem {
	p := api.NewProblem(f.code, f.detail, requestID)
	p.Errors = f.fields
	if f.members != nil {
		f.members(&p)
	}
	return p
}

// header is what the document's answer carries beside it.
func (f *fault) header() http.Header {
	h := http.Header{"Content-Type": {api.ContentTypeProblem}}
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.code.Info().Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", f.challenged())
	}
	if wait := f.wait(); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(wait))
	}
	return h
}

// challenged is the challenge of a 401. A refusal by the authenticator means that a
// token was given.
func (f *fault) challenged() string {
	switch {
	case f.challenge != "":
		return f.challenge
	case f.code == api.SignInTooOld:
		return challengeSignIn()
	}
	return challengeInvalid(anyInvalid)
}

// wait is the fault's Retry-After; zero is none.
func (f *fault) wait() int {
	return RetryAfter(f.code, f.retryAfter, rand.IntN)
}

// RetryAfter is the value of that header, in whole seconds, for an answer with
// this code; zero sends none. A hint is rounded up, and nobody is told to come
// earlier: random, [rand.IntN] or a test's, only adds to it.
//
// It adds where many are refused at once and would return at once: unavailable
// (everybody) and rate_limited (a user with hundreds of copies running).
// no_seats_available keeps its promise, the time until the earliest expiry.
func RetryAfter(code api.Code, hint time.Duration, random func(n int) int) int {
	whole := int(hint / time.Second)
	if hint%time.Second > 0 {
		whole++
	}
	if code == api.Unavailable || code == api.RateLimited {
		return max(whole, 1) + random(api.RetrySpread)
	}
	return max(whole, 0)
}
