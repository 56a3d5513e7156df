package record

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"cloud.google.com/go/firestore"
)

// SigningKeys are the keys that sign license tokens, as all instances know them.
type SigningKeys struct {
	// Delegations are oldest first.
	Delegations []Delegation
	// Urgent says that a key was revoked and the next one has not been made yet.
	Urgent bool
	// Asked says that somebody wants the next key before it is due.
	Asked bool
	// Roots are the versions of the root key, by resource name, that signed tokens
	// themselves. They are published until RootsUntil, when the last token has ended.
	Roots      []string
	RootsUntil time.Time
}

// Delegation is a signing key that the root key has certified for some hours.
type Delegation struct {
	// KeyID names the key in tokens and in the published key set.
	KeyID string
	// Root is the resource name of the version of the root key that signed Certificate.
	Root string
	// Certificate is the key's X.509 certificate, in DER.
	Certificate []byte
	// PrivateKey is the key in PKCS#8, encrypted by the symmetric key in Cloud KMS
	// with KeyID as additional data.
	PrivateKey []byte
	// CreatedAt is when it was first published, by the clock of who made it.
	CreatedAt time.Time
	// NotBefore and NotAfter are those of Certificate, in whole seconds.
	NotBefore, NotAfter time.Time
	// AtOnce says that it signs without waiting until every cached key set has it.
	AtOnce bool
	// RevokedAt is when it was revoked; zero if it was not.
	RevokedAt time.Time
}

// Signing is the part of the record that belongs to the service and to no
// organization: the keys that sign license tokens.
type Signing interface {
	// SigningKeys reads the keys; none were made yet: the zero value.
	SigningKeys(ctx context.Context) (SigningKeys, error)
	// ChangeSigningKeys runs change on the keys as one transaction and answers what
	// they are then. Nothing is written if change changes nothing or fails; its error
	// is answered as it is. It may run more than once, and on after the call has ended
	// without success, so it must touch nothing but its argument.
	ChangeSigningKeys(ctx context.Context, change func(*SigningKeys) error) (SigningKeys, error)
}

// signingDoc is service/signing.
type signingDoc struct {
	Delegations []delegationDoc `firestore:"delegations"`
	Urgent      bool            `firestore:"urgent"`
	Asked       bool            `firestore:"asked,omitempty"`
	Roots       []string        `firestore:"roots,omitempty"`
	RootsUntil  time.Time       `firestore:"roots_until,omitempty"`
}

type delegationDoc struct {
	KeyID       string    `firestore:"kid"`
	Root        string    `firestore:"root"`
	Certificate []byte    `firestore:"certificate"`
	PrivateKey  []byte    `firestore:"private_key"`
	CreatedAt   time.Time `firestore:"created_at"`
	NotBefore   time.Time `firestore:"not_before"`
	NotAfter    time.Time `firestore:"not_after"`
	AtOnce      bool      `firestore:"at_once"`
	RevokedAt   time.Time `firestore:"revoked_at,omitempty"`
}

func signingToDoc(keys SigningKeys) signingDoc {
	doc := signingDoc{Urgent: keys.Urgent, Asked: keys.Asked, Roots: slices.Clone(keys.Roots), RootsUntil: recordTime(keys.RootsUntil)}
	for _, d := range keys.Delegations {
		doc.Delegations = append(doc.Delegations, delegationDoc{
			KeyID: d.KeyID, Root: d.Root, Certificate: slices.Clone(d.Certificate), PrivateKey: slices.Clone(d.PrivateKey),
			CreatedAt: recordTime(d.CreatedAt), NotBefore: recordTime(d.NotBefore), NotAfter: recordTime(d.NotAfter),
			AtOnce: d.AtOnce, RevokedAt: recordTime(d.RevokedAt),
		})
	}
	return doc
}

func (doc signingDoc) keys() SigningKeys {
	keys := SigningKeys{Urgent: doc.Urgent, Asked: doc.Asked, Roots: slices.Clone(doc.Roots), RootsUntil: recordTime(doc.RootsUntil)}
	for _, d := range doc.Delegations {
		keys.Delegations = append(keys.Delegations, Delegation{
			KeyID: d.KeyID, Root: d.Root, Certificate: slices.Clone(d.Certificate), PrivateKey: slices.Clone(d.PrivateKey),
			CreatedAt: recordTime(d.CreatedAt), NotBefore: recordTime(d.NotBefore), NotAfter: recordTime(d.NotAfter),
			AtOnce: d.AtOnce, RevokedAt: recordTime(d.RevokedAt),
		})
	}
	return keys
}

// changed is the document after change, and whether it differs.
func (doc signingDoc) changed(change func(*SigningKeys) error) (signingDoc, bool, error) {
	keys := doc.keys()
	if err := change(&keys); err != nil {
		return doc, false, err
	}
	after := signingToDoc(keys)
	return after, !reflect.DeepEqual(after.keys(), doc.keys()), nil
}

// SigningKeys implements [Signing].
func (f *Firestore) SigningKeys(ctx context.Context) (SigningKeys, error) {
	snapshot, err := f.get(ctx, f.signing())
	if err != nil || snapshot == nil {
		return SigningKeys{}, err
	}
	doc, err := signingOf(snapshot)
	return doc.keys(), err
}

// ChangeSigningKeys implements [Signing].
func (f *Firestore) ChangeSigningKeys(ctx context.Context, change func(*SigningKeys) error) (SigningKeys, error) {
	var after signingDoc
	err := f.transact(ctx, func(tx *firestore.Transaction) error {
		snapshots, err := tx.GetAll([]*firestore.DocumentRef{f.signing()})
		if err != nil {
			return err
		}
		before, err := signingOf(snapshots[0])
		if err != nil {
			return decision{err}
		}
		doc, differs, err := before.changed(change)
		if err != nil {
			return decision{err}
		}
		if after = doc; !differs {
			return nil
		}
		return tx.Set(f.signing(), doc)
	})
	if err != nil {
		return SigningKeys{}, err
	}
	return after.keys(), nil
}

// signingOf reads the document; one that was never written is empty.
func signingOf(snapshot *firestore.DocumentSnapshot) (doc signingDoc, err error) {
	if !snapshot.Exists() {
		return signingDoc{}, nil
	}
	if err := snapshot.DataTo(&doc); err != nil {
		return signingDoc{}, fmt.Errorf("record of the signing keys: %w", err)
	}
	return doc, nil
}

// SigningKeys implements [Signing].
func (m *Memory) SigningKeys(ctx context.Context) (SigningKeys, error) {
	if err := ctx.Err(); err != nil {
		return SigningKeys{}, unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.signing.keys(), nil
}

// ChangeSigningKeys implements [Signing].
func (m *Memory) ChangeSigningKeys(ctx context.Context, change func(*SigningKeys) error) (SigningKeys, error) {
	if err := ctx.Err(); err != nil {
		return SigningKeys{}, notWritten.mark(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	after, _, err := m.signing.changed(change)
	if err != nil {
		return SigningKeys{}, err
	}
	m.signing = after
	return after.keys(), nil
}
