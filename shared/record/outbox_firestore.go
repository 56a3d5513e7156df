package record

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

var _ Outbox = (*Firestore)(nil)

func (t tenant) outbox() *firestore.CollectionRef { return t.organization.Collection(eventsCollection) }

// tell puts events into the transaction that does what they tell. Their names follow from
// it, so a commit that is sent twice tells it once.
func (t tenant) tell(tx *firestore.Transaction, events ...told) error {
	if !t.events {
		return nil
	}
	var errs []error
	for _, e := range events {
		errs = append(errs, tx.Set(t.outbox().Doc(e.id), e.doc))
	}
	return errors.Join(errs...)
}

// tell puts the event of a session's begin or end into its own transaction. found is the
// session before.
func (w write) tell(tx *firestore.Transaction, t tenant, found *firestore.DocumentSnapshot) error {
	id, ok := sessionOf(w.ref.ID)
	switch {
	case !t.events || !ok:
		return nil
	case !w.end:
		return t.tell(tx, granted(id, w.doc))
	case !found.Exists() || hasEnded(found):
		return nil
	}
	var before sessionDoc
	if found.DataTo(&before) != nil {
		before = sessionDoc{} // of a document that is damaged, what the ledger knows is told
	}
	return t.tell(tx, over(id, w.doc.over(before)))
}

// EventOrganizations implements [Outbox]: it goes from organization to organization by
// the names of their events, which costs a read for each. The parts of events have an
// index across organizations (terraform/record.tf).
func (f *Firestore) EventOrganizations(ctx context.Context, after string, limit int) (ids []string, err error) {
	if after != "" && !validDocumentID(after) {
		return nil, license.ErrOrganizationNotFound
	}
	all := f.client.CollectionGroup(eventsCollection).Where("part", "in", strings.Split(partDigits, "")).Select().
		OrderBy(firestore.DocumentID, firestore.Asc).Limit(1)
	for len(ids) < limit {
		query := all
		if after != "" {
			query = all.StartAfter(f.client.Collection(organizationsCollection).Doc(after).Collection(eventsCollection).Doc(behindAll))
		}
		found, err := f.query(ctx, query)
		if err != nil || len(found) == 0 {
			return ids, err
		}
		after = found[0].Ref.Parent.Parent.ID
		ids = append(ids, after)
	}
	return ids, nil
}

// behindAll comes after the name of every event.
const behindAll = "~"

// Events implements [Outbox]. It has a composite index (terraform/record.tf).
func (f *Firestore) Events(ctx context.Context, caller license.Caller, limit int) (page Events, err error) {
	t, err := f.tenant(caller)
	if err != nil || limit < 1 {
		return page, err
	}
	found, err := f.query(ctx, t.outbox().Where("part", "in", strings.Split(partDigits, "")).
		OrderBy("recorded_at", firestore.Asc).OrderBy("seq", firestore.Asc).Limit(limit))
	if err != nil {
		return page, err
	}
	page.More = len(found) == limit
	for _, snapshot := range found {
		var doc eventDoc
		e, ok := event.Event{}, snapshot.DataTo(&doc) == nil
		if ok {
			e, ok = doc.event(t.id, snapshot.Ref.ID)
		}
		if !ok {
			page.Unreadable = append(page.Unreadable, snapshot.Ref.ID)
			continue
		}
		page.Events = append(page.Events, e)
	}
	slices.SortFunc(page.Events, event.Compare)
	return page, nil
}

// TakeEvents implements [Outbox].
func (f *Firestore) TakeEvents(ctx context.Context, caller license.Caller, events []event.Event, at time.Time) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	refs, made, err := t.takeable(events, at)
	if err != nil || len(refs) == 0 {
		return err
	}
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.GetAll(refs)
		if err != nil {
			return err
		}
		hooks, err := t.hooksIn(tx)
		if err != nil {
			return err
		}
		queues, err := tx.GetAll(t.queuesOf(hooks))
		if err != nil {
			return err
		}
		return t.take(tx, found, made, hooks, queues, at)
	})
}

// takeable are the documents of events, and the delivery that each becomes.
func (t tenant) takeable(events []event.Event, at time.Time) (refs []*firestore.DocumentRef, made map[string]delivery, err error) {
	if len(events) > MaxTaken {
		return nil, nil, errTooManyEvents
	}
	made = map[string]delivery{}
	for _, e := range events {
		if !validDocumentID(e.ID) {
			return nil, nil, errNoEvent
		}
		d, err := newDelivery(e, at)
		if err != nil {
			return nil, nil, err
		}
		if _, twice := made[e.ID]; !twice {
			refs = append(refs, t.outbox().Doc(e.ID))
		}
		made[e.ID] = d
	}
	return refs, made, nil
}

// take writes: each event that is still there goes to the queues of the webhooks that
// want it.
func (t tenant) take(
	tx *firestore.Transaction, found []*firestore.DocumentSnapshot, made map[string]delivery,
	hooks []webhookDoc, queues []*firestore.DocumentSnapshot, at time.Time,
) error {
	var errs []error
	for i, hook := range hooks {
		some := false
		for _, e := range found {
			if d := made[e.Ref.ID]; isKept(e) && hook.wants(d.doc.Type) {
				some = true
				errs = append(errs, tx.Set(t.deliveries(hook.Queue).Doc(d.id), d.doc))
			}
		}
		if some && !isDue(queues[i]) {
			errs = append(errs, tx.Set(queues[i].Ref, map[string]any{"webhook_id": hook.id, "due_at": recordTime(at)}, firestore.MergeAll))
		}
	}
	for _, e := range found {
		if isKept(e) {
			errs = append(errs, tx.Update(e.Ref, []firestore.Update{{Path: "part", Value: firestore.Delete}, {Path: "purge_at", Value: recordTime(at)}}))
		}
	}
	return errors.Join(errs...)
}

// isKept reports whether an event is in the outbox. One that was taken is in no part any
// more, and so in no list: the function that takes it may delete no document, which is
// left to Firestore's TTL policy.
func isKept(e *firestore.DocumentSnapshot) bool {
	if !e.Exists() {
		return false
	}
	_, err := e.DataAt("part")
	return err == nil
}

// isDue reports whether a queue has a time at which it is looked at.
func isDue(queue *firestore.DocumentSnapshot) bool {
	if !queue.Exists() {
		return false
	}
	_, err := queue.DataAt("due_at")
	return err == nil
}
