package control

import (
	"context"
	"net/http"
	"net/url"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Webhooks are an organization's webhooks, by id.
func (c *Client) Webhooks(ctx context.Context, organization string) ([]api.Webhook, error) {
	found, err := call[api.WebhookList](ctx, c, read(api.WebhooksPath(url.PathEscape(organization))))
	return found.Webhooks, err
}

// Webhook is one of them as it is now.
func (c *Client) Webhook(ctx context.Context, organization, id string) (api.Webhook, error) {
	return call[api.Webhook](ctx, c, read(webhookPath(organization, id)))
}

// CreateWebhook creates one and tells its secret. Of a dry run it is what would be.
func (c *Client) CreateWebhook(ctx context.Context, organization string, in api.WebhookInput, dry bool) (api.WebhookWithSecret, error) {
	return call[api.WebhookWithSecret](ctx, c, create(api.WebhooksPath(url.PathEscape(organization)), in, dry))
}

// ChangeWebhook changes one if it still has that ETag.
func (c *Client) ChangeWebhook(ctx context.Context, organization, id, etag string, patch api.WebhookPatch, dry bool) (api.Webhook, error) {
	return call[api.Webhook](ctx, c, change(http.MethodPatch, webhookPath(organization, id), etag, patch, dry))
}

// RotateWebhook makes the next secret of one if it still has that ETag, and tells it.
func (c *Client) RotateWebhook(ctx context.Context, organization, id, etag string, dry bool) (api.WebhookWithSecret, error) {
	path := api.WebhookRotatePath(url.PathEscape(organization), url.PathEscape(id))
	r := post(path, dry)
	r.header.Set(api.HeaderIfMatch, etag)
	r.repeatable = false // where its answer is lost it is refused, as its secret is told once
	return call[api.WebhookWithSecret](ctx, c, r)
}

// DeleteWebhook deletes one if it still has that ETag.
func (c *Client) DeleteWebhook(ctx context.Context, organization, id, etag string, dry bool) error {
	_, err := c.send(ctx, change(http.MethodDelete, webhookPath(organization, id), etag, nil, dry))
	return err
}

// Deliveries are those of a webhook, the oldest event first: of a state, where one is
// named, and so many at most, or all for 0.
func (c *Client) Deliveries(ctx context.Context, organization, id, state string, limit int) ([]api.Delivery, error) {
	query := url.Values{}
	if state != "" {
		query.Set(api.QueryState, state)
	}
	path := api.DeliveriesPath(url.PathEscape(organization), url.PathEscape(id))
	return pages(ctx, c, path, query, limit, func(p api.DeliveryList) ([]api.Delivery, string) { return p.Deliveries, p.After })
}

// RetryDelivery has one sent again. It may be asked twice.
func (c *Client) RetryDelivery(ctx context.Context, organization, id, delivery string, dry bool) error {
	_, err := c.send(ctx, post(api.DeliveryRetryPath(url.PathEscape(organization), url.PathEscape(id), url.PathEscape(delivery)), dry))
	return err
}

func webhookPath(organization, id string) string {
	return api.WebhookPath(url.PathEscape(organization), url.PathEscape(id))
}
