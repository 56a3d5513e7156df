package record

import (
	"context"
	"maps"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// AdministerKeys implements [ServiceActs].
func (m *Memory) AdministerKeys(
	ctx context.Context, act Act, action Action, object string, change func(*SigningKeys) error,
) (SigningKeys, error) {
	if err := act.check(); err != nil {
		return SigningKeys{}, err
	}
	if err := ctx.Err(); err != nil {
		return SigningKeys{}, notWritten.mark(err)
	}
	entry, err := newEntryID()
	if err != nil {
		return SigningKeys{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var known *requestDoc
	if came, ok := m.requests[act.requestName()]; ok && act.Key != "" {
		known = &came.requestDoc
	}
	s := step{action: action, object: object}
	after, said, write, err := m.signing.administered(act, s, known, change)
	if err != nil {
		return after.keys(), err
	}
	if act.notes(known) {
		m.requests[act.requestName()] = memoryRequest{requestDoc: s.keyed(act)}
	}
	if write {
		m.signing, m.audit = after, append(m.audit, said.entry(entry))
	}
	return after.keys(), nil
}

// ServiceAudit implements [ServiceActs].
func (m *Memory) ServiceAudit(ctx context.Context, span Span, after string, limit int) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return entriesAfter(m.audit, span, after, limit)
}

// entriesAfter are the entries of an audit within a span, behind one of all, newest first.
func entriesAfter(audit []Entry, span Span, after string, limit int) (page []Entry, err error) {
	all := slices.SortedFunc(slices.Values(audit), newestFirst)
	if after != "" {
		i := slices.IndexFunc(all, func(e Entry) bool { return e.ID == after })
		if i < 0 {
			return nil, ErrEntryNotFound
		}
		all = all[i+1:]
	}
	all = slices.DeleteFunc(all, func(e Entry) bool { return !span.has(e.At) })
	for _, e := range all[:min(len(all), max(limit, 0))] {
		e.Before, e.After = copied(e.Before), copied(e.After)
		page = append(page, e)
	}
	return page, nil
}

// AddEntry implements [ServiceActs].
func (m *Memory) AddEntry(ctx context.Context, caller license.Caller, act Act, action Action, object string, state EntryState) (entry string, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if err := act.check(); err != nil {
			return err
		}
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		if entry, err = newEntryID(); err == nil {
			doc := step{action: action, object: object}.entry(act)
			doc.State = string(state)
			t.administered.audit = append(t.administered.audit, doc.entry(entry))
		}
		return err
	})
	return entry, err
}

// SettleEntry implements [ServiceActs].
func (m *Memory) SettleEntry(ctx context.Context, caller license.Caller, entry string, state EntryState, after map[string]any) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		i := slices.IndexFunc(t.administered.audit, func(e Entry) bool { return e.ID == entry })
		if i < 0 {
			return ErrEntryNotFound
		}
		t.administered.audit[i].State, t.administered.audit[i].After = state, maps.Clone(after)
		return nil
	})
}
