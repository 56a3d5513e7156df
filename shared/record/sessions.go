package record

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// errUndecided: the record of a session that could not be created is neither
// there nor absent, as when something else deleted it in between.
var errUndecided = errors.New("the session's record vanished")

// Create implements [Record].
func (f *Firestore) Create(ctx context.Context, caller license.Caller, s license.Session) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	ref, err := t.session(s.ID)
	if err != nil {
		return err
	}
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		if err := fence(tx, t, s.Epoch); err != nil {
			return err
		}
		return tx.Create(ref, activeDoc(s).fields())
	})
	if alreadyExists(err) {
		return f.acceptExisting(ctx, caller, s.ID)
	}
	return err
}

// alreadyExists finds the answer to a create of a document that is there. It
// can be about our own write: the client library repeats commits.
func alreadyExists(err error) bool {
	var answer interface{ GRPCStatus() *status.Status }
	return errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.AlreadyExists
}

// acceptExisting judges the record that stood in the way of a create whose
// epoch was still the current one.
func (f *Firestore) acceptExisting(ctx context.Context, caller license.Caller, id string) error {
	existing, err := f.Session(ctx, caller, id)
	switch {
	case errors.Is(err, license.ErrSessionNotFound):
		return unavailable(errUndecided)
	case err != nil:
		return err
	case existing.Status == license.SessionActive:
		return nil
	default: // deny by default: whatever is not active is over
		return ErrEnded
	}
}

// End implements [Record].
func (f *Firestore) End(ctx context.Context, caller license.Caller, epoch int64, ends []End) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	if err := checkEnds(ends); err != nil || len(ends) == 0 {
		return err
	}
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		if err := fence(tx, t, epoch); err != nil {
			return err
		}
		for _, end := range ends {
			if err := setEnd(end, t, func(ref *firestore.DocumentRef, fields map[string]any) error {
				return tx.Set(ref, fields, firestore.MergeAll)
			}); err != nil {
				return decision{err}
			}
		}
		return nil
	})
}

// EndNow implements [Record].
func (f *Firestore) EndNow(ctx context.Context, caller license.Caller, epoch int64, end End) error {
	if epoch != 0 {
		return f.End(ctx, caller, epoch, []End{end})
	}
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	return setEnd(end, t, func(ref *firestore.DocumentRef, fields map[string]any) error {
		return f.set(ctx, ref, fields, firestore.MergeAll)
	})
}

// setEnd hands one end to a blind, merging write: a session without a record
// gets its tombstone by the same write, and nothing needs to be read.
func setEnd(end End, t tenant, set func(*firestore.DocumentRef, map[string]any) error) error {
	ref, err := t.session(end.Session.ID)
	if err != nil {
		return err
	}
	doc, err := endedDoc(end)
	if err != nil {
		return err
	}
	return set(ref, doc.fields())
}

// checkEnds refuses, before anything is sent, ends that could not be written
// whole.
func checkEnds(ends []End) error {
	if len(ends) > MaxEnds {
		return fmt.Errorf("%w: %d of at most %d", ErrTooManyEnds, len(ends), MaxEnds)
	}
	for _, end := range ends {
		if !validDocumentID(end.Session.ID) {
			return license.ErrSessionNotFound
		}
		if _, err := endedDoc(end); err != nil {
			return err
		}
	}
	return nil
}

// Session implements [Record].
func (f *Firestore) Session(ctx context.Context, caller license.Caller, id string) (license.Session, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return license.Session{}, err
	}
	ref, err := t.session(id)
	if err != nil {
		return license.Session{}, err
	}
	snapshot, err := f.get(ctx, ref)
	switch {
	case err != nil:
		return license.Session{}, err
	case snapshot == nil:
		return license.Session{}, license.ErrSessionNotFound
	}
	return readSession(t, snapshot)
}

func readSession(t tenant, snapshot *firestore.DocumentSnapshot) (license.Session, error) {
	var doc sessionDoc
	if err := snapshot.DataTo(&doc); err != nil {
		return license.Session{}, fmt.Errorf("session record %s: %w", snapshot.Ref.ID, err)
	}
	return doc.session(t.id, snapshot.Ref.ID), nil
}
