// Package delivery is the protocol by which events leave the record: to a topic of
// Pub/Sub, and to the webhooks of organizations.
//
// Events are told at least once, and those of an organization in the order in which they
// were recorded: whoever has been told of one has been told of all before it. Repeats come
// anywhere. Two rules keep that true, whatever dies where and however many runs there
// are at once: an event leaves the outbox after it is published, in the transaction that
// puts it into the queues of webhooks; and of a queue only the oldest pending delivery is
// sent, which stays pending until its receiver has taken it, or it is given up.
package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// Store is what of the record is worked with.
type Store interface {
	record.Outbox
	record.Deliveries
	Webhook(ctx context.Context, caller license.Caller, id string) (record.Revised[webhook.Webhook], error)
	ChangeWebhook(ctx context.Context, caller license.Caller, act record.Act, id, revision string, change func(*webhook.Webhook) error) (record.Revised[webhook.Webhook], error)
}

// Publisher publishes events of one organization, in order. It answers nil once all of
// them are published; after an error any of them may be.
type Publisher interface {
	Publish(ctx context.Context, organizationID string, events []event.Event) error
}

// Step is a boundary at which a run may die.
type Step string

// The steps.
const (
	StepRead      Step = "events read"
	StepPublished Step = "events published"
	StepTaken     Step = "events taken"
	StepClaimed   Step = "queue claimed"
	StepSent      Step = "delivery sent"
	StepNoted     Step = "attempt noted"
	StepBuried    Step = "dead letters buried"
	StepDisabled  Step = "webhook disabled"
)

// Options are the settings of [New].
type Options struct {
	Store Store
	// Publisher is nil where there is no topic.
	Publisher Publisher
	Sender    *webhook.Sender
	Key       webhook.Key
	Log       *slog.Logger
	Now       func() time.Time
	// Jitter is a random number from 0 up to 1.
	Jitter func() float64
	// OnStep stops a run at a boundary, for tests of crashes; nil in production.
	OnStep func(context.Context, Step) error
}

// Courier delivers.
type Courier struct{ Options }

// New makes a courier.
func New(o Options) *Courier { return &Courier{o} }

const (
	// pageSize is how many organizations, and queues, are asked for at a time.
	pageSize = 100
	// parallel is how many organizations' outboxes are emptied at once, and how many
	// webhooks are sent to at once: most of the time is a receiver's.
	parallel = 32
	// claim is for how long a queue is one run's: longer than any run.
	claim = 2 * time.Minute
)

// Report is what a run did.
type Report struct {
	// Taken counts the events that left the outbox, Delivered what receivers took, Failed
	// the attempts that were in vain, Dead the dead letters that were made.
	Taken, Delivered, Failed, Dead int
	// More says that the run's time was over, or that something failed, before all was
	// done that was due.
	More bool
	// OldestWait is how long the oldest event that was met had waited in the outbox.
	OldestWait time.Duration
	// Errors counts organizations and queues in which something of ours failed.
	Errors int
	// FirstErr is the first of these failures, of FirstFailed.
	FirstErr    error
	FirstFailed string
}

// run is one run.
type run struct {
	*Courier
	until  time.Time     // when nothing new is begun
	sends  time.Duration // how much of the time before it is for receivers alone
	mu     sync.Mutex
	report Report
}

// Run empties the outbox, and sends what is due, for as long as the budget lasts. A
// failure in one organization leaves the others served. ctx outlasts the budget by what
// one call of a backend takes.
func (c *Courier) Run(ctx context.Context, budget time.Duration) (Report, error) {
	r := &run{Courier: c, until: c.Now().Add(budget), sends: budget / 2}
	err := errors.Join(r.empty(ctx), r.sendAll(ctx))
	return r.report, err
}

// over reports whether nothing new is begun: what takes so long would not end in time.
func (r *run) over(takes time.Duration) bool {
	if r.until.Sub(r.Now()) > takes {
		return false
	}
	r.note(func(p *Report) { p.More = true })
	return true
}

func (r *run) note(change func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
}

func (r *run) failed(what string, err error) {
	r.note(func(p *Report) {
		if p.Errors++; p.FirstErr == nil {
			p.FirstErr, p.FirstFailed = err, what
		}
		p.More = true
	})
}

func (r *run) step(ctx context.Context, s Step) error {
	if r.OnStep == nil {
		return nil
	}
	return r.OnStep(ctx, s)
}

// each does something for all, several at once.
func each[T any](all []T, do func(T)) {
	var work sync.WaitGroup
	room := make(chan struct{}, parallel)
	for _, one := range all {
		room <- struct{}{}
		work.Go(func() {
			defer func() { <-room }()
			do(one)
		})
	}
	work.Wait()
}

// empty takes the events of all organizations out of the outbox, and leaves half of the
// time to receivers: an outbox that is never empty must not keep what left it from them.
func (r *run) empty(ctx context.Context) error {
	for after := ""; !r.over(r.sends); {
		ids, err := r.Store.EventOrganizations(ctx, after, pageSize)
		if err != nil || len(ids) == 0 {
			return err
		}
		each(ids, func(id string) {
			if err := r.emptyOne(ctx, id); err != nil {
				r.failed(id, err)
			}
		})
		after = ids[len(ids)-1]
	}
	return nil
}

func (r *run) emptyOne(ctx context.Context, organizationID string) error {
	caller := license.ServiceCaller(organizationID)
	for !r.over(r.sends) {
		page, err := r.Store.Events(ctx, caller, record.MaxTaken)
		if len(page.Unreadable) > 0 {
			r.Log.ErrorContext(ctx, "events cannot be read, and are not told",
				slog.String("organization_id", organizationID), slog.Any("documents", page.Unreadable))
		}
		if err != nil || len(page.Events) == 0 {
			return err
		}
		if err := r.take(ctx, caller, page.Events); err != nil || !page.More {
			return err
		}
	}
	return nil
}

// take publishes events and then takes them out of the outbox.
func (r *run) take(ctx context.Context, caller license.Caller, events []event.Event) error {
	wait := r.Now().Sub(events[0].RecordedAt)
	r.note(func(p *Report) { p.OldestWait = max(p.OldestWait, wait) })
	if err := r.step(ctx, StepRead); err != nil {
		return err
	}
	if r.Publisher != nil {
		if err := r.Publisher.Publish(ctx, caller.OrganizationID, events); err != nil {
			return err
		}
	}
	if err := r.step(ctx, StepPublished); err != nil {
		return err
	}
	if err := r.Store.TakeEvents(ctx, caller, events, r.Now()); err != nil {
		return err
	}
	r.note(func(p *Report) { p.Taken += len(events) })
	return r.step(ctx, StepTaken)
}
