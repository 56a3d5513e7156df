package record

import (
	"context"
	"errors"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// CreateLicense implements [Administration].
func (f *Firestore) CreateLicense(
	ctx context.Context, caller license.Caller, act Act, lic license.License,
) (none Revised[license.License], err error) {
	t, ref, err := f.licenseOf(caller, lic.ID)
	if err != nil {
		return none, err
	}
	lic.OrganizationID = t.id
	if err := errors.Join(act.check(), lic.Validate()); err != nil {
		return none, err
	}
	doc := licenseToDoc(lic)
	revision, err := f.act(ctx, action{
		Act: act, tenant: t, ref: ref, owner: t.organization, key: act.keyIn(t.requests()),
		decide: creation(step{action: LicenseCreated, object: licenseObject(t.id, lic.ID), after: doc}),
	})
	if err != nil {
		return none, err
	}
	return Revised[license.License]{doc.license(t.id, lic.ID), revision}, nil
}

func (f *Firestore) licenseOf(caller license.Caller, id string) (t tenant, ref *firestore.DocumentRef, err error) {
	if t, err = f.tenant(caller); err == nil {
		ref, err = t.license(id)
	}
	return t, ref, err
}

// ChangeLicense implements [Administration].
func (f *Firestore) ChangeLicense(
	ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*license.License) error,
) (none Revised[license.License], err error) {
	t, ref, err := f.licenseOf(caller, id)
	if err != nil {
		return none, err
	}
	if err := act.check(); err != nil {
		return none, err
	}
	var after licenseDoc
	now, err := f.act(ctx, action{Act: act, tenant: t, ref: ref, decide: func(found *firestore.DocumentSnapshot) (step, error) {
		var before licenseDoc
		err := current(found, revision, license.ErrLicenseNotFound, &before)
		if err == nil {
			after, err = before.changed(t.id, id, change)
		}
		return step{action: LicenseChanged, object: licenseObject(t.id, id), before: before, after: after}, err
	}})
	if err != nil {
		return none, err
	}
	return Revised[license.License]{after.license(t.id, id), now}, nil
}

// DeleteLicense implements [Administration].
func (f *Firestore) DeleteLicense(ctx context.Context, caller license.Caller, act Act, id, revision string) error {
	t, ref, err := f.licenseOf(caller, id)
	if err != nil {
		return err
	}
	if err := act.check(); err != nil {
		return err
	}
	_, err = f.act(ctx, action{Act: act, tenant: t, ref: ref, decide: func(found *firestore.DocumentSnapshot) (step, error) {
		var before licenseDoc
		err := current(found, revision, license.ErrLicenseNotFound, &before)
		return step{action: LicenseDeleted, object: licenseObject(t.id, id), before: before}, err
	}})
	return err
}
