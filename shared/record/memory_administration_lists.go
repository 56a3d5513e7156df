package record

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Organizations implements [Administration].
func (m *Memory) Organizations(ctx context.Context, after string, limit int) ([]Revised[license.Organization], error) {
	ids, err := m.OrganizationIDs(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var page []Revised[license.Organization]
	for _, id := range ids {
		page = append(page, m.organizations[id].revised(id))
	}
	return page, nil
}

func (t *memoryTenant) revised(id string) Revised[license.Organization] {
	return Revised[license.Organization]{t.organization.organization(id), t.administered.revisions[""]}
}

// Organization implements [Administration].
func (m *Memory) Organization(ctx context.Context, caller license.Caller) (found Revised[license.Organization], err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		found = t.revised(caller.OrganizationID)
		return nil
	})
	return found, err
}

// LicensePage implements [Administration].
func (m *Memory) LicensePage(
	ctx context.Context, caller license.Caller, after string, limit int,
) (page []Revised[license.License], err error) {
	if after != "" && validDocumentID(caller.OrganizationID) && !validDocumentID(after) {
		return nil, license.ErrLicenseNotFound
	}
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		for _, id := range slices.Sorted(maps.Keys(t.licenses)) {
			if id > after && len(page) < limit {
				page = append(page, Revised[license.License]{
					t.licenses[id].license(caller.OrganizationID, id), t.administered.revisions[id],
				})
			}
		}
		return nil
	})
	return page, err
}

// License implements [Administration].
func (m *Memory) License(ctx context.Context, caller license.Caller, id string) (found Revised[license.License], err error) {
	err = m.withLicense(ctx, caller, id, func(t *memoryTenant) error {
		doc, sold := t.licenses[id]
		if !sold {
			return license.ErrLicenseNotFound
		}
		found = Revised[license.License]{doc.license(caller.OrganizationID, id), t.administered.revisions[id]}
		return nil
	})
	return found, err
}

// Audit implements [Administration].
func (m *Memory) Audit(ctx context.Context, caller license.Caller, span Span, after string, limit int) (page []Entry, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if after != "" && !validDocumentID(after) {
			return ErrEntryNotFound
		}
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		page, err = entriesAfter(t.administered.audit, span, after, limit)
		return err
	})
	return page, err
}

func newestFirst(a, b Entry) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) }

// copied shares nothing with the record: of the values only lists and maps of texts and
// times could be shared.
func copied(fields map[string]any) map[string]any {
	fields = maps.Clone(fields)
	for name, value := range fields {
		switch value := value.(type) {
		case []any:
			fields[name] = slices.Clone(value)
		case map[string]any:
			fields[name] = maps.Clone(value)
		}
	}
	return fields
}
