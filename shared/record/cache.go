package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

const (
	// StaleFor is how long after its reading an entry may still be answered
	// while the store cannot be reached: heartbeats must go on when Firestore
	// does not, and losing a license for an outage of ours is worse than
	// noticing a suspension a quarter of an hour late.
	StaleFor = 15 * time.Minute

	// cachedOrganizations bounds the cache: some 10 MB at a few licenses each.
	cachedOrganizations = 10_000
	// retryAfter is how long an organization's entry is answered without
	// another try after the store could not be reached, so that an outage does
	// not cost every request a deadline.
	retryAfter = time.Second
	// stalePatience is how long a hurried caller with a stale entry to fall back
	// on waits for a load: a store that hangs must not hold up every heartbeat
	// for a deadline when the entries run out.
	stalePatience = 500 * time.Millisecond
	// defaultLoad bounds one load: an acquire that waits for it in vain has a
	// commit to wait for yet.
	defaultLoad = time.Second
)

// Freshness is how new the answer of a [Cache] must be.
type Freshness int

const (
	// Usual answers an entry that is at most the cache's ttl old, or reads the
	// store and waits for it: for requests that grant something. Callers who need
	// the same organization share one load. When the store cannot be reached, or
	// the caller's time ends first, an entry of up to [StaleFor] is answered.
	Usual Freshness = iota
	// Hurried is Usual with half a second's patience, if there is an entry of up to
	// [StaleFor] to fall back on: for requests that must go on while the store
	// hangs.
	Hurried
	// Now reads the store, whatever is cached: for requests about to be refused for
	// a reason that may no longer hold. It never answers an older entry, and shares
	// no load. What it reads is cached for all; if it fails, the cache stays as it
	// was.
	Now
)

// Cache keeps what organizations are entitled to, in this process, so that
// the usual request reads nothing from the store. Changes are seen after ttl
// at the latest. It is safe for concurrent use.
type Cache struct {
	record  Record
	ttl     time.Duration
	entries *refresh.Values[string, license.Entitlements] // never handed out, only copies
}

// CacheOptions are a cache's times.
type CacheOptions struct {
	// TTL is how long an entry lives; with zero every call reads the store and nothing
	// is kept.
	TTL time.Duration
	// Load bounds one reading of the store. 0: 1 s.
	Load time.Duration
	// Now is the process's clock.
	Now func() time.Time
}

// NewCache makes a cache over a record.
func NewCache(record Record, opts CacheOptions) *Cache {
	c := &Cache{record: record, ttl: opts.TTL}
	c.entries = refresh.NewValues(cachedOrganizations, refresh.Rules{
		Now:      opts.Now,
		Deadline: cmp.Or(opts.Load, defaultLoad),
		Stale:    max(StaleFor-opts.TTL, 0),
		Pause:    retryAfter,
		Judge:    meaning,
	}, c.read)
	return c
}

// Get answers what the caller's organization is entitled to, as
// [Record.Entitlements] does; the answer is the caller's to change.
func (c *Cache) Get(ctx context.Context, caller license.Caller, freshness Freshness) (license.Entitlements, error) {
	id, get := caller.OrganizationID, c.entries.Get
	switch {
	case freshness == Now || c.ttl <= 0:
		get = c.entries.Now
	case freshness == Hurried && c.entries.State(id) == refresh.Stale:
		hurried, cancel := context.WithTimeout(ctx, stalePatience)
		defer cancel()
		ctx = hurried
	}
	known, err := get(ctx, id)
	if errors.Is(err, refresh.ErrLeft) {
		err = unavailable(fmt.Errorf("the entitlements were not read in time: %w", err))
	}
	return clone(known), err
}

// Forget drops what is known of an organization. No load that began before is
// kept, or answered to calls that come after.
func (c *Cache) Forget(organizationID string) { c.entries.Forget(organizationID) }

// read leaves out licenses that could not work: ids that no request can name,
// or no product to issue tokens for.
func (c *Cache) read(ctx context.Context, id string) (license.Entitlements, time.Duration, error) {
	e, err := c.record.Entitlements(ctx, license.ServiceCaller(id))
	e.Licenses = slices.DeleteFunc(e.Licenses, func(l license.License) bool {
		return !license.ValidID(l.ID) || l.Product == ""
	})
	return e, c.ttl, err
}

// meaning decides what a failed load means: an organization that is gone is
// dropped, one that cannot be reached is answered from its stale entry.
func meaning(err error) refresh.Meaning {
	var away *license.UnavailableError
	switch {
	case errors.Is(err, license.ErrOrganizationNotFound):
		return refresh.Gone
	case errors.As(err, &away):
		return refresh.Away
	}
	return refresh.Told
}

func clone(e license.Entitlements) license.Entitlements {
	e.Licenses = slices.Clone(e.Licenses)
	for i := range e.Licenses {
		e.Licenses[i].Entitlements = slices.Clone(e.Licenses[i].Entitlements)
	}
	return e
}
