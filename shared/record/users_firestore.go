package record

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func (t tenant) users() *firestore.CollectionRef {
	return t.organization.Collection(usersCollection)
}

func (f *Firestore) userOf(caller license.Caller, id string) (t tenant, ref *firestore.DocumentRef, err error) {
	t, err = f.tenant(caller)
	switch {
	case err != nil:
		return t, nil, err
	case !validDocumentID(id):
		return t, nil, license.ErrUserNotFound
	}
	return t, t.users().Doc(id), nil
}

func (t tenant) readUser(snapshot *firestore.DocumentSnapshot) (license.User, error) {
	var doc userDoc
	if err := snapshot.DataTo(&doc); err != nil {
		return license.User{}, fmt.Errorf("user record %s: %w", snapshot.Ref.ID, err)
	}
	if doc.Removed {
		return license.User{}, license.ErrUserNotFound
	}
	return doc.user(t.id, snapshot.Ref.ID), nil
}

// UserPage implements [Users].
func (f *Firestore) UserPage(
	ctx context.Context, caller license.Caller, filter UserFilter, after string, limit int,
) ([]Revised[license.User], error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	if after != "" && !validDocumentID(after) {
		return nil, license.ErrUserNotFound
	}
	if _, err := f.Organization(ctx, caller); err != nil {
		return nil, err
	}
	return f.userPage(ctx, t, filter.of(t.users().Query), after, limit)
}

// userPage asks again for as many as have been removed.
func (f *Firestore) userPage(
	ctx context.Context, t tenant, users firestore.Query, after string, limit int,
) (page []Revised[license.User], err error) {
	for len(page) < limit {
		most := limit - len(page)
		snapshots, err := f.query(ctx, byID(users, after, most))
		if err != nil {
			return nil, err
		}
		for _, snapshot := range snapshots {
			user, err := revised(snapshot, t.readUser)
			switch {
			case err == nil:
				page = append(page, user)
			case !errors.Is(err, license.ErrUserNotFound):
				return nil, err
			}
		}
		if len(snapshots) < most {
			break
		}
		after = snapshots[most-1].Ref.ID
	}
	return page, nil
}

// User implements [Users].
func (f *Firestore) User(ctx context.Context, caller license.Caller, id string) (none Revised[license.User], err error) {
	t, ref, err := f.userOf(caller, id)
	if err != nil {
		return none, err
	}
	snapshot, err := f.get(ctx, ref)
	switch {
	case err != nil:
		return none, err
	case snapshot == nil:
		return none, license.ErrUserNotFound
	}
	return revised(snapshot, t.readUser)
}

// InviteUser implements [Users].
func (f *Firestore) InviteUser(ctx context.Context, caller license.Caller, act Act, user license.User) (Asked, error) {
	return f.askUser(ctx, caller, userAct{Act: act, id: user.ID, action: making(user), change: become(user)})
}

// ChangeUser implements [Users].
func (f *Firestore) ChangeUser(
	ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*license.User) error,
) (Asked, error) {
	return f.askUser(ctx, caller, userAct{Act: act, id: id, action: UserChanged, revision: &revision, change: change})
}

// RemoveUser implements [Users].
func (f *Firestore) RemoveUser(ctx context.Context, caller license.Caller, act Act, id, revision string) (Asked, error) {
	return f.askUser(ctx, caller, userAct{Act: act, id: id, action: UserRemoved, revision: &revision, change: remove})
}

// AskUser implements [Users].
func (f *Firestore) AskUser(ctx context.Context, caller license.Caller, act Act, id string, action Action) (Asked, error) {
	return f.askUser(ctx, caller, userAct{Act: act, id: id, action: action, change: same})
}

// askUser makes one transaction of the user, the entry that asks for it and the key.
func (f *Firestore) askUser(ctx context.Context, caller license.Caller, a userAct) (Asked, error) {
	t, ref, err := f.userOf(caller, a.id)
	if err != nil {
		return Asked{}, err
	}
	if err := a.check(); err != nil {
		return Asked{}, err
	}
	a.caller, a.organizationID = caller, t.id
	entry, err := newEntryID()
	if err != nil {
		return Asked{}, err
	}
	var p userPlan
	var revision string
	var commit firestore.CommitResponse
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		v, err := t.viewUser(tx, ref, a)
		if err != nil {
			return err
		}
		revision = v.revision
		if p, err = a.decide(v); err != nil {
			return decision{err}
		}
		if !p.write {
			return nil
		}
		return t.writeUser(tx, ref, a, entry, p)
	}, firestore.WithCommitResponseTo(&commit))
	switch {
	case err != nil:
		return Asked{}, err
	case p.write && a.alters():
		return Asked{Revised[license.User]{p.asking(a.Act, entry).user(t.id, a.id), revisionAt(commit.CommitTime())}, entry}, nil
	case p.write:
		p.entry = entry
	}
	return Asked{Revised[license.User]{p.doc.user(t.id, a.id), revision}, p.entry}, nil
}

// viewUser reads all that an act depends on. The owners are read in the transaction: of
// two who would each be the last, one is decided after the other.
func (t tenant) viewUser(tx *firestore.Transaction, ref *firestore.DocumentRef, a userAct) (v userView, err error) {
	refs, actor := []*firestore.DocumentRef{t.organization, ref}, t.actor(a.caller)
	key := a.keyIn(t.requests())
	for _, more := range []*firestore.DocumentRef{key, actor} {
		if more != nil {
			refs = append(refs, more)
		}
	}
	found, err := tx.GetAll(refs)
	if err != nil {
		return v, err
	}
	v.organized = stands(found[0])
	if v.found, err = readUserDoc(found[1]); v.found != nil {
		v.revision = revisionOf(found[1])
	}
	if key != nil {
		var failed error
		v.key, failed = read[requestDoc](found[2])
		err = errors.Join(err, failed)
	}
	if err != nil {
		return v, decision{fmt.Errorf("user record %s: %w", ref.ID, err)}
	}
	if actor != nil {
		v.actor, _ = readUserDoc(found[len(found)-1]) // one that cannot be read may do nothing
	}
	if v.found != nil && v.found.owns() {
		v.owners, err = t.otherOwners(tx, ref.ID)
	}
	return v, err
}

// actor is the document of the user who acts; nil where it is none, as for the vendor.
func (t tenant) actor(caller license.Caller) *firestore.DocumentRef {
	if caller.Role == license.RoleService || !validDocumentID(caller.UserID) {
		return nil
	}
	return t.users().Doc(caller.UserID)
}

// read is what a document says; nil where there is none.
func read[T any](snapshot *firestore.DocumentSnapshot) (*T, error) {
	if !snapshot.Exists() {
		return nil, nil //nolint:nilnil // there is none
	}
	doc := new(T)
	if err := snapshot.DataTo(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// readUserDoc is what a user's document says; nil where there is no user.
func readUserDoc(snapshot *firestore.DocumentSnapshot) (*userDoc, error) {
	doc, err := read[userDoc](snapshot)
	if err != nil || doc == nil || doc.Removed {
		return nil, err
	}
	return doc, nil
}

// otherOwners counts who else owns the organization for certain. The filter is of one field: the
// built-in index serves it.
func (t tenant) otherOwners(tx *firestore.Transaction, id string) (n int, err error) {
	snapshots, err := tx.Documents(t.users().Where("role", "==", string(license.RoleOwner))).GetAll()
	if err != nil {
		return 0, err
	}
	for _, snapshot := range snapshots {
		var doc userDoc
		if err := snapshot.DataTo(&doc); err == nil && snapshot.Ref.ID != id && doc.stands() {
			n++
		}
	}
	return n, nil
}

func (t tenant) writeUser(tx *firestore.Transaction, ref *firestore.DocumentRef, a userAct, entry string, p userPlan) error {
	errs := []error{tx.Create(t.audit().Doc(entry), p.asked(a.Act))}
	if a.alters() {
		errs = append(errs, tx.Set(ref, p.asking(a.Act, entry)))
	}
	if key := a.keyIn(t.requests()); key != nil && p.after != nil {
		errs = append(errs, tx.Set(key, p.request(a.Act)))
	}
	return errors.Join(errs...)
}

// SettleUser implements [Users].
func (f *Firestore) SettleUser(
	ctx context.Context, caller license.Caller, did license.User, entry string, state EntryState,
) (none Revised[license.User], err error) {
	t, ref, err := f.userOf(caller, did.ID)
	if err != nil {
		return none, err
	}
	if !validDocumentID(entry) {
		return none, ErrEntryNotFound
	}
	var s settled
	var commit firestore.CommitResponse
	err = f.transact(ctx, func(tx *firestore.Transaction) (err error) {
		s, err = t.settleUser(tx, ref, userToDoc(did), entry, state)
		return err
	}, firestore.WithCommitResponseTo(&commit))
	switch {
	case err != nil || !s.there || s.gone:
		return none, err
	case s.write:
		s.revision = revisionAt(commit.CommitTime())
	}
	return Revised[license.User]{s.doc.user(t.id, did.ID), s.revision}, nil
}

// settled is a settlement of a user that was there or not.
type settled struct {
	settlement
	there    bool
	revision string
}

// settleUser writes the entry's state and what it makes of the user, if that is there. A
// user that it makes nothing of is not written: it would keep its revision all the same.
func (t tenant) settleUser(
	tx *firestore.Transaction, ref *firestore.DocumentRef, did userDoc, entry string, state EntryState,
) (s settled, err error) {
	found, err := tx.GetAll([]*firestore.DocumentRef{ref, t.audit().Doc(entry)})
	switch {
	case err != nil:
		return s, err
	case !found[1].Exists():
		return s, decision{ErrEntryNotFound}
	}
	s.known = true
	doc, err := readUserDoc(found[0])
	if err != nil {
		return s, decision{fmt.Errorf("user record %s: %w", ref.ID, err)}
	}
	if doc != nil {
		s = settled{doc.settle(entry, state, did), true, revisionOf(found[0])}
	}
	var errs []error
	if s.known {
		errs = append(errs, tx.Update(found[1].Ref, []firestore.Update{{Path: "state", Value: string(state)}}))
	}
	switch {
	case s.gone:
		errs = append(errs, tx.Set(ref, removed(s.at)))
	case s.write:
		errs = append(errs, tx.Set(ref, s.doc))
	}
	return s, errors.Join(errs...)
}
