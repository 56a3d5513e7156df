package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

var _ Administration = (*Firestore)(nil)

// revisionAt is the revision of a document that was written at that time. It is
// Firestore's own, so it counts changes that other programs and people make as well.
func revisionAt(written time.Time) string { return strconv.FormatInt(written.UnixNano(), 36) }

func revisionOf(snapshot *firestore.DocumentSnapshot) string {
	if !snapshot.Exists() {
		return ""
	}
	return revisionAt(snapshot.UpdateTime)
}

// action is an act on one document.
type action struct {
	Act
	tenant tenant
	ref    *firestore.DocumentRef
	// owner must exist; nil is none. key is where the idempotency key is kept; nil is none.
	owner, key *firestore.DocumentRef
	// slugs are those of organizations; nil if the document is none.
	slugs *firestore.CollectionRef
	// decide is given the document as it is.
	decide func(found *firestore.DocumentSnapshot) (step, error)
	// room refuses what there is no room for; nil lets all through.
	room func(*firestore.Transaction) error
	// left is what is left of a document that a step deletes; nil is nothing.
	left func() any
	// also writes what belongs to the step beside its document; nil is nothing.
	also func(*firestore.Transaction) error
}

// act makes one transaction of the document, its audit entry and its key. It answers
// the document's revision.
func (f *Firestore) act(ctx context.Context, a action) (string, error) {
	entry, err := newEntryID()
	if err != nil {
		return "", err
	}
	// A transaction that was given up may still run: what it sets is read after a
	// success alone.
	var revision string
	var written bool
	var commit firestore.CommitResponse
	reading, cancel := context.WithTimeout(ctx, f.deadline)
	defer cancel()
	err = f.transact(ctx, func(tx *firestore.Transaction) (err error) {
		var s step
		if s, revision, err = a.judge(reading, tx); err != nil {
			return err
		}
		if written = s.action != "" && !s.idle() && !a.DryRun; !written {
			return nil
		}
		return a.write(tx, entry, s)
	}, firestore.WithCommitResponseTo(&commit))
	switch {
	case err != nil:
		return "", err
	case written:
		revision = revisionAt(commit.CommitTime())
	}
	return revision, nil
}

// judge reads all that the act depends on. A step without an action was made before.
func (a action) judge(ctx context.Context, tx *firestore.Transaction) (step, string, error) {
	refs := []*firestore.DocumentRef{a.ref}
	for _, ref := range []*firestore.DocumentRef{a.owner, a.key} {
		if ref != nil {
			refs = append(refs, ref)
		}
	}
	found, err := tx.GetAll(refs)
	if err != nil {
		return step{}, "", err
	}
	if a.owner != nil && !stands(found[1]) {
		return step{}, "", decision{license.ErrOrganizationNotFound}
	}
	s, refusal := a.decide(found[0])
	if a.key != nil && s.after != nil {
		made, err := madeBefore(found[len(found)-1], s, a.Act)
		if err != nil {
			return step{}, "", decision{err}
		}
		if made != "" {
			return step{}, made, nil
		}
	}
	if refusal != nil {
		return step{}, "", decision{refusal}
	}
	if a.room != nil {
		if err := a.room(tx); err != nil {
			return step{}, "", err
		}
	}
	return s, revisionOf(found[0]), a.checkSlug(ctx, tx, s.slug())
}

// madeBefore is the revision that the step's document had when it was created with
// the same key: that of the key's own document, since both were one commit.
func madeBefore(key *firestore.DocumentSnapshot, s step, a Act) (revision string, err error) {
	if !key.Exists() {
		return "", nil
	}
	var doc requestDoc
	if err := key.DataTo(&doc); err != nil {
		return "", fmt.Errorf("record of an idempotency key: %w", err)
	}
	made, err := doc.answers(s, a)
	if !made {
		return "", err
	}
	return revisionOf(key), nil
}

func (a action) write(tx *firestore.Transaction, entry string, s step) error {
	if s.recounts() {
		if err := recount(tx, a.tenant); err != nil {
			return err
		}
	}
	errs := []error{tx.Create(a.tenant.audit().Doc(entry), s.entry(a.Act))}
	switch {
	case s.after != nil:
		errs = append(errs, tx.Set(a.ref, s.after))
	case a.left != nil:
		errs = append(errs, tx.Set(a.ref, a.left()))
	default:
		errs = append(errs, tx.Delete(a.ref))
	}
	if a.key != nil {
		errs = append(errs, tx.Set(a.key, s.request(a.Act)))
	}
	errs = append(errs, a.tenant.tell(tx, s.changes(entry, a.Act)...))
	if a.also != nil {
		errs = append(errs, a.also(tx))
	}
	if slug := s.slug(); slug != "" {
		errs = append(errs, tx.Set(a.slugs.Doc(slug), slugDoc{OrganizationID: a.tenant.id, TakenAt: recordTime(a.At)}))
	}
	return errors.Join(errs...)
}

// keyIn is the document of the act's key; nil without one.
func (a Act) keyIn(requests *firestore.CollectionRef) *firestore.DocumentRef {
	if a.Key == "" {
		return nil
	}
	return requests.Doc(a.requestName())
}

// CreateOrganization implements [Administration].
func (f *Firestore) CreateOrganization(
	ctx context.Context, caller license.Caller, act Act, org license.Organization,
) (none Revised[license.Organization], err error) {
	t, err := f.tenant(caller)
	if err != nil {
		return none, err
	}
	org.ID = t.id
	if err := errors.Join(act.check(), org.Validate()); err != nil {
		return none, err
	}
	doc := organizationToDoc(org)
	revision, err := f.act(ctx, action{
		Act: act, tenant: t, ref: t.organization, key: act.keyIn(f.requests()), slugs: f.slugs(),
		decide: creation(step{action: OrganizationCreated, object: organizationObject(t.id), after: doc}),
	})
	if err != nil {
		return none, err
	}
	return Revised[license.Organization]{doc.organization(t.id), revision}, nil
}

// creation refuses what exists. The step is told all the same: its key may have made it.
func creation(s step) func(*firestore.DocumentSnapshot) (step, error) {
	return func(found *firestore.DocumentSnapshot) (step, error) {
		if found.Exists() {
			return s, license.ErrExists
		}
		return s, nil
	}
}

// ChangeOrganization implements [Administration].
func (f *Firestore) ChangeOrganization(
	ctx context.Context, caller license.Caller, act Act, revision string, change func(*license.Organization) error,
) (none Revised[license.Organization], err error) {
	t, err := f.tenant(caller)
	if err != nil {
		return none, err
	}
	if err := act.check(); err != nil {
		return none, err
	}
	var after organizationDoc
	now, err := f.act(ctx, action{Act: act, tenant: t, ref: t.organization, slugs: f.slugs(), decide: func(found *firestore.DocumentSnapshot) (step, error) {
		var before organizationDoc
		err := current(found, revision, license.ErrOrganizationNotFound, &before)
		if err == nil {
			after, err = before.changed(t.id, change)
		}
		return step{action: OrganizationChanged, object: organizationObject(t.id), before: before, after: after}, err
	}})
	if err != nil {
		return none, err
	}
	return Revised[license.Organization]{after.organization(t.id), now}, nil
}

// current reads the document, if it is there and at the revision.
func current(found *firestore.DocumentSnapshot, revision string, missing error, into any) error {
	switch {
	case !found.Exists():
		return missing
	case revisionOf(found) != revision:
		return license.ErrStale
	}
	if err := found.DataTo(into); err != nil {
		return fmt.Errorf("record %s: %w", found.Ref.ID, err)
	}
	return nil
}
