package record

import (
	"context"
	"fmt"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Entitlements implements [Record]. The organization with its epoch and its
// licenses are two reads, not one snapshot: a change between them is a change at
// that moment.
func (f *Firestore) Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return license.Entitlements{}, err
	}
	all, err := f.readOrganization(ctx, t)
	if err == nil {
		all.Licenses, err = f.readLicenses(ctx, t)
	}
	if err != nil {
		return license.Entitlements{}, err
	}
	return all, nil
}

// Licenses implements [Record].
func (f *Firestore) Licenses(ctx context.Context, caller license.Caller) ([]license.License, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	return f.readLicenses(ctx, t)
}

func (f *Firestore) readOrganization(ctx context.Context, t tenant) (all license.Entitlements, err error) {
	var snapshots []*firestore.DocumentSnapshot
	err = f.read(ctx, func(ctx context.Context) (err error) {
		snapshots, err = f.client.GetAll(ctx, []*firestore.DocumentRef{t.organization, t.ledger()})
		return err
	})
	switch {
	case err != nil:
		return all, err
	case !snapshots[0].Exists():
		return all, license.ErrOrganizationNotFound
	}
	var doc organizationDoc
	if err := snapshots[0].DataTo(&doc); err != nil {
		return all, fmt.Errorf("organization record: %w", err)
	}
	// A damaged one is none: grants are told of it, heartbeats go on.
	ledger, _ := ledgerOf(snapshots[1])
	return license.Entitlements{Organization: doc.organization(t.id), Epoch: ledger.epoch()}, nil
}

func (f *Firestore) readLicenses(ctx context.Context, t tenant) ([]license.License, error) {
	snapshots, err := f.query(ctx, t.licenses().OrderBy(firestore.DocumentID, firestore.Asc))
	if err != nil {
		return nil, err
	}
	licenses := make([]license.License, len(snapshots))
	for i, snapshot := range snapshots {
		var doc licenseDoc
		if err := snapshot.DataTo(&doc); err != nil {
			return nil, fmt.Errorf("license record %s: %w", snapshot.Ref.ID, err)
		}
		licenses[i] = doc.license(t.id, snapshot.Ref.ID)
	}
	return licenses, nil
}

// PutOrganization implements [Record].
func (f *Firestore) PutOrganization(ctx context.Context, caller license.Caller, org license.Organization) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	return f.set(ctx, t.organization, organizationToDoc(org))
}

// PutLicense implements [Record].
func (f *Firestore) PutLicense(ctx context.Context, caller license.Caller, lic license.License) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	ref, err := t.license(lic.ID)
	if err != nil {
		return err
	}
	doc := licenseToDoc(lic)
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		owners, err := tx.GetAll([]*firestore.DocumentRef{t.organization})
		if err != nil {
			return err
		}
		if !owners[0].Exists() {
			return decision{license.ErrOrganizationNotFound}
		}
		if err := recountFor(tx, t, ref, doc); err != nil {
			return err
		}
		return tx.Set(ref, doc)
	})
}

// recountFor recounts where the license comes to count its users' sessions.
func recountFor(tx *firestore.Transaction, t tenant, ref *firestore.DocumentRef, after licenseDoc) error {
	if !after.countsUsers() {
		return nil
	}
	found, err := tx.GetAll([]*firestore.DocumentRef{ref})
	if err != nil {
		return err
	}
	var before licenseDoc
	if found[0].Exists() && found[0].DataTo(&before) == nil && before.countsUsers() {
		return nil
	}
	return recount(tx, t)
}
