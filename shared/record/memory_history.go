package record

import (
	"context"
	"maps"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// organized is within, for an organization that there is.
func (m *Memory) organized(ctx context.Context, caller license.Caller, position string, missing error, fn func(*memoryTenant) error) error {
	if validDocumentID(caller.OrganizationID) && position != "" && !validDocumentID(position) {
		return missing
	}
	return m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		return fn(t)
	})
}

// namesAfter are up to limit of the names behind one of them, and whether there are more.
func namesAfter[V any](docs map[string]V, after string, limit int, matches func(V) bool) (names []string, more bool) {
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		switch {
		case name <= after || !matches(docs[name]):
		case len(names) == max(limit, 0):
			return names, true
		default:
			names = append(names, name)
		}
	}
	return names, false
}

// allSessions are those of all parts.
func (t *memoryTenant) allSessions() map[string]sessionDoc {
	all := map[string]sessionDoc{}
	for i := range t.sessions {
		maps.Copy(all, t.sessions[i].docs)
	}
	return all
}

func (d sessionDoc) of(userID string) bool { return userID == "" || d.UserID == valid(userID) }

// SessionHistory implements [Histories].
func (m *Memory) SessionHistory(ctx context.Context, caller license.Caller, userID, after string, limit int) (page Page, err error) {
	err = m.organized(ctx, caller, after, license.ErrSessionNotFound, func(t *memoryTenant) error {
		if limit < 1 {
			return nil
		}
		all := t.allSessions()
		names, more := namesAfter(all, after, limit, func(d sessionDoc) bool { return d.of(userID) })
		page.More = more
		for _, name := range names {
			page.Last = name
			if id, ok := sessionOf(name); ok && all[name].complete() {
				page.Sessions = append(page.Sessions, all[name].session(caller.OrganizationID, id))
			} else {
				page.Unreadable = append(page.Unreadable, name)
			}
		}
		return nil
	})
	return page, err
}

// UsageHistory implements [Histories].
func (m *Memory) UsageHistory(ctx context.Context, caller license.Caller, after string, limit int) (page UsagePage, err error) {
	err = m.organized(ctx, caller, after, license.ErrLicenseNotFound, func(t *memoryTenant) error {
		if limit < 1 {
			return nil
		}
		names, more := namesAfter(t.usage, after, limit, func(usageDoc) bool { return true })
		page.More = more
		for _, name := range names {
			page.add(name, t.usage[name], nil)
		}
		return nil
	})
	return page, err
}

// AuditHistory implements [Histories].
func (m *Memory) AuditHistory(
	ctx context.Context, caller license.Caller, filter EntryFilter, after string, limit int,
) (page []Entry, err error) {
	err = m.organized(ctx, caller, after, ErrEntryNotFound, func(t *memoryTenant) error {
		all := map[string]Entry{}
		for _, e := range t.administered.audit {
			all[e.ID] = e
		}
		names, _ := namesAfter(all, after, limit, filter.matches)
		for _, name := range names {
			e := all[name]
			e.Before, e.After = copied(e.Before), copied(e.After)
			page = append(page, e)
		}
		return nil
	})
	return page, err
}

// Contents implements [Histories].
func (m *Memory) Contents(ctx context.Context, caller license.Caller, userID string) (c Contents, err error) {
	err = m.organized(ctx, caller, "", nil, func(t *memoryTenant) error {
		for _, doc := range t.allSessions() {
			if doc.of(userID) {
				c.Sessions++
			}
		}
		if userID == "" {
			c.Licenses, c.Users, c.Usage, c.Audit = len(t.licenses), len(t.administered.users), len(t.usage), len(t.administered.audit)
			return nil
		}
		if _, there := t.administered.users[userID]; there {
			c.Users = 1
		}
		object := EntryFilter{Object: userObject(caller.OrganizationID, userID)}
		for _, e := range t.administered.audit {
			if object.matches(e) {
				c.Audit++
			}
		}
		return nil
	})
	return c, err
}
