package license

import (
	"math"
	"time"
)

// Usable reports why the license may not be used at now: the organization
// first, then the license's status, then its expiry. A license expires at the
// very instant of ExpiresAt.
func Usable(org Organization, lic License, now time.Time) error {
	switch {
	case org.Status != StatusActive:
		return ErrOrganizationInactive
	case lic.Status != StatusActive:
		return ErrLicenseInactive
	case !lic.ExpiresAt.IsZero() && !now.Before(lic.ExpiresAt):
		return ErrLicenseExpired
	}
	return nil
}

// Fullness is how much of a limit is in use: percent, with one decimal. A limit
// of no seats is full.
func Fullness(used, limit int) float64 {
	if limit <= 0 {
		return 100
	}
	return math.Round(1000*float64(used)/float64(limit)) / 10
}

// Choose picks the license a request means. With a license id: that one, which
// must also be of product when one is given. Without: the organization's only
// usable license (of product, when given). A single candidate that is not
// usable tells why; several usable, or none, is an [AmbiguousError].
func Choose(e Entitlements, licenseID, product string, now time.Time) (License, error) {
	if licenseID != "" {
		l, ok := e.License(licenseID)
		if !ok || product != "" && l.Product != product {
			return License{}, ErrLicenseNotFound
		}
		return l, Usable(e.Organization, l, now)
	}
	if e.Organization.Status != StatusActive {
		return License{}, ErrOrganizationInactive
	}
	var candidates, usable []License
	for _, l := range e.Licenses {
		if product != "" && l.Product != product {
			continue
		}
		candidates = append(candidates, l)
		if Usable(e.Organization, l, now) == nil {
			usable = append(usable, l)
		}
	}
	switch {
	case len(usable) == 1:
		return usable[0], nil
	case len(usable) > 1:
		return License{}, &AmbiguousError{LicenseIDs: ids(usable)}
	case len(candidates) == 1:
		return License{}, Usable(e.Organization, candidates[0], now)
	}
	return License{}, &AmbiguousError{LicenseIDs: []string{}}
}

func ids(ls []License) []string {
	out := make([]string, len(ls))
	for i, l := range ls {
		out[i] = l.ID
	}
	return out
}

// TokenExpiry is when a license token granted at now ends: after ttl, and not
// past the license itself.
func TokenExpiry(lic License, now time.Time, ttl time.Duration) time.Time {
	exp := now.Add(ttl)
	if !lic.ExpiresAt.IsZero() && lic.ExpiresAt.Before(exp) {
		return lic.ExpiresAt
	}
	return exp
}
