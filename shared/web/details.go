package web

import (
	"fmt"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func noSeatsDetail(e *license.NoSeatsError) string {
	if e.Limit == license.LimitHandover {
		return fmt.Sprintf("A seat is free, but too many license tokens of those who had one before are still good (%d of %d). "+
			"Wait for one to end, or use the program on the machine that had the seat.", e.Used, e.Max)
	}
	if e.Limit == license.LimitUser {
		return fmt.Sprintf("You have as many sessions of this license as one user may (%d of %d). "+
			"End one of them, or close the program on another machine.", e.Used, e.Max)
	}
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
		why = "an administrator took the seat"
	case license.EndLicenseExpired:
		why = "its license has run out"
	case license.EndLicenseSuspended:
		why = "its license was suspended"
	default:
		why = "its seat may have gone to someone else"
	}
	return "The session is over: " + why + ". Acquire a new one to go on."
}
