package admin

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func exampleOrganization() api.Organization {
	return api.Organization{
		ID: "acme", Name: "Acme Inc.", Slug: "acme", SubscriptionTier: "team", MaxConcurrentSeats: 100, Status: "active", ETag: `"3f0a"`,
	}
}

func listOrganizations() web.Operation {
	return web.Operation{
		ID: "listOrganizations", Method: http.MethodGet, Path: api.PathOrganizations, Query: pageQuery(), Access: web.AccessStaff,
		Summary: "List organizations", Description: forVendor + "By id, a page at a time.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.OrganizationList{
			Organizations: []api.Organization{exampleOrganization()}, After: "acme",
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) listOrganizations(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, license.ValidID)
	if err != nil {
		return web.Answer{}, err
	}
	found, err := f.Record.Organizations(ctx, p.after, p.limit+1)
	if err != nil {
		return web.Answer{}, afterError(err, license.ErrOrganizationNotFound)
	}
	found, more := cut(found, p)
	list := api.OrganizationList{Organizations: make([]api.Organization, len(found))}
	for i, o := range found {
		list.Organizations[i] = organization(o)
	}
	if more {
		list.After = found[len(found)-1].Value.ID
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}

func organization(o record.Revised[license.Organization]) api.Organization {
	return api.Organization{
		ID: o.Value.ID, Name: o.Value.Name, Slug: o.Value.Slug, SubscriptionTier: o.Value.SubscriptionTier,
		MaxConcurrentSeats: o.Value.MaxConcurrentSeats, Status: string(o.Value.Status), ETag: etag(o.Revision),
	}
}

func createOrganization() web.Operation {
	return web.Operation{
		ID: "createOrganization", Method: http.MethodPost, Path: api.PathOrganizations, Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: keyHeader(), Body: web.BodyRequired,
		Summary: "Create an organization", Description: strings.TrimSpace(forVendor),
		Answers: []web.Documented{{
			Status: http.StatusCreated, Description: "It is there, or would be.", Body: exampleOrganization(), Headers: etagHeader(),
		}},
		Problems: []api.Code{api.Forbidden, api.AlreadyExists, api.IdempotencyKeyReused},
	}
}

func (f *function) createOrganization(ctx context.Context, c web.Call, in api.OrganizationInput) (web.Answer, error) {
	a, err := f.creation(c)
	if err != nil {
		return web.Answer{}, err
	}
	org := license.Organization{
		ID: in.ID, Name: in.Name, Slug: in.Slug, SubscriptionTier: in.SubscriptionTier,
		MaxConcurrentSeats: in.MaxConcurrentSeats, Status: statusOr(in.Status),
	}
	if err := org.Validate(); err != nil { // before the id is looked for: one that cannot be is a fault of the body
		return web.Answer{}, err
	}
	org.Slug = cmp.Or(org.Slug, org.ID)
	made, err := f.Record.CreateOrganization(ctx, staff(c, in.ID), a, org)
	if err != nil {
		return web.Answer{}, err
	}
	f.done(a, in.ID)
	return answered(http.StatusCreated, "created", made.Revision, organization(made)), nil
}

func getOrganization() web.Operation {
	return web.Operation{
		ID: "getOrganization", Method: http.MethodGet, Path: api.PathOrganization, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Summary: "Read an organization", Description: strings.TrimSpace(forVendor),
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "It.", Body: exampleOrganization(), Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) getOrganization(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, err := f.Record.Organization(ctx, caller(c))
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusOK, "read", found.Revision, organization(found)), nil
}

func patchOrganization() web.Operation {
	return web.Operation{
		ID: "patchOrganization", Method: http.MethodPatch, Path: api.PathOrganization, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query: nowQuery(), Headers: matchHeader(), Body: web.BodyRequired,
		Summary: "Change an organization", Description: forVendor + "Suspended, it is granted nothing, and its sessions end at their next heartbeat, or at once.",
		Answers: []web.Documented{{
			Status: http.StatusOK, Description: "As it is now, or would be.", Headers: etagHeader(), Body: api.ChangedOrganization{Organization: exampleOrganization()},
		}},
		Problems: []api.Code{api.Forbidden, api.AlreadyExists, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) patchOrganization(ctx context.Context, c web.Call, in api.OrganizationPatch) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	endNow, err := atOnce(c)
	if err != nil {
		return web.Answer{}, err
	}
	now, err := f.Record.ChangeOrganization(ctx, caller(c), a, revision, func(o *license.Organization) error {
		set(&o.Name, in.Name)
		set(&o.Slug, in.Slug)
		set(&o.SubscriptionTier, in.SubscriptionTier)
		set(&o.MaxConcurrentSeats, in.MaxConcurrentSeats)
		set(&o.Status, (*license.Status)(in.Status))
		return suspending(endNow, o.Status)
	})
	if err != nil {
		return web.Answer{}, err
	}
	f.done(a, now.Value.ID)
	changed := api.ChangedOrganization{Organization: organization(now)}
	if endNow {
		changed.EndedNow = f.endNow(ctx, c, a, record.SessionFilter{})
	}
	return answered(http.StatusOK, "changed", now.Revision, changed), nil
}
