package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// pageSize is how many sessions one query reads: some 200 kB, within a call's
// deadline on any connection.
const pageSize = 300

// ActiveSessions implements [Record]. Pages are ordered by the document's name,
// a position that no change of other sessions can move: nothing active
// throughout is skipped or seen twice. Equality on one field with the name as
// order and range is served by the built-in index.
func (f *Firestore) ActiveSessions(
	ctx context.Context, caller license.Caller, part int, after string, visit func(Page) error,
) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	from, until, err := partBounds(part, after)
	if err != nil {
		return err
	}
	for until == "" || after < until {
		snapshots, err := f.query(ctx, t.activeBetween(from, after, until).Limit(pageSize))
		if err != nil || len(snapshots) == 0 {
			return err
		}
		page := pageOf(t, snapshots)
		after = page.Last
		if err := visit(page); err != nil || !page.More {
			return err
		}
	}
	return nil // after is the last of another part
}

// activeBetween are the active sessions whose documents' names come at or after
// from, after after, and before until.
func (t tenant) activeBetween(from, after, until string) firestore.Query {
	query := t.active().OrderBy(firestore.DocumentID, firestore.Asc)
	switch {
	case after != "" && after >= from:
		query = query.StartAfter(after)
	case from != "":
		query = query.StartAt(from)
	}
	if until != "" {
		query = query.EndBefore(until)
	}
	return query
}

// SpentTokens implements [Record]. Its range on one field, which is the order as well,
// is served by the built-in index.
func (f *Firestore) SpentTokens(
	ctx context.Context, caller license.Caller, part int, after time.Time, visit func(Page) error,
) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	if part < 0 || part >= Parts {
		return fmt.Errorf("part %d of %d", part, Parts)
	}
	digit := partDigits[part : part+1]
	query := t.sessions().Where("token_ends", ">", tokenEnds(digit, after)).Where("token_ends", "<", digit+"~").
		OrderBy("token_ends", firestore.Asc).Limit(pageSize)
	for {
		snapshots, err := f.query(ctx, query)
		if err != nil || len(snapshots) == 0 {
			return err
		}
		page := pageOf(t, snapshots)
		if err := visit(page); err != nil || !page.More {
			return err
		}
		query = query.StartAfter(snapshots[len(snapshots)-1])
	}
}

func pageOf(t tenant, snapshots []*firestore.DocumentSnapshot) Page {
	page := Page{Last: snapshots[len(snapshots)-1].Ref.ID, More: len(snapshots) == pageSize}
	for _, snapshot := range snapshots {
		var doc sessionDoc
		id, ok := sessionOf(snapshot.Ref.ID)
		if err := snapshot.DataTo(&doc); err != nil || !ok || !doc.complete() {
			page.Unreadable = append(page.Unreadable, snapshot.Ref.ID)
			continue
		}
		page.Sessions = append(page.Sessions, doc.session(t.id, id))
	}
	return page
}

// CountActive implements [Record].
func (f *Firestore) CountActive(ctx context.Context, caller license.Caller) (int, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return 0, err
	}
	return f.count(ctx, t.active())
}

func (t tenant) active() firestore.Query {
	return t.sessions().Where("status", "==", string(license.SessionActive))
}

// OrganizationIDs implements [Record].
func (f *Firestore) OrganizationIDs(ctx context.Context, after string, limit int) ([]string, error) {
	if after != "" && !validDocumentID(after) {
		return nil, license.ErrOrganizationNotFound
	}
	if limit < 1 {
		return nil, nil
	}
	query := f.client.Collection(organizationsCollection).Select().OrderBy(firestore.DocumentID, firestore.Asc).Limit(limit)
	if after != "" {
		query = query.StartAfter(after)
	}
	snapshots, err := f.query(ctx, query)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(snapshots))
	for i, snapshot := range snapshots {
		ids[i] = snapshot.Ref.ID
	}
	return ids, nil
}

// Ping implements [Record], at the price of one read, and of a transaction that
// writes nothing: the store looks at the caller's rights before it finds that one of
// the two documents to be changed is not there.
func (f *Firestore) Ping(ctx context.Context) error {
	if _, err := f.OrganizationIDs(ctx, "", 1); err != nil {
		return err
	}
	probes := f.client.Collection(probesCollection)
	return f.write(ctx, func() error {
		ctx, o := withOutcome(ctx)
		err := f.tryTransact(ctx, o, func(tx *firestore.Transaction) error {
			return errors.Join(
				tx.Create(probes.NewDoc(), map[string]any{}),
				tx.Update(probes.NewDoc(), []firestore.Update{{Path: "at", Value: firestore.ServerTimestamp}}),
			)
		})
		if status.Code(err) == codes.NotFound {
			return nil
		}
		if err == nil {
			err = unavailable(errors.New("a document that is not there was changed"))
		}
		return err
	})
}

// probesCollection never has a document.
const probesCollection = "probes"

func (f *Firestore) query(ctx context.Context, query firestore.Query) ([]*firestore.DocumentSnapshot, error) {
	var snapshots []*firestore.DocumentSnapshot
	err := f.read(ctx, func(ctx context.Context) (err error) {
		snapshots, err = query.Documents(ctx).GetAll()
		return err
	})
	return snapshots, err
}
