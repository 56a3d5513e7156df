package record

import (
	"context"
	"fmt"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Organizations implements [Administration].
func (f *Firestore) Organizations(ctx context.Context, after string, limit int) ([]Revised[license.Organization], error) {
	if after != "" && !validDocumentID(after) {
		return nil, license.ErrOrganizationNotFound
	}
	return pageByID(ctx, f, f.client.Collection(organizationsCollection), after, limit, readOrganization)
}

func readOrganization(snapshot *firestore.DocumentSnapshot) (license.Organization, error) {
	var doc organizationDoc
	if err := snapshot.DataTo(&doc); err != nil {
		return license.Organization{}, fmt.Errorf("organization record %s: %w", snapshot.Ref.ID, err)
	}
	return doc.organization(snapshot.Ref.ID), nil
}

func (t tenant) readLicense(snapshot *firestore.DocumentSnapshot) (license.License, error) {
	var doc licenseDoc
	if err := snapshot.DataTo(&doc); err != nil {
		return license.License{}, fmt.Errorf("license record %s: %w", snapshot.Ref.ID, err)
	}
	return doc.license(t.id, snapshot.Ref.ID), nil
}

// pageByID lists a collection's documents in the order of their ids.
func pageByID[T any](
	ctx context.Context, f *Firestore, collection *firestore.CollectionRef, after string, limit int,
	read func(*firestore.DocumentSnapshot) (T, error),
) ([]Revised[T], error) {
	if limit < 1 {
		return nil, nil
	}
	snapshots, err := f.query(ctx, byID(collection.Query, after, limit))
	if err != nil {
		return nil, err
	}
	page := make([]Revised[T], len(snapshots))
	for i, snapshot := range snapshots {
		if page[i], err = revised(snapshot, read); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// byID are up to limit of the documents, of ids greater than after.
func byID(documents firestore.Query, after string, limit int) firestore.Query {
	query := documents.OrderBy(firestore.DocumentID, firestore.Asc).Limit(limit)
	if after != "" {
		query = query.StartAfter(after)
	}
	return query
}

func revised[T any](
	snapshot *firestore.DocumentSnapshot, read func(*firestore.DocumentSnapshot) (T, error),
) (Revised[T], error) {
	value, err := read(snapshot)
	if err != nil {
		return Revised[T]{}, err
	}
	return Revised[T]{value, revisionOf(snapshot)}, nil
}

// Organization implements [Administration].
func (f *Firestore) Organization(ctx context.Context, caller license.Caller) (none Revised[license.Organization], err error) {
	t, err := f.tenant(caller)
	if err != nil {
		return none, err
	}
	snapshot, err := f.get(ctx, t.organization)
	switch {
	case err != nil:
		return none, err
	case snapshot == nil:
		return none, license.ErrOrganizationNotFound
	}
	return revised(snapshot, readOrganization)
}

// LicensePage implements [Administration].
func (f *Firestore) LicensePage(
	ctx context.Context, caller license.Caller, after string, limit int,
) ([]Revised[license.License], error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	if after != "" && !validDocumentID(after) {
		return nil, license.ErrLicenseNotFound
	}
	if _, err := f.Organization(ctx, caller); err != nil {
		return nil, err
	}
	return pageByID(ctx, f, t.licenses(), after, limit, t.readLicense)
}

// License implements [Administration].
func (f *Firestore) License(ctx context.Context, caller license.Caller, id string) (none Revised[license.License], err error) {
	t, ref, err := f.licenseOf(caller, id)
	if err != nil {
		return none, err
	}
	snapshot, err := f.get(ctx, ref)
	switch {
	case err != nil:
		return none, err
	case snapshot == nil:
		return none, license.ErrLicenseNotFound
	}
	return revised(snapshot, t.readLicense)
}

// Audit implements [Administration].
func (f *Firestore) Audit(ctx context.Context, caller license.Caller, span Span, after string, limit int) ([]Entry, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	if after != "" && !validDocumentID(after) {
		return nil, ErrEntryNotFound
	}
	if _, err := f.Organization(ctx, caller); err != nil {
		return nil, err
	}
	return f.entries(ctx, t.audit(), span, after, limit)
}

func entriesOf(snapshots []*firestore.DocumentSnapshot) ([]Entry, error) {
	entries := make([]Entry, len(snapshots))
	for i, snapshot := range snapshots {
		var doc entryDoc
		if err := snapshot.DataTo(&doc); err != nil {
			return nil, fmt.Errorf("audit entry %s: %w", snapshot.Ref.ID, err)
		}
		entries[i] = doc.entry(snapshot.Ref.ID)
	}
	return entries, nil
}
