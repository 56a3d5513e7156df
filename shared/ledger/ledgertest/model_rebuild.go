package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Visit implements [ledger.Ledger].
func (m *Model) Visit(ctx context.Context, caller license.Caller, limit int) (ledger.Visit, error) {
	t, l, unlock, err := m.open(ctx, caller)
	if err != nil {
		return ledger.Visit{}, err
	}
	defer unlock()
	v := ledger.Visit{Epoch: t.epoch, Now: m.now, Dead: slices.Sorted(maps.Keys(t.dead))}
	all := l.pick(func(entry) bool { return true })
	if len(all) > 0 {
		v.Earliest = all[0].ExpiresAt
	}
	for _, e := range all {
		if !m.living(e) && len(v.Expired) < limit {
			v.Expired = append(v.Expired, m.ended(t.epoch, e, m.now))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.pending)) {
		if len(v.Pending) < limit {
			v.Pending = append(v.Pending, m.ended(0, t.pending[id], time.Time{}))
		}
	}
	return v, nil
}

// Known implements [ledger.Ledger].
func (m *Model) Known(ctx context.Context, caller license.Caller, sessionIDs []string) (ledger.Holdings, error) {
	t, l, unlock, err := m.open(ctx, caller)
	if err != nil {
		return ledger.Holdings{}, err
	}
	defer unlock()
	h := ledger.Holdings{Epoch: t.epoch, Now: m.now, Held: len(l.sessions), Known: make([]bool, len(sessionIDs))}
	for i, id := range sessionIDs {
		_, held := l.sessions[id]
		_, pending := t.pending[id]
		h.Known[i] = held || pending
	}
	return h, nil
}

// Delivered implements [ledger.Ledger].
func (m *Model) Delivered(ctx context.Context, caller license.Caller, sessionIDs ...string) error {
	t, _, unlock, err := m.open(ctx, caller)
	if err != nil {
		return err
	}
	defer unlock()
	for _, id := range sessionIDs {
		delete(t.pending, id)
	}
	return nil
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
func (m *Model) Claim(ctx context.Context, caller license.Caller, nonce, owner string) (bool, error) {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if t.leaseOf == nonce && t.leaseBy != owner && t.lease.After(m.now) {
		return false, nil
	}
	t.leaseOf, t.leaseBy = nonce, owner
	m.renewLease(t)
	return true, nil
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

func generation(epoch int64, nonce string) string { return fmt.Sprintf("%d of %s", epoch, nonce) }

// staged is the generation a rebuild fills.
func (t *tenant) staged(name string) *contents {
	l, ok := t.ledgers[name]
	if !ok {
		l = &contents{sessions: map[string]entry{}, holders: map[license.Holder]string{}}
		t.ledgers[name] = l
	}
	return l
}

// Stage implements [ledger.Ledger].
func (m *Model) Stage(ctx context.Context, caller license.Caller, nonce string, epoch int64, members []ledger.Member) error {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if t.leaseOf == nonce {
		m.renewLease(t)
	}
	l := t.staged(generation(epoch, nonce))
	if len(members) > 0 {
		t.dead[generation(epoch, nonce)] = true
	}
	for _, s := range members {
		if _, pending := t.pending[s.ID]; pending {
			continue
		}
		life := m.tokenTTL / 2
		if m.TokenLife != nil {
			life = m.TokenLife(s.ID)
		}
		l.sessions[s.ID] = entry{
			grant: epoch * ledger.GrantsPerEpoch, token: milli(m.now.Add(life)), pools: s.Pools,
			Session: license.Session{
				ID: s.ID, OrganizationID: caller.OrganizationID, Holder: s.Holder,
				AcquiredAt: milli(s.AcquiredAt), LastHeartbeatAt: milli(s.LastHeartbeatAt), ExpiresAt: m.now.Add(m.sessionTTL),
			},
		}
		l.holders[s.Holder] = s.ID
	}
	return nil
}

// Load implements [ledger.Ledger].
func (m *Model) Load(ctx context.Context, caller license.Caller, nonce string, epoch int64) error {
	t, err := m.rebuilding(ctx, caller, nonce)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	name := generation(epoch, nonce)
	t.staged(name)
	if t.generation != "" && t.generation != name {
		t.dead[t.generation] = true
	}
	delete(t.dead, name)
	t.loadedOn, t.generation, t.epoch = m.server.identity, name, epoch
	t.nonce, t.nonceOf = "", ""
	return nil
}

// Forget implements [ledger.Ledger].
func (m *Model) Forget(ctx context.Context, caller license.Caller, epoch int64) error {
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
