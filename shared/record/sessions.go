package record

import (
	"context"
	"fmt"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

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
	doc := activeDoc(s)
	return f.share(ctx, t, s.Epoch, []write{{ref: ref, fields: doc.fields(), doc: doc, terms: s.TermsEpoch}})
}

// acceptExisting judges the record that stood in the way of a create whose
// epoch was still the current one.
func acceptExisting(snapshot *firestore.DocumentSnapshot) error {
	var doc sessionDoc
	switch err := snapshot.DataTo(&doc); {
	case err != nil:
		return fmt.Errorf("session record %s: %w", snapshot.Ref.ID, err)
	case doc.active():
		return nil
	default: // deny by default: whatever is not active is over
		return ErrEnded
	}
}

// End implements [Record].
func (f *Firestore) End(ctx context.Context, caller license.Caller, epoch license.Epoch, ends []End) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	if err := checkEnds(ends); err != nil || len(ends) == 0 {
		return err
	}
	writes, err := endWrites(t, ends)
	if err != nil {
		return err
	}
	return f.share(ctx, t, epoch, writes)
}

// endWrites has one write per session: of two ends of one, the first stands.
func endWrites(t tenant, ends []End) ([]write, error) {
	writes, seen := make([]write, 0, len(ends)), map[string]bool{}
	for _, end := range ends {
		ref, err := t.session(end.Session.ID)
		if err != nil {
			return nil, err
		}
		doc, err := endedDoc(end)
		if err != nil {
			return nil, err
		}
		if !seen[ref.ID] {
			writes = append(writes, write{ref: ref, fields: doc.fields(), end: true, doc: doc})
		}
		seen[ref.ID] = true
	}
	return writes, nil
}

// hasEnded looks at the status alone: of a document that is damaged elsewhere,
// the end is to be recorded all the same.
func hasEnded(snapshot *firestore.DocumentSnapshot) bool {
	if !snapshot.Exists() {
		return false
	}
	status, err := snapshot.DataAt("status")
	return err == nil && status == string(license.SessionEnded)
}

// checkEnds refuses, before anything is sent, ends that could not be written
// whole.
func checkEnds(ends []End) error {
	if len(ends) > MaxEnds {
		return fmt.Errorf("%w: %d of at most %d", ErrTooManyEnds, len(ends), MaxEnds)
	}
	for _, end := range ends {
		if _, err := sessionName(end.Session.ID); err != nil {
			return err
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
	var doc sessionDoc
	if err := snapshot.DataTo(&doc); err != nil {
		return license.Session{}, fmt.Errorf("session record %s: %w", snapshot.Ref.ID, err)
	}
	return doc.session(t.id, id), nil
}
