package record

import (
	"context"
	"maps"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// userRevision is the name of a user's revision among those of an organization.
func userRevision(id string) string { return "users/" + id }

func (t *memoryTenant) revisedUser(organizationID, id string) Revised[license.User] {
	return Revised[license.User]{t.administered.users[id].user(organizationID, id), t.administered.revisions[userRevision(id)]}
}

func (t *memoryTenant) putUser(id string, doc userDoc) {
	t.administered.users[id] = doc
	t.administered.revise(userRevision(id))
}

func (t *memoryTenant) deleteUser(id string) {
	delete(t.administered.users, id)
	delete(t.administered.revisions, userRevision(id))
}

// withUser is within, for an id that can be a user's.
func (m *Memory) withUser(ctx context.Context, caller license.Caller, id string, fn func(*memoryTenant) error) error {
	if validDocumentID(caller.OrganizationID) && !validDocumentID(id) {
		return license.ErrUserNotFound
	}
	return m.within(ctx, caller, fn)
}

// UserPage implements [Users].
func (m *Memory) UserPage(
	ctx context.Context, caller license.Caller, filter UserFilter, after string, limit int,
) (page []Revised[license.User], err error) {
	if after != "" && validDocumentID(caller.OrganizationID) && !validDocumentID(after) {
		return nil, license.ErrUserNotFound
	}
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		for _, id := range slices.Sorted(maps.Keys(t.administered.users)) {
			if id > after && len(page) < limit && filter.matches(t.administered.users[id]) {
				page = append(page, t.revisedUser(caller.OrganizationID, id))
			}
		}
		return nil
	})
	return page, err
}

// User implements [Users].
func (m *Memory) User(ctx context.Context, caller license.Caller, id string) (found Revised[license.User], err error) {
	err = m.withUser(ctx, caller, id, func(t *memoryTenant) error {
		if _, there := t.administered.users[id]; !there {
			return license.ErrUserNotFound
		}
		found = t.revisedUser(caller.OrganizationID, id)
		return nil
	})
	return found, err
}

// InviteUser implements [Users].
func (m *Memory) InviteUser(ctx context.Context, caller license.Caller, act Act, user license.User) (Asked, error) {
	return m.askUser(ctx, caller, userAct{Act: act, id: user.ID, action: making(user), change: become(user)})
}

// ChangeUser implements [Users].
func (m *Memory) ChangeUser(
	ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*license.User) error,
) (Asked, error) {
	return m.askUser(ctx, caller, userAct{Act: act, id: id, action: UserChanged, revision: &revision, change: change})
}

// RemoveUser implements [Users].
func (m *Memory) RemoveUser(ctx context.Context, caller license.Caller, act Act, id, revision string) (Asked, error) {
	return m.askUser(ctx, caller, userAct{Act: act, id: id, action: UserRemoved, revision: &revision, change: remove})
}

// AskUser implements [Users].
func (m *Memory) AskUser(ctx context.Context, caller license.Caller, act Act, id string, action Action) (Asked, error) {
	return m.askUser(ctx, caller, userAct{Act: act, id: id, action: action, change: same})
}

func (m *Memory) askUser(ctx context.Context, caller license.Caller, a userAct) (asked Asked, err error) {
	a.caller, a.organizationID = caller, caller.OrganizationID
	err = m.withUser(ctx, caller, a.id, func(t *memoryTenant) error {
		if err := a.check(); err != nil {
			return err
		}
		v := t.viewUser(a)
		p, err := a.decide(v)
		if err != nil {
			return err
		}
		if asked = (Asked{Revised[license.User]{p.doc.user(a.organizationID, a.id), v.revision}, p.entry}); !p.write {
			return nil
		}
		if asked.Entry, err = newEntryID(); err != nil {
			return err
		}
		t.writeUser(a, asked.Entry, p)
		asked.Revised = t.revisedUser(a.organizationID, a.id)
		return nil
	})
	if err != nil {
		return Asked{}, err
	}
	return asked, nil
}

func (t *memoryTenant) viewUser(a userAct) userView {
	v := userView{organized: t.organization != nil && t.organization.Purge == "", revision: t.administered.revisions[userRevision(a.id)]}
	if doc, there := t.administered.users[a.id]; there {
		v.found = &doc
	}
	if doc, there := t.administered.users[a.caller.UserID]; there {
		v.actor = &doc
	}
	if known, there := t.administered.requests[a.requestName()]; there && a.Key != "" {
		v.key = &known.requestDoc
	}
	for id, doc := range t.administered.users {
		if id != a.id && doc.stands() {
			v.owners++
		}
	}
	return v
}

func (t *memoryTenant) writeUser(a userAct, entry string, p userPlan) {
	t.administered.audit = append(t.administered.audit, p.asked(a.Act).entry(entry))
	if a.alters() {
		t.putUser(a.id, p.asking(a.Act, entry))
	}
	if a.Key != "" && p.after != nil {
		t.administered.requests[a.requestName()] = memoryRequest{requestDoc: p.request(a.Act)}
	}
}

// SettleUser implements [Users].
func (m *Memory) SettleUser(
	ctx context.Context, caller license.Caller, did license.User, entry string, state EntryState,
) (now Revised[license.User], err error) {
	err = m.withUser(ctx, caller, did.ID, func(t *memoryTenant) error {
		i := slices.IndexFunc(t.administered.audit, func(e Entry) bool { return e.ID == entry })
		if i < 0 {
			return ErrEntryNotFound
		}
		doc, there := t.administered.users[did.ID]
		s := settlement{known: true}
		if there {
			s = doc.settle(entry, state, userToDoc(did))
		}
		if s.known {
			t.administered.audit[i].State = state
		}
		switch {
		case s.gone:
			t.deleteUser(did.ID)
		case s.write:
			t.putUser(did.ID, s.doc)
		}
		if there && !s.gone {
			now = t.revisedUser(caller.OrganizationID, did.ID)
		}
		return nil
	})
	return now, err
}
