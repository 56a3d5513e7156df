package record

import (
	"context"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// BeginPurge implements [Purging].
func (m *Memory) BeginPurge(ctx context.Context, caller license.Caller, act Act) error {
	return m.organized(ctx, caller, "", nil, func(t *memoryTenant) error {
		if err := act.check(); err != nil {
			return err
		}
		if t.organization.Purge != "" {
			return nil
		}
		if err := t.organization.mayPurge(); err != nil || act.DryRun {
			return err
		}
		entry, err := newEntryID()
		if err != nil {
			return err
		}
		s := step{action: OrganizationPurged, object: organizationObject(caller.OrganizationID)}
		m.audit = append(m.audit, s.asked(act).entry(entry))
		doc := *t.organization
		doc.Purge = entry
		t.putOrganization(doc)
		return nil
	})
}

// begun is organized, for an organization that somebody has begun to purge.
func (m *Memory) begun(ctx context.Context, caller license.Caller, fn func(*memoryTenant) error) error {
	return m.organized(ctx, caller, "", nil, func(t *memoryTenant) error {
		if t.organization.Purge == "" {
			return license.ErrInUse
		}
		return fn(t)
	})
}

// PurgePage implements [Purging].
func (m *Memory) PurgePage(ctx context.Context, caller license.Caller) (n int, err error) {
	err = m.begun(ctx, caller, func(t *memoryTenant) error {
		if n = deleteSome(t.licenses); n > 0 {
			return nil
		}
		for i := range t.sessions {
			if n = deleteSome(t.sessions[i].docs); n > 0 {
				t.sessions[i].active = nil
				return nil
			}
		}
		if n = deleteSome(t.usage); n > 0 {
			return nil
		}
		if n = min(len(t.administered.audit), MaxErased); n > 0 {
			t.administered.audit = t.administered.audit[n:]
			return nil
		}
		n = deleteSome(t.administered.requests)
		return nil
	})
	return n, err
}

func deleteSome[V any](docs map[string]V) int {
	names, _ := namesAfter(docs, "", MaxErased, func(V) bool { return true })
	for _, name := range names {
		delete(docs, name)
	}
	return len(names)
}

// DropUsers implements [Purging].
func (m *Memory) DropUsers(ctx context.Context, caller license.Caller, ids []string) error {
	return m.begun(ctx, caller, func(t *memoryTenant) error {
		for _, id := range ids {
			if !validDocumentID(id) {
				return license.ErrUserNotFound
			}
			t.deleteUser(id)
		}
		return nil
	})
}

// FinishPurge implements [Purging].
func (m *Memory) FinishPurge(ctx context.Context, caller license.Caller) error {
	return m.begun(ctx, caller, func(t *memoryTenant) error {
		for i := range m.audit {
			if m.audit[i].ID == t.organization.Purge {
				m.audit[i].State = EntryDone
			}
		}
		delete(m.organizations, caller.OrganizationID)
		return nil
	})
}

// EraseSessions implements [Purging].
func (m *Memory) EraseSessions(ctx context.Context, caller license.Caller, act Act, userID string) (n int, err error) {
	err = m.organized(ctx, caller, "", nil, func(t *memoryTenant) error {
		if err := act.check(); err != nil {
			return err
		}
		if userID == "" || userID == Erased {
			return license.ErrUserNotFound
		}
		names, _ := namesAfter(t.allSessions(), "", MaxErased, func(d sessionDoc) bool { return d.of(userID) && !d.active() })
		if n = len(names); n == 0 || act.DryRun {
			return nil
		}
		entry, err := newEntryID()
		if err != nil {
			return err
		}
		for _, name := range names {
			t.erase(name)
		}
		said := step{action: UserPurged, object: userObject(caller.OrganizationID, userID)}.entry(act).entry(entry)
		said.After = map[string]any{"sessions": int64(n)}
		t.administered.audit = append(t.administered.audit, said)
		return nil
	})
	return n, err
}

// erase takes what tells of a person out of a session, and out of the entry that tells how
// it ended.
func (t *memoryTenant) erase(name string) {
	doc, _ := t.find(name)
	doc.UserID, doc.HardwareID, doc.InstanceID, doc.Client = Erased, erasedMachine(name), "", clientDoc{}
	t.put(name, doc)
	i := slices.IndexFunc(t.administered.audit, func(e Entry) bool { return doc.Revocation.Entry != "" && e.ID == doc.Revocation.Entry })
	if i < 0 {
		return
	}
	e := &t.administered.audit[i]
	e.Before, e.After = copied(e.Before), copied(e.After)
	for _, field := range personal() {
		delete(e.Before, field)
		delete(e.After, field)
	}
}
