package record

import (
	"context"
	"crypto/rand"
	"fmt"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// OpenEpoch implements [Record].
func (f *Firestore) OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (license.Epoch, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return license.Epoch{}, err
	}
	var ledger ledgerDoc
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		snapshots, err := tx.GetAll([]*firestore.DocumentRef{t.ledger()})
		if err != nil {
			return err
		}
		if ledger, err = ledgerOf(snapshots[0]); err != nil {
			return decision{err}
		}
		if ledger.Epoch > 0 && ledger.LastNonce == nonce {
			return nil
		}
		ledger.Epoch, ledger.LastNonce = ledger.Epoch+1, nonce
		return tx.Set(t.ledger(), ledger)
	})
	if err != nil {
		return license.Epoch{}, err
	}
	return ledger.epoch(), nil
}

// fence is the read that makes a transaction depend on the epoch: it is committed
// only if the document is still the one that was read, so a rebuild's new epoch
// comes wholly before or wholly after the transaction's writes. In optimistic mode
// nothing is locked for it. It reads further documents in the same round trip.
func fence(
	tx *firestore.Transaction, t tenant, epoch license.Epoch, more ...*firestore.DocumentRef,
) (fenced, error) {
	snapshots, err := tx.GetAll(append([]*firestore.DocumentRef{t.ledger()}, more...))
	if err != nil {
		return fenced{}, err
	}
	ledger, err := ledgerOf(snapshots[0])
	if err == nil {
		err = ledger.fence(epoch)
	}
	if err != nil {
		return fenced{}, decision{err}
	}
	return fenced{ledger, snapshots[1:]}, nil
}

// fenced is what a transaction has read that passed its fence.
type fenced struct {
	ledger    ledgerDoc
	documents []*firestore.DocumentSnapshot
}

// recount opens an epoch in the transaction that has sessions counted in more pools than
// before. What was decided by licenses from before it cannot be recorded after it, and the
// ledger that does not count so is made anew. It reads, so nothing may be written before it.
func recount(tx *firestore.Transaction, t tenant) error {
	snapshots, err := tx.GetAll([]*firestore.DocumentRef{t.ledger()})
	if err != nil {
		return err
	}
	ledger, err := ledgerOf(snapshots[0])
	if err != nil {
		return decision{err}
	}
	return tx.Set(t.ledger(), ledger.recount(recountNonce()))
}

// recountNonce names an epoch that no loss of a ledger has opened; those of ledgers begin
// with a server's identity.
func recountNonce() string { return "recount:" + rand.Text() }

// ledgerOf is the ledger's state; an organization never rebuilt has the zero
// value.
func ledgerOf(snapshot *firestore.DocumentSnapshot) (doc ledgerDoc, err error) {
	if !snapshot.Exists() {
		return ledgerDoc{}, nil
	}
	if err := snapshot.DataTo(&doc); err != nil {
		return ledgerDoc{}, fmt.Errorf("ledger record: %w", err)
	}
	return doc, nil
}
