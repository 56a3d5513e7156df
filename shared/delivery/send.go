package delivery

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

const (
	// sentAtOnce is how many deliveries of a queue are read at a time.
	sentAtOnce = 20
	// buriedAtOnce is how many dead letters one transaction makes.
	buriedAtOnce = 100
	// actor is who disables a webhook, in the audit.
	actor = "deliver"
)

// sendAll sends from all queues that are due. A claim moves a queue's time ahead, so the
// next page has others; one that failed before it was claimed is not tried again.
func (r *run) sendAll(ctx context.Context) error {
	tried := map[string]bool{}
	for !r.over(webhook.SendLimit) {
		due, err := r.Store.DueQueues(ctx, r.Now(), pageSize+len(tried))
		if err != nil {
			return err
		}
		var page []record.Queue
		for _, q := range due {
			if name := q.OrganizationID + "/" + q.ID; !tried[name] {
				tried[name], page = true, append(page, q)
			}
		}
		if len(page) == 0 {
			return nil
		}
		each(page, func(q record.Queue) {
			if err := r.sendQueue(ctx, q); err != nil {
				r.failed(q.OrganizationID, err)
			}
		})
	}
	return nil
}

// line is a queue that this run has claimed, with its webhook.
type line struct {
	*run
	caller   license.Caller
	queue    record.Queue
	claimed  time.Time // until then the queue is put off
	hook     webhook.Webhook
	revision string
}

func (r *run) sendQueue(ctx context.Context, q record.Queue) error {
	if r.over(webhook.SendLimit) { // it keeps its place among the due
		return nil
	}
	caller := license.ServiceCaller(q.OrganizationID)
	until := r.Now().Add(claim)
	q, claimed, err := r.Store.ClaimQueue(ctx, caller, q.ID, r.Now(), until)
	if err != nil || !claimed {
		return err
	}
	if err := r.step(ctx, StepClaimed); err != nil {
		return err
	}
	l := &line{run: r, caller: caller, queue: q, claimed: until}
	return l.send(ctx)
}

// look reads the webhook, and reports whether anything is sent to it: it may have been
// changed, disabled or deleted since it was looked at last.
func (l *line) look(ctx context.Context) (open bool, err error) {
	hook, err := l.Store.Webhook(ctx, l.caller, l.queue.WebhookID)
	gone := errors.Is(err, license.ErrWebhookNotFound) || err == nil && (hook.Value.Queue != l.queue.ID || !hook.Value.Enabled)
	switch {
	case gone:
		return false, l.rest(ctx, true)
	case err != nil:
		return false, err
	}
	l.hook, l.revision = hook.Value, hook.Revision
	return true, nil
}

// send sends until nothing is pending, an attempt is in vain, or the run's time is over.
func (l *line) send(ctx context.Context) error {
	for {
		if open, err := l.look(ctx); err != nil || !open {
			return err
		}
		pending, err := l.Store.Pending(ctx, l.caller, l.queue.ID, sentAtOnce)
		if err != nil {
			return err
		}
		for _, d := range pending {
			if l.over(webhook.SendLimit) {
				break
			}
			if taken, err := l.attempt(ctx, d); err != nil || !taken {
				return err
			}
		}
		if len(pending) == 0 || l.over(webhook.SendLimit) {
			return l.rest(ctx, false)
		}
	}
}

// rest ends the claim.
func (l *line) rest(ctx context.Context, closed bool) error {
	return l.Store.RestQueue(ctx, l.caller, l.queue.ID, record.Rest{At: l.Now(), Closed: closed, Claimed: l.claimed})
}

// attempt sends one delivery, and reports whether its receiver took it.
func (l *line) attempt(ctx context.Context, d record.Delivery) (taken bool, err error) {
	now := l.Now()
	header := http.Header{"Content-Type": {event.ContentType}, "User-Agent": {"coditect-licenses"}}
	webhook.Sign(header, d.EventID, now, d.Body, l.Key.Secrets(l.caller.OrganizationID, l.hook, now)...)
	status, failure := l.Sender.Send(ctx, l.hook.URL, header, d.Body)
	if err := l.step(ctx, StepSent); err != nil {
		return false, err
	}
	if status >= 200 && status < 300 {
		return true, l.taken(ctx, d, status)
	}
	return false, l.inVain(ctx, d, status, failure)
}

func (l *line) taken(ctx context.Context, d record.Delivery, status int) error {
	now := l.Now()
	longer := now.Add(claim)
	err := l.Store.Attempted(ctx, l.caller, l.queue.ID, d.ID, record.Attempt{
		At: now, Status: status, State: record.DeliveryDelivered, DueAt: longer, Claimed: l.claimed,
	})
	if err != nil {
		return err
	}
	l.queue.Failures, l.claimed = 0, longer
	l.note(func(p *Report) { p.Delivered++ })
	return l.step(ctx, StepNoted)
}

// inVain notes an attempt that failed, and leaves the webhook alone for a while. What was
// tried for too long is given up, so that what came after it has its turn.
func (l *line) inVain(ctx context.Context, d record.Delivery, status int, failure webhook.Failure) error {
	now := l.Now()
	a := record.Attempt{
		At: now, Status: status, Failure: string(failure), State: record.DeliveryPending,
		Failures: l.queue.Failures + 1, DueAt: now.Add(webhook.Backoff(l.queue.Failures+1, l.Jitter())),
		Claimed: l.claimed,
	}
	dead := !d.MadeAt.After(now.Add(-webhook.GiveUp))
	if dead {
		a.State = record.DeliveryDead
	}
	if err := l.Store.Attempted(ctx, l.caller, l.queue.ID, d.ID, a); err != nil {
		return err
	}
	l.claimed = a.DueAt
	l.note(func(p *Report) { p.Failed++ })
	if err := l.step(ctx, StepNoted); err != nil {
		return err
	}
	switch {
	case status == webhook.GoneStatus:
		return l.disable(ctx)
	case dead:
		return l.bury(ctx, now.Add(-webhook.GiveUp))
	}
	return nil
}

// bury gives up what has waited for too long behind a dead letter.
func (l *line) bury(ctx context.Context, before time.Time) error {
	dead := 1
	for {
		n, err := l.Store.Bury(ctx, l.caller, l.queue.ID, before, buriedAtOnce)
		if err != nil {
			return err
		}
		if dead += n; n < buriedAtOnce {
			break
		}
	}
	l.note(func(p *Report) { p.Dead += dead })
	l.Log.ErrorContext(ctx, "events are given up: their receiver did not take them", slog.String("organization_id", l.caller.OrganizationID),
		slog.String("webhook_id", l.queue.WebhookID), slog.Int("dead_letters", dead))
	return l.step(ctx, StepBuried)
}

// disable ends a webhook whose receiver says that it is gone for good (410). What waits
// for it is kept. One that was changed meanwhile is asked again.
func (l *line) disable(ctx context.Context) error {
	_, err := l.Store.ChangeWebhook(ctx, l.caller, record.Act{Actor: actor, At: l.Now()}, l.queue.WebhookID, l.revision, func(w *webhook.Webhook) error {
		w.Enabled, w.Disabled = false, webhook.DisabledGone
		return nil
	})
	switch {
	case errors.Is(err, license.ErrStale), errors.Is(err, license.ErrWebhookNotFound):
		return nil
	case err != nil:
		return err
	}
	l.Log.WarnContext(ctx, "a webhook is disabled: its receiver is gone for good", slog.Int("status", webhook.GoneStatus),
		slog.String("organization_id", l.caller.OrganizationID), slog.String("webhook_id", l.queue.WebhookID))
	if err := l.step(ctx, StepDisabled); err != nil {
		return err
	}
	return l.rest(ctx, true)
}
