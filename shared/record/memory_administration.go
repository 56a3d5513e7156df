package record

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

var _ Administration = (*Memory)(nil)

// memoryAdministration is what administration knows of one organization.
type memoryAdministration struct {
	// changes counts them, and so names revisions: the organization's own is under "",
	// those of licenses are under their ids, and those of users
	// under theirs behind "users/".
	changes   int64
	revisions map[string]string
	audit     []Entry
	requests  map[string]memoryRequest
	users     map[string]userDoc
}

// memoryRequest is a request with an idempotency key, and the revision it made.
type memoryRequest struct {
	requestDoc
	revision string
}

func newMemoryAdministration() memoryAdministration {
	return memoryAdministration{revisions: map[string]string{}, requests: map[string]memoryRequest{}, users: map[string]userDoc{}}
}

func (a *memoryAdministration) revise(id string) {
	a.changes++
	a.revisions[id] = strconv.FormatInt(a.changes, 10)
}

func (t *memoryTenant) putOrganization(doc organizationDoc) {
	t.organization = &doc
	t.administered.revise("")
}

func (t *memoryTenant) putLicense(id string, doc licenseDoc) {
	if doc.countsUsers() && !t.licenses[id].countsUsers() {
		t.ledger = t.ledger.recount(recountNonce())
	}
	t.licenses[id] = doc
	t.administered.revise(id)
}

// memoryAction is an act on one document.
type memoryAction struct {
	Act
	step
	// id is the document's, as revisions have it.
	id string
	// requests are where the idempotency key is kept; nil is nowhere.
	requests map[string]memoryRequest
	// refusal is why the step cannot be made, unless its key made it before.
	refusal error
	// apply makes it.
	apply func()
}

func (t *memoryTenant) act(a memoryAction) (revision string, err error) {
	if a.Key != "" && a.requests != nil {
		known, ok := a.requests[a.requestName()]
		made, err := known.answers(a.step, a.Act)
		if ok && (made || err != nil) {
			return known.revision, err
		}
	}
	if a.refusal != nil {
		return "", a.refusal
	}
	if a.idle() || a.DryRun {
		return t.administered.revisions[a.id], nil
	}
	entry, err := newEntryID()
	if err != nil {
		return "", err
	}
	a.apply()
	t.outbox.tell(a.changes(entry, a.Act)...)
	t.administered.audit = append(t.administered.audit, a.entry(a.Act).entry(entry))
	revision = t.administered.revisions[a.id]
	if a.Key != "" && a.requests != nil {
		a.requests[a.requestName()] = memoryRequest{a.request(a.Act), revision}
	}
	return revision, nil
}

// CreateOrganization implements [Administration].
func (m *Memory) CreateOrganization(
	ctx context.Context, caller license.Caller, act Act, org license.Organization,
) (made Revised[license.Organization], err error) {
	org.ID = caller.OrganizationID
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if err := errors.Join(act.check(), org.Validate()); err != nil {
			return err
		}
		doc := organizationToDoc(org)
		s := step{action: OrganizationCreated, object: organizationObject(org.ID), after: doc}
		refusal := m.checkSlug(org.ID, s)
		if t.organization != nil {
			refusal = license.ErrExists
		}
		revision, err := t.act(memoryAction{
			Act: act, requests: m.requests, refusal: refusal, step: s, apply: func() { t.putOrganization(doc) },
		})
		if err == nil {
			made = Revised[license.Organization]{doc.organization(org.ID), revision}
		}
		return err
	})
	return made, err
}

// ChangeOrganization implements [Administration].
func (m *Memory) ChangeOrganization(
	ctx context.Context, caller license.Caller, act Act, revision string, change func(*license.Organization) error,
) (made Revised[license.Organization], err error) {
	id := caller.OrganizationID
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if err := cmp.Or(act.check(), t.current("", revision)); err != nil {
			return err
		}
		before := *t.organization
		after, err := before.changed(id, change)
		if err != nil {
			return err
		}
		s := step{action: OrganizationChanged, object: organizationObject(id), before: before, after: after}
		now, err := t.act(memoryAction{
			Act: act, refusal: m.checkSlug(id, s), step: s, apply: func() { t.putOrganization(after) },
		})
		if err == nil {
			made = Revised[license.Organization]{after.organization(id), now}
		}
		return err
	})
	return made, err
}

// current reports whether the document is there, and at the revision.
func (t *memoryTenant) current(id, revision string) error {
	_, sold := t.licenses[id]
	switch {
	case id == "" && t.organization == nil:
		return license.ErrOrganizationNotFound
	case id != "" && !sold:
		return license.ErrLicenseNotFound
	case t.administered.revisions[id] != revision:
		return license.ErrStale
	}
	return nil
}

// CreateLicense implements [Administration].
func (m *Memory) CreateLicense(
	ctx context.Context, caller license.Caller, act Act, lic license.License,
) (made Revised[license.License], err error) {
	lic.OrganizationID = caller.OrganizationID
	err = m.withLicense(ctx, caller, lic.ID, func(t *memoryTenant) error {
		if err := errors.Join(act.check(), lic.Validate()); err != nil {
			return err
		}
		if t.organization == nil || t.organization.Purge != "" {
			return license.ErrOrganizationNotFound
		}
		doc, refusal := licenseToDoc(lic), error(nil)
		if _, sold := t.licenses[lic.ID]; sold {
			refusal = license.ErrExists
		}
		revision, err := t.act(memoryAction{
			Act: act, id: lic.ID, requests: t.administered.requests, refusal: refusal,
			step:  step{action: LicenseCreated, object: licenseObject(caller.OrganizationID, lic.ID), after: doc},
			apply: func() { t.putLicense(lic.ID, doc) },
		})
		if err == nil {
			made = Revised[license.License]{doc.license(caller.OrganizationID, lic.ID), revision}
		}
		return err
	})
	return made, err
}

// withLicense is within, for an id that can be a license's.
func (m *Memory) withLicense(ctx context.Context, caller license.Caller, id string, fn func(*memoryTenant) error) error {
	if validDocumentID(caller.OrganizationID) && !validDocumentID(id) {
		return license.ErrLicenseNotFound
	}
	return m.within(ctx, caller, fn)
}

// ChangeLicense implements [Administration].
func (m *Memory) ChangeLicense(
	ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*license.License) error,
) (made Revised[license.License], err error) {
	err = m.withLicense(ctx, caller, id, func(t *memoryTenant) error {
		if err := cmp.Or(act.check(), t.current(id, revision)); err != nil {
			return err
		}
		before := t.licenses[id]
		after, err := before.changed(caller.OrganizationID, id, change)
		if err != nil {
			return err
		}
		now, err := t.act(memoryAction{
			Act: act, id: id, apply: func() { t.putLicense(id, after) },
			step: step{action: LicenseChanged, object: licenseObject(caller.OrganizationID, id), before: before, after: after},
		})
		if err == nil {
			made = Revised[license.License]{after.license(caller.OrganizationID, id), now}
		}
		return err
	})
	return made, err
}

// DeleteLicense implements [Administration].
func (m *Memory) DeleteLicense(ctx context.Context, caller license.Caller, act Act, id, revision string) error {
	return m.withLicense(ctx, caller, id, func(t *memoryTenant) error {
		if err := cmp.Or(act.check(), t.current(id, revision)); err != nil {
			return err
		}
		_, err := t.act(memoryAction{
			Act: act, id: id, apply: func() {
				delete(t.licenses, id)
				delete(t.administered.revisions, id)
			},
			step: step{action: LicenseDeleted, object: licenseObject(caller.OrganizationID, id), before: t.licenses[id]},
		})
		return err
	})
}
