package record

import (
	"context"
	"strings"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// SessionPage implements [Administration]. Each combination of filters that there may be
// has a composite index (terraform/record.tf).
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
	if err := filter.check(); err != nil {
		return Page{}, err
	}
	if _, err := f.Organization(ctx, caller); err != nil {
		return Page{}, err
	}
	query, err := f.goOn(ctx, t, filter, after)
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

// SessionPosition is where [Administration.SessionPage] goes on behind a session: the Last of
// a page that ends with it.
func SessionPosition(sessionID string) string {
	name, err := sessionName(sessionID)
	if err != nil {
		return ""
	}
	return name
}

// OwnSessions implements [Record], by the same indexes.
func (f *Firestore) OwnSessions(
	ctx context.Context, caller license.Caller, licenseID string, limit int,
) ([]license.Session, error) {
	t, err := f.tenant(caller)
	if err != nil || limit < 1 || caller.UserID == "" || licenseID == "" {
		return nil, err
	}
	filter := SessionFilter{LicenseID: licenseID, UserID: caller.UserID}
	snapshots, err := f.query(ctx, t.newestFirst(filter).Limit(limit))
	if err != nil || len(snapshots) == 0 {
		return nil, err
	}
	return pageOf(t, snapshots).Sessions, nil
}

// newestFirst are the active sessions that the filter lets through.
func (t tenant) newestFirst(filter SessionFilter) firestore.Query {
	return newest(inParts(t.active()), filter)
}

// inParts is a query over all parts, each in a range of its own of the index.
func inParts(query firestore.Query) firestore.Query {
	return query.Where("part", "in", strings.Split(partDigits, ""))
}

func newest(query firestore.Query, filter SessionFilter) firestore.Query {
	for field, want := range filter.fields() {
		query = query.Where(field, "==", want)
	}
	return query.OrderBy("acquired_at", firestore.Desc).OrderBy(firestore.DocumentID, firestore.Desc)
}

// goOn is the list from behind a session on, also of one that has ended meanwhile.
func (f *Firestore) goOn(ctx context.Context, t tenant, filter SessionFilter, after string) (firestore.Query, error) {
	query := t.newestFirst(filter)
	if after == "" {
		return query, nil
	}
	position, err := f.get(ctx, t.sessions().Doc(after))
	switch {
	case err != nil:
		return query, err
	case position == nil || !filter.listed(position):
		return query, license.ErrSessionNotFound
	}
	return query.StartAfter(position), nil
}

// listed reports whether the session is, or was, in the filter's list. Of a document
// that is damaged elsewhere the list goes on all the same.
func (f SessionFilter) listed(found *firestore.DocumentSnapshot) bool {
	for field, want := range f.fields() {
		if got, err := found.DataAt(field); err != nil || got != want {
			return false
		}
	}
	_, err := found.DataAt("acquired_at")
	return err == nil
}
