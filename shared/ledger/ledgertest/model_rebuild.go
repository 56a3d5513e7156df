package ledgertest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Visit implements [ledger.Ledger].
func (m *Model) Visit(ctx context.Context, caller license.Caller, limit int) (ledger.Visit, error) {
	t, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return ledger.Visit{}, err
	}
	defer unlock()
	if err := m.clockErr(); err != nil {
		return ledger.Visit{}, err
	}
	v := ledger.Visit{Epoch: t.epoch, Now: m.now, Dead: slices.Sorted(maps.Keys(t.dead))}
	ends := func(entries []entry) (holds []ledger.Hold) {
		for _, e := range entries[:min(limit, len(entries))] {
			holds = append(holds, m.ended(t.epoch, m.beginEnd(l, e), m.now))
		}
		return holds
	}
	ending := l.pick(func(e entry) bool { return e.ending })
	v.Expired = ends(l.pick(func(e entry) bool { return !e.ending && m.over(l, e) }))
	if len(v.Expired) == 0 {
		v.Ending = ends(ending)
	}
	all := l.pick(func(entry) bool { return true })
	switch {
	case len(v.Expired)+len(v.Ending) > 0:
		v.Earliest = m.now
	case len(all) > 0:
		v.Earliest = l.ends(all[0])
	}
	return v, nil
}

// Known implements [ledger.Ledger].
func (m *Model) Known(ctx context.Context, caller license.Caller, sessionIDs []string) (ledger.Holdings, error) {
	t, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return ledger.Holdings{}, err
	}
	defer unlock()
	h := ledger.Holdings{Epoch: t.epoch, Now: m.now, Held: len(l.sessions), Known: make([]bool, len(sessionIDs))}
	for i, id := range sessionIDs {
		_, h.Known[i] = l.sessions[id]
	}
	return h, nil
}

// rebuilding locks the model for one step of the rebuild that nonce names.
func (m *Model) rebuilding(ctx context.Context, caller license.Caller, nonce string) (*tenant, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	m.mu.Lock()
	t := m.tenant(caller.OrganizationID)
	if nonce == "" || t.nonce != nonce || t.nonceOf != m.server.identity {
		m.mu.Unlock()
		return nil, ledger.ErrLost
	}
	return t, nil
}

// Claim implements [ledger.Ledger].
func (m *Model) Claim(ctx context.Context, caller license.Caller, nonce, owner string) (ledger.Claim, error) {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return ledger.Claim{}, err
	}
	defer m.mu.Unlock()
	if t.leaseOf == nonce && t.leaseBy != owner && t.lease.After(m.now) {
		return ledger.Claim{Now: m.now}, nil
	}
	t.leaseOf, t.leaseBy = nonce, owner
	m.renewLease(t)
	return ledger.Claim{Held: true, Staged: maps.Clone(t.staged), Now: m.now}, nil
}

// Disclaim implements [ledger.Ledger].
func (m *Model) Disclaim(ctx context.Context, caller license.Caller, nonce, owner string) error {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if t.leaseBy == owner || !t.lease.After(m.now) {
		t.leaseOf = ""
	}
	return nil
}

func (m *Model) renewLease(t *tenant) { t.lease = m.now.Add(ledger.RebuildLease(m.sessionTTL)) }

func generation(epoch license.Epoch, nonce string) string { return epoch.String() + " of " + nonce }

// filling is the generation a rebuild fills.
func (t *tenant) filling(name string) *contents {
	l, ok := t.ledgers[name]
	if !ok {
		l = newContents()
		t.ledgers[name] = l
	}
	return l
}

// Stage implements [ledger.Ledger].
func (m *Model) Stage(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, c ledger.Chunk) error {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if t.leaseOf == nonce {
		m.renewLease(t)
	}
	l := t.filling(generation(epoch, nonce))
	t.dead[generation(epoch, nonce)] = true
	for _, s := range c.Members {
		e := m.rebuilt(caller, epoch, s)
		if before, ok := t.ledgers[t.generation]; ok && before.sessions[s.ID].ending {
			old := before.sessions[s.ID]
			e.ending, e.ExpiresAt, e.EndedReason = true, old.ExpiresAt, old.EndedReason
		}
		l.sessions[s.ID], l.holders[s.Holder] = e, s.ID
		if _, has := l.meters[e.own()]; !has && e.own() != "" {
			l.meters[e.own()] = nil
		}
	}
	if c.Last != "" {
		if t.staged == nil {
			t.staged = map[int]string{}
		}
		t.staged[c.Part] = c.Last
	}
	return nil
}

// rebuilt is a recorded session as a rebuild makes it.
func (m *Model) rebuilt(caller license.Caller, epoch license.Epoch, s ledger.Member) entry {
	ttl, from := cmp.Or(s.TokenTTL, m.tokenTTL), m.now
	if m.clocksDiffer() && m.ahead < 0 {
		from = from.Add(min(-m.ahead, ttl))
	}
	token := from.Add(license.TokenLife(from.Sub(milli(s.AcquiredAt)), ttl, TokenMin(m.tokenTTL)))
	return entry{
		grant: epoch.Number * ledger.GrantsPerEpoch, token: token, pools: s.Pools,
		Session: license.Session{
			ID: s.ID, OrganizationID: caller.OrganizationID, Holder: s.Holder,
			AcquiredAt: milli(s.AcquiredAt), LastHeartbeatAt: milli(s.LastHeartbeatAt), ExpiresAt: m.now,
		},
	}
}

// Spend implements [ledger.Ledger].
func (m *Model) Spend(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, tokens []ledger.Spent) error {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if t.leaseOf == nonce {
		m.renewLease(t)
	}
	l := t.filling(generation(epoch, nonce))
	for _, s := range tokens {
		ends := milli(s.Ends)
		if _, has := l.holders[s.Holder]; !has {
			if ends.After(l.spent[s.Holder].ends) {
				l.spent[s.Holder] = spent{pool: s.Pool, ends: ends}
			}
		} else if ends.After(l.resumed[s.Holder]) {
			l.resumed[s.Holder] = ends
		}
	}
	return nil
}

// Load implements [ledger.Ledger].
func (m *Model) Load(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch) error {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	name := generation(epoch, nonce)
	t.filling(name).liveUntil, t.filling(name).loadedAt = m.endAfter(m.sessionTTL), m.now
	if t.generation != "" && t.generation != name {
		t.dead[t.generation] = true
	}
	delete(t.dead, name)
	t.loadedOn, t.generation, t.epoch = m.server.identity, name, epoch
	t.nonce, t.nonceOf, t.staged = "", "", nil
	return nil
}

// Forget implements [ledger.Ledger].
func (m *Model) Forget(ctx context.Context, caller license.Caller, epoch license.Epoch) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tenant(caller.OrganizationID); t.loadedOn == m.server.identity && t.epoch == epoch {
		t.loadedOn = ""
	}
	return nil
}

// Clear implements [ledger.Ledger].
func (m *Model) Clear(ctx context.Context, caller license.Caller, generation string) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenant(caller.OrganizationID)
	delete(t.ledgers, generation)
	delete(t.dead, generation)
	return nil
}

// Schedule implements [ledger.Ledger].
func (m *Model) Schedule(ctx context.Context, now bool, organizationIDs ...string) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.now
	if !now {
		at = at.Add(m.sessionTTL)
	}
	for _, org := range organizationIDs {
		delete(m.server.idle, org)
		if due, ok := m.server.due[org]; !ok || at.Before(due) {
			m.server.due[org] = at
		}
	}
	return nil
}

// Due implements [ledger.Ledger].
func (m *Model) Due(ctx context.Context, shard, limit int) (ledger.Due, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Due{}, unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := ledger.Due{Identity: m.server.identity, Fresh: m.server.filled[shard] != m.server.identity}
	if d.Fresh {
		return d, nil
	}
	for org, at := range m.server.due {
		if m.Shard(org) == shard && !at.After(m.now) {
			d.Organizations = append(d.Organizations, org)
		}
	}
	slices.SortFunc(d.Organizations, func(a, b string) int {
		return cmp.Or(m.server.due[a].Compare(m.server.due[b]), cmp.Compare(a, b))
	})
	d.Organizations = d.Organizations[:min(limit, len(d.Organizations))]
	return d, nil
}

// Filled implements [ledger.Ledger].
func (m *Model) Filled(ctx context.Context, shard int, identity string) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if identity == m.server.identity {
		m.server.filled[shard] = identity
	}
	return nil
}

// Reschedule implements [ledger.Ledger].
func (m *Model) Reschedule(ctx context.Context, organizationID string, v ledger.Visit) (left bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.server
	since, idle := s.idle[organizationID]
	switch {
	case !v.Earliest.IsZero():
		delete(s.idle, organizationID)
		s.due[organizationID] = v.Earliest
		return false, nil
	case idle && !since.Add(m.sessionTTL).After(v.Now):
		delete(s.idle, organizationID)
		delete(s.due, organizationID)
		return true, nil
	case !idle:
		s.idle[organizationID] = v.Now
	}
	s.due[organizationID] = v.Now.Add(m.sessionTTL)
	return false, nil
}
