package record

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// revocationDoc is the vendor's wish that a session end. The end goes into the audit
// under this entry.
type revocationDoc struct {
	By    string    `firestore:"by"`
	At    time.Time `firestore:"at"`
	Entry string    `firestore:"entry"`
}

func (d revocationDoc) fields() map[string]any {
	all := map[string]any{}
	put(all, "by", d.By)
	put(all, "at", d.At)
	put(all, "entry", d.Entry)
	return all
}

func (d revocationDoc) over(old revocationDoc) revocationDoc {
	return revocationDoc{By: cmp.Or(d.By, old.By), At: cmp.Or(d.At, old.At), Entry: cmp.Or(d.Entry, old.Entry)}
}

func sessionObject(organizationID, id string) string {
	return organizationObject(organizationID) + "/sessions/" + id
}

func newRevocation(a Act) (revocationDoc, error) {
	entry, err := newEntryID()
	if err != nil {
		return revocationDoc{}, err
	}
	return revocationDoc{By: valid(a.Actor), At: recordTime(a.At), Entry: entry}, nil
}

// revoked is the audit's entry of an end that was asked for. One that came about for
// another reason has none.
func revoked(organizationID, id string, before, after sessionDoc) (name string, entry entryDoc, ok bool) {
	asked := before.Revocation
	if asked.Entry == "" || after.EndedReason != string(license.EndRevoked) {
		return "", entryDoc{}, false
	}
	before.Revocation, after.Revocation = revocationDoc{}, revocationDoc{} // the entry says it
	s := step{action: SessionRevoked, object: sessionObject(organizationID, id), before: before, after: after}
	return asked.Entry, s.entry(Act{Actor: asked.By, At: asked.At}), true
}

// audit puts the entry of a session's end into the end's own transaction. found is the
// session before.
func (w write) audit(tx *firestore.Transaction, t tenant, found *firestore.DocumentSnapshot) error {
	if w.doc.EndedReason != string(license.EndRevoked) || !found.Exists() || hasEnded(found) {
		return nil
	}
	var before sessionDoc
	if found.DataTo(&before) != nil {
		return nil //nolint:nilerr // RevokeSession refuses it: nothing was asked for
	}
	id, _ := sessionOf(w.ref.ID)
	name, entry, ok := revoked(t.id, id, before, w.doc.over(before))
	if !ok {
		return nil
	}
	return tx.Set(t.audit().Doc(name), entry) // a commit may be sent twice
}

// RevokeSession implements [Administration].
func (f *Firestore) RevokeSession(ctx context.Context, caller license.Caller, act Act, id string) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	ref, err := t.session(id)
	if err != nil {
		return err
	}
	if err := act.check(); err != nil {
		return err
	}
	wish, err := newRevocation(act)
	if err != nil {
		return err
	}
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.GetAll([]*firestore.DocumentRef{ref})
		if err != nil {
			return err
		}
		if err := revocable(found[0]); err != nil {
			return decision{err}
		}
		if act.DryRun || hasEnded(found[0]) {
			return nil
		}
		return tx.Set(ref, map[string]any{"revocation": wish.fields()}, firestore.MergeAll)
	})
}

// revocable refuses what the audit could not tell.
func revocable(found *firestore.DocumentSnapshot) error {
	if !found.Exists() {
		return license.ErrSessionNotFound
	}
	var doc sessionDoc
	if err := found.DataTo(&doc); err != nil {
		return fmt.Errorf("session record %s: %w", found.Ref.ID, err)
	}
	return nil
}
