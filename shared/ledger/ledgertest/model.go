// Package ledgertest holds what judges a seat ledger: the contract suite [Run],
// and [Model], the contract once more in plain Go, to compare others with and
// to play losses that a real server would take minutes to suffer.
package ledgertest

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Model is a [ledger.Ledger] in maps, written from the contract and from nothing
// else. Its clock stands still unless it is moved; its server can be lost,
// promoted and replaced by an older copy. It is safe for concurrent use.
type Model struct {
	sessionTTL, tokenTTL time.Duration

	mu      sync.Mutex
	now     time.Time
	ahead   time.Duration // of the callers' clocks
	names   int           // makes identities and nonces unlike each other
	server  *server
	replica *server
}

var _ ledger.Ledger = (*Model)(nil)

// server is all that is lost with a server.
type server struct {
	identity string
	tenants  map[string]*tenant
	due      map[string]time.Time
	idle     map[string]time.Time
	filled   map[int]string
}

// tenant is one organization's part of a server.
type tenant struct {
	loadedOn   string // identity of the server that loaded the generation
	generation string
	epoch      license.Epoch
	nonce      string
	nonceOf    string // identity of the server that made the nonce
	ledgers    map[string]*contents
	dead       map[string]bool
	staged     map[int]string // how far the rebuild of the nonce has come
	lease      time.Time      // when the lease on the rebuild of leaseOf ends
	leaseOf    string
	leaseBy    string // its owner
}

// contents is one generation.
type contents struct {
	sessions map[string]entry
	holders  map[license.Holder]string
	// liveUntil is before which no session of it expires.
	liveUntil time.Time
	// spent are the tokens that outlive their sessions, resumed when those end that
	// holders of sessions have from earlier ones.
	spent   map[license.Holder]spent
	resumed map[license.Holder]time.Time
	// meters are how its pools are used, since it was loaded; nil is one to begin then.
	meters   map[string]*meter
	loadedAt time.Time
}

// spent is a token of a session that a pool counted.
type spent struct {
	pool string
	ends time.Time
}

func newContents() *contents {
	return &contents{
		sessions: map[string]entry{}, holders: map[license.Holder]string{},
		spent: map[license.Holder]spent{}, resumed: map[license.Holder]time.Time{}, meters: map[string]*meter{},
	}
}

// entry is one session; its ExpiresAt is the time by which it is living or not.
type entry struct {
	license.Session
	// ending says that its end has begun, at ExpiresAt.
	ending   bool
	pools    []string
	token    time.Time
	grant    int64
	recorded bool
}

// NewModel makes a ledger on an empty server whose clock shows start.
func NewModel(start time.Time, sessionTTL, tokenTTL time.Duration) *Model {
	m := &Model{sessionTTL: sessionTTL, tokenTTL: tokenTTL, now: milli(start)}
	m.server = newServer(m.name("server"))
	return m
}

func newServer(identity string) *server {
	return &server{
		identity: identity, tenants: map[string]*tenant{},
		due: map[string]time.Time{}, idle: map[string]time.Time{}, filled: map[int]string{},
	}
}

// Advance moves the clock forward.
func (m *Model) Advance(d time.Duration) { m.SetNow(m.Now().Add(d)) }

// SetNow sets the clock.
func (m *Model) SetNow(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = milli(now)
}

// Now is what the clock shows.
func (m *Model) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Step moves the server's clock alone: its callers' go on as before.
func (m *Model) Step(d time.Duration) {
	m.Advance(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead += d
}

// CallersNow is what the callers' clocks show.
func (m *Model) CallersNow() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.Add(-m.ahead)
}

// clocksDiffer reports whether the server's clock is too far from its callers'.
func (m *Model) clocksDiffer() bool { return m.ahead.Abs() > ClockTolerance }

// clockErr is the answer of operations that must not trust the clock.
func (m *Model) clockErr() error {
	if !m.clocksDiffer() {
		return nil
	}
	return unavailable(&ledger.ClockError{Server: m.now, Here: m.now.Add(-m.ahead)})
}

// Lose replaces the server by an empty one.
func (m *Model) Lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server = newServer(m.name("server"))
}

// Promote plays a failover to a replica that had everything.
func (m *Model) Promote() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server.identity = m.name("server")
}

// Replicate brings the replica up to date.
func (m *Model) Replicate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replica = m.server.clone()
}

// Failover plays a failover to the replica as it last was: every write since
// the last Replicate is lost.
func (m *Model) Failover() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replica == nil {
		m.replica = newServer("")
	}
	m.server = m.replica.clone()
	m.server.identity = m.name("server")
}

// Living names a license's living sessions as the ledger has them at this
// moment, or the organization's when licenseID is empty; none before a rebuild.
func (m *Model) Living(organizationID, licenseID string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenant(organizationID)
	if t.loadedOn != m.server.identity {
		return nil
	}
	var ids []string
	for _, e := range m.livingOf(t.ledgers[t.generation]) {
		if licenseID == "" || e.LicenseID == licenseID {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// Holder is whose session it is, as the ledger has it at this moment.
func (m *Model) Holder(organizationID, sessionID string) license.Holder {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenant(organizationID)
	if l := t.ledgers[t.generation]; l != nil {
		return l.sessions[sessionID].Holder
	}
	return license.Holder{}
}

func (m *Model) name(kind string) string {
	m.names++
	return fmt.Sprintf("%s-%d", kind, m.names)
}

// in says whether a pool counts the session.
func in(pool string) func(entry) bool {
	return func(e entry) bool { return pool == "" || slices.Contains(e.pools, pool) }
}

// living says, of a generation's sessions, whether a session's time is not over
// by the clock and its end has not begun.
func (m *Model) living(l *contents) func(entry) bool {
	return func(e entry) bool { return !e.ending && l.ends(e).After(m.now) }
}

func (m *Model) livingOf(l *contents) []entry { return l.pick(m.living(l)) }

// ends is when a session of the generation ends.
func (l *contents) ends(e entry) time.Time {
	if !e.ending && l.liveUntil.After(e.ExpiresAt) {
		return l.liveUntil
	}
	return e.ExpiresAt
}

// over says whether a session's time is over; while the clocks differ no time is.
func (m *Model) over(l *contents, e entry) bool {
	return e.ending || !m.clocksDiffer() && !m.living(l)(e)
}

func (m *Model) tenant(organizationID string) *tenant {
	t, ok := m.server.tenants[organizationID]
	if !ok {
		t = &tenant{ledgers: map[string]*contents{}, dead: map[string]bool{}}
		m.server.tenants[organizationID] = t
	}
	return t
}

// open locks the model for one call and finds the caller's loaded ledger.
func (m *Model) open(ctx context.Context, caller license.Caller, recordEpoch int64) (t *tenant, l *contents, unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, unavailable(err)
	}
	m.mu.Lock()
	t = m.tenant(caller.OrganizationID)
	if t.loadedOn == m.server.identity && t.epoch.Number < recordEpoch {
		t.loadedOn = ""
	}
	if t.loadedOn == m.server.identity {
		return t, t.ledgers[t.generation], m.mu.Unlock, nil
	}
	defer m.mu.Unlock()
	if t.nonceOf != m.server.identity {
		t.nonceOf, t.nonce, t.staged = m.server.identity, m.name("nonce"), nil
	}
	return nil, nil, nil, &ledger.RebuildError{Nonce: t.nonce}
}

func unavailable(err error) error {
	return &license.UnavailableError{Backend: "redis", Err: err}
}

func (s *server) clone() *server {
	c := &server{
		identity: s.identity, tenants: map[string]*tenant{},
		due: maps.Clone(s.due), idle: maps.Clone(s.idle), filled: maps.Clone(s.filled),
	}
	for org, t := range s.tenants {
		copied := *t
		copied.ledgers = map[string]*contents{}
		for g, l := range t.ledgers {
			copied.ledgers[g] = &contents{
				sessions: maps.Clone(l.sessions), holders: maps.Clone(l.holders), liveUntil: l.liveUntil,
				spent: maps.Clone(l.spent), resumed: maps.Clone(l.resumed),
				meters: clonedMeters(l.meters), loadedAt: l.loadedAt,
			}
		}
		copied.dead, copied.staged = maps.Clone(t.dead), maps.Clone(t.staged)
		c.tenants[org] = &copied
	}
	return c
}

func milli(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

// modelShards is any number of shards: nothing may depend on it.
const modelShards = 4

// DueShards implements [ledger.Ledger].
func (m *Model) DueShards() int { return modelShards }

// Shard implements [ledger.Ledger].
func (m *Model) Shard(organizationID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(organizationID))
	return int(h.Sum32() % modelShards)
}

// Ping implements [ledger.Ledger].
func (m *Model) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}
