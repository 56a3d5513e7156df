package web

import (
	"fmt"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// describe is what people are told when a code says it all: what was wrong,
// and what to do.
func describe(code api.Code) string {
	switch code {
	case api.InvalidRequest:
		return "The request cannot be understood as sent. Correct what errors lists and send it again."
	case api.Unauthenticated:
		return "No valid ID token came with the request. Sign in again and send it as Authorization: Bearer <ID token>."
	case api.TenantMissing:
		return "The account does not belong to exactly one organization. Ask an administrator of your organization to add the account to it, then sign in again."
	case api.OrganizationInactive:
		return "The organization's account is not active. Ask its administrator, or the vendor, to reactivate it."
	case api.LicenseInactive:
		return "The license is suspended. Ask the organization's administrator, or the vendor, to reactivate it."
	case api.LicenseExpired:
		return "The license has run out. Ask the organization's administrator to renew it."
	case api.Forbidden:
		return "The account's role does not allow this. Ask an owner or admin of the organization to do it."
	default:
		return describeMore(code)
	}
}

func describeMore(code api.Code) string {
	switch code {
	case api.NotFound:
		return "There is nothing at this address. Check the path: it is case-sensitive and has no slash at its end."
	case api.OrganizationNotFound:
		return "The organization of this account is not known here. Ask the vendor to set it up."
	case api.LicenseNotFound:
		return "The organization has no such license. Check license_id and product."
	case api.SessionNotFound:
		return "There is no such session. Acquire a new one."
	case api.MethodNotAllowed:
		return "This address does not take this method. The Allow header lists those it takes."
	case api.LicenseAmbiguous:
		return "The request does not say which license it means. Send license_id with one of the ids in licenses; if there are none, the organization has no license to choose."
	case api.PayloadTooLarge:
		return fmt.Sprintf("The request body is larger than %d bytes. Send less.", api.MaxBody)
	case api.UnsupportedMediaType:
		return "The request body must be JSON in UTF-8, not compressed. Send Content-Type: application/json."
	case api.RateLimited:
		return "Too many requests came from this account. Wait as long as Retry-After says."
	case api.Unavailable:
		return "The service cannot do this right now. Nothing is wrong with the request or the license: send it again after the time in Retry-After."
	default:
		return "Something went wrong on our side. Send the request again later; if it keeps failing, tell support the request id in instance."
	}
}

func noSeatsDetail(e *license.NoSeatsError) string {
	whose := "license"
	if e.Limit == license.LimitOrganization {
		whose = "organization"
	}
	return fmt.Sprintf("All seats of the %s are taken (%d of %d). Wait for one to be freed, or close the program on another machine.", whose, e.Used, e.Max)
}

func endedDetail(reason license.EndReason) string {
	var why string
	switch reason {
	case license.EndExpired:
		why = "it went too long without a heartbeat"
	case license.EndReleased:
		why = "its seat was given back"
	case license.EndRevoked:
		why = "an administrator took the seat, or the license no longer allows it"
	default:
		why = "its seat may have gone to someone else"
	}
	return "The session is over: " + why + ". Acquire a new one to go on."
}
