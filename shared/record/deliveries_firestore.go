package record

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

var _ Deliveries = (*Firestore)(nil)

// DueQueues implements [Deliveries]. The order by one field across organizations has an
// index of its own (terraform/record.tf).
func (f *Firestore) DueQueues(ctx context.Context, at time.Time, limit int) ([]Queue, error) {
	if limit < 1 {
		return nil, nil
	}
	found, err := f.query(ctx, f.client.CollectionGroup(queuesCollection).Where("due_at", "<=", recordTime(at)).
		OrderBy("due_at", firestore.Asc).Limit(limit))
	if err != nil {
		return nil, err
	}
	queues := make([]Queue, 0, len(found))
	for _, snapshot := range found {
		var doc queueDoc
		if snapshot.DataTo(&doc) != nil { // broken by hand: it must not keep the others from being sent
			continue
		}
		queues = append(queues, doc.queue(snapshot.Ref.Parent.Parent.ID, snapshot.Ref.ID))
	}
	return queues, nil
}

// queueIn reads a queue's document in a transaction; without one it is the zero value.
func (t tenant) queueIn(tx *firestore.Transaction, id string) (doc queueDoc, there bool, err error) {
	found, err := tx.GetAll([]*firestore.DocumentRef{t.queue(id)})
	if err != nil || !found[0].Exists() {
		return doc, false, err
	}
	if err := found[0].DataTo(&doc); err != nil {
		return doc, false, decision{fmt.Errorf("queue record %s: %w", id, err)}
	}
	return doc, !doc.Closed, nil
}

func (f *Firestore) queueOf(caller license.Caller, id string) (tenant, error) {
	t, err := f.tenant(caller)
	if err == nil && !validDocumentID(id) {
		err = license.ErrWebhookNotFound
	}
	return t, err
}

// ClaimQueue implements [Deliveries].
func (f *Firestore) ClaimQueue(
	ctx context.Context, caller license.Caller, id string, at, until time.Time,
) (q Queue, claimed bool, err error) {
	t, err := f.queueOf(caller, id)
	if err != nil {
		return q, false, err
	}
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		doc, _, err := t.queueIn(tx, id)
		if err != nil {
			return err
		}
		q, claimed = doc.queue(t.id, id), doc.due(at)
		if !claimed {
			return nil
		}
		return tx.Update(t.queue(id), []firestore.Update{{Path: "due_at", Value: recordTime(until)}})
	})
	if err != nil {
		return Queue{}, false, err
	}
	return q, claimed, nil
}

// oldest are the pending deliveries, the oldest event first.
func (t tenant) oldest(queue string, limit int) firestore.Query {
	return t.deliveries(queue).Where("state", "==", string(DeliveryPending)).OrderBy(firestore.DocumentID, firestore.Asc).Limit(limit)
}

// Pending implements [Deliveries].
func (f *Firestore) Pending(ctx context.Context, caller license.Caller, queue string, limit int) ([]Delivery, error) {
	t, err := f.queueOf(caller, queue)
	if err != nil || limit < 1 {
		return nil, err
	}
	found, err := f.query(ctx, t.oldest(queue, limit))
	if err != nil {
		return nil, err
	}
	return deliveriesOf(found)
}

// Attempted implements [Deliveries].
func (f *Firestore) Attempted(ctx context.Context, caller license.Caller, queue, name string, a Attempt) error {
	t, err := f.queueOf(caller, queue)
	if err != nil {
		return err
	}
	if !validDocumentID(name) {
		return license.ErrDeliveryNotFound
	}
	ref := t.deliveries(queue).Doc(name)
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		now, there, err := t.queueIn(tx, queue)
		if err != nil || !there {
			return err
		}
		found, err := tx.GetAll([]*firestore.DocumentRef{ref})
		if err != nil {
			return err
		}
		if found[0].Exists() {
			var doc deliveryDoc
			if err := found[0].DataTo(&doc); err != nil {
				return decision{fmt.Errorf("delivery record %s: %w", name, err)}
			}
			if err := tx.Set(ref, doc.attempted(a)); err != nil {
				return err
			}
		}
		changes := []firestore.Update{{Path: "failures", Value: a.Failures}}
		if !now.wanted(a.Claimed) {
			changes = append(changes, firestore.Update{Path: "due_at", Value: recordTime(a.DueAt)})
		}
		return tx.Update(t.queue(queue), changes)
	})
}

// Bury implements [Deliveries].
func (f *Firestore) Bury(
	ctx context.Context, caller license.Caller, queue string, before time.Time, limit int,
) (buried int, err error) {
	t, err := f.queueOf(caller, queue)
	if err != nil || limit < 1 {
		return 0, err
	}
	err = f.transact(ctx, func(tx *firestore.Transaction) error {
		found, err := tx.Documents(t.oldest(queue, limit)).GetAll()
		if err != nil {
			return err
		}
		n := 0
		for _, snapshot := range found {
			made, err := snapshot.DataAt("made_at")
			if at, ok := made.(time.Time); err == nil && ok && at.After(before) {
				continue
			}
			n++
			if err := tx.Update(snapshot.Ref, []firestore.Update{{Path: "state", Value: string(DeliveryDead)}}); err != nil {
				return err
			}
		}
		buried = n
		return nil
	})
	if err != nil {
		return 0, err
	}
	return buried, nil
}

// RestQueue implements [Deliveries].
func (f *Firestore) RestQueue(ctx context.Context, caller license.Caller, queue string, rest Rest) error {
	t, err := f.queueOf(caller, queue)
	if err != nil {
		return err
	}
	return f.transact(ctx, func(tx *firestore.Transaction) error {
		now, there, err := t.queueIn(tx, queue)
		if err != nil || !there || now.wanted(rest.Claimed) {
			return err
		}
		due := any(firestore.Delete)
		if !rest.Closed {
			waiting, err := tx.Documents(t.oldest(queue, 1)).GetAll()
			if err != nil {
				return err
			}
			if len(waiting) > 0 {
				due = recordTime(rest.At)
			}
		}
		return tx.Update(t.queue(queue), []firestore.Update{{Path: "due_at", Value: due}})
	})
}
