package admin

import (
	"context"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func adminOverview() web.Operation {
	org := exampleOrganization()
	return web.Operation{
		ID: "adminOverview", Method: http.MethodGet, Path: api.PathAdminOverview, Query: pageQuery(), Access: web.AccessAdmin,
		Summary: "Read how much of what the organization has is used", Description: "The organization, and its licenses by id, a page at a time. A change by the vendor is seen within 30 seconds, as by acquire. Today is from midnight on, in UTC. While the seat ledger is away or being rebuilt all is told that was bought, and what is held now is absent; so is what was counted today while the record is away.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "It.", Body: api.Overview{
			OrganizationID: org.ID, Name: org.Name, Status: org.Status, SeatsUsed: new(12), SeatsMax: org.MaxConcurrentSeats,
			Licenses: []api.LicenseOverview{{LicenseUse: exampleUse(), PeakToday: new(9), DenialsToday: new(int64(2))}}, After: exampleUse().LicenseID,
		}}},
		Problems: []api.Code{api.OrganizationNotFound},
	}
}

func (f *function) adminOverview(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, license.ValidID)
	if err != nil {
		return web.Answer{}, err
	}
	bought, after, err := f.bought(ctx, c, p)
	if err != nil {
		return web.Answer{}, err
	}
	org, counted := bought.Organization, f.count(ctx, c, bought.Licenses)
	licenses := overviews(f.uses(org, bought.Licenses, counted), f.today(ctx, c))
	return web.Answer{Outcome: "read", Body: api.Overview{
		OrganizationID: org.ID, Name: org.Name, Status: string(org.Status),
		SeatsUsed: counted.organization, SeatsMax: org.MaxConcurrentSeats,
		Licenses: licenses, After: after,
	}}, nil
}

// overviews are licenses with what was counted of them today.
func overviews(uses []api.LicenseUse, today map[string]usage.Counts) []api.LicenseOverview {
	out := make([]api.LicenseOverview, len(uses))
	for i, use := range uses {
		out[i] = api.LicenseOverview{LicenseUse: use}
		if today == nil {
			continue
		}
		counts := today[use.LicenseID]
		out[i].PeakToday, out[i].DenialsToday = new(peakOf(counts, use.SeatsUsed)), new(counts.Denials())
	}
	return out
}

func exampleOwn() api.OwnLicense {
	return api.OwnLicense{License: exampleLicense(), State: api.StateActive, SeatsUsed: new(3)}
}

func adminListLicenses() web.Operation {
	op := forAdmins(listLicenses(), "adminListLicenses", api.PathAdminLicenses, "List the organization's licenses")
	op.Description += " Each with how many of its seats are held, which is absent while the seat ledger is away or being rebuilt."
	op.Answers = []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.OwnLicenseList{
		Licenses: []api.OwnLicense{exampleOwn()}, After: exampleOwn().ID,
	}}}
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func (f *function) adminListLicenses(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, after, err := f.licenses(ctx, c)
	if err != nil {
		return web.Answer{}, err
	}
	own, err := f.own(ctx, c, found)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "listed", Body: api.OwnLicenseList{Licenses: own, After: after}}, nil
}

// adminGetLicense has no entity tag: with its counters the answer changes while the
// document does not.
func adminGetLicense() web.Operation {
	op := forAdmins(getLicense(), "adminGetLicense", api.PathAdminLicense, "Read a license of the organization")
	op.Description = "What was bought, and how many of its seats are held, which is absent while the seat ledger is away or being rebuilt."
	op.Answers = []web.Documented{{Status: http.StatusOK, Description: "It.", Body: exampleOwn()}}
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func (f *function) adminGetLicense(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, err := f.Record.License(ctx, c.Caller, c.Param("license"))
	if err != nil {
		return web.Answer{}, err
	}
	own, err := f.own(ctx, c, []record.Revised[license.License]{found})
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "read", Body: own[0]}, nil
}

// own are licenses of the caller's organization with their states and counters.
func (f *function) own(ctx context.Context, c web.Call, found []record.Revised[license.License]) ([]api.OwnLicense, error) {
	org, err := f.Record.Organization(ctx, c.Caller)
	if err != nil {
		return nil, err
	}
	all := make([]license.License, len(found))
	for i, l := range found {
		all[i] = l.Value
	}
	uses := f.uses(org.Value, all, f.count(ctx, c, all))
	own := make([]api.OwnLicense, len(found))
	for i, l := range found {
		own[i] = api.OwnLicense{License: wire(l), State: uses[i].State, SeatsUsed: uses[i].SeatsUsed}
	}
	return own, nil
}
