package record

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// memoryQueue is a queue with its deliveries.
type memoryQueue struct {
	doc        queueDoc
	deliveries map[string]deliveryDoc
}

func (t *memoryTenant) queue(id string) *memoryQueue {
	q, ok := t.queues[id]
	if !ok {
		q = &memoryQueue{deliveries: map[string]deliveryDoc{}}
		t.queues[id] = q
	}
	return q
}

// pending are the names of the deliveries in a state, or in any, ascending.
func (q *memoryQueue) named(state DeliveryState, after string) []string {
	names := slices.Sorted(maps.Keys(q.deliveries))
	return slices.DeleteFunc(names, func(name string) bool {
		return name <= after || state != "" && q.deliveries[name].State != string(state)
	})
}

// hookRevision is where revisions have a webhook's: no license's id has a slash.
func hookRevision(id string) string { return "webhooks/" + id }

// Webhooks implements [Webhooks].
func (m *Memory) Webhooks(ctx context.Context, caller license.Caller) (all []Revised[webhook.Webhook], err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		all = []Revised[webhook.Webhook]{}
		for _, id := range slices.Sorted(maps.Keys(t.webhooks)) {
			all = append(all, Revised[webhook.Webhook]{t.webhooks[id].webhook(id), t.administered.revisions[hookRevision(id)]})
		}
		return nil
	})
	return all, err
}

// Webhook implements [Webhooks].
func (m *Memory) Webhook(ctx context.Context, caller license.Caller, id string) (w Revised[webhook.Webhook], err error) {
	err = m.withHook(ctx, caller, id, func(_ *memoryTenant, doc webhookDoc, revision string) error {
		w = Revised[webhook.Webhook]{doc.webhook(id), revision}
		return nil
	})
	return w, err
}

// withHook is within, for a webhook that there is.
func (m *Memory) withHook(
	ctx context.Context, caller license.Caller, id string, fn func(t *memoryTenant, doc webhookDoc, revision string) error,
) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		doc, ok := t.webhooks[id]
		if !ok {
			return license.ErrWebhookNotFound
		}
		return fn(t, doc, t.administered.revisions[hookRevision(id)])
	})
}

func (t *memoryTenant) putHook(id string, doc webhookDoc) {
	t.webhooks[id] = doc
	t.administered.revise(hookRevision(id))
}

// CreateWebhook implements [Webhooks].
func (m *Memory) CreateWebhook(
	ctx context.Context, caller license.Caller, act Act, w webhook.Webhook,
) (made Revised[webhook.Webhook], err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if !validDocumentID(w.ID) {
			return license.ErrWebhookNotFound
		}
		if err := errors.Join(act.check(), w.Validate()); err != nil {
			return err
		}
		if t.organization == nil {
			return license.ErrOrganizationNotFound
		}
		doc, refusal := act.created(w), error(nil)
		if _, there := t.webhooks[w.ID]; there {
			refusal = license.ErrExists
		} else if len(t.webhooks) >= webhook.Most {
			refusal = tooManyWebhooks()
		}
		revision, err := t.act(memoryAction{
			Act: act, id: hookRevision(w.ID), requests: t.administered.requests, refusal: refusal,
			step:  step{action: WebhookCreated, object: webhookObject(caller.OrganizationID, w.ID), after: doc},
			apply: func() { t.putHook(w.ID, doc) },
		})
		if err != nil {
			return err
		}
		if stored, there := t.webhooks[w.ID]; act.Key != "" && !act.DryRun { // a repeat is answered with what was made
			if doc = stored; !there {
				return license.ErrWebhookNotFound
			}
		}
		made = Revised[webhook.Webhook]{doc.webhook(w.ID), revision}
		return nil
	})
	return made, err
}

// ChangeWebhook implements [Webhooks].
func (m *Memory) ChangeWebhook(
	ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*webhook.Webhook) error,
) (made Revised[webhook.Webhook], err error) {
	if err := act.check(); err != nil && validDocumentID(caller.OrganizationID) && validDocumentID(id) {
		return made, err
	}
	err = m.withHook(ctx, caller, id, func(t *memoryTenant, before webhookDoc, now string) error {
		if now != revision {
			return license.ErrStale
		}
		after, err := before.changed(id, change)
		if err != nil {
			return err
		}
		now, err = t.act(memoryAction{
			Act: act, id: hookRevision(id),
			step: step{action: WebhookChanged, object: webhookObject(caller.OrganizationID, id), before: before, after: after},
			apply: func() {
				if t.putHook(id, after); after.Enabled {
					t.queue(after.Queue).hurry(id, act)
				}
			},
		})
		if err == nil {
			made = Revised[webhook.Webhook]{after.webhook(id), now}
		}
		return err
	})
	return made, err
}

// hurry makes the queue due.
func (q *memoryQueue) hurry(webhookID string, act Act) {
	q.doc.WebhookID, q.doc.DueAt = webhookID, recordTime(act.At)
}

// DeleteWebhook implements [Webhooks].
func (m *Memory) DeleteWebhook(ctx context.Context, caller license.Caller, act Act, id, revision string) error {
	if err := act.check(); err != nil && validDocumentID(caller.OrganizationID) && validDocumentID(id) {
		return err
	}
	return m.withHook(ctx, caller, id, func(t *memoryTenant, before webhookDoc, now string) error {
		if now != revision {
			return license.ErrStale
		}
		_, err := t.act(memoryAction{
			Act: act, id: hookRevision(id),
			step: step{action: WebhookDeleted, object: webhookObject(caller.OrganizationID, id), before: before},
			apply: func() {
				delete(t.webhooks, id)
				delete(t.administered.revisions, hookRevision(id))
				delete(t.queues, before.Queue)
			},
		})
		return err
	})
}

// Deliveries implements [Webhooks].
func (m *Memory) Deliveries(
	ctx context.Context, caller license.Caller, id string, state DeliveryState, after string, limit int,
) (all []Delivery, err error) {
	if after != "" && validDocumentID(caller.OrganizationID) && !validDocumentID(after) {
		return nil, license.ErrDeliveryNotFound
	}
	err = m.withHook(ctx, caller, id, func(t *memoryTenant, doc webhookDoc, _ string) error {
		all = t.queue(doc.Queue).some(state, after, limit)
		return nil
	})
	return all, err
}

// some are up to limit deliveries after one.
func (q *memoryQueue) some(state DeliveryState, after string, limit int) (all []Delivery) {
	names := q.named(state, after)
	for _, name := range names[:min(len(names), max(limit, 0))] {
		all = append(all, q.deliveries[name].delivery(name))
	}
	return all
}

// RetryDelivery implements [Webhooks].
func (m *Memory) RetryDelivery(ctx context.Context, caller license.Caller, act Act, id, name string) error {
	if err := act.check(); err != nil && validDocumentID(caller.OrganizationID) {
		return err
	}
	return m.withHook(ctx, caller, id, func(t *memoryTenant, hook webhookDoc, _ string) error {
		q := t.queue(hook.Queue)
		before, ok := q.deliveries[name]
		if !ok {
			return license.ErrDeliveryNotFound
		}
		after := before.retried(act.At)
		_, err := t.act(memoryAction{
			Act: act, id: cmp.Or(name, id), requests: t.administered.requests,
			step: step{
				action: DeliveryRetried, object: webhookObject(caller.OrganizationID, id) + "/deliveries/" + name, before: before, after: after, again: true,
			},
			apply: func() {
				q.deliveries[name] = after
				q.hurry(id, act)
			},
		})
		return err
	})
}
