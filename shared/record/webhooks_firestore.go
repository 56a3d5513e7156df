package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

func (t tenant) webhooks() *firestore.CollectionRef {
	return t.organization.Collection(webhooksCollection)
}

func (t tenant) webhook(id string) (*firestore.DocumentRef, error) {
	if !validDocumentID(id) {
		return nil, license.ErrWebhookNotFound
	}
	return t.webhooks().Doc(id), nil
}

func (t tenant) queue(id string) *firestore.DocumentRef {
	return t.organization.Collection(queuesCollection).Doc(id)
}

func (t tenant) deliveries(queue string) *firestore.CollectionRef {
	return t.queue(queue).Collection(deliveriesCollection)
}

func (f *Firestore) webhookOf(caller license.Caller, id string) (t tenant, ref *firestore.DocumentRef, err error) {
	if t, err = f.tenant(caller); err == nil {
		ref, err = t.webhook(id)
	}
	return t, ref, err
}

// sold are the webhooks that were not removed. Equality on one field with the name as
// order is served by the built-in index.
func (t tenant) hooks() firestore.Query {
	return t.webhooks().Where("removed", "==", false).OrderBy(firestore.DocumentID, firestore.Asc).Limit(webhook.Most)
}

// hookIn is the webhook in a document; there is false for one that was removed.
func hookIn(found *firestore.DocumentSnapshot) (doc webhookDoc, there bool, err error) {
	if !found.Exists() {
		return doc, false, nil
	}
	if err := found.DataTo(&doc); err != nil {
		return doc, false, fmt.Errorf("webhook record %s: %w", found.Ref.ID, err)
	}
	return doc, !doc.Removed, nil
}

// currentHook is the webhook, if it is there and at the revision.
func currentHook(found *firestore.DocumentSnapshot, revision string) (webhookDoc, error) {
	doc, there, err := hookIn(found)
	switch {
	case err != nil:
		return doc, err
	case !there:
		return doc, license.ErrWebhookNotFound
	case revisionOf(found) != revision:
		return doc, license.ErrStale
	}
	return doc, nil
}

func readWebhook(snapshot *firestore.DocumentSnapshot) (webhook.Webhook, error) {
	var doc webhookDoc
	if err := snapshot.DataTo(&doc); err != nil {
		return webhook.Webhook{}, fmt.Errorf("webhook record %s: %w", snapshot.Ref.ID, err)
	}
	return doc.webhook(snapshot.Ref.ID), nil
}

// hooksIn are the webhooks as the transaction sees them. One that a person broke is sent
// nothing, and is in no other's way.
func (t tenant) hooksIn(tx *firestore.Transaction) (hooks []webhookDoc, err error) {
	found, err := tx.Documents(t.hooks()).GetAll()
	for _, snapshot := range found {
		var doc webhookDoc
		if snapshot.DataTo(&doc) == nil && validDocumentID(doc.Queue) {
			doc.id = snapshot.Ref.ID
			hooks = append(hooks, doc)
		}
	}
	return hooks, err
}

func (t tenant) queuesOf(hooks []webhookDoc) []*firestore.DocumentRef {
	refs := make([]*firestore.DocumentRef, len(hooks))
	for i, hook := range hooks {
		refs[i] = t.queue(hook.Queue)
	}
	return refs
}

// Webhooks implements [Webhooks].
func (f *Firestore) Webhooks(ctx context.Context, caller license.Caller) ([]Revised[webhook.Webhook], error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	if _, err := f.Organization(ctx, caller); err != nil {
		return nil, err
	}
	found, err := f.query(ctx, t.hooks())
	if err != nil {
		return nil, err
	}
	all := make([]Revised[webhook.Webhook], len(found))
	for i, snapshot := range found {
		if all[i], err = revised(snapshot, readWebhook); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Webhook implements [Webhooks].
func (f *Firestore) Webhook(ctx context.Context, caller license.Caller, id string) (none Revised[webhook.Webhook], err error) {
	_, ref, err := f.webhookOf(caller, id)
	if err != nil {
		return none, err
	}
	snapshot, err := f.get(ctx, ref)
	if err != nil {
		return none, err
	}
	if snapshot == nil {
		return none, license.ErrWebhookNotFound
	}
	doc, there, err := hookIn(snapshot)
	if err == nil && !there {
		err = license.ErrWebhookNotFound
	}
	if err != nil {
		return none, err
	}
	return Revised[webhook.Webhook]{doc.webhook(id), revisionOf(snapshot)}, nil
}

// CreateWebhook implements [Webhooks].
func (f *Firestore) CreateWebhook(
	ctx context.Context, caller license.Caller, act Act, w webhook.Webhook,
) (none Revised[webhook.Webhook], err error) {
	t, ref, err := f.webhookOf(caller, w.ID)
	if err != nil {
		return none, err
	}
	if err := errors.Join(act.check(), w.Validate()); err != nil {
		return none, err
	}
	doc := act.created(w)
	made := func(found *firestore.DocumentSnapshot) (step, error) {
		_, there, err := hookIn(found)
		if there {
			err = license.ErrExists
		}
		return step{action: WebhookCreated, object: webhookObject(t.id, w.ID), after: doc}, err
	}
	revision, err := f.act(ctx, action{
		Act: act, tenant: t, ref: ref, owner: t.organization, key: act.keyIn(t.requests()), decide: made,
		room: func(tx *firestore.Transaction) error {
			there, err := tx.Documents(t.hooks()).GetAll()
			if err == nil && len(there) >= webhook.Most {
				err = decision{tooManyWebhooks()}
			}
			return err
		},
	})
	if err != nil {
		return none, err
	}
	if act.Key != "" && !act.DryRun { // a repeat is answered with what was made
		return f.Webhook(ctx, caller, w.ID)
	}
	return Revised[webhook.Webhook]{doc.webhook(w.ID), revision}, nil
}

// ChangeWebhook implements [Webhooks].
func (f *Firestore) ChangeWebhook(
	ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*webhook.Webhook) error,
) (none Revised[webhook.Webhook], err error) {
	t, ref, err := f.webhookOf(caller, id)
	if err != nil {
		return none, err
	}
	if err := act.check(); err != nil {
		return none, err
	}
	var after webhookDoc
	now, err := f.act(ctx, action{
		Act: act, tenant: t, ref: ref,
		decide: func(found *firestore.DocumentSnapshot) (step, error) {
			before, err := currentHook(found, revision)
			if err == nil {
				after, err = before.changed(id, change)
			}
			return step{action: WebhookChanged, object: webhookObject(t.id, id), before: before, after: after}, err
		},
		also: func(tx *firestore.Transaction) error {
			if !after.Enabled {
				return nil
			}
			return t.hurry(tx, after.Queue, id, act.At)
		},
	})
	if err != nil {
		return none, err
	}
	return Revised[webhook.Webhook]{after.webhook(id), now}, nil
}

// hurry makes a queue due.
func (t tenant) hurry(tx *firestore.Transaction, queue, webhookID string, at time.Time) error {
	return tx.Set(t.queue(queue), map[string]any{"webhook_id": webhookID, "due_at": recordTime(at)}, firestore.MergeAll)
}

// DeleteWebhook implements [Webhooks]. Documents are left to the TTL policy.
func (f *Firestore) DeleteWebhook(ctx context.Context, caller license.Caller, act Act, id, revision string) error {
	t, ref, err := f.webhookOf(caller, id)
	if err != nil {
		return err
	}
	if err := act.check(); err != nil {
		return err
	}
	var before webhookDoc
	_, err = f.act(ctx, action{
		Act: act, tenant: t, ref: ref,
		decide: func(found *firestore.DocumentSnapshot) (s step, err error) {
			before, err = currentHook(found, revision)
			return step{action: WebhookDeleted, object: webhookObject(t.id, id), before: before}, err
		},
		left: func() any { return before.removed(act.At) },
		also: func(tx *firestore.Transaction) error {
			return tx.Set(t.queue(before.Queue), map[string]any{
				"webhook_id": id, "due_at": firestore.Delete, "closed": true, "purge_at": recordTime(act.At.Add(RetainEvents)),
			}, firestore.MergeAll)
		},
	})
	return err
}

// Deliveries implements [Webhooks]. Equality on one field with the name as order is
// served by the built-in index.
func (f *Firestore) Deliveries(
	ctx context.Context, caller license.Caller, id string, state DeliveryState, after string, limit int,
) ([]Delivery, error) {
	t, err := f.tenant(caller)
	if err != nil {
		return nil, err
	}
	if after != "" && !validDocumentID(after) {
		return nil, license.ErrDeliveryNotFound
	}
	hook, err := f.Webhook(ctx, caller, id)
	if err != nil || limit < 1 {
		return nil, err
	}
	query := t.deliveries(hook.Value.Queue).OrderBy(firestore.DocumentID, firestore.Asc).Limit(limit)
	if state != "" {
		query = query.Where("state", "==", string(state))
	}
	if after != "" {
		query = query.StartAfter(after)
	}
	found, err := f.query(ctx, query)
	if err != nil {
		return nil, err
	}
	return deliveriesOf(found)
}

func deliveriesOf(found []*firestore.DocumentSnapshot) ([]Delivery, error) {
	all := make([]Delivery, len(found))
	for i, snapshot := range found {
		var doc deliveryDoc
		if err := snapshot.DataTo(&doc); err != nil {
			return nil, fmt.Errorf("delivery record %s: %w", snapshot.Ref.ID, err)
		}
		all[i] = doc.delivery(snapshot.Ref.ID)
	}
	return all, nil
}

// RetryDelivery implements [Webhooks].
func (f *Firestore) RetryDelivery(ctx context.Context, caller license.Caller, act Act, id, name string) error {
	t, err := f.tenant(caller)
	if err != nil {
		return err
	}
	if err := act.check(); err != nil {
		return err
	}
	hook, err := f.Webhook(ctx, caller, id)
	_, away := errors.AsType[*license.UnavailableError](err)
	switch {
	case away:
		return notWritten.mark(err)
	case err != nil:
		return err
	case !validDocumentID(name):
		return license.ErrDeliveryNotFound
	}
	queue := hook.Value.Queue
	_, err = f.act(ctx, action{
		Act: act, tenant: t, ref: t.deliveries(queue).Doc(name), key: act.keyIn(t.requests()),
		decide: func(found *firestore.DocumentSnapshot) (step, error) {
			var before deliveryDoc
			if !found.Exists() {
				return step{}, license.ErrDeliveryNotFound
			}
			if err := found.DataTo(&before); err != nil {
				return step{}, fmt.Errorf("delivery record %s: %w", name, err)
			}
			return step{
				action: DeliveryRetried, object: webhookObject(t.id, id) + "/deliveries/" + name, before: before, after: before.retried(act.At), again: true,
			}, nil
		},
		also: func(tx *firestore.Transaction) error { return t.hurry(tx, queue, id, act.At) },
	})
	return err
}
