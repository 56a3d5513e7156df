package license

import "time"

// Pool is a set of sessions that is counted together, and how many it may have.
// Every cap that was bought is one: used + 1 ≤ Cap.
type Pool struct {
	// Key names the pool within its organization; the empty key is the pool of
	// all the organization's sessions.
	Key string
	// Limit is the cap's name, as a refusal tells it.
	Limit Limit
	// Cap is the most sessions the pool may have.
	Cap int
}

// Request is what a caller asks for.
type Request struct {
	// LicenseID and Product say which license is meant; see [Choose]. Empty says nothing.
	LicenseID, Product string
}

// Terms are what a caller may have, as decided from what its organization has
// bought. Nothing in them depends on who else holds a seat: the ledger counts.
type Terms struct {
	License License
	// Pools are those that count the session, the first refusal first; the first
	// is the license's own.
	Pools []Pool
}

// Decide says on which terms the caller gets a seat at now, or why it gets none:
// the errors of [Choose]. It is pure; the counting comes after it.
func Decide(bought Entitlements, _ Caller, request Request, now time.Time) (Terms, error) {
	l, err := Choose(bought, request.LicenseID, request.Product, now)
	if err != nil {
		return Terms{}, err
	}
	return NewTerms(bought.Organization, l), nil
}

// NewTerms are the terms of one of the organization's licenses: two pools, the
// license's seats before the organization's.
func NewTerms(org Organization, l License) Terms {
	return Terms{License: l, Pools: []Pool{
		{Key: ownPool(l.ID), Limit: LimitLicense, Cap: l.MaxSeats},
		{Limit: LimitOrganization, Cap: org.MaxConcurrentSeats},
	}}
}

// PoolKeys are the keys of the pools that count a session of the license, but for
// the organization's own. They follow from what the record has of a session, so
// that a ledger rebuilt from the record counts as the lost one did.
func PoolKeys(licenseID string) []string { return []string{ownPool(licenseID)} }

// ownPool is the key of the pool that counts all sessions of a license.
func ownPool(licenseID string) string { return licenseID }

// EndingBefore are the ends of the licenses that end before t.
func (e Entitlements) EndingBefore(t time.Time) map[string]time.Time {
	out := map[string]time.Time{}
	for _, l := range e.Licenses {
		if !l.ExpiresAt.IsZero() && l.ExpiresAt.Before(t) {
			out[l.ID] = l.ExpiresAt
		}
	}
	return out
}
