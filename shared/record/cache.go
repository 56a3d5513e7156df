package record

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/coditect-ai/coditect-licenses/shared/license"
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
	// stalePatience is how long a caller with a stale entry to fall back on waits
	// for a load: a store that hangs must not hold up every heartbeat for a
	// deadline when the entries run out.
	stalePatience = 500 * time.Millisecond
	// loadDeadline bounds the load that all waiting callers share.
	loadDeadline = 5 * time.Second
)

// Cache keeps what organizations are entitled to, in this process, so that
// the usual request reads nothing from the store. Changes are seen after ttl
// at the latest. It is safe for concurrent use.
type Cache struct {
	record Record
	ttl    time.Duration
	now    func() time.Time
	loads  singleflight.Group

	mu      sync.Mutex
	entries *lru.Cache[string, cacheEntry]
	// forgets counts calls of Forget, for all organizations together: a load
	// that saw another count when it began is not kept. Forgetting one
	// organization so costs the others at most one more load.
	forgets uint64
}

type cacheEntry struct {
	entitlements license.Entitlements // never handed out, only copies of it
	readAt       time.Time
	// retryAt is set while the store cannot be reached: until then the entry
	// is answered without a try.
	retryAt time.Time
}

// NewCache makes a cache over a record. Entries live for ttl; with ttl zero
// every call reads the store and nothing is kept. now is the process's clock.
func NewCache(record Record, ttl time.Duration, now func() time.Time) *Cache {
	entries, err := lru.New[string, cacheEntry](cachedOrganizations)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Cache{record: record, ttl: ttl, now: now, entries: entries}
}

// Recent is Entitlements for those who must go on while the store hangs: with a
// stale entry to fall back on, it waits half a second for the load.
func (c *Cache) Recent(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	return c.answer(ctx, caller, true)
}

// Entitlements answers what the caller's organization is entitled to, as
// [Record.Entitlements] does; the answer is the caller's to change. Callers who
// need the same organization share one load, which none of them can cancel.
// When the store cannot be reached, an entry of up to [StaleFor] is answered.
func (c *Cache) Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	return c.answer(ctx, caller, false)
}

func (c *Cache) answer(ctx context.Context, caller license.Caller, hurried bool) (license.Entitlements, error) {
	if c.ttl <= 0 {
		return c.read(ctx, caller.OrganizationID)
	}
	id := caller.OrganizationID
	if entry, ok := c.usable(id); ok {
		return entry.copy(), nil
	}
	loading := c.loads.DoChan(id, func() (any, error) { return c.load(context.WithoutCancel(ctx), id) })
	var impatient <-chan time.Time // none: it never happens
	if hurried && c.hasStale(id) {
		timer := time.NewTimer(stalePatience)
		defer timer.Stop()
		impatient = timer.C
	}
	select {
	case result := <-loading:
		if result.Err != nil {
			return license.Entitlements{}, result.Err
		}
		return result.Val.(cacheEntry).copy(), nil //nolint:errcheck // what load answers
	case <-impatient:
		return c.afterGivingUp(ctx, id)
	case <-ctx.Done():
		return c.afterGivingUp(ctx, id)
	}
}

// hasStale reports whether there is an entry to fall back on.
func (c *Cache) hasStale(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries.Peek(id)
	return ok && c.now().Before(entry.readAt.Add(StaleFor))
}

// Refresh is Entitlements read from the store now, before anyone is refused for
// what may have changed since. Nothing stale is answered; what is cached stays
// for the others while the store cannot be reached.
func (c *Cache) Refresh(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	id := caller.OrganizationID
	ctx, cancel := context.WithTimeout(ctx, loadDeadline)
	defer cancel()
	c.mu.Lock()
	forgets, begun := c.forgets, c.now()
	c.mu.Unlock()
	read, err := c.read(ctx, id)
	if err != nil {
		return license.Entitlements{}, err
	}
	entry := cacheEntry{entitlements: read, readAt: begun}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ttl > 0 && forgets == c.forgets {
		c.entries.Add(id, entry)
	}
	return entry.copy(), nil
}

// read leaves out licenses that could not work: ids that no request can name,
// or no product to issue tokens for.
func (c *Cache) read(ctx context.Context, id string) (license.Entitlements, error) {
	e, err := c.record.Entitlements(ctx, license.ServiceCaller(id))
	e.Licenses = slices.DeleteFunc(e.Licenses, func(l license.License) bool {
		return !license.ValidID(l.ID) || l.Product == ""
	})
	return e, err
}

// Forget drops what is known of an organization. No load that began before is
// kept, or answered to calls that come after.
func (c *Cache) Forget(organizationID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	c.entries.Remove(organizationID)
	c.loads.Forget(organizationID)
}

// usable finds an entry to answer at once: a fresh one, or a stale one while
// the store is known to be out of reach. If it is time for another try, it
// claims that try for this caller: the others go on with the stale entry
// instead of waiting along for a deadline.
func (c *Cache) usable(id string) (cacheEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries.Get(id)
	now := c.now()
	switch {
	case !ok:
		return cacheEntry{}, false
	case c.fresh(entry, now):
		return entry, true
	case !now.Before(entry.readAt.Add(StaleFor)):
		return cacheEntry{}, false
	case now.Before(entry.retryAt):
		return entry, true
	case !entry.retryAt.IsZero():
		entry.retryAt = now.Add(loadDeadline + retryAfter)
		c.entries.Add(id, entry)
	}
	return cacheEntry{}, false
}

func (c *Cache) fresh(entry cacheEntry, now time.Time) bool {
	return now.Before(entry.readAt.Add(c.ttl))
}

// load reads the store on behalf of everybody who waits.
func (c *Cache) load(ctx context.Context, id string) (cacheEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, loadDeadline)
	defer cancel()
	c.mu.Lock()
	forgets, begun := c.forgets, c.now()
	entry, ok := c.entries.Get(id)
	c.mu.Unlock()
	if ok && c.fresh(entry, begun) {
		return entry, nil // another load ended since the caller looked
	}
	entitlements, err := c.read(ctx, id)
	entry = cacheEntry{entitlements: entitlements, readAt: begun}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		return c.afterFailure(id, err)
	case forgets == c.forgets:
		c.entries.Add(id, entry)
	}
	return entry, nil
}

// afterFailure decides, under the lock, what a failed load means: an
// organization that is gone is dropped, one that cannot be reached is answered
// from its stale entry.
func (c *Cache) afterFailure(id string, err error) (cacheEntry, error) {
	if errors.Is(err, license.ErrOrganizationNotFound) {
		c.entries.Remove(id)
		return cacheEntry{}, err
	}
	var away *license.UnavailableError
	entry, ok := c.entries.Get(id)
	now := c.now()
	if !errors.As(err, &away) || !ok || !now.Before(entry.readAt.Add(StaleFor)) {
		return cacheEntry{}, err
	}
	entry.retryAt = now.Add(retryAfter)
	c.entries.Add(id, entry)
	return entry, nil
}

// afterGivingUp answers a caller that did not wait for the load's end.
func (c *Cache) afterGivingUp(ctx context.Context, id string) (license.Entitlements, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries.Get(id)
	if !ok || !c.now().Before(entry.readAt.Add(StaleFor)) {
		return license.Entitlements{}, unavailable(errors.Join(errors.New("the entitlements were not read in time"), ctx.Err()))
	}
	return entry.copy(), nil
}

func (e cacheEntry) copy() license.Entitlements {
	out := e.entitlements
	out.Licenses = slices.Clone(out.Licenses)
	for i := range out.Licenses {
		out.Licenses[i].Entitlements = slices.Clone(out.Licenses[i].Entitlements)
	}
	return out
}
