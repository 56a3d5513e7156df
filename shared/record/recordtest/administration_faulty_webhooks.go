package recordtest

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// Webhooks implements [record.Administration].
func (f *FaultyAdministration) Webhooks(ctx context.Context, caller license.Caller) ([]record.Revised[webhook.Webhook], error) {
	return around(ctx, f.hooks(), "Webhooks", func() ([]record.Revised[webhook.Webhook], error) {
		return f.Administration.Webhooks(ctx, caller)
	})
}

// Webhook implements [record.Administration].
func (f *FaultyAdministration) Webhook(ctx context.Context, caller license.Caller, id string) (record.Revised[webhook.Webhook], error) {
	return around(ctx, f.hooks(), "Webhook", func() (record.Revised[webhook.Webhook], error) {
		return f.Administration.Webhook(ctx, caller, id)
	})
}

// CreateWebhook implements [record.Administration].
func (f *FaultyAdministration) CreateWebhook(
	ctx context.Context, caller license.Caller, act record.Act, w webhook.Webhook,
) (record.Revised[webhook.Webhook], error) {
	return around(ctx, f.hooks(), "CreateWebhook", func() (record.Revised[webhook.Webhook], error) {
		return f.Administration.CreateWebhook(ctx, caller, act, w)
	})
}

// ChangeWebhook implements [record.Administration].
func (f *FaultyAdministration) ChangeWebhook(
	ctx context.Context, caller license.Caller, act record.Act, id, revision string, change func(*webhook.Webhook) error,
) (record.Revised[webhook.Webhook], error) {
	return around(ctx, f.hooks(), "ChangeWebhook", func() (record.Revised[webhook.Webhook], error) {
		return f.Administration.ChangeWebhook(ctx, caller, act, id, revision, change)
	})
}

// DeleteWebhook implements [record.Administration].
func (f *FaultyAdministration) DeleteWebhook(ctx context.Context, caller license.Caller, act record.Act, id, revision string) error {
	return f.hooks().do(ctx, "DeleteWebhook", func() error {
		return f.Administration.DeleteWebhook(ctx, caller, act, id, revision)
	})
}

// Deliveries implements [record.Administration].
func (f *FaultyAdministration) Deliveries(
	ctx context.Context, caller license.Caller, id string, state record.DeliveryState, after string, limit int,
) ([]record.Delivery, error) {
	return around(ctx, f.hooks(), "Deliveries", func() ([]record.Delivery, error) {
		return f.Administration.Deliveries(ctx, caller, id, state, after, limit)
	})
}

// RetryDelivery implements [record.Administration].
func (f *FaultyAdministration) RetryDelivery(ctx context.Context, caller license.Caller, act record.Act, id, delivery string) error {
	return f.hooks().do(ctx, "RetryDelivery", func() error {
		return f.Administration.RetryDelivery(ctx, caller, act, id, delivery)
	})
}
