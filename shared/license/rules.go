package license

import (
	"errors"
	"math"
	"time"
)

// Usable reports why no seat of the license may be granted at now: the
// organization first, then the license's status, then its expiry. A license
// expires at the very instant of ExpiresAt.
func Usable(org Organization, lic License, now time.Time) error {
	return allowed(org, lic, lic.ExpiresAt, now)
}

// Keepable reports why a session of the license may not go on at now. It is
// [Usable] with the license's grace.
func Keepable(org Organization, lic License, now time.Time) error {
	return allowed(org, lic, lic.Over(), now)
}

func allowed(org Organization, lic License, ends, now time.Time) error {
	switch {
	case org.Status != StatusActive:
		return ErrOrganizationInactive
	case lic.Status != StatusActive:
		return ErrLicenseInactive
	case passed(ends, now):
		return ErrLicenseExpired
	}
	return nil
}

// EndedBy is the reason of a session's end for which [Keepable] gave err.
func EndedBy(err error) EndReason {
	if errors.Is(err, ErrLicenseExpired) {
		return EndLicenseExpired
	}
	return EndLicenseSuspended
}

// Fullness is how much of a limit is in use: percent, with one decimal. A limit
// of no seats is full.
func Fullness(used, limit int) float64 {
	if limit <= 0 {
		return 100
	}
	return math.Round(1000*float64(used)/float64(limit)) / 10
}

// TokenLife is how long a token lives that is made for a session which has been held
// for so long: as long as that, but at least the minimum and at most ttl. So whoever
// has worked for an hour rides out an outage of an hour, and whoever takes a seat to
// give it back at once gets a short token. A ttl below the minimum is both.
func TokenLife(held, ttl, minimum time.Duration) time.Duration {
	return max(min(minimum, ttl), min(held, ttl))
}

// TokenTTL is the longest life of the license's tokens, where the service's is usual.
func (l License) TokenTTL(usual time.Duration) time.Duration {
	if l.OfflineMax > 0 {
		return min(l.OfflineMax, MaxOffline)
	}
	return usual
}

// TokenExpiry is when a license token that is to live until a time ends: then, and
// not past the license itself with its grace.
func TokenExpiry(lic License, until time.Time) time.Time {
	if over := lic.Over(); !over.IsZero() && over.Before(until) {
		return over
	}
	return until
}
