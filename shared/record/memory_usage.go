package record

import (
	"cmp"
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// FileUsage implements [Usages].
func (m *Memory) FileUsage(ctx context.Context, caller license.Caller, all []usage.Filing) error {
	if !validDocumentID(caller.OrganizationID) {
		return license.ErrOrganizationNotFound
	}
	documents, err := byDocument(all)
	if err != nil {
		return err
	}
	var left unreadable
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil || t.organization.Purge != "" {
			return nil
		}
		if t.usage == nil {
			t.usage = map[string]usageDoc{}
		}
		for _, d := range documents {
			before := t.usage[d.name]
			after, changed, err := d.filed(before)
			if err != nil {
				left.add(d.name, err)
				continue
			}
			if changed && t.outbox.on {
				var events []told
				after, events = tellDay(before, after, t.licenses[after.LicenseID].MaxSeats)
				t.outbox.tell(events...)
			}
			t.usage[d.name] = after
		}
		return nil
	})
	return cmp.Or(err, left.err())
}

// Usage implements [Administration].
func (m *Memory) Usage(ctx context.Context, caller license.Caller, q UsageQuery) (all []usage.Hour, err error) {
	if q.LicenseID != "" && validDocumentID(caller.OrganizationID) {
		if _, err := usageName(q.LicenseID, q.From); err != nil {
			return nil, err
		}
	}
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		for _, doc := range t.usage {
			hours, err := doc.hours(q)
			if err != nil {
				return err
			}
			all = append(all, hours...)
		}
		return nil
	})
	return byLicense(all), err
}
