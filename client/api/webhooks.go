package api

import "strings"

// The paths of webhooks, for the vendor and for owners of an organization. What is done
// to one stands behind a colon.
const (
	PathWebhooks           = "/api/v1/control/organizations/{organization}/webhooks"
	PathWebhook            = "/api/v1/control/organizations/{organization}/webhooks/{webhook}"
	PathWebhookRotate      = "/api/v1/control/organizations/{organization}/webhooks/{webhook}:rotate-secret"
	PathDeliveries         = "/api/v1/control/organizations/{organization}/webhooks/{webhook}/deliveries"
	PathDeliveryRetry      = "/api/v1/control/organizations/{organization}/webhooks/{webhook}/deliveries/{delivery}:retry"
	PathAdminWebhooks      = "/api/v1/admin/webhooks"
	PathAdminWebhook       = "/api/v1/admin/webhooks/{webhook}"
	PathAdminWebhookRotate = "/api/v1/admin/webhooks/{webhook}:rotate-secret"
	PathAdminDeliveries    = "/api/v1/admin/webhooks/{webhook}/deliveries"
	PathAdminDeliveryRetry = "/api/v1/admin/webhooks/{webhook}/deliveries/{delivery}:retry"
)

// ParamWebhook stands for the webhook's id in these paths, ParamDelivery for the
// delivery's. QueryState is the query that lists deliveries of one state.
const (
	ParamWebhook  = "{webhook}"
	ParamDelivery = "{delivery}"
	QueryState    = "state"
)

// The states of a [Delivery].
const (
	DeliveryPending   = "pending"
	DeliveryDelivered = "delivered"
	DeliveryDead      = "dead"
)

// WebhookInput is a webhook to be created.
type WebhookInput struct {
	ID      string `json:"id" example:"crm" doc:"1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen; one of its organization. It cannot be changed."`
	URL     string `json:"url" example:"https://hooks.acme.example/licenses" doc:"Where events are sent: an https URL of at most 2048 bytes on the internet, of port 443 or 8443, without user, password and fragment."`
	Types   List   `json:"types,omitempty" example:"pool.90" doc:"The types of events that are sent; absent: all, those of later versions too."`
	Enabled *bool  `json:"enabled,omitempty" example:"true" doc:"Whether events are sent and kept for it; true, if absent."`
}

// WebhookPatch is what is to change of a webhook. What is absent stays.
type WebhookPatch struct {
	URL     *string `json:"url,omitempty" example:"https://hooks.acme.example/licenses" doc:"Where events are sent from now on, those that wait as well."`
	Types   *List   `json:"types,omitempty" example:"pool.90" doc:"All the types that are sent, in place of those before; none: all there are."`
	Enabled *bool   `json:"enabled,omitempty" example:"false" doc:"false: nothing is sent, and what happens is not kept for it. true: what waits is sent at once."`
}

// Webhook is where events of an organization are sent.
type Webhook struct {
	ID       string `json:"id" example:"crm" doc:"The webhook."`
	URL      string `json:"url" example:"https://hooks.acme.example/licenses" doc:"Where events are sent."`
	Types    List   `json:"types" nullable:"false" example:"pool.90" doc:"The types of events that are sent; none: all."`
	Enabled  bool   `json:"enabled" doc:"Whether events are sent, and kept for it."`
	Disabled string `json:"disabled,omitempty" enum:"gone" example:"gone" doc:"Why the service disabled it: its receiver answered 410."`
	// RotatedAt is when the present secret was made.
	RotatedAt Time   `json:"rotated_at" format:"date-time" doc:"When its secret was made. The one before signs as well for 24 hours from then on."`
	ETag      string `json:"etag" example:"\"3f0a\"" doc:"What If-Match of a change names; empty for one that a dry run would create."`
}

// WebhookWithSecret is a webhook whose secret was made just now.
type WebhookWithSecret struct {
	Webhook
	Secret string `json:"secret,omitempty" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=" doc:"What the receiver verifies signatures with. It is told this once. Absent for a dry run."`
}

// WebhookList is all webhooks of an organization, by id: ten at most.
type WebhookList struct {
	Webhooks []Webhook `json:"webhooks" nullable:"false" doc:"Ascending by id."`
}

// Delivery is one event on its way to a webhook.
type Delivery struct {
	ID            string `json:"id" example:"1795435201000000-0-3b5d5c3712955042212316173ccf37be" doc:"The delivery: its place among those of the webhook, which are in the order of events."`
	EventID       string `json:"event_id" example:"3b5d5c3712955042212316173ccf37be" doc:"The event, as its id and the header Webhook-Id name it."`
	Type          string `json:"type" example:"seat.granted" doc:"What happened."`
	Subject       string `json:"subject" example:"sessions/01993f5a-6c00-7000-8000-000000000001" doc:"To what it happened."`
	State         string `json:"state" enum:"pending,delivered,dead" example:"pending" doc:"pending: it is to be sent, once those before it are. delivered: the receiver took it. dead: it was tried for three days in vain, and is not tried again by itself."`
	MadeAt        Time   `json:"made_at" format:"date-time" doc:"When it was put into the webhook's queue, or retried on request."`
	Attempts      int    `json:"attempts" minimum:"0" example:"2" doc:"How often it was sent since then."`
	LastAttemptAt Time   `json:"last_attempt_at,omitzero" format:"date-time" doc:"When it was last sent; absent until then."`
	LastStatus    int    `json:"last_status,omitempty" example:"503" doc:"What the receiver answered; absent where it did not."`
	LastFailure   string `json:"last_failure,omitempty" example:"timeout" doc:"Why there was no answer: address_not_allowed, name_not_found, timeout, tls or connection."`
}

// DeliveryList is a page of a webhook's deliveries.
type DeliveryList struct {
	Deliveries []Delivery `json:"deliveries" nullable:"false" doc:"The oldest event first."`
	After      string     `json:"after,omitempty" example:"1795435201000000-0-3b5d5c3712955042212316173ccf37be" doc:"There are more: ask with this as after. Absent on the last page."`
}

// WebhooksPath is the path of an organization's webhooks, for the vendor.
func WebhooksPath(organizationID string) string {
	return strings.Replace(PathWebhooks, ParamOrganization, organizationID, 1)
}

// WebhookPath is the path of one webhook, for the vendor.
func WebhookPath(organizationID, webhookID string) string {
	return inOrganization(PathWebhook, organizationID, ParamWebhook, webhookID)
}

// WebhookRotatePath is where a webhook gets a new secret, for the vendor.
func WebhookRotatePath(organizationID, webhookID string) string {
	return inOrganization(PathWebhookRotate, organizationID, ParamWebhook, webhookID)
}

// DeliveriesPath is the path of a webhook's deliveries, for the vendor.
func DeliveriesPath(organizationID, webhookID string) string {
	return inOrganization(PathDeliveries, organizationID, ParamWebhook, webhookID)
}

// DeliveryRetryPath is where a delivery is sent again, for the vendor.
func DeliveryRetryPath(organizationID, webhookID, deliveryID string) string {
	return strings.Replace(inOrganization(PathDeliveryRetry, organizationID, ParamWebhook, webhookID), ParamDelivery, deliveryID, 1)
}

// AdminWebhookPath is the path of one webhook, for an owner of its organization; as the
// following with more behind it.
func AdminWebhookPath(webhookID string) string {
	return strings.Replace(PathAdminWebhook, ParamWebhook, webhookID, 1)
}

// AdminWebhookRotatePath is where a webhook gets a new secret, for an owner.
func AdminWebhookRotatePath(webhookID string) string {
	return strings.Replace(PathAdminWebhookRotate, ParamWebhook, webhookID, 1)
}

// AdminDeliveriesPath is the path of a webhook's deliveries, for an owner.
func AdminDeliveriesPath(webhookID string) string {
	return strings.Replace(PathAdminDeliveries, ParamWebhook, webhookID, 1)
}

// AdminDeliveryRetryPath is where a delivery is sent again, for an owner.
func AdminDeliveryRetryPath(webhookID, deliveryID string) string {
	return strings.Replace(strings.Replace(PathAdminDeliveryRetry, ParamWebhook, webhookID, 1), ParamDelivery, deliveryID, 1)
}
