package api

import (
	"net/http"
	"strings"
	"time"
)

// ProblemBase is where the types of problems live; the code follows with
// dashes for underscores.
const ProblemBase = "https://licenses.coditect.ai/problems/"

// Code names a kind of problem. Codes are stable: programs may depend on them,
// and new ones may come. A Code is an error: errors.Is finds the one that a
// [Problem] has.
type Code string

// The codes, in the order of the contract.
const (
	InvalidRequest       Code = "invalid_request"
	Unauthenticated      Code = "unauthenticated"
	TenantMissing        Code = "tenant_missing"
	OrganizationInactive Code = "organization_inactive"
	LicenseInactive      Code = "license_inactive"
	LicenseExpired       Code = "license_expired"
	Forbidden            Code = "forbidden"
	NotFound             Code = "not_found"
	OrganizationNotFound Code = "organization_not_found"
	LicenseNotFound      Code = "license_not_found"
	SessionNotFound      Code = "session_not_found"
	MethodNotAllowed     Code = "method_not_allowed"
	NoSeatsAvailable     Code = "no_seats_available"
	LicenseAmbiguous     Code = "license_ambiguous"
	SessionEnded         Code = "session_ended"
	PayloadTooLarge      Code = "payload_too_large"
	UnsupportedMediaType Code = "unsupported_media_type"
	RateLimited          Code = "rate_limited"
	Internal             Code = "internal"
	Unavailable          Code = "unavailable"
)

// CodeInfo is what a code always means.
type CodeInfo struct {
	Code   Code
	Status int
	Title  string
	// Retryable: the same request can succeed later without a change.
	Retryable bool
	// Type is the problem's URI (RFC 9457).
	Type string
}

// codes is the one table of codes; it is never written to.
var codes = [...]CodeInfo{ //nolint:gochecknoglobals // Go has no constant tables
	info(InvalidRequest, http.StatusBadRequest, "The request is not valid", false),
	info(Unauthenticated, http.StatusUnauthorized, "Sign-in required", false),
	info(TenantMissing, http.StatusForbidden, "No organization", false),
	info(OrganizationInactive, http.StatusForbidden, "The organization is not active", false),
	info(LicenseInactive, http.StatusForbidden, "The license is not active", false),
	info(LicenseExpired, http.StatusForbidden, "The license has expired", false),
	info(Forbidden, http.StatusForbidden, "Not allowed", false),
	info(NotFound, http.StatusNotFound, "Not found", false),
	info(OrganizationNotFound, http.StatusNotFound, "Organization not found", false),
	info(LicenseNotFound, http.StatusNotFound, "License not found", false),
	info(SessionNotFound, http.StatusNotFound, "Session not found", false),
	info(MethodNotAllowed, http.StatusMethodNotAllowed, "Method not allowed", false),
	info(NoSeatsAvailable, http.StatusConflict, "No seats available", true),
	info(LicenseAmbiguous, http.StatusConflict, "Several licenses could be meant", false),
	info(SessionEnded, http.StatusGone, "The session has ended", false),
	info(PayloadTooLarge, http.StatusRequestEntityTooLarge, "The request is too large", false),
	info(UnsupportedMediaType, http.StatusUnsupportedMediaType, "Unsupported media type", false),
	info(RateLimited, http.StatusTooManyRequests, "Too many requests", true),
	info(Internal, http.StatusInternalServerError, "Internal error", true),
	info(Unavailable, http.StatusServiceUnavailable, "Temporarily unavailable", true),
}

func info(c Code, status int, title string, retryable bool) CodeInfo {
	return CodeInfo{
		Code: c, Status: status, Title: title, Retryable: retryable,
		Type: ProblemBase + strings.ReplaceAll(string(c), "_", "-"),
	}
}

// Codes lists every code, in the order of the contract.
func Codes() []CodeInfo { return append([]CodeInfo(nil), codes[:]...) }

// Info is what the code always means. A code that is not of the contract is
// an [Internal] error: nothing is said about it.
func (c Code) Info() CodeInfo {
	for i := range codes {
		if codes[i].Code == c {
			return codes[i]
		}
	}
	return Internal.Info()
}

// Problem is the answer to a request that failed: a problem document (RFC 9457).
// A *Problem is an error; [CheckResponse] makes it of an answer, and errors.Is
// finds its [Code] in it.
//
// Type, Title, Status, Detail and Instance are the RFC's own members (section
// 3.1), the others extend it (section 3.2). Those after Retryable are present
// with some codes only, and a program must not fail where one is missing.
type Problem struct {
	Type      string `json:"type" format:"uri" doc:"Names the kind of problem."`
	Title     string `json:"title" doc:"The kind of problem, for people."`
	Status    int    `json:"status" minimum:"400" maximum:"599" doc:"The answer's status."`
	Code      Code   `json:"code" doc:"Names the kind of problem, for programs. Stable."`
	Detail    string `json:"detail" doc:"What was wrong and what to do, for people."`
	Instance  string `json:"instance" doc:"The request id; quote it to support."`
	Retryable bool   `json:"retryable" doc:"The same request can succeed later without a change. Never the end of a license."`

	Errors    []FieldError `json:"errors,omitempty" doc:"With invalid_request: every fault that was found."`
	SeatsUsed *int         `json:"seats_used,omitempty" minimum:"0" doc:"With no_seats_available: the seats in use under the limit that refused."`
	SeatsMax  *int         `json:"seats_max,omitempty" minimum:"0" doc:"With no_seats_available: the size of that limit."`
	Limit     *string      `json:"limit,omitempty" enum:"license,organization" doc:"With no_seats_available: the limit that refused."`
	Licenses  List         `json:"licenses,omitzero" nullable:"false" doc:"With license_ambiguous: the license ids to choose from."`
	Reason    *string      `json:"reason,omitempty" enum:"expired,released,revoked,displaced" doc:"With session_ended: why."`

	// RetryAfter is how long to wait at least before the request is sent again:
	// the answer's Retry-After header, of whole seconds; zero without one. It is
	// no member of the document: only [CheckResponse] sets it.
	RetryAfter time.Duration `json:"-"`
}

// FieldError is one fault of a request.
type FieldError struct {
	Field   string `json:"field" example:"client.version" doc:"The member as named in JSON, with dots between levels; empty for the body as a whole."`
	Message string `json:"message" example:"expected length <= 128" doc:"What is wrong with it."`
}

// NewProblem is a problem of a code, without further members. The instance is
// the request id.
func NewProblem(c Code, detail, instance string) Problem {
	i := c.Info()
	return Problem{
		Type: i.Type, Title: i.Title, Status: i.Status, Code: i.Code,
		Detail: detail, Instance: instance, Retryable: i.Retryable,
	}
}

// RetrySpread is over how many whole seconds Retry-After spreads clients that
// were refused in the same moment. Of 100,000 who are, five send 32,000 a second
// back at once and ten 18,000 (proof/storm); heartbeats have
// minutes to spare, while more would be felt by whoever waits for a program to
// start. Later waves are taken apart by the clients' own backoff.
const RetrySpread = 10
