package api

import (
	"fmt"
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
	SignInTooOld         Code = "insufficient_user_authentication"
	TenantMissing        Code = "tenant_missing"
	OrganizationInactive Code = "organization_inactive"
	LicenseInactive      Code = "license_inactive"
	LicenseExpired       Code = "license_expired"
	Forbidden            Code = "forbidden"
	NotFound             Code = "not_found"
	OrganizationNotFound Code = "organization_not_found"
	LicenseNotFound      Code = "license_not_found"
	SessionNotFound      Code = "session_not_found"
	UserNotFound         Code = "user_not_found"
	WebhookNotFound      Code = "webhook_not_found"
	DeliveryNotFound     Code = "delivery_not_found"
	KeyNotFound          Code = "key_not_found"
	MethodNotAllowed     Code = "method_not_allowed"
	NoSeatsAvailable     Code = "no_seats_available"
	LicenseAmbiguous     Code = "license_ambiguous"
	AlreadyExists        Code = "already_exists"
	EmailTaken           Code = "email_taken"
	LastOwner            Code = "last_owner"
	InUse                Code = "in_use"
	IdempotencyKeyReused Code = "idempotency_key_reused"
	SecretTold           Code = "secret_told"
	RequestTimeout       Code = "request_timeout"
	SessionEnded         Code = "session_ended"
	PreconditionFailed   Code = "precondition_failed"
	PayloadTooLarge      Code = "payload_too_large"
	UnsupportedMediaType Code = "unsupported_media_type"
	PreconditionRequired Code = "precondition_required"
	RateLimited          Code = "rate_limited"
	Internal             Code = "internal"
	Unavailable          Code = "unavailable"
)

// CodeInfo is what a code always means: its row of the one table.
type CodeInfo struct {
	Code   Code
	Status int
	Title  string
	// Retryable: the same request can succeed later without a change.
	Retryable bool
	// Type is the problem's URI (RFC 9457).
	Type string
	// Detail tells people when the code is answered, and what to do. A problem
	// that knows more has a detail of its own.
	Detail string
}

// codes is the one table of codes; it is never written to.
var codes = [...]CodeInfo{ //nolint:gochecknoglobals // Go has no constant tables
	info(InvalidRequest, http.StatusBadRequest, "The request is not valid", false,
		"The request cannot be understood as sent. Correct what errors lists and send it again."),
	info(Unauthenticated, http.StatusUnauthorized, "Sign-in required", false,
		"No valid ID token came with the request. Sign in again and send it as Authorization: Bearer <ID token>."),
	info(SignInTooOld, http.StatusUnauthorized, "Sign in again", false,
		fmt.Sprintf("An administrator's change needs a sign-in of the last %.0f hours; a refreshed token keeps the time of its sign-in. Sign in again, and send the request with the new ID token.", MaxSignInAge.Hours())),
	info(TenantMissing, http.StatusForbidden, "No organization", false,
		"The account does not belong to exactly one organization. Ask an administrator of your organization to add the account to it, then sign in again."),
	info(OrganizationInactive, http.StatusForbidden, "The organization is not active", false,
		"The organization's account is not active. Ask its administrator, or the vendor, to reactivate it."),
	info(LicenseInactive, http.StatusForbidden, "The license is not active", false,
		"The license is suspended, or it was deleted. Ask the organization's administrator, or the vendor, about it."),
	info(LicenseExpired, http.StatusForbidden, "The license has expired", false,
		"The license has run out. Ask the organization's administrator to renew it."),
	info(Forbidden, http.StatusForbidden, "Not allowed", false,
		"The account's role does not allow this. Ask an owner or admin of the organization to do it."),
	info(NotFound, http.StatusNotFound, "Not found", false,
		"There is nothing at this address. Check the path: it is case-sensitive and has no slash at its end."),
	info(OrganizationNotFound, http.StatusNotFound, "Organization not found", false,
		"The organization of this account is not known here. Ask the vendor to set it up."),
	info(LicenseNotFound, http.StatusNotFound, "License not found", false,
		"The organization has no such license. Check license_id and product: both are case-sensitive. If they are right, ask the organization's administrator for a license."),
	info(SessionNotFound, http.StatusNotFound, "Session not found", false,
		"There is no such session. Acquire a new one."),
	info(UserNotFound, http.StatusNotFound, "User not found", false,
		"The organization has no such user, or Identity Platform no account for it. List the users; one that is pending and has no address was never made: remove it, and invite it again."),
	info(WebhookNotFound, http.StatusNotFound, "Webhook not found", false,
		"The organization has no such webhook. List its webhooks: ids are case-sensitive."),
	info(DeliveryNotFound, http.StatusNotFound, "Delivery not found", false,
		"The webhook has no such delivery: they are kept for 30 days. List its deliveries."),
	info(KeyNotFound, http.StatusNotFound, "Signing key not found", false,
		"There is no such signing key. List the keys: where the root key signs each token itself there are none, and none is made."),
	info(MethodNotAllowed, http.StatusMethodNotAllowed, "Method not allowed", false,
		"This address does not take this method. The Allow header lists those it takes."),
	info(NoSeatsAvailable, http.StatusConflict, "No seats available", true,
		"All seats are taken. Wait for one to be freed, or close the program on another machine."),
	info(LicenseAmbiguous, http.StatusConflict, "Several licenses could be meant", false,
		"The organization has licenses of several products, and the request does not say which it means. Send product, or license_id with one of the ids in licenses."),
	info(AlreadyExists, http.StatusConflict, "There is one already", false,
		"There is one with this id already, and nothing was changed. Change it, or choose another id."),
	info(EmailTaken, http.StatusConflict, "The address is taken", false,
		"There is an account with this e-mail address already, and nothing was changed. A user belongs to one organization: change the one there is, or choose another address."),
	info(LastOwner, http.StatusConflict, "The last owner stays", false,
		"It is the organization's last owner who can sign in, and nothing was changed. Make another user an owner first."),
	info(InUse, http.StatusConflict, "It is still in use", false,
		"The organization is active, or somebody has a seat of it, and nothing was deleted. Suspend it, and wait until its sessions have ended or end them; then ask again."),
	info(IdempotencyKeyReused, http.StatusConflict, "The idempotency key is used", false,
		"The Idempotency-Key came with another request in the last 24 hours, and nothing was changed. Send a new key with a new request."),
	info(SecretTold, http.StatusConflict, "The secret was told", false,
		"The request with this Idempotency-Key was done, and its answer had a secret, which is told once and kept nowhere. If that answer was lost, send the request with a new key: it makes another secret."),
	info(RequestTimeout, http.StatusRequestTimeout, "The request did not arrive in time", false,
		"The request's body did not arrive within two seconds of its header. Send header and body together, or over a faster connection."),
	info(SessionEnded, http.StatusGone, "The session has ended", false,
		"The session is over. Acquire a new one to go on."),
	info(PreconditionFailed, http.StatusPreconditionFailed, "It has changed", false,
		"It is no longer what If-Match names, and nothing was changed. Read it again, and decide again."),
	info(PayloadTooLarge, http.StatusRequestEntityTooLarge, "The request is too large", false,
		fmt.Sprintf("The request body is larger than %d bytes. Send less.", MaxBody)),
	info(UnsupportedMediaType, http.StatusUnsupportedMediaType, "Unsupported media type", false,
		"The request body must be JSON in UTF-8, not compressed. Send Content-Type: application/json."),
	info(PreconditionRequired, http.StatusPreconditionRequired, "If-Match is missing", false,
		"A change names what it changes, so that nobody's change is lost. Read it, and send its ETag as If-Match."),
	info(RateLimited, http.StatusTooManyRequests, "Too many requests", true,
		"Too many requests came from this account. Wait as long as Retry-After says."),
	info(Internal, http.StatusInternalServerError, "Internal error", true,
		"Something went wrong on our side. Send the request again later; if it keeps failing, tell support the request id in instance."),
	info(Unavailable, http.StatusServiceUnavailable, "Temporarily unavailable", true,
		"The service cannot do this right now. Nothing is wrong with the request or the license: send it again after the time in Retry-After."),
}

func info(c Code, status int, title string, retryable bool, detail string) CodeInfo {
	return CodeInfo{
		Code: c, Status: status, Title: title, Retryable: retryable, Detail: detail,
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

	Errors    []FieldError `json:"errors,omitempty" doc:"With invalid_request: every fault that was found. With already_exists: the member whose value is in use."`
	SeatsUsed *int         `json:"seats_used,omitempty" minimum:"0" doc:"With no_seats_available: the seats in use under the limit that refused; of limit license those of all licenses that were tried, of limit user the caller's, of limit handover license tokens that may be good."`
	SeatsMax  *int         `json:"seats_max,omitempty" minimum:"0" doc:"With no_seats_available: the size of that limit, summed alike."`
	Limit     *string      `json:"limit,omitempty" enum:"license,user,organization,handover" doc:"With no_seats_available: the limit that refused. user: the caller has as many sessions of the license as one user may, whatever seats are free. handover: a seat is free, and tokens of its earlier holders are good until after Retry-After; who held it last gets it back at once."`
	// YourSessions let a program ask its user which to end: it releases that one, and
	// acquires again.
	YourSessions []YourSession `json:"your_sessions,omitzero" nullable:"false" doc:"With no_seats_available and limit user: the caller's own live sessions of the license, the newest acquired first, at most 10. Any of them can be released, and the seat acquired then. Absent while they cannot be found out."`
	Licenses     List          `json:"licenses,omitzero" nullable:"false" doc:"With license_ambiguous: the license ids to choose from."`
	Reason       *string       `json:"reason,omitempty" enum:"expired,released,revoked,displaced,license_expired,license_suspended" doc:"With session_ended: why."`

	// RetryAfter is how long to wait at least before the request is sent again:
	// the answer's Retry-After header, of whole seconds; zero without one. It is
	// no member of the document: only [CheckResponse] sets it.
	RetryAfter time.Duration `json:"-"`
}

// YourSession is a live session of the caller's own, for its user to know it by.
type YourSession struct {
	SessionID       string     `json:"session_id" format:"uuid" example:"019ab00d-4c00-7000-8000-000000000001" doc:"The session."`
	Client          LiveClient `json:"client" doc:"The program, as it described itself at acquire."`
	AcquiredAt      Time       `json:"acquired_at" format:"date-time" doc:"When the seat was taken."`
	LastHeartbeatAt Time       `json:"last_heartbeat_at,omitzero" format:"date-time" doc:"When the session was last renewed; absent where the seat ledger could not be asked."`
}

// FieldError is one fault of a request.
type FieldError struct {
	Field   string `json:"field" example:"client.version" doc:"The member as named in JSON, with dots between levels; empty for the body as a whole."`
	Message string `json:"message" example:"expected length <= 128" doc:"What is wrong with it."`
}

// NewProblem is a problem of a code, without further members. An empty detail is
// the code's own; the instance is the request id.
func NewProblem(c Code, detail, instance string) Problem {
	i := c.Info()
	if detail == "" {
		detail = i.Detail
	}
	return Problem{
		Type: i.Type, Title: i.Title, Status: i.Status, Code: i.Code,
		Detail: detail, Instance: instance, Retryable: i.Retryable,
	}
}

// RetrySpread is over how many whole seconds Retry-After spreads clients that
// were refused in the same moment. Of 100,000 who are, five send 32,000 a
// second back at once and ten 18,000 (proof/storm); heartbeats have minutes to
// spare, while a user who waits for a program to start would feel more. Later
// waves are taken apart by the clients' own backoff.
const RetrySpread = 10
