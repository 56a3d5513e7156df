package record

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

var _ Deliveries = (*Memory)(nil)

// DueQueues implements [Deliveries].
func (m *Memory) DueQueues(ctx context.Context, at time.Time, limit int) (queues []Queue, err error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for organization, t := range m.organizations {
		for id, q := range t.queues {
			if q.doc.due(at) {
				queues = append(queues, q.doc.queue(organization, id))
			}
		}
	}
	slices.SortFunc(queues, func(a, b Queue) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.OrganizationID, b.OrganizationID), cmp.Compare(a.ID, b.ID))
	})
	return queues[:min(len(queues), max(limit, 0))], nil
}

// withQueue is within, for a queue that there is; another's is nothing to do.
func (m *Memory) withQueue(ctx context.Context, caller license.Caller, id string, fn func(*memoryQueue) error) error {
	if validDocumentID(caller.OrganizationID) && !validDocumentID(id) {
		return license.ErrWebhookNotFound
	}
	return m.within(ctx, caller, func(t *memoryTenant) error {
		if q, ok := t.queues[id]; ok {
			return fn(q)
		}
		return nil
	})
}

// ClaimQueue implements [Deliveries].
func (m *Memory) ClaimQueue(
	ctx context.Context, caller license.Caller, id string, at, until time.Time,
) (was Queue, claimed bool, err error) {
	was = Queue{OrganizationID: caller.OrganizationID, ID: id}
	err = m.withQueue(ctx, caller, id, func(q *memoryQueue) error {
		was, claimed = q.doc.queue(caller.OrganizationID, id), q.doc.due(at)
		if claimed {
			q.doc.DueAt = recordTime(until)
		}
		return nil
	})
	if err != nil {
		return Queue{}, false, err
	}
	return was, claimed, nil
}

// Pending implements [Deliveries].
func (m *Memory) Pending(ctx context.Context, caller license.Caller, queue string, limit int) (all []Delivery, err error) {
	err = m.withQueue(ctx, caller, queue, func(q *memoryQueue) error {
		all = q.some(DeliveryPending, "", limit)
		return nil
	})
	return all, err
}

// Attempted implements [Deliveries].
func (m *Memory) Attempted(ctx context.Context, caller license.Caller, queue, name string, a Attempt) error {
	if validDocumentID(caller.OrganizationID) && validDocumentID(queue) && !validDocumentID(name) {
		return license.ErrDeliveryNotFound
	}
	return m.withQueue(ctx, caller, queue, func(q *memoryQueue) error {
		if doc, ok := q.deliveries[name]; ok {
			q.deliveries[name] = doc.attempted(a)
		}
		q.doc.Failures = a.Failures
		if !q.doc.wanted(a.Claimed) {
			q.doc.DueAt = recordTime(a.DueAt)
		}
		return nil
	})
}

// Bury implements [Deliveries].
func (m *Memory) Bury(ctx context.Context, caller license.Caller, queue string, before time.Time, limit int) (buried int, err error) {
	err = m.withQueue(ctx, caller, queue, func(q *memoryQueue) error {
		for _, d := range q.some(DeliveryPending, "", limit) {
			if d.MadeAt.After(before) {
				continue
			}
			doc := q.deliveries[d.ID]
			doc.State = string(DeliveryDead)
			q.deliveries[d.ID] = doc
			buried++
		}
		return nil
	})
	return buried, err
}

// RestQueue implements [Deliveries].
func (m *Memory) RestQueue(ctx context.Context, caller license.Caller, queue string, rest Rest) error {
	return m.withQueue(ctx, caller, queue, func(q *memoryQueue) error {
		if q.doc.wanted(rest.Claimed) {
			return nil
		}
		if q.doc.DueAt = (time.Time{}); !rest.Closed && len(q.named(DeliveryPending, "")) > 0 {
			q.doc.DueAt = recordTime(rest.At)
		}
		return nil
	})
}
