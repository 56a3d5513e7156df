// Package watch follows an organization's sessions: it compares what the service says with
// what it said before, and shows it at a terminal or tells each change on a line.
package watch

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Sight is what the service said at one moment.
type Sight struct {
	At       time.Time
	Licenses []api.License
	Sessions []api.LiveSession
}

// Kind is what has changed.
type Kind string

// The kinds of a [Change].
const (
	// Seats: a license is seen for the first time, or has another number of seats. One
	// that is gone has none.
	Seats Kind = "seats"
	// Held: the session was there when the watch began.
	Held Kind = "held"
	// Came: it has just taken a seat.
	Came Kind = "came"
	// Turned: its state is another.
	Turned Kind = "turned"
	// Went: its end is on record.
	Went Kind = "went"
)

// Change is one difference between two sights.
type Change struct {
	At        api.Time `json:"at"`
	Kind      Kind     `json:"change"`
	LicenseID string   `json:"license_id"`
	// SeatsUsed and SeatsMax are the license's after all changes of the same sight.
	SeatsUsed int `json:"seats_used"`
	SeatsMax  int `json:"seats_max"`
	// Session is the one that changed, as it was last seen; nil of [Seats].
	Session *api.LiveSession `json:"session,omitempty"`
	// Was is the state before; empty unless it is [Turned].
	Was string `json:"was,omitempty"`
}

// lingering is for how long a session is marked as new, and shown after its end: long
// enough for somebody who looks up from other work.
const lingering = 30 * time.Second

// pool is a license with what is used of it.
type pool struct {
	id        string
	used, max int
}

// row is a session and what has become of it.
type row struct {
	session api.LiveSession
	// came is when it was seen first; zero if it was there when the watch began. went is
	// when it was seen no more; zero while it is there.
	came, went time.Time
}

// Words for a session that the service has none for.
const (
	fresh = "new"
	over  = "ended"
)

// word is the session's state as people read it.
func (r row) word(now time.Time) string {
	switch {
	case !r.went.IsZero():
		return over
	case r.session.State == api.SessionActive && !r.came.IsZero() && now.Sub(r.came) < lingering:
		return fresh
	}
	return r.session.State
}

// board is what is known of an organization. The zero one knows nothing.
type board struct {
	// at is when it was last seen.
	at    time.Time
	pools map[string]pool
	rows  map[string]row
}

// see takes in what the service says now, and returns what that changes.
func (b *board) see(s Sight) []Change {
	next := board{at: s.At, pools: poolsOf(s), rows: map[string]row{}}
	changes := b.seats(next)
	for _, id := range slices.Sorted(maps.Keys(b.rows)) {
		if r := b.rows[id]; !r.went.IsZero() && s.At.Sub(r.went) < lingering {
			next.rows[id] = r
		}
	}
	changes = append(changes, b.went(next, s)...)
	for _, session := range slices.SortedFunc(slices.Values(s.Sessions), byGrant) {
		if c, changed := b.found(next, session); changed {
			changes = append(changes, c)
		}
	}
	*b = next
	return changes
}

// poolsOf counts the seats in use: those of sessions that have them, and those of which
// nothing newer than the record is known.
func poolsOf(s Sight) map[string]pool {
	pools := map[string]pool{}
	for _, l := range s.Licenses {
		pools[l.ID] = pool{id: l.ID, max: l.MaxSeats}
	}
	for _, session := range s.Sessions {
		p := pools[session.LicenseID]
		p.id = session.LicenseID // of a license that was deleted there is no more than this
		if session.State == api.SessionActive || session.State == api.SessionUnknown {
			p.used++
		}
		pools[session.LicenseID] = p
	}
	return pools
}

// seats are the licenses whose number of seats is another.
func (b *board) seats(next board) (changes []Change) {
	known := maps.Clone(next.pools)
	for id, p := range b.pools {
		if _, still := known[id]; !still {
			known[id] = pool{id: p.id}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if before, seen := b.pools[id]; !seen || before.max != known[id].max {
			changes = append(changes, next.change(Seats, id))
		}
	}
	return changes
}

// went are the sessions that are there no more.
func (b *board) went(next board, s Sight) (changes []Change) {
	there := map[string]bool{}
	for _, session := range s.Sessions {
		there[session.SessionID] = true
	}
	for _, id := range slices.Sorted(maps.Keys(b.rows)) {
		r := b.rows[id]
		if there[id] || !r.went.IsZero() {
			continue
		}
		r.went = s.At
		next.rows[id] = r
		c := next.change(Went, r.session.LicenseID)
		c.Session = &r.session
		changes = append(changes, c)
	}
	return changes
}

// found puts a session on the next board, and reports what is new about it.
func (b *board) found(next board, session api.LiveSession) (Change, bool) {
	before, known := b.rows[session.SessionID]
	known = known && before.went.IsZero()
	r := row{session: session, came: before.came}
	kind := Turned
	switch {
	case known:
	case b.at.IsZero():
		kind, r.came = Held, time.Time{}
	default:
		kind, r.came = Came, next.at
	}
	next.rows[session.SessionID] = r
	if known && before.session.State == session.State {
		return Change{}, false
	}
	c := next.change(kind, session.LicenseID)
	c.Session, c.Was = &session, before.session.State
	if kind != Turned {
		c.Was = ""
	}
	return c, true
}

func (b *board) change(kind Kind, licenseID string) Change {
	p := b.pools[licenseID]
	return Change{At: api.NewTime(b.at), Kind: kind, LicenseID: licenseID, SeatsUsed: p.used, SeatsMax: p.max}
}

// byGrant sorts the sessions as they took their seats.
func byGrant(x, y api.LiveSession) int {
	return cmp.Or(x.AcquiredAt.Compare(y.AcquiredAt.Time), cmp.Compare(x.SessionID, y.SessionID))
}

// Machine is the name of the session's machine, or else its fingerprint.
func Machine(s api.LiveSession) string { return cmp.Or(s.Client.Hostname, s.HardwareID) }

// Program is the name and version of the program that has the seat.
func Program(s api.LiveSession) string {
	return strings.TrimSpace(s.Client.Name + " " + s.Client.Version)
}
