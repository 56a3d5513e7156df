package record

import (
	"context"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// SessionsDuring implements [Administration].
func (m *Memory) SessionsDuring(ctx context.Context, caller license.Caller, q UsageQuery, visit func(Page) error) error {
	if validDocumentID(caller.OrganizationID) && q.LicenseID != "" && !validDocumentID(q.LicenseID) {
		return license.ErrLicenseNotFound
	}
	var had []memorySession
	err := m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		for i := range t.sessions {
			for name, doc := range t.sessions[i].docs {
				if doc.Part != "" && q.had(doc) && (SessionFilter{LicenseID: q.LicenseID}).matches(doc) {
					had = append(had, memorySession{name, doc})
				}
			}
		}
		return nil
	})
	if err != nil || !q.From.Before(q.To) {
		return err
	}
	for some := range slices.Chunk(had, historyPage) {
		if err := visit(pageOfMemory(caller.OrganizationID, some)); err != nil {
			return err
		}
	}
	return nil
}
