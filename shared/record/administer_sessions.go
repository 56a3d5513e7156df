package record

import (
	"context"
	"strings"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// SessionPage implements [Administration]. Each combination of filters has a composite
// index (terraform/record.tf).
func (f *Firestore) SessionPage(
	ctx context.Context, caller license.Caller, filter SessionFilter, after string, limit int,
) (Page, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return Page{}, err
	}
	if after != "" && !validDocumentID(after) {
		return Page{}, license.ErrSessionNotFound
	}
	if _, err := f.Organization(ctx, caller); err != nil {
		return Page{}, err
	}
	query, err := f.goOn(ctx, t, t.newestFirst(filter), after)
	if err != nil || limit < 1 {
		return Page{}, err
	}
	snapshots, err := f.query(ctx, query.Limit(limit+1))
	if err != nil || len(snapshots) == 0 {
		return Page{}, err
	}
	page := pageOf(t, snapshots[:min(len(snapshots), limit)])
	page.More = len(snapshots) > limit
	return page, nil
}

// newestFirst are the active sessions that the filter lets through.
func (t tenant) newestFirst(filter SessionFilter) firestore.Query {
	query := t.active().Where("part", "in", strings.Split(partDigits, ""))
	if filter.LicenseID != "" {
		query = query.Where("license_id", "==", valid(filter.LicenseID))
	}
	if filter.UserID != "" {
		query = query.Where("user_id", "==", valid(filter.UserID))
	}
	return query.OrderBy("acquired_at", firestore.Desc).OrderBy(firestore.DocumentID, firestore.Desc)
}

// goOn is the query from behind a session on, also of one that has ended meanwhile.
func (f *Firestore) goOn(ctx context.Context, t tenant, query firestore.Query, after string) (firestore.Query, error) {
	if after == "" {
		return query, nil
	}
	position, err := f.get(ctx, t.sessions().Doc(after))
	if err != nil {
		return query, err
	}
	if position == nil {
		return query, license.ErrSessionNotFound
	}
	if _, err := position.DataAt("acquired_at"); err != nil {
		return query, license.ErrSessionNotFound // it is in no list
	}
	return query.StartAfter(position), nil
}
