package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
	"github.com/coditect-ai/coditect-licenses/shared/webhook"
)

// webhookRoutes are those of webhooks, which are the same at both doors: door makes of
// the vendor's operation that of the door.
func (f *function) webhookRoutes(door func(op web.Operation) web.Operation) []web.Route {
	return []web.Route{
		web.Handle(door(listWebhooks()), f.listWebhooks),
		once(f, door(createWebhook()), asSecret, f.createWebhook),
		web.Handle(door(getWebhook()), f.getWebhook),
		web.Handle(door(patchWebhook()), f.patchWebhook),
		web.Handle(door(deleteWebhook()), f.deleteWebhook),
		once(f, door(rotateWebhook()), asSecret, f.rotateWebhook),
		web.Handle(door(listDeliveries()), f.listDeliveries),
		web.Handle(recordKeeps(door(retryDelivery())), f.retryDelivery),
	}
}

func asDeclared(op web.Operation) web.Operation { return op }

// forOwners is the operation at the customers' door: whoever gets events learns who works
// when, and so owners alone say where they go.
func forOwners(op web.Operation) web.Operation {
	path := strings.Replace(op.Path, api.PathWebhooks, api.PathAdminWebhooks, 1)
	op = forAdmins(op, "admin"+strings.ToUpper(op.ID[:1])+op.ID[1:], path, op.Summary)
	op.Roles = []license.Role{license.RoleOwner}
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func oneWebhook() []web.Param {
	return []web.Param{organizationParam(), {
		Name: "webhook", Description: "The webhook.", Pattern: idPattern, Missing: api.WebhookNotFound,
	}}
}

func exampleWebhook() api.Webhook {
	return api.Webhook{
		ID: "crm", URL: "https://hooks.acme.example/licenses", Types: api.List{"pool.90"}, Enabled: true,
		RotatedAt: api.NewTime(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)), ETag: `"3f0a"`,
	}
}

func exampleSecret() api.WebhookWithSecret {
	return api.WebhookWithSecret{Webhook: exampleWebhook(), Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="} //nolint:gosec // an example
}

func webhookOf(w record.Revised[webhook.Webhook]) api.Webhook {
	out := api.Webhook{
		ID: w.Value.ID, URL: w.Value.URL, Enabled: w.Value.Enabled, Disabled: w.Value.Disabled,
		RotatedAt: api.NewTime(w.Value.RotatedAt), ETag: etag(w.Revision),
	}
	for _, t := range w.Value.Types {
		out.Types = append(out.Types, string(t))
	}
	return out
}

func eventTypes(types api.List) (all []event.Type) {
	for _, t := range types {
		all = append(all, event.Type(t))
	}
	return all
}

// withSecret is a webhook whose secret was made just now.
func (f *function) withSecret(c web.Call, a record.Act, w record.Revised[webhook.Webhook]) api.WebhookWithSecret {
	out := api.WebhookWithSecret{Webhook: webhookOf(w)}
	if !a.DryRun {
		out.Secret = f.WebhookKey.Secret(caller(c).OrganizationID, w.Value.Queue, w.Value.Generation).String()
	}
	return out
}

func listWebhooks() web.Operation {
	return web.Operation{
		ID: "listWebhooks", Method: http.MethodGet, Path: api.PathWebhooks, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Summary: "List an organization's webhooks", Description: forVendor + "By id: all of them, ten at most. Secrets are not told again.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "All.", Body: api.WebhookList{Webhooks: []api.Webhook{exampleWebhook()}}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) listWebhooks(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, err := f.Record.Webhooks(ctx, caller(c))
	if err != nil {
		return web.Answer{}, err
	}
	list := api.WebhookList{Webhooks: make([]api.Webhook, len(found))}
	for i, w := range found {
		list.Webhooks[i] = webhookOf(w)
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}

func createWebhook() web.Operation {
	return web.Operation{
		ID: "createWebhook", Method: http.MethodPost, Path: api.PathWebhooks, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query: dryRunQuery(), Body: web.BodyRequired,
		Summary: "Create a webhook", Description: forVendor + "Events from now on are sent to it, each signed as Standard Webhooks has it. The answer is the one place where its secret is told.",
		Answers: []web.Documented{{
			Status: http.StatusCreated, Description: "It is there, or would be.", Body: exampleSecret(), Headers: etagHeader(),
		}},
		Problems: []api.Code{api.Forbidden, api.AlreadyExists},
	}
}

func (f *function) createWebhook(ctx context.Context, c web.Call, in api.WebhookInput) (web.Answer, error) {
	a, err := f.act(c) // its key is once's: a repetition is not told the secret
	if err != nil {
		return web.Answer{}, err
	}
	w := webhook.Webhook{ID: in.ID, URL: in.URL, Types: eventTypes(in.Types), Enabled: in.Enabled == nil || *in.Enabled}
	if err := f.mayLead(w); err != nil { // before the id is looked for: one that cannot be is a fault of the body
		return web.Answer{}, err
	}
	made, err := f.Record.CreateWebhook(ctx, caller(c), a, w)
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusCreated, "created", made.Revision, f.withSecret(c, a, made)), nil
}

// mayLead refuses what cannot be a webhook, and addresses that only a local stack calls.
func (f *function) mayLead(w webhook.Webhook) error {
	if f.WebhookKey == nil {
		return web.ErrNotFound
	}
	if err := w.Validate(); err != nil {
		return err
	}
	if fault := f.WebhookPolicy.CheckURL(w.URL); fault != "" {
		return invalid("url", fault)
	}
	return nil
}

func getWebhook() web.Operation {
	return web.Operation{
		ID: "getWebhook", Method: http.MethodGet, Path: api.PathWebhook, Params: oneWebhook(), Access: web.AccessStaff,
		Summary: "Read a webhook", Description: strings.TrimSpace(forVendor),
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "It.", Body: exampleWebhook(), Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) getWebhook(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, err := f.Record.Webhook(ctx, caller(c), c.Param("webhook"))
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusOK, "read", found.Revision, webhookOf(found)), nil
}

func patchWebhook() web.Operation {
	return web.Operation{
		ID: "patchWebhook", Method: http.MethodPatch, Path: api.PathWebhook, Params: oneWebhook(), Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: matchHeader(), Body: web.BodyRequired,
		Summary: "Change a webhook", Description: forVendor + "What waits for one that is enabled is sent again at once. Its secret stays.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "As it is now, or would be.", Body: exampleWebhook(), Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) patchWebhook(ctx context.Context, c web.Call, in api.WebhookPatch) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	now, err := f.Record.ChangeWebhook(ctx, caller(c), a, c.Param("webhook"), revision, func(w *webhook.Webhook) error {
		set(&w.URL, in.URL)
		set(&w.Enabled, in.Enabled)
		if in.Types != nil {
			w.Types = eventTypes(*in.Types)
		}
		return f.mayLead(*w)
	})
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusOK, "changed", now.Revision, webhookOf(now)), nil
}

func deleteWebhook() web.Operation {
	return web.Operation{
		ID: "deleteWebhook", Method: http.MethodDelete, Path: api.PathWebhook, Params: oneWebhook(), Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: matchHeader(),
		Summary: "Delete a webhook", Description: forVendor + "What waits for it is not sent, and its secret is good for nothing any more, also for one that is made under the same id.",
		Answers:  []web.Documented{{Status: http.StatusNoContent, Description: "It is gone, or would be."}},
		Problems: []api.Code{api.Forbidden, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) deleteWebhook(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	if err := f.Record.DeleteWebhook(ctx, caller(c), a, c.Param("webhook"), revision); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "deleted"}, nil
}

func rotateWebhook() web.Operation {
	return web.Operation{
		ID: "rotateWebhook", Method: http.MethodPost, Path: api.PathWebhookRotate, Params: oneWebhook(), Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: matchHeader(),
		Summary: "Make a webhook's next secret", Description: forVendor + "The answer is the one place where it is told. The secret before signs as well for 24 hours, so that a receiver has the time to change; the one before that signs nothing any more.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "As it is now, or would be.", Body: exampleSecret(), Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) rotateWebhook(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	now, err := f.Record.ChangeWebhook(ctx, caller(c), a, c.Param("webhook"), revision, func(w *webhook.Webhook) error {
		w.Generation, w.RotatedAt = w.Generation+1, a.At
		return f.mayLead(*w)
	})
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusOK, "rotated", now.Revision, f.withSecret(c, a, now)), nil
}
