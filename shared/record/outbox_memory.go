package record

import (
	"context"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

var _ Outbox = (*Memory)(nil)

// TellEvents has the record write events from now on: see [Outbox]. It is called before
// anything else.
func (m *Memory) TellEvents() *Memory {
	m.events = true
	return m
}

// commitTime is later at each call, as the times of commits are.
func (m *Memory) commitTime() time.Time {
	now := recordTime(time.Now())
	if !now.After(m.committed) {
		now = m.committed.Add(time.Microsecond)
	}
	m.committed = now
	return now
}

// memoryOutbox is an organization's events.
type memoryOutbox struct {
	on     bool
	clock  func() time.Time
	events map[string]eventDoc
}

func (o *memoryOutbox) tell(events ...told) {
	if !o.on {
		return
	}
	for _, e := range events {
		e.doc.RecordedAt = o.clock()
		o.events[e.id] = e.doc
	}
}

// EventOrganizations implements [Outbox].
func (m *Memory) EventOrganizations(ctx context.Context, after string, limit int) ([]string, error) {
	return m.organizationsWith(ctx, after, limit, func(t *memoryTenant) bool { return len(t.outbox.events) > 0 })
}

// Events implements [Outbox].
func (m *Memory) Events(ctx context.Context, caller license.Caller, limit int) (page Events, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		for id, doc := range t.outbox.events {
			e, _ := doc.event(caller.OrganizationID, id)
			page.Events = append(page.Events, e)
		}
		slices.SortFunc(page.Events, event.Compare)
		page.Events = page.Events[:min(len(page.Events), max(limit, 0))]
		page.More = limit > 0 && len(page.Events) == limit
		return nil
	})
	return page, err
}

// TakeEvents implements [Outbox].
func (m *Memory) TakeEvents(ctx context.Context, caller license.Caller, events []event.Event, at time.Time) error {
	if len(events) > MaxTaken {
		return errTooManyEvents
	}
	return m.within(ctx, caller, func(t *memoryTenant) error {
		for _, e := range events {
			if !validDocumentID(e.ID) {
				return errNoEvent
			}
		}
		for _, e := range events {
			if _, there := t.outbox.events[e.ID]; !there {
				continue
			}
			d, err := newDelivery(e, at)
			if err != nil {
				return err
			}
			t.deliver(d, at)
			delete(t.outbox.events, e.ID)
		}
		return nil
	})
}

// deliver puts a delivery into the queues of the webhooks that want it.
func (t *memoryTenant) deliver(d delivery, at time.Time) {
	for id, hook := range t.webhooks {
		if !hook.wants(d.doc.Type) {
			continue
		}
		q := t.queue(hook.Queue)
		q.deliveries[d.id] = d.doc
		if q.doc.WebhookID = id; q.doc.DueAt.IsZero() {
			q.doc.DueAt = recordTime(at)
		}
	}
}
