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
		m.countRefusal(l, r, full)
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
	e := entry{grant: 1, pools: named(c.Pools), Session: license.Session{
		ID: r.SessionID, OrganizationID: caller.OrganizationID, Holder: holder(r, c),
		AcquiredAt: m.now, LastHeartbeatAt: m.now, ExpiresAt: m.now.Add(m.sessionTTL),
	}}
	token, used := m.nextToken(&e, c.TokenTTL), m.readFor(l, c)
	l.sessions[e.ID], l.holders[e.Holder] = e, e.ID
	m.countGrant(l, used, r, c)
	if before := l.spent[e.Holder]; before.ends.After(m.now) {
		l.resumed[e.Holder] = before.ends
	}
	delete(l.spent, e.Holder)
	return m.reserved(t, l, e, c, place, token), nil
}

// nextToken is when a token that is made for the session now ends.
func (m *Model) nextToken(e *entry, ttl time.Duration) time.Time {
	ends := m.now.Add(license.TokenLife(m.now.Sub(e.AcquiredAt), cmp.Or(ttl, m.tokenTTL), TokenMin(m.tokenTTL)))
	if ends.After(e.token) {
		e.token = ends
	}
	return ends
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
	token := m.nextToken(&e, c.TokenTTL)
	e.LastHeartbeatAt, e.ExpiresAt = m.now, m.now.Add(m.sessionTTL)
	if e.ID != r.SessionID && !e.recorded {
		e.grant++
	}
	l.sessions[e.ID] = e
	h := m.reserved(t, l, e, c, place, token)
	h.Existing = e.ID != r.SessionID
	if !h.Existing {
		h.Grant = 1 // as the first run answered
	}
	return h
}

// room is the place of the first open candidate whose pools have room; else why
// there is none.
func (m *Model) room(l *contents, r ledger.Reservation) (int, *ledger.FullError) {
	full := &ledger.FullError{}
	for place, c := range r.Candidates {
		if c.Closed {
			continue
		}
		refusal, after := m.refusal(l, c)
		if refusal == nil {
			refusal, after = m.overspent(l, r, c)
		}
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
		if m.used(l, p.Key) < p.Cap {
			continue
		}
		living := slices.DeleteFunc(m.livingOf(l), func(e entry) bool { return !counted(e) })
		after := m.sessionTTL
		if len(living) > 0 {
			after = l.ends(living[0]).Sub(m.now)
		}
		return &ledger.Refusal{Pool: i, Used: len(living), Cap: p.Cap}, after
	}
	return nil, 0
}

// overspent refuses a candidate of which another token would be one too many, once all
// who are over are gone: their tokens may have ended.
func (m *Model) overspent(l *contents, r ledger.Reservation, c ledger.Candidate) (*ledger.Refusal, time.Duration) {
	good := m.good(l, c)
	if !m.tooMany(l, r, c) || m.leaving(l, c) > 0 {
		return nil, 0
	}
	after := m.sessionTTL
	for i, t := range m.spentOf(l, c) {
		if left := t.ends.Sub(m.now); i == 0 || left < after {
			after = left
		}
	}
	return &ledger.Refusal{Tokens: true, Used: good, Cap: c.TokenCap}, after
}

// tooMany says that whoever asks has no token of an earlier session and may not have
// one beside all others'.
func (m *Model) tooMany(l *contents, r ledger.Reservation, c ledger.Candidate) bool {
	own := l.spent[holder(r, c)]
	return !own.ends.After(m.now) && m.good(l, c) >= c.TokenCap
}

// good is how many tokens of the candidate's license may be good: those of the
// sessions of its own pool, over or not, and those that outlive theirs.
func (m *Model) good(l *contents, c ledger.Candidate) int {
	return l.count(in(c.Pools[0].Key)) + len(m.spentOf(l, c))
}

func (m *Model) spentOf(l *contents, c ledger.Candidate) []spent {
	var out []spent
	for _, s := range l.spent {
		if s.pool == c.Pools[0].Key && s.ends.After(m.now) {
			out = append(out, s)
		}
	}
	return out
}

// leaving is how many sessions of the candidate's own pool are over and not gone.
func (m *Model) leaving(l *contents, c ledger.Candidate) int {
	counted, living := in(c.Pools[0].Key), m.living(l)
	return l.count(func(e entry) bool { return counted(e) && !living(e) })
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
	tooMany, leaving := m.tooMany(l, r, taken), m.leaving(l, taken)
	for i, p := range taken.Pools {
		counted := in(p.Key)
		excess := 1 - p.Cap + len(l.pick(counted))
		if i == 0 && tooMany {
			excess = max(excess, leaving)
		}
		excess -= len(l.pick(func(e entry) bool { return counted(e) && chosen[e.ID] }))
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
	if !e.ending {
		m.countLevelOf(l, e)
	}
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

// count counts what pick would list.
func (l *contents) count(which func(entry) bool) (n int) {
	for _, e := range l.sessions {
		if which(e) {
			n++
		}
	}
	return n
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
	var token time.Time
	if !m.clocksDiffer() && !q.NoToken {
		token = m.nextToken(&e, q.TokenTTLs[e.LicenseID])
	}
	e.LastHeartbeatAt, e.ExpiresAt, e.recorded = m.now, m.endAfter(m.sessionTTL), true
	l.sessions[e.ID] = e
	h := m.hold(t, l, e)
	h.ExpiresAt, h.TokenExpiresAt, h.Existing = m.now.Add(m.sessionTTL), token, true
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
	}
	m.countLevelOf(l, e)
	if !m.over(l, e) {
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
		if how != ledger.IfEnding {
			m.countLevelOf(l, e)
		}
		delete(l.sessions, e.ID)
		var before time.Time
		if l.holders[e.Holder] == e.ID {
			before = l.resumed[e.Holder]
			delete(l.holders, e.Holder)
			delete(l.resumed, e.Holder)
		}
		if how != ledger.IfUntouched && e.EndedReason != license.EndFailed && e.token.After(before) {
			before = e.token
		}
		m.spend(l, e.Holder, spent{pool: e.pools[0], ends: before})
		if how == ledger.IfUntouched || e.EndedReason == license.EndFailed {
			m.countFailed(l, e)
		}
	}
	return removed, nil
}

// spend notes a token that outlives its session; of one holder's the last that ends.
func (m *Model) spend(l *contents, h license.Holder, s spent) {
	if s.ends.After(l.spent[h].ends) && (s.ends.After(m.now) || m.clocksDiffer()) {
		l.spent[h] = s
	}
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
