package record

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// UsagePage is some of the days on which an organization's seats were used.
type UsagePage struct {
	Hours []usage.Hour
	// Last is the name of the last document of the page, More that there are others.
	Last string
	More bool
	// Unreadable are names of documents that were left out, because a person broke them.
	Unreadable []string
}

// EntryFilter says which entries of an audit are meant; one of its fields at most. An
// empty one lets all through.
type EntryFilter struct {
	Object, Actor string
	// Holder is the user whose session an act was on, whoever did it.
	Holder string
}

// holderPath is where an entry has the user of the session that it is about.
const holderPath = "before.user_id"

func (f EntryFilter) matches(e Entry) bool {
	return (f.Object == "" || f.Object == e.Object) && (f.Actor == "" || f.Actor == e.Actor) &&
		(f.Holder == "" || e.Before["user_id"] == f.Holder)
}

// Contents counts documents.
type Contents struct{ Licenses, Users, Sessions, Usage, Audit int }

// Histories is the part of the record that hands out all that is known of an
// organization, or of one of its users, a page at a time and in an order that no change
// moves. Every method is scoped to the caller's organization, as those of [Record] are;
// without one it is license.ErrOrganizationNotFound. A limit below 1 lists none.
// recordtest.RunAdministration enforces this contract on every implementation.
type Histories interface {
	// SessionHistory lists sessions, active and ended, by the names of their documents:
	// those of a user, where one is named. An `after` that cannot be a name is
	// license.ErrSessionNotFound.
	SessionHistory(ctx context.Context, caller license.Caller, userID, after string, limit int) (Page, error)
	// UsageHistory lists what was counted, by the names of the documents, each of which is
	// a license's day. An `after` that cannot be a name is license.ErrLicenseNotFound.
	UsageHistory(ctx context.Context, caller license.Caller, after string, limit int) (UsagePage, error)
	// AuditHistory lists entries by their ids, which begin with their time: the oldest
	// first. An `after` that cannot be an id is [ErrEntryNotFound].
	AuditHistory(ctx context.Context, caller license.Caller, filter EntryFilter, after string, limit int) ([]Entry, error)
	// Contents counts what there is of the organization, or of a user where one is named:
	// of the latter the user's own document, sessions, and entries of acts on it.
	Contents(ctx context.Context, caller license.Caller, userID string) (Contents, error)
}

// behind is a query by name from behind a document on.
func behind(query firestore.Query, after string, limit int) firestore.Query {
	query = query.OrderBy(firestore.DocumentID, firestore.Asc).Limit(limit)
	if after != "" {
		query = query.StartAfter(after)
	}
	return query
}

// organized is the caller's tenant, if there is such an organization, and position can be a
// document's name.
func (f *Firestore) organized(ctx context.Context, caller license.Caller, position string, missing error) (tenant, error) {
	t, err := f.tenant(caller)
	switch {
	case err != nil:
		return t, err
	case position != "" && !validDocumentID(position):
		return t, missing
	}
	_, err = f.Organization(ctx, caller)
	return t, err
}

// SessionHistory implements [Histories]. Equality on one field with the order by name is
// served by the built-in index.
func (f *Firestore) SessionHistory(ctx context.Context, caller license.Caller, userID, after string, limit int) (Page, error) {
	t, err := f.organized(ctx, caller, after, license.ErrSessionNotFound)
	if err != nil || limit < 1 {
		return Page{}, err
	}
	snapshots, err := f.query(ctx, behind(t.sessionsOf(userID), after, limit+1))
	if err != nil || len(snapshots) == 0 {
		return Page{}, err
	}
	page := pageOf(t, snapshots[:min(len(snapshots), limit)])
	page.More = len(snapshots) > limit
	return page, nil
}

// sessionsOf are all sessions, or those of a user.
func (t tenant) sessionsOf(userID string) firestore.Query {
	if userID == "" {
		return t.sessions().Query
	}
	return t.sessions().Where("user_id", "==", valid(userID))
}

// UsageHistory implements [Histories].
func (f *Firestore) UsageHistory(ctx context.Context, caller license.Caller, after string, limit int) (page UsagePage, err error) {
	t, err := f.organized(ctx, caller, after, license.ErrLicenseNotFound)
	if err != nil || limit < 1 {
		return page, err
	}
	snapshots, err := f.query(ctx, behind(t.usage().Query, after, limit+1))
	if err != nil {
		return page, err
	}
	page.More = len(snapshots) > limit
	for _, snapshot := range snapshots[:min(len(snapshots), limit)] {
		var doc usageDoc
		page.add(snapshot.Ref.ID, doc, snapshot.DataTo(&doc))
	}
	return page, nil
}

// add puts a document into the page, or its name where it cannot be read.
func (p *UsagePage) add(name string, doc usageDoc, err error) {
	p.Last = name
	var hours []usage.Hour
	if err == nil {
		hours, err = doc.all()
	}
	if err != nil {
		p.Unreadable = append(p.Unreadable, name)
		return
	}
	p.Hours = append(p.Hours, byLicense(hours)...)
}

// AuditHistory implements [Histories].
func (f *Firestore) AuditHistory(
	ctx context.Context, caller license.Caller, filter EntryFilter, after string, limit int,
) ([]Entry, error) {
	t, err := f.organized(ctx, caller, after, ErrEntryNotFound)
	if err != nil || limit < 1 {
		return nil, err
	}
	snapshots, err := f.query(ctx, behind(t.entriesOf(filter), after, limit))
	if err != nil {
		return nil, err
	}
	return entriesOf(snapshots)
}

func (t tenant) entriesOf(filter EntryFilter) firestore.Query {
	query := t.audit().Query
	if filter.Object != "" {
		query = query.Where("object", "==", valid(filter.Object))
	}
	if filter.Actor != "" {
		query = query.Where("actor", "==", valid(filter.Actor))
	}
	if filter.Holder != "" {
		query = query.Where(holderPath, "==", valid(filter.Holder))
	}
	return query
}

// Contents implements [Histories].
func (f *Firestore) Contents(ctx context.Context, caller license.Caller, userID string) (c Contents, err error) {
	t, err := f.organized(ctx, caller, "", nil)
	if err != nil {
		return c, err
	}
	all := []counted{{&c.Sessions, t.sessionsOf(userID)}}
	if userID == "" {
		all = append(all, t.counted(&c)...)
	} else {
		all = append(all, counted{&c.Audit, t.entriesOf(EntryFilter{Object: userObject(t.id, userID)})})
		switch _, err := f.User(ctx, caller, userID); {
		case err == nil:
			c.Users = 1
		case !errors.Is(err, license.ErrUserNotFound):
			return c, err
		}
	}
	for _, each := range all {
		if *each.n, err = f.count(ctx, each.query); err != nil {
			return c, err
		}
	}
	return c, nil
}

// counted is a number and what it is of.
type counted struct {
	n     *int
	query firestore.Query
}

// counted are all of an organization but its sessions. Users that were removed have no role.
func (t tenant) counted(c *Contents) []counted {
	return []counted{
		{&c.Licenses, t.licenses().Query}, {&c.Users, t.users().Where("role", ">=", "")}, {&c.Usage, t.usage().Query}, {&c.Audit, t.audit().Query},
	}
}

// count counts what a query finds without reading it.
func (f *Firestore) count(ctx context.Context, query firestore.Query) (int, error) {
	const alias = "n"
	var result firestore.AggregationResult
	err := f.read(ctx, func(ctx context.Context) (err error) {
		result, err = query.NewAggregationQuery().WithCount(alias).Get(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	count, ok := result[alias].(*firestorepb.Value)
	if !ok {
		return 0, fmt.Errorf("a count is answered as %T", result[alias])
	}
	return int(count.GetIntegerValue()), nil
}
