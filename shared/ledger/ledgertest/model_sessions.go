package ledgertest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Reserve implements [ledger.Ledger].
func (m *Model) Reserve(ctx context.Context, caller license.Caller, r ledger.Reservation) (ledger.Hold, error) {
	t, l, unlock, err := m.open(ctx, caller, r.RecordEpoch)
	if err != nil {
		return ledger.Hold{}, err
	}
	defer unlock()
	if err := m.clockErr(); err != nil {
		return ledger.Hold{}, err
	}
	for place, c := range r.Candidates {
		if own, has := l.own(r, c); has && !m.over(l, own) {
			return m.renew(t, l, own, r, place), nil
		}
	}
	place, full := m.room(l, r)
	if full != nil {
		return ledger.Hold{}, full
	}
	c := r.Candidates[place]
	if stale := m.stale(l, r, c); len(stale) > 0 {
		holds := make([]ledger.Hold, len(stale))
		for i, e := range stale {
			holds[i] = m.ended(t.epoch, e, m.now)
		}
		return ledger.Hold{}, &ledger.StaleError{Holds: holds}
	}
	e := entry{grant: 1, token: m.freshToken(c.Ends), pools: named(c.Pools), Session: license.Session{
		ID: r.SessionID, OrganizationID: caller.OrganizationID, Holder: holder(r, c),
		AcquiredAt: m.now, LastHeartbeatAt: m.now, ExpiresAt: m.now.Add(m.sessionTTL),
	}}
	l.sessions[e.ID], l.holders[e.Holder] = e, e.ID
	h := m.reserved(t, l, e, c.Pools)
	h.Renewed, h.Candidate = true, place
	return h, nil
}

// holder is who asks, as the candidate's holder.
func holder(r ledger.Reservation, c ledger.Candidate) license.Holder {
	h := r.Holder
	h.LicenseID = c.LicenseID
	return h
}

// own is the session that whoever asks has under the candidate.
func (l *contents) own(r ledger.Reservation, c ledger.Candidate) (entry, bool) {
	e, has := l.sessions[l.holders[holder(r, c)]]
	return e, has
}

// named are the pools that a session is told of: the organization's own counts
// every session anyway.
func named(pools []ledger.Pool) []string {
	var out []string
	for _, p := range pools {
		if p.Key != "" {
			out = append(out, p.Key)
		}
	}
	return out
}

// renew answers a holder that already has a living session under the candidate
// at this place.
func (m *Model) renew(t *tenant, l *contents, e entry, r ledger.Reservation, place int) ledger.Hold {
	c := r.Candidates[place]
	var renewed bool
	e.token, renewed = m.renewToken(e.token, c.Ends)
	e.LastHeartbeatAt, e.ExpiresAt = m.now, m.now.Add(m.sessionTTL)
	if e.ID != r.SessionID && !e.recorded {
		e.grant++
	}
	l.sessions[e.ID] = e
	h := m.reserved(t, l, e, c.Pools)
	h.Renewed, h.Existing, h.Candidate = renewed, e.ID != r.SessionID, place
	if !h.Existing {
		h.Grant = 1 // as the first run answered
	}
	return h
}

// room is the place of the first open candidate whose pools have room; else why
// there is none.
func (m *Model) room(l *contents, r ledger.Reservation) (int, error) {
	full := &ledger.FullError{}
	for place, c := range r.Candidates {
		if c.Closed {
			continue
		}
		refusal, after := m.refusal(l, c)
		if refusal == nil {
			return place, nil
		}
		refusal.Candidate = place
		if len(full.Refusals) == 0 || after < full.RetryAfter {
			full.RetryAfter = after
		}
		full.Refusals = append(full.Refusals, *refusal)
	}
	if len(full.Refusals) == 0 {
		full.RetryAfter = m.sessionTTL
	}
	return 0, full
}

// refusal is that of the candidate's first pool that living sessions fill, and how
// long it is until the earliest of them expires.
func (m *Model) refusal(l *contents, c ledger.Candidate) (*ledger.Refusal, time.Duration) {
	for i, p := range c.Pools {
		counted := in(p.Key)
		living := slices.DeleteFunc(m.livingOf(l), func(e entry) bool { return !counted(e) })
		if len(living) < p.Cap {
			continue
		}
		after := m.sessionTTL
		if len(living) > 0 {
			after = l.ends(living[0]).Sub(m.now)
		}
		return &ledger.Refusal{Pool: i, Used: len(living), Cap: p.Cap}, after
	}
	return nil, 0
}

// stale is what the holder has under any candidate and is over, then as many of
// each pool of the chosen one as make room for one more: first the expired, whose
// end begins with this, then those whose end somebody else has begun.
func (m *Model) stale(l *contents, r ledger.Reservation, taken ledger.Candidate) []entry {
	var out []entry
	chosen := map[string]bool{}
	take := func(entries []entry) {
		for _, e := range entries {
			out, chosen[e.ID] = append(out, m.beginEnd(l, e)), true
		}
	}
	for _, c := range r.Candidates {
		if own, has := l.own(r, c); has {
			take([]entry{own})
		}
	}
	for _, p := range taken.Pools {
		counted := in(p.Key)
		excess := 1 - p.Cap + len(l.pick(func(e entry) bool { return counted(e) && !chosen[e.ID] }))
		expired := l.pick(func(e entry) bool { return counted(e) && !e.ending && m.over(l, e) })
		some := expired[:max(0, min(excess, len(expired)))]
		take(some)
		ending := l.pick(func(e entry) bool { return counted(e) && e.ending && !chosen[e.ID] })
		if len(out) == 0 {
			ending = spread(ending, excess, r.SessionID)
		}
		take(ending[:max(0, min(excess-len(some), len(ending)))])
	}
	return out
}

// spread leaves some of the first out, so that a crowd does not end the same ones.
func spread(ending []entry, needed int, sessionID string) []entry {
	spare := len(ending) - needed
	if spare <= 0 || needed <= 0 {
		return ending
	}
	last := sessionID[len(sessionID)-1]
	if id, err := uuid.Parse(sessionID); err == nil {
		last = id[len(id)-1]
	}
	return ending[int(last)*251%(spare+1):]
}

// beginEnd makes a session that is over one that stays so, whatever the clock says.
func (m *Model) beginEnd(l *contents, e entry) entry {
	e.ExpiresAt, e.ending = l.ends(e), true
	l.sessions[e.ID] = e
	return e
}

// pick lists sessions: the ending, the latest end first, then those that expire
// first first.
func (l *contents) pick(which func(entry) bool) []entry {
	var out []entry
	for _, e := range l.sessions {
		if which(e) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.score(), b.score()), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// score orders sessions as they are to be looked at.
func (e entry) score() int64 {
	if e.ending {
		return -e.ExpiresAt.UnixMilli()
	}
	return e.ExpiresAt.UnixMilli()
}

// Heartbeat implements [ledger.Ledger].
func (m *Model) Heartbeat(ctx context.Context, caller license.Caller, q ledger.Heartbeat) (ledger.Hold, error) {
	t, l, unlock, err := m.open(ctx, caller, q.RecordEpoch)
	if err != nil {
		return ledger.Hold{}, err
	}
	defer unlock()
	e, err := m.find(t, l, q.SessionID)
	switch {
	case err != nil:
		return ledger.Hold{}, err
	case e.UserID != caller.UserID:
		return ledger.Hold{}, ledger.ErrForeign
	case m.over(l, e):
		return ledger.Hold{}, &ledger.ExpiredError{Hold: m.ended(t.epoch, m.beginEnd(l, e), time.Time{})}
	}
	ends := q.LicenseEnds[e.LicenseID]
	previous := e.token
	var renewed bool
	if !m.clocksDiffer() {
		if e.token, renewed = m.renewToken(previous, ends); q.Renew {
			e.token, renewed = m.freshToken(ends), true
		}
	}
	e.LastHeartbeatAt, e.ExpiresAt, e.recorded = m.now, m.endAfter(m.sessionTTL), true
	l.sessions[e.ID] = e
	h := m.hold(t, l, e)
	h.ExpiresAt = m.now.Add(m.sessionTTL)
	h.Renewed, h.PreviousTokenExpiry, h.Existing = renewed, previous, true
	return h, nil
}

// endAfter is when a session that is extended now ends: by the later of the two
// clocks, if they differ, but for no more than ten times longer.
func (m *Model) endAfter(d time.Duration) time.Time {
	from := m.now
	if m.clocksDiffer() && m.ahead < 0 {
		from = m.now.Add(min(-m.ahead, 10*d))
	}
	return from.Add(d)
}

// find is the session, or why the ledger does not hold it.
func (m *Model) find(t *tenant, l *contents, sessionID string) (entry, error) {
	if e, ok := l.sessions[sessionID]; ok {
		return e, nil
	}
	return entry{}, &ledger.UnknownError{Epoch: t.epoch, Now: m.now}
}

// Retoken implements [ledger.Ledger].
func (m *Model) Retoken(ctx context.Context, caller license.Caller, sessionID string, ends time.Time) error {
	_, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return err
	}
	defer unlock()
	if e, ok := l.sessions[sessionID]; ok {
		e.token = milli(ends)
		l.sessions[sessionID] = e
	}
	return nil
}

// Mark implements [ledger.Ledger].
func (m *Model) Mark(ctx context.Context, caller license.Caller, mark ledger.Mark) (ledger.Hold, error) {
	t, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return ledger.Hold{}, err
	}
	defer unlock()
	e, err := m.find(t, l, mark.SessionID)
	if err != nil {
		return ledger.Hold{}, err
	}
	reason := mark.Other
	if mark.UserID != "" && e.UserID == mark.UserID {
		reason = mark.Own
	}
	switch {
	case reason == "":
		return ledger.Hold{}, ledger.ErrForeign
	case mark.Grant != 0 && mark.Grant != e.grant:
		return ledger.Hold{}, ledger.ErrTouched
	case !m.over(l, e):
		e.EndedReason, e.ExpiresAt, e.ending = reason, m.now, true
	}
	return m.ended(t.epoch, m.beginEnd(l, e), time.Time{}), nil
}

// Remove implements [ledger.Ledger].
func (m *Model) Remove(ctx context.Context, caller license.Caller, how ledger.Removal, holds ...ledger.Hold) (int, error) {
	_, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return 0, err
	}
	defer unlock()
	removed := 0
	for _, h := range holds {
		e, ok := l.sessions[h.ID]
		if !ok || !mayGo(how, e, h.Grant) {
			continue
		}
		removed++
		delete(l.sessions, e.ID)
		if l.holders[e.Holder] == e.ID {
			delete(l.holders, e.Holder)
		}
	}
	return removed, nil
}

func mayGo(how ledger.Removal, e entry, grant int64) bool {
	switch how {
	case ledger.IfEnding:
		return e.ending
	case ledger.IfUntouched:
		return e.grant == grant && !e.recorded && !e.ending
	default:
		return true
	}
}

// freshToken is when a token signed for now ends: never after its license.
func (m *Model) freshToken(licenseEnds time.Time) time.Time {
	ends := m.now.Add(m.tokenTTL)
	if limit := milli(licenseEnds); !limit.IsZero() && limit.Before(ends) {
		return limit
	}
	return ends
}

// renewToken decides at half life, and only for a token that lives longer.
func (m *Model) renewToken(token, licenseEnds time.Time) (time.Time, bool) {
	fresh := m.freshToken(licenseEnds)
	if token.Sub(m.now) < m.tokenTTL/2 && fresh.After(token) {
		return fresh, true
	}
	return token, false
}

// hold is a living session as an answer tells it.
func (m *Model) hold(t *tenant, l *contents, e entry) ledger.Hold {
	h := ledger.Hold{Session: e.Session, Now: m.now, TokenExpiresAt: e.token, Grant: e.grant, Recorded: e.recorded}
	first := ""
	if len(e.pools) > 0 {
		first = e.pools[0]
	}
	h.Used, h.Epoch = m.used(l, first), t.epoch
	return h
}

// used counts a pool's living sessions.
func (m *Model) used(l *contents, pool string) int {
	counted := in(pool)
	return len(slices.DeleteFunc(m.livingOf(l), func(e entry) bool { return !counted(e) }))
}

// reserved is a living session as the answer to a reservation tells it.
func (m *Model) reserved(t *tenant, l *contents, e entry, pools []ledger.Pool) ledger.Hold {
	h := m.hold(t, l, e)
	for _, p := range pools {
		h.PoolsUsed = append(h.PoolsUsed, m.used(l, p.Key))
	}
	h.Used = h.PoolsUsed[0]
	return h
}

// ended is a session as an answer tells its end.
func (m *Model) ended(epoch license.Epoch, e entry, now time.Time) ledger.Hold {
	h := ledger.Hold{Session: e.Session, Now: now, TokenExpiresAt: e.token, Grant: e.grant, Recorded: e.recorded}
	h.Epoch, h.EndedAt = epoch, e.ExpiresAt
	h.EndedReason = cmp.Or(e.EndedReason, license.EndExpired)
	return h
}
