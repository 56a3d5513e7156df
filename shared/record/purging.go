package record

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// The actions of what is erased.
const (
	UserPurged         Action = "user.purged"
	OrganizationPurged Action = "organization.purged"
)

// MaxErased is how many documents one call deletes or changes at most: with the entry that
// tells of each it stays within Firestore's long-standing limit of 500 writes in a
// transaction.
const MaxErased = 200

// Erased stands where a name was. No user has it: ids are letters, digits, hyphens and
// underscores.
const Erased = "(erased)"

// Purging is the part of the record that forgets. Every method is scoped to the caller's
// organization, as those of [Record] are, and license.ErrOrganizationNotFound without one.
//
// An organization is purged in steps, each of which may be repeated and may be the last of
// its process: BeginPurge, then PurgePage and DropUsers until nothing is left, then
// FinishPurge. From the first step on nothing can be created in it or changed of it; the
// last deletes the organization's own document. What tells of it is an entry of the
// service's audit, which no purge reaches.
// recordtest.RunAdministration enforces this contract on every implementation.
type Purging interface {
	// BeginPurge marks the organization as being purged. license.ErrInUse while it is active.
	BeginPurge(ctx context.Context, caller license.Caller, act Act) error
	// PurgePage deletes up to [MaxErased] documents of the organization's licenses, sessions,
	// usage, audit, idempotency keys, webhooks and events, and answers how many; none, if none is left.
	// license.ErrInUse, if nobody has begun to purge it.
	PurgePage(ctx context.Context, caller license.Caller) (int, error)
	// DropUsers deletes users, up to [MaxErased], whose accounts are deleted. license.ErrInUse
	// as PurgePage.
	DropUsers(ctx context.Context, caller license.Caller, ids []string) error
	// FinishPurge deletes the organization and what is left of its ledger. license.ErrInUse as
	// PurgePage.
	FinishPurge(ctx context.Context, caller license.Caller) error

	// EraseSessions takes what tells of a person out of up to [MaxErased] of a user's ended
	// sessions, and out of the entries of the audit that tell how they ended: user, machine,
	// instance and program. License and times stay, and so does the user's id in the audit:
	// who did what must be answered for as long as the audit is kept, and an id whose
	// account is deleted names nobody. It answers how many sessions that were; whatever they
	// are, the act is in the audit.
	EraseSessions(ctx context.Context, caller license.Caller, act Act, userID string) (int, error)
}

// stands reports whether things can be created in the organization: it is there and is not
// being purged.
func stands(organization *firestore.DocumentSnapshot) bool {
	if !organization.Exists() {
		return false
	}
	purge, err := organization.DataAt("purge")
	return err != nil || purge == "" || purge == nil
}

// purging is the organization's document, which must be there.
func purging(found *firestore.DocumentSnapshot) (doc organizationDoc, err error) {
	if !found.Exists() {
		return doc, license.ErrOrganizationNotFound
	}
	if err := found.DataTo(&doc); err != nil {
		return doc, fmt.Errorf("organization record %s: %w", found.Ref.ID, err)
	}
	return doc, nil
}

// mayPurge says why it must not be purged, if it must not.
func (d organizationDoc) mayPurge() error {
	if d.Status == string(license.StatusActive) {
		return license.ErrInUse
	}
	return nil
}

// BeginPurge implements [Purging].
func (f *Firestore) BeginPurge(ctx context.Context, caller license.Caller, act Act) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	if err := act.check(); err != nil {
		return err
	}
	entry, err := newEntryID()
	if err != nil {
		return err
	}
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.GetAll([]*firestore.DocumentRef{t.organization})
		if err != nil {
			return err
		}
		doc, err := purging(found[0])
		if err == nil && doc.Purge == "" {
			err = doc.mayPurge()
		}
		if err != nil {
			return decision{err}
		}
		if act.DryRun || doc.Purge != "" {
			return nil
		}
		s := step{action: OrganizationPurged, object: organizationObject(t.id)}
		return errors.Join(
			tx.Create(f.serviceAudit().Doc(entry), s.asked(act)),
			tx.Update(t.organization, []firestore.Update{{Path: "purge", Value: entry}}),
		)
	})
}

// purged are what goes as it is. Users go one by one, with their accounts; those that were
// removed have none.
func (t tenant) purged() []firestore.Query {
	return []firestore.Query{
		t.licenses().Query, t.sessions().Query, t.usage().Query, t.audit().Query, t.requests().Query,
		t.users().Where("removed", "==", true), t.webhooks().Query, t.outbox().Query,
	}
}

// begun is the caller's tenant, if somebody has begun to purge it. Nobody takes that back.
func (f *Firestore) begun(ctx context.Context, caller license.Caller) (tenant, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return t, err
	}
	found, err := f.get(ctx, t.organization)
	switch {
	case err != nil:
		return t, err
	case found == nil:
		return t, license.ErrOrganizationNotFound
	}
	doc, err := purging(found)
	if err == nil && doc.Purge == "" {
		err = license.ErrInUse
	}
	return t, err
}

// PurgePage implements [Purging].
func (f *Firestore) PurgePage(ctx context.Context, caller license.Caller) (int, error) {
	t, err := f.begun(ctx, caller)
	if err != nil {
		return 0, err
	}
	for _, some := range t.purged() {
		snapshots, err := f.query(ctx, some.Select().OrderBy(firestore.DocumentID, firestore.Asc).Limit(MaxErased))
		if err != nil {
			return 0, err
		}
		if len(snapshots) == 0 {
			continue
		}
		refs := make([]*firestore.DocumentRef, len(snapshots))
		for i, snapshot := range snapshots {
			refs[i] = snapshot.Ref
		}
		return len(refs), f.deleteAll(ctx, refs)
	}
	return f.purgeQueue(ctx, t)
}

// purgeQueue deletes what is left of a webhook's deliveries, and then their queue.
func (f *Firestore) purgeQueue(ctx context.Context, t tenant) (int, error) {
	queues, err := f.query(ctx, t.organization.Collection(queuesCollection).Select().Limit(1))
	if err != nil || len(queues) == 0 {
		return 0, err
	}
	left, err := f.query(ctx, t.deliveries(queues[0].Ref.ID).Select().Limit(MaxErased))
	if err != nil {
		return 0, err
	}
	if len(left) == 0 {
		left = queues
	}
	refs := make([]*firestore.DocumentRef, len(left))
	for i, snapshot := range left {
		refs[i] = snapshot.Ref
	}
	return len(refs), f.deleteAll(ctx, refs)
}

func (f *Firestore) deleteAll(ctx context.Context, refs []*firestore.DocumentRef) error {
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		for _, ref := range refs {
			if err := tx.Delete(ref); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropUsers implements [Purging].
func (f *Firestore) DropUsers(ctx context.Context, caller license.Caller, ids []string) error {
	t, err := f.begun(ctx, caller)
	if err != nil {
		return err
	}
	refs := make([]*firestore.DocumentRef, 0, len(ids))
	for _, id := range ids {
		if !validDocumentID(id) {
			return license.ErrUserNotFound
		}
		refs = append(refs, t.users().Doc(id))
	}
	if len(refs) == 0 {
		return nil
	}
	return f.deleteAll(ctx, refs)
}

// FinishPurge implements [Purging].
func (f *Firestore) FinishPurge(ctx context.Context, caller license.Caller) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.GetAll([]*firestore.DocumentRef{t.organization})
		if err != nil {
			return err
		}
		doc, err := purging(found[0])
		if err == nil && doc.Purge == "" {
			err = license.ErrInUse
		}
		if err != nil {
			return decision{err}
		}
		slug, err := f.ownSlug(tx, t, doc.Slug)
		if err != nil {
			return err
		}
		errs := []error{
			tx.Set(f.serviceAudit().Doc(doc.Purge), map[string]any{"state": string(EntryDone)}, firestore.MergeAll),
			tx.Delete(t.ledger()), tx.Delete(t.organization),
		}
		if slug != nil {
			errs = append(errs, tx.Delete(slug))
		}
		return errors.Join(errs...)
	})
}

// ownSlug is the document that keeps the organization's slug for it; nil if there is none.
func (f *Firestore) ownSlug(tx *firestore.Transaction, t tenant, slug string) (*firestore.DocumentRef, error) {
	if !validDocumentID(slug) {
		return nil, nil //nolint:nilnil // it has none
	}
	ref := f.slugs().Doc(slug)
	found, err := tx.GetAll([]*firestore.DocumentRef{ref})
	if err != nil || !found[0].Exists() {
		return nil, err
	}
	var doc slugDoc
	if err := found[0].DataTo(&doc); err != nil || doc.OrganizationID != t.id {
		return nil, nil //nolint:nilerr,nilnil // it is another's
	}
	return ref, nil
}

// personal are the fields of a session that tell of a person, but for the user.
func personal() []string { return []string{"hardware_id", "instance_id", "client"} }

// EraseSessions implements [Purging]. The two equalities are served by the built-in
// indexes together.
func (f *Firestore) EraseSessions(ctx context.Context, caller license.Caller, act Act, userID string) (n int, err error) {
	t, err := f.tenant(caller)
	if err != nil {
		return 0, err
	}
	if err := act.check(); err != nil {
		return 0, err
	}
	entry, err := newEntryID()
	if err != nil {
		return 0, err
	}
	if userID == "" || userID == Erased {
		return 0, license.ErrUserNotFound
	}
	ended := t.sessionsOf(userID).Where("status", "==", string(license.SessionEnded)).Limit(MaxErased)
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		organization, err := tx.GetAll([]*firestore.DocumentRef{t.organization})
		switch {
		case err != nil:
			return err
		case !organization[0].Exists():
			return decision{license.ErrOrganizationNotFound}
		}
		found, err := tx.Documents(ended).GetAll()
		if n = len(found); err != nil || n == 0 || act.DryRun {
			return err
		}
		entries, err := t.endings(tx, found)
		if err != nil {
			return err
		}
		s := step{action: UserPurged, object: userObject(t.id, userID)}
		said := s.entry(act)
		said.After = map[string]any{"sessions": int64(n)}
		return errors.Join(eraseSessions(tx, found), eraseEntries(tx, entries), tx.Create(t.audit().Doc(entry), said))
	})
	return n, err
}

// endings are the entries of the audit that tell how sessions ended.
func (t tenant) endings(tx *firestore.Transaction, sessions []*firestore.DocumentSnapshot) ([]*firestore.DocumentSnapshot, error) {
	var refs []*firestore.DocumentRef
	for _, s := range sessions {
		entry, err := s.DataAt("revocation.entry")
		if id, ok := entry.(string); err == nil && ok && validDocumentID(id) {
			refs = append(refs, t.audit().Doc(id))
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	return tx.GetAll(refs)
}

// eraseSessions leaves each session a machine of its own: tokens that are still good are
// counted by holder, and two that look like one would count as one.
func eraseSessions(tx *firestore.Transaction, sessions []*firestore.DocumentSnapshot) error {
	var errs []error
	for _, s := range sessions {
		errs = append(errs, tx.Update(s.Ref, []firestore.Update{
			{Path: "user_id", Value: Erased},
			{Path: "hardware_id", Value: erasedMachine(s.Ref.ID)},
			{Path: "instance_id", Value: ""},
			{Path: "client", Value: clientDoc{}},
		}))
	}
	return errors.Join(errs...)
}

func erasedMachine(name string) string { return Erased + " " + name }

func eraseEntries(tx *firestore.Transaction, entries []*firestore.DocumentSnapshot) error {
	var errs []error
	for _, e := range entries {
		if !e.Exists() {
			continue // it is older than the audit is kept
		}
		var updates []firestore.Update
		for _, side := range []string{"before", "after"} {
			for _, field := range personal() {
				if _, err := e.DataAtPath(firestore.FieldPath{side, field}); err == nil {
					updates = append(updates, firestore.Update{FieldPath: firestore.FieldPath{side, field}, Value: firestore.Delete})
				}
			}
		}
		if len(updates) > 0 {
			errs = append(errs, tx.Update(e.Ref, updates))
		}
	}
	return errors.Join(errs...)
}
