package record

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Queue is the queue of a webhook's deliveries.
type Queue struct {
	OrganizationID, WebhookID string
	// ID is the queue's, as webhooks name it.
	ID string
	// DueAt is when it is to be looked at; zero where nothing waits.
	DueAt time.Time
	// Failures counts the attempts that failed since the last one that did not.
	Failures int
}

// Attempt is what came of sending a delivery.
type Attempt struct {
	At time.Time
	// Status is the receiver's answer; 0 and Failure, if there was none.
	Status  int
	Failure string
	// State is the delivery's from now on.
	State DeliveryState
	// Failures and DueAt are the queue's from now on.
	Failures int
	DueAt    time.Time
	// Claimed is until when the caller has put the queue off: as of [Rest].
	Claimed time.Time
}

// Rest is how a queue is left.
type Rest struct {
	// At is when it is due if anything is pending. Closed says never, whatever is.
	At     time.Time
	Closed bool
	// Claimed is until when the caller has put the queue off. One that is due sooner is
	// wanted by somebody since, as its webhook was changed or a delivery is to be sent
	// again, and stays so.
	Claimed time.Time
}

// Deliveries are the part of the record that sends what [Outbox.TakeEvents] made. Methods
// that name a caller are scoped to caller.OrganizationID as those of [Record]; a queue
// that is not there has nothing in it, and gets nothing. recordtest.RunOutbox enforces
// the contract.
type Deliveries interface {
	// DueQueues lists up to limit queues of all organizations that are due at that time,
	// those that are due for longest first.
	DueQueues(ctx context.Context, at time.Time, limit int) ([]Queue, error)
	// ClaimQueue puts off when a queue is due, if it is due at that time, and answers the
	// queue as it was and whether it did: of several callers one is told true. Who dies
	// with a claim has put it off, and no more.
	ClaimQueue(ctx context.Context, caller license.Caller, queue string, at, until time.Time) (Queue, bool, error)
	// Pending are up to limit pending deliveries of a queue, the oldest event first.
	Pending(ctx context.Context, caller license.Caller, queue string, limit int) ([]Delivery, error)
	// Attempted notes an attempt at a delivery, and in its queue, in one transaction. Of
	// a delivery that is gone the queue alone is told.
	Attempted(ctx context.Context, caller license.Caller, queue, delivery string, a Attempt) error
	// Bury makes dead letters of up to limit of the oldest pending deliveries, of those
	// among them that were made at or before a time, and answers how many it did.
	Bury(ctx context.Context, caller license.Caller, queue string, before time.Time, limit int) (int, error)
	// RestQueue ends a claim: the queue is due again if anything is pending, else never,
	// until something comes.
	RestQueue(ctx context.Context, caller license.Caller, queue string, rest Rest) error
}

// queueDoc is orgs/{organization}/queues/{queue}.
type queueDoc struct {
	WebhookID string `firestore:"webhook_id"`
	// DueAt is absent where nothing waits: the list of queues that are due has no others.
	DueAt    time.Time `firestore:"due_at,omitempty"`
	Failures int       `firestore:"failures,omitempty"`
	// Closed: its webhook is gone, and nothing is sent from it any more.
	Closed bool `firestore:"closed,omitempty"`
	// PurgeAt is for Firestore's TTL policy alone; absent until it is closed.
	PurgeAt time.Time `firestore:"purge_at,omitempty"`
}

func (d queueDoc) queue(organizationID, id string) Queue {
	return Queue{OrganizationID: organizationID, WebhookID: d.WebhookID, ID: id, DueAt: recordTime(d.DueAt), Failures: d.Failures}
}

// wanted reports whether somebody has made the queue due since it was claimed.
func (d queueDoc) wanted(claimed time.Time) bool {
	return !d.DueAt.IsZero() && d.DueAt.Before(recordTime(claimed))
}

func (d queueDoc) due(at time.Time) bool { return !d.DueAt.IsZero() && !d.DueAt.After(at) }

// attempted is the delivery after an attempt.
func (d deliveryDoc) attempted(a Attempt) deliveryDoc {
	d.State, d.Attempts, d.LastAttemptAt = string(a.State), d.Attempts+1, recordTime(a.At)
	d.LastStatus, d.LastFailure = a.Status, a.Failure
	return d
}
