package record

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// Errors of webhooks and deliveries.
var (
	errTooManyEvents = errors.New("too many events in one call")
	errNoEvent       = errors.New("an event without an id")
)

// The actions on webhooks.
const (
	WebhookCreated  Action = "webhook.created"
	WebhookChanged  Action = "webhook.changed"
	WebhookDeleted  Action = "webhook.deleted"
	DeliveryRetried Action = "delivery.retried"
)

// DeliveryState is how far a delivery came.
type DeliveryState string

// The states.
const (
	// DeliveryPending: it is to be sent, once those before it are.
	DeliveryPending DeliveryState = "pending"
	// DeliveryDelivered: the receiver answered 2xx.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryDead: it was tried for [webhook.GiveUp], and is not tried again by itself.
	DeliveryDead DeliveryState = "dead"
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	// ID is its place in its webhook's queue: ids are in the order of events.
	ID string
	// EventID, Type and Subject are the event's.
	EventID, Subject string
	Type             event.Type
	// Body is what is sent, byte for byte at each attempt.
	Body  []byte
	State DeliveryState
	// MadeAt is when it was made, or retried on request.
	MadeAt time.Time
	// Attempts counts them. The last was at LastAttemptAt and was answered LastStatus, or
	// had no answer for LastFailure.
	Attempts      int
	LastAttemptAt time.Time
	LastStatus    int
	LastFailure   string
}

// Webhooks are the part of [Administration] that says where events are sent. As there,
// each write is one transaction with its entry in the audit and its idempotency key.
type Webhooks interface {
	// Webhooks lists all of the organization's, [webhook.Most] at most, ascending by id.
	// license.ErrOrganizationNotFound.
	Webhooks(ctx context.Context, caller license.Caller) ([]Revised[webhook.Webhook], error)
	// Webhook reads one; license.ErrWebhookNotFound.
	Webhook(ctx context.Context, caller license.Caller, id string) (Revised[webhook.Webhook], error)
	// CreateWebhook makes one, with a queue and the first secret of its own, whatever w
	// says of them; with an idempotency key the same at each repeat. license.ErrExists,
	// license.ErrKeyReused, license.ErrOrganizationNotFound; a [*license.InvalidError]
	// where the organization has [webhook.Most].
	CreateWebhook(ctx context.Context, caller license.Caller, act Act, w webhook.Webhook) (Revised[webhook.Webhook], error)
	// ChangeWebhook is to a webhook what ChangeOrganization is to an organization; id and
	// queue stay. What waits for one that is enabled then is due at once.
	ChangeWebhook(ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*webhook.Webhook) error) (Revised[webhook.Webhook], error)
	// DeleteWebhook deletes it, and nobody sees its deliveries again.
	DeleteWebhook(ctx context.Context, caller license.Caller, act Act, id, revision string) error
	// Deliveries lists up to limit deliveries of a webhook in a state, or in any if it is
	// empty, of ids greater than after, ascending: the oldest event first.
	// license.ErrWebhookNotFound; license.ErrDeliveryNotFound for an `after` that can be no id.
	Deliveries(ctx context.Context, caller license.Caller, id string, state DeliveryState, after string, limit int) ([]Delivery, error)
	// RetryDelivery makes a delivery pending, whatever its state, and its queue due at
	// once. It is sent before events that were recorded later and wait.
	// license.ErrWebhookNotFound, license.ErrDeliveryNotFound.
	RetryDelivery(ctx context.Context, caller license.Caller, act Act, id, delivery string) error
}

// webhookDoc is orgs/{organization}/webhooks/{webhook}.
type webhookDoc struct {
	URL        string    `firestore:"url"`
	Types      []string  `firestore:"types"`
	Enabled    bool      `firestore:"enabled"`
	Disabled   string    `firestore:"disabled,omitempty"`
	Queue      string    `firestore:"queue"`
	Generation int       `firestore:"generation"`
	RotatedAt  time.Time `firestore:"rotated_at"`
	// Removed: it is no webhook any more. The functions that remove one may delete no
	// document, which is left to Firestore's TTL policy on PurgeAt.
	Removed bool      `firestore:"removed"`
	PurgeAt time.Time `firestore:"purge_at,omitempty"`
	id      string    // the document's
}

func webhookToDoc(w webhook.Webhook) webhookDoc {
	d := webhookDoc{
		URL: w.URL, Types: []string{}, Enabled: w.Enabled, Disabled: w.Disabled, Queue: w.Queue, Generation: w.Generation,
		RotatedAt: recordTime(w.RotatedAt), id: w.ID,
	}
	for _, t := range w.Types {
		d.Types = append(d.Types, string(t))
	}
	return d
}

func (d webhookDoc) webhook(id string) webhook.Webhook {
	w := webhook.Webhook{
		ID: id, URL: d.URL, Enabled: d.Enabled, Disabled: d.Disabled, Queue: d.Queue, Generation: d.Generation, RotatedAt: recordTime(d.RotatedAt),
	}
	for _, t := range d.Types {
		w.Types = append(w.Types, event.Type(t))
	}
	return w
}

// removed is what is left of it.
func (d webhookDoc) removed(at time.Time) webhookDoc {
	return webhookDoc{Queue: d.Queue, Types: []string{}, Removed: true, PurgeAt: recordTime(at.Add(RetainEvents))}
}

func (d webhookDoc) wants(t string) bool { return d.webhook("").Wants(event.Type(t)) }

// fields are those that the audit keeps. Of the address it is the host alone, and a
// digest that tells one from another: the rest is often a secret of the receiver's.
func (d webhookDoc) fields() map[string]any {
	types := make([]any, len(d.Types))
	for i, t := range d.Types {
		types[i] = t
	}
	sum := sha256.Sum256([]byte(d.URL))
	all := map[string]any{
		"host": hostOf(d.URL), "url_sha256": hex.EncodeToString(sum[:]), "types": types, "enabled": d.Enabled, "generation": int64(d.Generation),
	}
	put(all, "disabled", d.Disabled)
	return all
}

func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Host
}

// created is what is written of a webhook that is made.
func (a Act) created(w webhook.Webhook) webhookDoc {
	w.Generation, w.RotatedAt, w.Disabled = 1, a.At, ""
	w.Queue = strings.ToLower(rand.Text())
	return webhookToDoc(w)
}

// changed is the document after change, if that may be written.
func (d webhookDoc) changed(id string, change func(*webhook.Webhook) error) (webhookDoc, error) {
	w := d.webhook(id)
	if err := change(&w); err != nil {
		return d, err
	}
	w.ID, w.Queue = id, d.Queue
	if w.Enabled {
		w.Disabled = ""
	}
	after := webhookToDoc(w)
	return after, w.Validate()
}

func tooManyWebhooks() error {
	return &license.InvalidError{Faults: []license.Fault{{
		Field: "id", Message: fmt.Sprintf("is one too many: an organization has at most %d webhooks; delete one first", webhook.Most),
	}}}
}

func webhookObject(organizationID, id string) string {
	return organizationObject(organizationID) + "/webhooks/" + id
}

// delivery is a delivery's document under its name.
type delivery struct {
	id  string
	doc deliveryDoc
}

// deliveryDoc is orgs/{organization}/queues/{queue}/deliveries/{delivery}.
type deliveryDoc struct {
	EventID       string    `firestore:"event_id"`
	Type          string    `firestore:"type"`
	Subject       string    `firestore:"subject"`
	Body          string    `firestore:"body"`
	State         string    `firestore:"state"`
	MadeAt        time.Time `firestore:"made_at"`
	Attempts      int       `firestore:"attempts"`
	LastAttemptAt time.Time `firestore:"last_attempt_at,omitempty"`
	LastStatus    int       `firestore:"last_status,omitempty"`
	LastFailure   string    `firestore:"last_failure,omitempty"`
	// PurgeAt is for Firestore's TTL policy alone: see [RetainEvents].
	PurgeAt time.Time `firestore:"purge_at"`
}

func newDelivery(e event.Event, at time.Time) (delivery, error) {
	body, err := e.Encode()
	if err != nil {
		return delivery{}, err
	}
	return delivery{e.Name(), deliveryDoc{
		EventID: e.ID, Type: string(e.Type), Subject: e.Subject, Body: string(body), State: string(DeliveryPending),
		MadeAt: recordTime(at), PurgeAt: recordTime(at.Add(RetainEvents)),
	}}, nil
}

func (d deliveryDoc) delivery(id string) Delivery {
	return Delivery{
		ID: id, EventID: d.EventID, Type: event.Type(d.Type), Subject: d.Subject, Body: []byte(d.Body), State: DeliveryState(d.State),
		MadeAt: recordTime(d.MadeAt), Attempts: d.Attempts, LastAttemptAt: recordTime(d.LastAttemptAt), LastStatus: d.LastStatus, LastFailure: d.LastFailure,
	}
}

// fields are those that the audit keeps.
func (d deliveryDoc) fields() map[string]any {
	return map[string]any{
		"event_id": d.EventID, "type": d.Type, "state": d.State, "attempts": int64(d.Attempts), "made_at": recordTime(d.MadeAt),
	}
}

// retried is the document of one that is to be sent again.
func (d deliveryDoc) retried(at time.Time) deliveryDoc {
	d.State, d.MadeAt, d.PurgeAt, d.Attempts = string(DeliveryPending), recordTime(at), recordTime(at.Add(RetainEvents)), 0
	return d
}

// lastSegment is what stands behind the last slash.
func lastSegment(object string) string { return object[strings.LastIndexByte(object, '/')+1:] }
