package record

import (
	"context"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// historyPage is how many sessions one query of the history reads, of a fifth of a kilobyte
// each, since only [historyFields] of them are read.
const historyPage = 1000

// historyFields are what a session has to say of when whose seat it was.
func historyFields() []string {
	return []string{"status", "ended_reason", "license_id", "user_id", "client.project", "acquired_at", "ended_at"}
}

// had reports whether a session of these times had a seat in the time.
func (q UsageQuery) had(d sessionDoc) bool {
	return d.AcquiredAt.Before(q.To) && (!d.AcquiredAt.Before(q.From) || d.active() || d.EndedAt.After(q.From))
}

// SessionsDuring implements [Administration]. The active are read first: whoever ends
// meanwhile is then among them, or among the ended, and only in both must be told apart.
//
// The active, and the ended that were acquired within the time, are read by the indexes of
// the lists of live sessions. Those that were acquired before it, of which nothing says how
// long ago, are found by when they ended: the index ended_sessions holds both times, so
// that no document is read but theirs, which are as many as had seats when it began.
func (f *Firestore) SessionsDuring(ctx context.Context, caller license.Caller, q UsageQuery, visit func(Page) error) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	if q.LicenseID != "" && !validDocumentID(q.LicenseID) {
		return license.ErrLicenseNotFound
	}
	if _, err := f.Organization(ctx, caller); err != nil || !q.From.Before(q.To) {
		return err
	}
	filter, seen := SessionFilter{LicenseID: q.LicenseID}, map[string]bool{}
	active := newest(inParts(t.active()).Where("acquired_at", "<", q.To), filter)
	err = f.pages(ctx, t, active, func(page Page) error {
		for _, s := range page.Sessions {
			seen[s.ID] = true
		}
		return visit(page)
	})
	if err != nil {
		return err
	}
	for _, query := range []firestore.Query{t.endedWithin(q, filter), t.endedAcross(q)} {
		err := f.pages(ctx, t, query, func(page Page) error { return visit(page.of(q).without(seen)) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (t tenant) ended() firestore.Query {
	return t.sessions().Where("status", "==", string(license.SessionEnded))
}

// endedWithin are the ended sessions that were acquired in the time.
func (t tenant) endedWithin(q UsageQuery, filter SessionFilter) firestore.Query {
	return newest(inParts(t.ended()).Where("acquired_at", ">=", q.From).Where("acquired_at", "<", q.To), filter)
}

// endedAcross are those that were acquired before it, of all licenses.
func (t tenant) endedAcross(q UsageQuery) firestore.Query {
	return inParts(t.sessions().Query).Where("ended_at", ">", q.From).Where("acquired_at", "<", q.From).
		OrderBy("ended_at", firestore.Asc).OrderBy("acquired_at", firestore.Asc).OrderBy(firestore.DocumentID, firestore.Asc)
}

// pages visits what a query finds.
func (f *Firestore) pages(ctx context.Context, t tenant, query firestore.Query, visit func(Page) error) error {
	query = query.Select(historyFields()...).Limit(historyPage)
	for {
		snapshots, err := f.query(ctx, query)
		if err != nil || len(snapshots) == 0 {
			return err
		}
		page := pageOf(t, snapshots)
		page.More = len(snapshots) == historyPage
		if err := visit(page); err != nil || !page.More {
			return err
		}
		query = query.StartAfter(snapshots[len(snapshots)-1])
	}
}

// of is the page with the sessions of the license alone that the query names.
func (p Page) of(q UsageQuery) Page {
	return p.only(func(s license.Session) bool { return q.LicenseID == "" || s.LicenseID == q.LicenseID })
}

// without is the page without some sessions.
func (p Page) without(seen map[string]bool) Page {
	return p.only(func(s license.Session) bool { return !seen[s.ID] })
}

func (p Page) only(keep func(license.Session) bool) Page {
	var kept []license.Session
	for _, s := range p.Sessions {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	p.Sessions = kept
	return p
}
