package license

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

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
	// LicenseID and Product say which licenses are meant; see [Decide]. Empty says nothing.
	LicenseID, Product string
}

// Choice is a license that a request may mean.
type Choice struct {
	License License
	// Pools are those that count the session, the first refusal first; the first
	// is the license's own.
	Pools []Pool
	// Open says that a seat of it is granted where there is room. Of any other
	// license only a session that the holder has already is answered.
	Open bool
	// TokenCap is how many tokens of the license may be good once another holder has
	// a seat of it.
	TokenCap int
	// Refusal is why a session of the license may not go on; nil if it may.
	Refusal error
}

// Terms are what a caller may have, as decided from what its organization has
// bought. Nothing in them depends on who holds a seat: the ledger counts, and
// knows where this holder has a session.
type Terms struct {
	// Choices are in the order in which they are tried. A session that the holder
	// has under any of them comes before a new one under the first.
	Choices []Choice
	// Refusal is the answer to who has no session where no choice is open.
	Refusal error
}

// MaxChoices is how many licenses one request may mean: what one script counts
// in well below a millisecond. Of more licenses of one product those that end
// first are tried; the others are reached by their ids.
const MaxChoices = 256

// Decide says on which terms the caller gets a seat at now, or why it gets none.
// It is pure; the counting comes after it.
//
// A request means the license that it names, or else all licenses of the product
// that it names, or else those of the organization's only product, as far as they
// are usable. They add up: tried in the order of their ends, the one that never
// ends last. Usable licenses of several products, none of which is named, are an
// [AmbiguousError]. A session that the holder has is found before anything is
// ambiguous, and also of a license that is in grace. One of a license that may no
// longer be used is found so that it can be ended where another takes its place.
//
// Errors: ErrOrganizationInactive, ErrLicenseNotFound where nothing is meant, and
// where nothing that is meant is usable or in grace, the reason of the license
// that ends last: the one that the customer would see renewed.
func Decide(bought Entitlements, caller Caller, request Request, now time.Time) (Terms, error) {
	if bought.Organization.Status != StatusActive {
		return Terms{}, ErrOrganizationInactive
	}
	open, kept, over := bought.meant(request, now)
	last := latest(open, kept, over)
	switch {
	case last == nil:
		return Terms{}, ErrLicenseNotFound
	case len(open)+len(kept) == 0:
		return Terms{}, Usable(bought.Organization, *last, now)
	case len(open) == 0:
		return bought.terms(caller, nil, kept, nil, ErrLicenseExpired, now), nil
	case severalProducts(open):
		return bought.terms(caller, nil, slices.Concat(open, kept), nil, &AmbiguousError{LicenseIDs: ids(open)}, now), nil
	}
	over = slices.DeleteFunc(over, func(l License) bool { return l.Product != open[0].Product })
	return bought.terms(caller, open, kept, over, nil, now), nil
}

// NewTerms are the terms of one of the organization's licenses, whatever its state, for
// one of its users.
func NewTerms(org Organization, l License, userID string) Terms {
	return Terms{Choices: []Choice{{License: l, Pools: pools(org, l, userID), Open: true, TokenCap: l.TokenCap()}}}
}

// meant are the licenses that a request may mean: those of which seats are
// granted, those in grace, and those that may not be used; each in order of their ends.
func (e Entitlements) meant(r Request, now time.Time) (open, kept, over []License) {
	for _, l := range e.Licenses {
		switch {
		case r.LicenseID != "" && l.ID != r.LicenseID || r.Product != "" && l.Product != r.Product:
		case Usable(e.Organization, l, now) == nil:
			open = append(open, l)
		case Keepable(e.Organization, l, now) == nil:
			kept = append(kept, l)
		default:
			over = append(over, l)
		}
	}
	for _, some := range [][]License{open, kept, over} {
		slices.SortFunc(some, endingFirst)
	}
	return open, kept, over
}

// endingFirst orders licenses by their ends, those without end last, and then by id.
func endingFirst(a, b License) int {
	switch {
	case a.ExpiresAt.IsZero() != b.ExpiresAt.IsZero():
		return -a.ExpiresAt.Compare(b.ExpiresAt) // the zero time is before all others
	default:
		return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), cmp.Compare(a.ID, b.ID))
	}
}

// latest is the license of all lists that ends last; nil if there is none.
func latest(lists ...[]License) *License {
	var last *License
	for _, l := range slices.Concat(lists...) {
		if last == nil || endingFirst(*last, l) < 0 {
			last = &l
		}
	}
	return last
}

func severalProducts(ls []License) bool {
	return slices.ContainsFunc(ls, func(l License) bool { return l.Product != ls[0].Product })
}

func ids(ls []License) []string {
	out := make([]string, len(ls))
	for i, l := range ls {
		out[i] = l.ID
	}
	slices.Sort(out)
	return out
}

// terms are the choices in the order in which they are tried.
func (e Entitlements) terms(caller Caller, open, kept, over []License, refusal error, now time.Time) Terms {
	t := Terms{Refusal: refusal}
	for i, l := range slices.Concat(open, kept, over) {
		if len(t.Choices) == MaxChoices {
			break
		}
		t.Choices = append(t.Choices, Choice{
			License: l, Pools: pools(e.Organization, l, caller.UserID), Open: i < len(open), TokenCap: l.TokenCap(),
			Refusal: Keepable(e.Organization, l, now),
		})
	}
	return t
}

// pools are those that count a license's sessions: its own seats, then the user's where
// the license limits it, then the organization's.
func pools(org Organization, l License, userID string) []Pool {
	all := []Pool{{Key: OwnPool(l.ID), Limit: LimitLicense, Cap: l.MaxSeats}}
	if l.MaxSessionsPerUser > 0 {
		all = append(all, Pool{Key: userPool(l.ID, userID), Limit: LimitUser, Cap: l.MaxSessionsPerUser})
	}
	return append(all, Pool{Limit: LimitOrganization, Cap: org.MaxConcurrentSeats})
}

// Counting says which of an organization's licenses limit their users, so that a ledger
// rebuilt from the record counts as the lost one did: the pools of a session follow from
// what the record has of it, and from its license's present policy.
type Counting struct {
	perUser map[string]bool
	// unknown says that the licenses could not be read.
	unknown bool
}

// NewCounting is that of these licenses.
func NewCounting(licenses []License) Counting {
	c := Counting{perUser: map[string]bool{}}
	for _, l := range licenses {
		c.perUser[l.ID] = l.MaxSessionsPerUser > 0
	}
	return c
}

// UnknownCounting is that of licenses of which one is damaged: every session is counted for
// its user. A pool that nobody asks about refuses nobody, and once the license is mended
// nothing is missing.
func UnknownCounting() Counting { return Counting{unknown: true} }

// PoolKeys are the keys of the pools that count a holder's session, but for the
// organization's own.
func (c Counting) PoolKeys(h Holder) []string {
	keys := []string{OwnPool(h.LicenseID)}
	if c.unknown || c.perUser[h.LicenseID] {
		keys = append(keys, userPool(h.LicenseID, h.UserID))
	}
	return keys
}

// OwnPool is the key of the pool that counts all sessions of a license.
func OwnPool(licenseID string) string { return licenseID }

// userMark stands between license and user in a pool's key, and in no license's id
// ([ValidID]): no such pool is a license's own.
const userMark = "."

// userPool is the key of the pool that counts one user's sessions of a license. Of the
// user it has 128 bits of SHA-256: ids are others' to choose, must not break the names of
// pools in a session's data, and are personal.
func userPool(licenseID, userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return licenseID + userMark + base64.RawURLEncoding.EncodeToString(sum[:16])
}

// LimitOf is which limit a pool stands for, by its key.
func LimitOf(key string) Limit {
	switch {
	case key == "":
		return LimitOrganization
	case strings.Contains(key, userMark):
		return LimitUser
	default:
		return LimitLicense
	}
}

// TokenTTLs are the longest lives of the tokens of those licenses that have one of
// their own.
func (e Entitlements) TokenTTLs() map[string]time.Duration {
	var out map[string]time.Duration
	for _, l := range e.Licenses {
		if l.OfflineMax > 0 {
			if out == nil {
				out = map[string]time.Duration{}
			}
			out[l.ID] = l.TokenTTL(0)
		}
	}
	return out
}
