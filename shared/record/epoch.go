package record

import (
	"context"
	"fmt"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// OpenEpoch implements [Record].
func (f *Firestore) OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (int64, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return 0, err
	}
	var epoch int64
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		ledger, err := readLedger(tx, t)
		if err != nil {
			return err
		}
		epoch = ledger.Epoch
		if epoch > 0 && ledger.LastNonce == nonce {
			return nil
		}
		epoch++
		return tx.Set(t.ledger(), ledgerDoc{Epoch: epoch, LastNonce: nonce})
	})
	if err != nil {
		return 0, err
	}
	return epoch, nil
}

// fence is the read that makes a transaction depend on the epoch: Firestore
// locks the document for it, so a rebuild's new epoch comes wholly before or
// wholly after the transaction's writes.
func fence(tx *firestore.Transaction, t tenant, epoch int64) error {
	ledger, err := readLedger(tx, t)
	if err != nil {
		return err
	}
	// Epochs begin at 1: without a ledger nothing was ever granted.
	if ledger.Epoch < 1 || ledger.Epoch != epoch {
		return decision{ErrFenced}
	}
	return nil
}

// readLedger reads the ledger's state; an organization never rebuilt has the
// zero value.
func readLedger(tx *firestore.Transaction, t tenant) (ledgerDoc, error) {
	snapshot, err := tx.Get(t.ledger())
	if status.Code(err) == codes.NotFound {
		return ledgerDoc{}, nil
	}
	if err != nil {
		return ledgerDoc{}, err
	}
	var doc ledgerDoc
	if err := snapshot.DataTo(&doc); err != nil {
		return ledgerDoc{}, decision{fmt.Errorf("ledger record: %w", err)}
	}
	return doc, nil
}
