package record

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// memorySession is a session's document under its name.
type memorySession struct {
	name string
	doc  sessionDoc
}

func newestAcquiredFirst(a, b memorySession) int {
	return cmp.Or(b.doc.AcquiredAt.Compare(a.doc.AcquiredAt), cmp.Compare(b.name, a.name))
}

// SessionPage implements [Administration].
func (m *Memory) SessionPage(
	ctx context.Context, caller license.Caller, filter SessionFilter, after string, limit int,
) (page Page, err error) {
	if after != "" && validDocumentID(caller.OrganizationID) && !validDocumentID(after) {
		return Page{}, license.ErrSessionNotFound
	}
	if err := filter.check(); err != nil && validDocumentID(caller.OrganizationID) {
		return Page{}, err
	}
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		all := slices.SortedFunc(t.active(filter), newestAcquiredFirst)
		if after != "" {
			position, ok := t.named(after)
			if !ok || !filter.matches(position.doc) {
				return license.ErrSessionNotFound
			}
			all = slices.DeleteFunc(all, func(s memorySession) bool { return newestAcquiredFirst(s, position) <= 0 })
		}
		shown := all[:min(len(all), max(limit, 0))]
		page = pageOfMemory(caller.OrganizationID, shown)
		page.More = len(shown) > 0 && len(all) > len(shown)
		return nil
	})
	return page, err
}

// OwnSessions implements [Record].
func (m *Memory) OwnSessions(
	ctx context.Context, caller license.Caller, licenseID string, limit int,
) (own []license.Session, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if caller.UserID == "" || licenseID == "" {
			return nil
		}
		filter := SessionFilter{LicenseID: licenseID, UserID: caller.UserID}
		all := slices.SortedFunc(t.active(filter), newestAcquiredFirst)
		own = pageOfMemory(caller.OrganizationID, all[:min(len(all), max(limit, 0))]).Sessions
		return nil
	})
	return own, err
}

// active yields the active sessions that the filter lets through.
func (t *memoryTenant) active(filter SessionFilter) iter.Seq[memorySession] {
	return func(yield func(memorySession) bool) {
		for i := range t.sessions {
			for name, doc := range t.sessions[i].docs {
				if doc.active() && filter.matches(doc) && !yield(memorySession{name, doc}) {
					return
				}
			}
		}
	}
}

// named is the session whose document has this name.
func (t *memoryTenant) named(name string) (memorySession, bool) {
	if _, ok := sessionOf(name); !ok {
		return memorySession{}, false
	}
	doc, ok := t.find(name)
	return memorySession{name, doc}, ok
}

func pageOfMemory(organizationID string, sessions []memorySession) (page Page) {
	for _, s := range sessions {
		page.Last = s.name
		if id, _ := sessionOf(s.name); s.doc.complete() {
			page.Sessions = append(page.Sessions, s.doc.session(organizationID, id))
		} else {
			page.Unreadable = append(page.Unreadable, s.name)
		}
	}
	return page
}

// RevokeSession implements [Administration].
func (m *Memory) RevokeSession(ctx context.Context, caller license.Caller, act Act, id string) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		name, err := sessionName(id)
		if err != nil {
			return err
		}
		if err := act.check(); err != nil {
			return err
		}
		doc, ok := t.find(name)
		if !ok {
			return license.ErrSessionNotFound
		}
		if act.DryRun || doc.Status == string(license.SessionEnded) {
			return nil
		}
		if doc.Revocation, err = newRevocation(act); err != nil {
			return err
		}
		t.put(name, doc)
		return nil
	})
}
