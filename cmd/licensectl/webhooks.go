package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type webhookCommands struct {
	List       webhookList       `cmd:"" help:"List an organization's webhooks."`
	Show       webhookShow       `cmd:"" help:"Show a webhook."`
	Create     webhookCreate     `cmd:"" help:"Make a webhook, and print the secret that its receiver verifies with. It is told once."`
	Set        webhookSet        `cmd:"" help:"Change where a webhook leads, what it is sent, and whether."`
	Rotate     webhookRotate     `cmd:"" help:"Make a webhook's next secret, and print it. The one before signs for another 24 hours."`
	Remove     webhookRemove     `cmd:"" help:"Delete a webhook."`
	Deliveries webhookDeliveries `cmd:"" help:"List what was sent to a webhook, and what is to be."`
	Retry      webhookRetry      `cmd:"" help:"Send a delivery again."`
}

type webhookList struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
}

// Run lists webhooks.
func (l webhookList) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := c.Webhooks(ctx, l.Organization)
	if err != nil {
		return &show.Failure{Doing: "list webhooks of organization " + l.Organization, Look: "licensectl org list", Err: err}
	}
	columns := []show.Column{
		{Field: "id", Title: "WEBHOOK"},
		{Field: "url", Title: "URL"},
		{Field: "types", Title: "TYPES"},
		{Field: "enabled", Title: "ENABLED"},
	}
	return show.List(a.printer(), list, columns, func(w api.Webhook) string { return l.Organization + "/" + w.ID })
}

// Webhook is the webhook that a command is about.
type Webhook struct {
	ID webhookID `arg:"" name:"organization/webhook" help:"Whose, and its id, such as acme/crm."`
}

func (w Webhook) subject(c *control.Client) subject[api.Webhook, api.WebhookPatch] {
	return subject[api.Webhook, api.WebhookPatch]{
		kind: "webhook", name: w.ID.String(), look: "licensectl webhook list " + w.ID.organization,
		read: func(ctx context.Context) (api.Webhook, error) { return c.Webhook(ctx, w.ID.organization, w.ID.webhook) },
		change: func(ctx context.Context, etag string, patch api.WebhookPatch, dry bool) (api.Webhook, error) {
			return c.ChangeWebhook(ctx, w.ID.organization, w.ID.webhook, etag, patch, dry)
		},
	}
}

type webhookShow struct{ Webhook }

// Run shows a webhook.
func (w webhookShow) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	return w.subject(c).show(ctx, a)
}

type webhookCreate struct {
	Webhook
	URL   string   `arg:"" help:"Where events are sent, an https URL."`
	Types listFlag `placeholder:"A,B" help:"The types of events that are sent; all, if absent."`
	Write
}

// Run makes a webhook.
func (w webhookCreate) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	in := api.WebhookInput{ID: w.ID.webhook, URL: w.URL, Types: or(w.Types.value)}
	made, err := c.CreateWebhook(ctx, w.ID.organization, in, w.DryRun)
	if err != nil {
		return w.subject(c).failed("create", err)
	}
	return w.told(a, c, w.Write, "created", made)
}

// told shows a webhook whose secret was made just now.
func (w Webhook) told(a *app, c *control.Client, write Write, done string, made api.WebhookWithSecret) error {
	if a.program.Output != show.Table {
		return show.One(a.printer(), made, w.ID.String())
	}
	if err := w.subject(c).written(a, write, done, made.Webhook, fields.Said(made.Webhook)); err != nil || made.Secret == "" {
		return err
	}
	_, err := fmt.Fprintln(a.out, "Give this to the receiver; it is not told again:\n"+made.Secret)
	return err
}

type webhookSet struct {
	Webhook
	URL     *string  `placeholder:"URL" help:"Where events are sent."`
	Types   listFlag `placeholder:"A,B" help:"The types of events that are sent; '' for all."`
	Enable  bool     `xor:"enabled" help:"Send events from now on, and what waits."`
	Disable bool     `xor:"enabled" help:"Send nothing, and keep nothing for it."`
	Write
	Match
}

// Run changes a webhook.
func (w webhookSet) Run(ctx context.Context, a *app) error {
	patch := api.WebhookPatch{URL: w.URL, Types: w.Types.value}
	if w.Enable || w.Disable {
		patch.Enabled = &w.Enable
	}
	if patch == (api.WebhookPatch{}) {
		return errNothingToChange
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	return w.subject(c).alter(ctx, a, w.Write, w.Match, patch, nil)
}

type webhookRotate struct {
	Webhook
	Write
	Match
}

// Run makes the next secret.
func (w webhookRotate) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := w.subject(c)
	now, err := s.read(ctx)
	if err != nil {
		return s.failed("rotate the secret of", err)
	}
	made, err := c.RotateWebhook(ctx, w.ID.organization, w.ID.webhook, cmp.Or(w.IfMatch, now.ETag), w.DryRun)
	if err != nil {
		return s.failed("rotate the secret of", err)
	}
	return w.told(a, c, w.Write, "given its next secret", made)
}

type webhookRemove struct {
	Webhook
	Write
	Match
	Sure
}

// Run deletes a webhook.
func (w webhookRemove) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := w.subject(c)
	now, err := s.read(ctx)
	if err != nil {
		return s.failed("remove", err)
	}
	if !w.DryRun {
		question := fmt.Sprintf("Delete webhook %s? What waits for it is not sent.", w.ID)
		if err := asking(a, w.Sure, question)(); err != nil {
			return err
		}
	}
	if err := c.DeleteWebhook(ctx, w.ID.organization, w.ID.webhook, cmp.Or(w.IfMatch, now.ETag), w.DryRun); err != nil {
		return s.failed("remove", err)
	}
	return s.written(a, w.Write, "removed", now, nil)
}

type webhookDeliveries struct {
	Webhook
	State string `enum:"pending,delivered,dead," default:"" placeholder:"STATE" help:"Those that are pending, delivered or dead."`
	Limit int    `default:"50" help:"How many at most, the oldest event first; 0 for all."`
}

// Run lists deliveries.
func (w webhookDeliveries) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := c.Deliveries(ctx, w.ID.organization, w.ID.webhook, w.State, w.Limit)
	if err != nil {
		return w.subject(c).failed("list deliveries of", err)
	}
	columns := []show.Column{
		{Field: "type", Title: "TYPE"},
		{Field: "subject", Title: "SUBJECT"},
		{Field: "state", Title: "STATE"},
		{Field: "attempts", Title: "ATTEMPTS"},
		{Field: "last_status", Title: "STATUS"},
		{Field: "last_failure", Title: "FAILURE"},
		{Field: "id", Title: "DELIVERY"},
	}
	return show.List(a.printer(), list, columns, func(d api.Delivery) string { return w.ID.String() + "/" + d.ID })
}

type webhookRetry struct {
	Webhook
	Delivery string `arg:"" help:"The delivery, as webhook deliveries prints it."`
	Write
}

// Run has a delivery sent again.
func (w webhookRetry) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	if err := c.RetryDelivery(ctx, w.ID.organization, w.ID.webhook, w.Delivery, w.DryRun); err != nil {
		return &show.Failure{Doing: "retry delivery " + w.Delivery, Look: "licensectl webhook deliveries " + w.ID.String(), Err: err}
	}
	what := "delivery " + w.Delivery + " is sent again within a minute or so"
	if w.DryRun {
		what = "delivery " + w.Delivery + " would be sent again" + dryNote
	}
	_, err = fmt.Fprintln(a.out, what)
	return err
}
