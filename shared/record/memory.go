package record

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Memory is the record in this process's memory: [Firestore]'s twin for tests
// and for local runs without an emulator. It is safe for concurrent use, and
// one mutex makes every method a transaction.
type Memory struct {
	mu            sync.Mutex
	organizations map[string]*memoryTenant
	signing       signingDoc
	requests      map[string]memoryRequest
	// audit is the service's own.
	audit     []Entry
	events    bool
	committed time.Time // the latest time of an event
}

// memoryTenant is everything of one organization. As in Firestore, sessions and
// a ledger can be there without the organization's own document.
type memoryTenant struct {
	organization *organizationDoc
	licenses     map[string]licenseDoc
	sessions     [Parts]memoryPart
	ledger       ledgerDoc
	usage        map[string]usageDoc
	administered memoryAdministration
	outbox       memoryOutbox
	webhooks     map[string]webhookDoc
	queues       map[string]*memoryQueue
}

// memoryPart is one part of an organization's sessions, by their documents'
// names.
type memoryPart struct {
	docs map[string]sessionDoc
	// active has the names of all active ones, and perhaps of some that have ended
	// since, in order; nil when a session was added since it was made. So a list
	// of any length takes one sort, also while its visitor ends what it sees.
	active []string
}

// NewMemory makes an empty record.
func NewMemory() *Memory {
	return &Memory{organizations: map[string]*memoryTenant{}, requests: map[string]memoryRequest{}}
}

var _ Record = (*Memory)(nil)

// within runs fn as one transaction on the caller's organization. As with
// Firestore, a context that is over sends nothing.
func (m *Memory) within(ctx context.Context, caller license.Caller, fn func(*memoryTenant) error) error {
	if !validDocumentID(caller.OrganizationID) {
		return license.ErrOrganizationNotFound
	}
	if err := ctx.Err(); err != nil {
		return notWritten.mark(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.organizations[caller.OrganizationID]
	if !ok {
		t = &memoryTenant{
			licenses: map[string]licenseDoc{}, administered: newMemoryAdministration(), webhooks: map[string]webhookDoc{},
			queues: map[string]*memoryQueue{}, outbox: memoryOutbox{on: m.events, clock: m.commitTime, events: map[string]eventDoc{}},
		}
		m.organizations[caller.OrganizationID] = t
	}
	return fn(t)
}

// Entitlements implements [Record].
func (m *Memory) Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	var all license.Entitlements
	err := m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		all.Organization, all.Epoch = t.organization.organization(caller.OrganizationID), t.ledger.epoch()
		all.Licenses = t.sold(caller.OrganizationID)
		return nil
	})
	return all, err
}

// Licenses implements [Record].
func (m *Memory) Licenses(ctx context.Context, caller license.Caller) (all []license.License, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		all = t.sold(caller.OrganizationID)
		return nil
	})
	return all, err
}

func (t *memoryTenant) sold(organizationID string) (all []license.License) {
	for _, id := range slices.Sorted(maps.Keys(t.licenses)) {
		all = append(all, t.licenses[id].license(organizationID, id))
	}
	return all
}

// PutOrganization implements [Record].
func (m *Memory) PutOrganization(ctx context.Context, caller license.Caller, org license.Organization) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		t.putOrganization(organizationToDoc(org))
		return nil
	})
}

// PutLicense implements [Record].
func (m *Memory) PutLicense(ctx context.Context, caller license.Caller, lic license.License) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		switch {
		case !validDocumentID(lic.ID):
			return license.ErrLicenseNotFound
		case t.organization == nil:
			return license.ErrOrganizationNotFound
		}
		t.putLicense(lic.ID, licenseToDoc(lic))
		return nil
	})
}

// OpenEpoch implements [Record].
func (m *Memory) OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (epoch license.Epoch, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.ledger.Epoch < 1 || t.ledger.LastNonce != nonce {
			t.ledger.Epoch, t.ledger.LastNonce = t.ledger.Epoch+1, nonce
		}
		epoch = t.ledger.epoch()
		return nil
	})
	return epoch, err
}

// Create implements [Record].
func (m *Memory) Create(ctx context.Context, caller license.Caller, s license.Session) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		name, err := sessionName(s.ID)
		if err != nil {
			return err
		}
		if err := t.ledger.fence(s.Epoch); err != nil {
			return err
		}
		if err := t.ledger.upToDate(s.TermsEpoch); err != nil {
			return err
		}
		existing, ok := t.find(name)
		switch {
		case !ok:
			doc := activeDoc(s)
			t.put(name, doc)
			t.outbox.tell(granted(s.ID, doc))
			return nil
		case existing.active():
			return nil
		default:
			return ErrEnded
		}
	})
}

// End implements [Record].
func (m *Memory) End(ctx context.Context, caller license.Caller, epoch license.Epoch, ends []End) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		if err := checkEnds(ends); err != nil || len(ends) == 0 {
			return err
		}
		if err := t.ledger.fence(epoch); err != nil {
			return err
		}
		for _, end := range ends {
			if err := t.end(caller.OrganizationID, end); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *memoryTenant) end(organizationID string, end End) error {
	doc, err := endedDoc(end)
	if err != nil {
		return err
	}
	name, err := sessionName(end.Session.ID)
	if err != nil {
		return err
	}
	known, recorded := t.find(name)
	if known.Status != string(license.SessionEnded) {
		t.put(name, doc.over(known))
		if recorded {
			t.outbox.tell(over(end.Session.ID, doc.over(known)))
		}
		if entry, asked, ok := revoked(organizationID, end.Session.ID, known, doc.over(known)); ok {
			t.administered.audit = append(t.administered.audit, asked.entry(entry))
		}
	}
	return nil
}

func (t *memoryTenant) find(name string) (doc sessionDoc, ok bool) {
	doc, ok = t.sessions[partOf(name)].docs[name]
	return doc, ok
}

func (t *memoryTenant) put(name string, doc sessionDoc) {
	part := &t.sessions[partOf(name)]
	if part.docs == nil {
		part.docs = map[string]sessionDoc{}
	}
	part.docs[name] = doc
	if doc.active() {
		part.active = nil
	}
}

// Session implements [Record].
func (m *Memory) Session(ctx context.Context, caller license.Caller, id string) (s license.Session, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		name, err := sessionName(id)
		if err != nil {
			return err
		}
		doc, ok := t.find(name)
		if !ok {
			return license.ErrSessionNotFound
		}
		s = doc.session(caller.OrganizationID, id)
		return nil
	})
	return s, err
}

// ActiveSessions implements [Record]. Between two pages others may write, as
// in Firestore, and visit may call the record itself.
func (m *Memory) ActiveSessions(
	ctx context.Context, caller license.Caller, part int, after string, visit func(Page) error,
) error {
	if _, _, err := partBounds(part, after); err != nil {
		return err
	}
	for {
		var page Page
		err := m.within(ctx, caller, func(t *memoryTenant) error {
			page = t.pageAfter(part, caller.OrganizationID, after)
			return nil
		})
		if err != nil || page.Last == "" {
			return err
		}
		after = page.Last
		if err := visit(page); err != nil || !page.More {
			return err
		}
	}
}

// pageAfter is the page after a name, of one part or of all.
func (t *memoryTenant) pageAfter(part int, organizationID, after string) (page Page) {
	parts := t.sessions[:]
	if part != Whole {
		parts = t.sessions[part : part+1]
	}
	size := 0
	for i := range parts {
		if size < pageSize {
			size = parts[i].fill(&page, size, organizationID, after)
		}
	}
	page.More = size == pageSize
	return page
}

// fill puts what comes after a name into the page, and tells how many documents
// it has then.
func (p *memoryPart) fill(page *Page, size int, organizationID, after string) int {
	if p.active == nil {
		p.active = p.sorted()
	}
	start, found := slices.BinarySearch(p.active, after)
	if found {
		start++
	}
	for _, name := range p.active[start:] {
		doc := p.docs[name]
		if !doc.active() {
			continue
		}
		if page.Last, size = name, size+1; doc.complete() {
			id, _ := sessionOf(name)
			page.Sessions = append(page.Sessions, doc.session(organizationID, id))
		} else {
			page.Unreadable = append(page.Unreadable, name)
		}
		if size == pageSize {
			break
		}
	}
	return size
}

func (p *memoryPart) sorted() []string {
	names := []string{} // not nil, even without one
	for name, doc := range p.docs {
		if doc.active() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// SpentTokens implements [Record].
func (m *Memory) SpentTokens(
	ctx context.Context, caller license.Caller, part int, after time.Time, visit func(Page) error,
) error {
	if part < 0 || part >= Parts {
		return fmt.Errorf("part %d of %d", part, Parts)
	}
	var page Page
	err := m.within(ctx, caller, func(t *memoryTenant) error {
		for name, doc := range t.sessions[part].docs {
			if !doc.tokenEndsAt().After(after) {
				continue
			}
			if id, ok := sessionOf(name); ok && doc.complete() {
				page.Sessions = append(page.Sessions, doc.session(caller.OrganizationID, id))
			} else {
				page.Unreadable = append(page.Unreadable, name)
			}
		}
		return nil
	})
	if err != nil || len(page.Sessions)+len(page.Unreadable) == 0 {
		return err
	}
	slices.SortFunc(page.Sessions, func(a, b license.Session) int { return cmp.Compare(a.ID, b.ID) })
	return visit(page)
}

// CountActive implements [Record].
func (m *Memory) CountActive(ctx context.Context, caller license.Caller) (count int, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		for i := range t.sessions {
			for _, doc := range t.sessions[i].docs {
				if doc.active() {
					count++
				}
			}
		}
		return nil
	})
	return count, err
}

// OrganizationIDs implements [Record].
func (m *Memory) OrganizationIDs(ctx context.Context, after string, limit int) ([]string, error) {
	return m.organizationsWith(ctx, after, limit, func(t *memoryTenant) bool { return t.organization != nil })
}

// organizationsWith lists up to limit ids after one, of organizations that are such.
func (m *Memory) organizationsWith(ctx context.Context, after string, limit int, such func(*memoryTenant) bool) ([]string, error) {
	if after != "" && !validDocumentID(after) {
		return nil, license.ErrOrganizationNotFound
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, t := range m.organizations {
		if such(t) && id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), max(limit, 0))], nil
}

// Ping implements [Record].
func (m *Memory) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}
