package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func exampleDenials() api.DenialCounts {
	return api.DenialCounts{Denials: 3, Waited: 2, Lost: 1, ByLimit: api.DenialLimits{License: 3}}
}

func reportDenials() web.Operation {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	report := api.DenialReport{
		OrganizationID: "acme", From: api.NewTime(day), To: api.NewTime(day.AddDate(0, 0, 1)), Step: string(usage.StepDay),
		Licenses: []api.LicenseDenials{{
			LicenseID: "acme-pro", DenialCounts: exampleDenials(), Steps: []api.DenialStep{{At: api.NewTime(day), DenialCounts: exampleDenials()}},
		}},
	}
	return web.Operation{
		ID: "reportDenials", Method: http.MethodGet, Path: api.PathDenials, Params: []web.Param{organizationParam()}, Query: append(usageQuery(), denialsByParam()), Access: web.AccessStaff,
		Summary: "Report which requests were refused", Description: forVendor + "By license and by what refused: each refused request counts once. The seat ledger counts neither by user nor by project: it remembers of who was refused a digest, for some minutes, to tell who waited. " + howFar(),
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "The report.", Body: report}, asCSV(denialLines(report))},
		Problems: []api.Code{api.Forbidden},
	}
}

func denialsByParam() web.Param {
	return web.Param{Name: api.QueryBy, Description: "By what: by license, which is what it is if absent as well.", Enum: []any{api.ByLicense}}
}

// denialsBy refuses what refusals are not counted by.
func denialsBy(c web.Call) error {
	switch by := c.Query.Get(api.QueryBy); by {
	case "", api.ByLicense:
		return nil
	case api.ByUser, api.ByProject:
		return invalid(api.QueryBy, "is "+by+", and refusals are counted by license and limit alone: send license, or leave it out")
	default:
		return invalid(api.QueryBy, "is not license: send that, or leave it out")
	}
}

func (f *function) reportDenials(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	if err := denialsBy(c); err != nil {
		return web.Answer{}, err
	}
	p, err := periodOf(c, f.Now())
	if err != nil {
		return web.Answer{}, err
	}
	found, err := f.used(ctx, c, p)
	if err != nil {
		return web.Answer{}, err
	}
	report := api.DenialReport{
		OrganizationID: caller(c).OrganizationID, From: api.NewTime(p.from), To: api.NewTime(p.to), Step: string(p.step),
		Licenses: []api.LicenseDenials{},
	}
	for _, l := range found {
		if l.Total.Denials() == 0 {
			continue
		}
		out := api.LicenseDenials{LicenseID: l.LicenseID, DenialCounts: denialsOf(l.Total), Steps: []api.DenialStep{}}
		for _, s := range l.Steps {
			if s.Denials() > 0 {
				out.Steps = append(out.Steps, api.DenialStep{At: api.NewTime(s.At), DenialCounts: denialsOf(s.Counts)})
			}
		}
		report.Licenses = append(report.Licenses, out)
	}
	return formOf(c, report, func() [][]string { return denialLines(report) })
}

func adminReportDenials() web.Operation {
	op := forAdmins(reportDenials(), "adminReportDenials", api.PathAdminDenials, "Report which requests of the organization were refused")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func denialsOf(c usage.Counts) api.DenialCounts {
	return api.DenialCounts{
		Denials: c.Denials(), Waited: c.Waited, Lost: max(0, c.Denials()-c.Waited),
		ByLimit: api.DenialLimits{
			License: c.Refused(), User: c.Denied[string(license.LimitUser)], Organization: c.Denied[string(license.LimitOrganization)], Handover: c.Denied[string(license.LimitHandover)],
		},
	}
}
