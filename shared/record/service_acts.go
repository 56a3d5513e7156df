package record

import (
	"context"
	"fmt"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// The actions that are recorded of keys and of a seat ledger.
const (
	KeyAsked      Action = "key.asked"
	KeyRevoked    Action = "key.revoked"
	KeysPruned    Action = "keys.pruned"
	LedgerRebuilt Action = "ledger.rebuilt"
	// What was handed out is in the audit, too.
	OrganizationExported Action = "organization.exported"
	UserExported         Action = "user.exported"
)

// OrganizationObject is what the audit calls an organization.
func OrganizationObject(id string) string { return organizationObject(id) }

// UserObject is what the audit calls a user.
func UserObject(organizationID, id string) string { return userObject(organizationID, id) }

// KeysObject is what the audit calls all signing keys together.
const KeysObject = "keys"

// KeyObject is what the audit calls one of them.
func KeyObject(kid string) string { return KeysObject + "/" + kid }

// LedgerObject is what the audit calls the seat ledger of an organization.
func LedgerObject(organizationID string) string {
	return organizationObject(organizationID) + "/ledger"
}

// ServiceActs is the part of the record for acts on what is no document of an
// organization: the signing keys, and what another store than the record does. The former
// belong to the service, which has an audit of its own: it outlives every organization.
// recordtest.RunAdministration enforces this contract on every implementation.
type ServiceActs interface {
	// AdministerKeys is [Signing]'s ChangeSigningKeys, with an entry in the service's audit
	// in the same transaction. With a key that came with the same act before, nothing is
	// changed, and the keys are answered as they are. license.ErrKeyReused.
	AdministerKeys(ctx context.Context, act Act, action Action, object string, change func(*SigningKeys) error) (SigningKeys, error)
	// ServiceAudit lists up to limit acts of the service's audit within the span, newest first, after the
	// entry of an id; empty starts with the newest. [ErrEntryNotFound]. A limit below 1 lists
	// none.
	ServiceAudit(ctx context.Context, span Span, after string, limit int) ([]Entry, error)
	// AddEntry puts an act on the caller's organization into its audit that changes no
	// document of the record: [EntryAsked], if another store is to do it; empty, if it is done.
	// It answers the entry's id. license.ErrOrganizationNotFound.
	AddEntry(ctx context.Context, caller license.Caller, act Act, action Action, object string, state EntryState) (string, error)
	// SettleEntry writes what came of it. It may be repeated. [ErrEntryNotFound].
	SettleEntry(ctx context.Context, caller license.Caller, entry string, state EntryState, after map[string]any) error
}

// fields are those that the audit keeps of the signing keys: their names alone.
func (doc signingDoc) fields() map[string]any {
	keys, revoked := []any{}, []any{}
	for _, d := range doc.Delegations {
		keys = append(keys, d.KeyID)
		if !d.RevokedAt.IsZero() {
			revoked = append(revoked, d.KeyID)
		}
	}
	return map[string]any{"keys": keys, "revoked": revoked, "urgent": doc.Urgent, "asked": doc.Asked}
}

// keyed is the request that the act's key stands for: what is made of the keys differs
// from time to time, what is asked for does not.
func (s step) keyed(a Act) requestDoc {
	return requestDoc{Digest: digest(s.object, string(s.action)), PurgeAt: recordTime(a.At.Add(RetainKeys))}
}

// notes reports whether the act's key is to be kept: also where nothing was to be done, a
// key names one request.
func (a Act) notes(known *requestDoc) bool {
	return a.Key != "" && !a.DryRun && (known == nil || !known.counts(a))
}

// administered is what an act makes of the keys. Not write: nothing is to be written.
func (doc signingDoc) administered(a Act, s step, known *requestDoc, change func(*SigningKeys) error) (after signingDoc, entry entryDoc, write bool, err error) {
	if known != nil && known.counts(a) {
		if known.Digest != s.keyed(a).Digest {
			return doc, entryDoc{}, false, license.ErrKeyReused
		}
		return doc, entryDoc{}, false, nil
	}
	after, differs, err := doc.changed(change)
	if err != nil || !differs {
		return doc, entryDoc{}, false, err
	}
	s.before, s.after = doc, after
	return after, s.entry(a), !a.DryRun, nil
}

func (f *Firestore) serviceAudit() *firestore.CollectionRef {
	return f.administration().Collection(auditCollection)
}

// AdministerKeys implements [ServiceActs].
func (f *Firestore) AdministerKeys(
	ctx context.Context, act Act, action Action, object string, change func(*SigningKeys) error,
) (SigningKeys, error) {
	if err := act.check(); err != nil {
		return SigningKeys{}, err
	}
	entry, err := newEntryID()
	if err != nil {
		return SigningKeys{}, err
	}
	var after signingDoc
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		now, known, err := f.keysFor(tx, act)
		if err != nil {
			return err
		}
		s := step{action: action, object: object}
		doc, said, write, err := now.administered(act, s, known, change)
		if err != nil {
			return decision{err}
		}
		after = doc
		if key := act.keyIn(f.requests()); key != nil && act.notes(known) {
			if err := tx.Set(key, s.keyed(act)); err != nil {
				return err
			}
		}
		if !write {
			return nil
		}
		return f.writeKeys(tx, entry, doc, said)
	})
	if err != nil {
		return SigningKeys{}, err
	}
	return after.keys(), nil
}

// keysFor reads the keys, and the act's idempotency key if that came before.
func (f *Firestore) keysFor(tx *firestore.Transaction, act Act) (signingDoc, *requestDoc, error) {
	refs := []*firestore.DocumentRef{f.signing()}
	if key := act.keyIn(f.requests()); key != nil {
		refs = append(refs, key)
	}
	found, err := tx.GetAll(refs)
	if err != nil {
		return signingDoc{}, nil, err
	}
	doc, err := signingOf(found[0])
	if err != nil {
		return doc, nil, decision{err}
	}
	if len(found) == 1 || !found[1].Exists() {
		return doc, nil, nil
	}
	var known requestDoc
	if err := found[1].DataTo(&known); err != nil {
		return doc, nil, decision{fmt.Errorf("record of an idempotency key: %w", err)}
	}
	return doc, &known, nil
}

func (f *Firestore) writeKeys(tx *firestore.Transaction, entry string, doc signingDoc, said entryDoc) error {
	if err := tx.Set(f.signing(), doc); err != nil {
		return err
	}
	return tx.Create(f.serviceAudit().Doc(entry), said)
}

// ServiceAudit implements [ServiceActs].
func (f *Firestore) ServiceAudit(ctx context.Context, span Span, after string, limit int) ([]Entry, error) {
	return f.entries(ctx, f.serviceAudit(), span, after, limit)
}

// entries lists those of an audit within a span, newest first. The order by one field, and
// then by the name as everywhere, is served by the built-in index, a range of it as well.
func (f *Firestore) entries(ctx context.Context, audit *firestore.CollectionRef, span Span, after string, limit int) ([]Entry, error) {
	query := span.of(audit.Query).OrderBy("at", firestore.Desc).OrderBy(firestore.DocumentID, firestore.Desc).Limit(limit)
	if after != "" {
		if !validDocumentID(after) {
			return nil, ErrEntryNotFound
		}
		position, err := f.get(ctx, audit.Doc(after))
		switch {
		case err != nil:
			return nil, err
		case position == nil:
			return nil, ErrEntryNotFound
		}
		query = query.StartAfter(position)
	}
	if limit < 1 {
		return nil, nil
	}
	snapshots, err := f.query(ctx, query)
	if err != nil {
		return nil, err
	}
	return entriesOf(snapshots)
}

// AddEntry implements [ServiceActs].
func (f *Firestore) AddEntry(ctx context.Context, caller license.Caller, act Act, action Action, object string, state EntryState) (string, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return "", err
	}
	if err := act.check(); err != nil {
		return "", err
	}
	entry, err := newEntryID()
	if err != nil {
		return "", err
	}
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.GetAll([]*firestore.DocumentRef{t.organization})
		switch {
		case err != nil:
			return err
		case !found[0].Exists():
			return decision{license.ErrOrganizationNotFound}
		}
		doc := step{action: action, object: object}.entry(act)
		doc.State = string(state)
		return tx.Create(t.audit().Doc(entry), doc)
	})
	return entry, err
}

// asked is the entry of an act that is yet to be done.
func (s step) asked(a Act) entryDoc {
	doc := s.entry(a)
	doc.State = string(EntryAsked)
	return doc
}

// SettleEntry implements [ServiceActs].
func (f *Firestore) SettleEntry(
	ctx context.Context, caller license.Caller, entry string, state EntryState, after map[string]any,
) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	if !validDocumentID(entry) {
		return ErrEntryNotFound
	}
	ref := t.audit().Doc(entry)
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.GetAll([]*firestore.DocumentRef{ref})
		switch {
		case err != nil:
			return err
		case !found[0].Exists():
			return decision{ErrEntryNotFound}
		}
		return tx.Update(ref, []firestore.Update{{Path: "state", Value: string(state)}, {Path: "after", Value: after}})
	})
}
