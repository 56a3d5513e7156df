package record

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Memory is the record in this process's memory: [Firestore]'s twin for tests
// and for local runs without an emulator. It is safe for concurrent use, and
// one mutex makes every method a transaction.
type Memory struct {
	mu            sync.Mutex
	organizations map[string]*memoryTenant
}

// memoryTenant is everything of one organization. As in Firestore, sessions and
// a ledger can be there without the organization's own document.
type memoryTenant struct {
	organization *organizationDoc
	licenses     map[string]licenseDoc
	sessions     map[string]sessionDoc
	ledger       ledgerDoc
}

// NewMemory makes an empty record.
func NewMemory() *Memory { return &Memory{organizations: map[string]*memoryTenant{}} }

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
		t = &memoryTenant{licenses: map[string]licenseDoc{}, sessions: map[string]sessionDoc{}}
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
		all.Organization = t.organization.organization(caller.OrganizationID)
		for _, id := range slices.Sorted(maps.Keys(t.licenses)) {
			all.Licenses = append(all.Licenses, t.licenses[id].license(caller.OrganizationID, id))
		}
		return nil
	})
	return all, err
}

// PutOrganization implements [Record].
func (m *Memory) PutOrganization(ctx context.Context, caller license.Caller, org license.Organization) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		doc := organizationToDoc(org)
		t.organization = &doc
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
		t.licenses[lic.ID] = licenseToDoc(lic)
		return nil
	})
}

// OpenEpoch implements [Record].
func (m *Memory) OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (epoch int64, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.ledger.Epoch < 1 || t.ledger.LastNonce != nonce {
			t.ledger = ledgerDoc{Epoch: t.ledger.Epoch + 1, LastNonce: nonce}
		}
		epoch = t.ledger.Epoch
		return nil
	})
	return epoch, err
}

func (t *memoryTenant) fence(epoch int64) error {
	if t.ledger.Epoch < 1 || t.ledger.Epoch != epoch {
		return ErrFenced
	}
	return nil
}

// Create implements [Record].
func (m *Memory) Create(ctx context.Context, caller license.Caller, s license.Session) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		if !validDocumentID(s.ID) {
			return license.ErrSessionNotFound
		}
		if err := t.fence(s.Epoch); err != nil {
			return err
		}
		existing, ok := t.sessions[s.ID]
		switch {
		case !ok:
			t.sessions[s.ID] = activeDoc(s)
			return nil
		case existing.Status == string(license.SessionActive):
			return nil
		default:
			return ErrEnded
		}
	})
}

// End implements [Record].
func (m *Memory) End(ctx context.Context, caller license.Caller, epoch int64, ends []End) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		if err := checkEnds(ends); err != nil || len(ends) == 0 {
			return err
		}
		if err := t.fence(epoch); err != nil {
			return err
		}
		for _, end := range ends {
			if err := t.end(end); err != nil {
				return err
			}
		}
		return nil
	})
}

// EndNow implements [Record].
func (m *Memory) EndNow(ctx context.Context, caller license.Caller, epoch int64, end End) error {
	if epoch != 0 {
		return m.End(ctx, caller, epoch, []End{end})
	}
	return m.within(ctx, caller, func(t *memoryTenant) error {
		if !validDocumentID(end.Session.ID) {
			return license.ErrSessionNotFound
		}
		return t.end(end)
	})
}

func (t *memoryTenant) end(end End) error {
	doc, err := endedDoc(end)
	if err != nil {
		return err
	}
	t.sessions[end.Session.ID] = doc.over(t.sessions[end.Session.ID])
	return nil
}

// Session implements [Record].
func (m *Memory) Session(ctx context.Context, caller license.Caller, id string) (s license.Session, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		doc, ok := t.sessions[id]
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
	ctx context.Context, caller license.Caller, visit func([]license.Session) error,
) error {
	for after := ""; ; {
		var batch []license.Session
		err := m.within(ctx, caller, func(t *memoryTenant) error {
			batch = t.activeAfter(caller.OrganizationID, after)
			return nil
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		// Read before visit: the batch is the visitor's to change.
		size, last := len(batch), batch[len(batch)-1].ID
		if err := visit(batch); err != nil || size < pageSize {
			return err
		}
		after = last
	}
}

func (t *memoryTenant) activeAfter(organizationID, after string) []license.Session {
	var batch []license.Session
	for _, id := range slices.Sorted(maps.Keys(t.sessions)) {
		doc := t.sessions[id]
		if id <= after || doc.Status != string(license.SessionActive) {
			continue
		}
		batch = append(batch, doc.session(organizationID, id))
		if len(batch) == pageSize {
			break
		}
	}
	return batch
}

// CountActive implements [Record].
func (m *Memory) CountActive(ctx context.Context, caller license.Caller) (count int, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		for _, doc := range t.sessions {
			if doc.Status == string(license.SessionActive) {
				count++
			}
		}
		return nil
	})
	return count, err
}

// OrganizationIDs implements [Record].
func (m *Memory) OrganizationIDs(ctx context.Context, after string, limit int) ([]string, error) {
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
		if t.organization != nil && id > after {
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
