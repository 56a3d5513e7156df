package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func exampleLicense() api.License {
	return api.License{
		ID: "acme-pro", OrganizationID: "acme", Product: "studio", Plan: "pro", MaxSeats: 10, Status: "active",
		ExpiresAt: "2030-01-01T00:00:00.000Z", GraceSeconds: 604_800, Handover: 10, MaxSessionsPerUser: 3, Entitlements: api.List{"export"}, ETag: `"3f0a"`,
	}
}

// wire is the license as it is answered.
func wire(l record.Revised[license.License]) api.License {
	out := api.License{
		ID: l.Value.ID, OrganizationID: l.Value.OrganizationID, Product: l.Value.Product, Plan: l.Value.Plan,
		MaxSeats: l.Value.MaxSeats, Status: string(l.Value.Status), GraceSeconds: int64(l.Value.Grace / time.Second),
		OfflineMaxSeconds: int64(l.Value.OfflineMax / time.Second), Handover: license.DefaultHandover, MaxSessionsPerUser: l.Value.MaxSessionsPerUser,
		ExpiresAt: ends(l.Value), Entitlements: l.Value.Entitlements, ETag: etag(l.Revision),
	}
	set(&out.Handover, l.Value.Handover)
	return out
}

// ends is when a license ends, as it is answered; empty where nobody has said it.
func ends(l license.License) string {
	switch {
	case !l.ExpiresAt.IsZero():
		return api.NewTime(l.ExpiresAt).String()
	case l.Perpetual:
		return api.Never
	}
	return ""
}

// end sets when a license ends. What is no time says nothing of it, which the
// license's own rules refuse together with all else.
func end(l *license.License, text string) {
	l.Perpetual, l.ExpiresAt = text == api.Never, time.Time{}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		l.ExpiresAt = at.UTC()
	}
}

func listLicenses() web.Operation {
	return web.Operation{
		ID: "listLicenses", Method: http.MethodGet, Path: api.PathLicenses, Params: []web.Param{organizationParam()}, Query: pageQuery(), Access: web.AccessStaff,
		Summary: "List an organization's licenses", Description: forVendor + "By id, a page at a time.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.LicenseList{
			Licenses: []api.License{exampleLicense()}, After: "acme-pro",
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) listLicenses(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, after, err := f.licenses(ctx, c)
	if err != nil {
		return web.Answer{}, err
	}
	list := api.LicenseList{Licenses: make([]api.License, len(found)), After: after}
	for i, l := range found {
		list.Licenses[i] = wire(l)
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}

// licenses are the page that is asked for, and the after of the next one.
func (f *function) licenses(ctx context.Context, c web.Call) (found []record.Revised[license.License], after string, err error) {
	p, err := pageOf(c, license.ValidID)
	if err != nil {
		return nil, "", err
	}
	found, err = f.Record.LicensePage(ctx, caller(c), p.after, p.limit+1)
	if err != nil {
		return nil, "", afterError(err, license.ErrLicenseNotFound)
	}
	found, more := cut(found, p)
	if more {
		after = found[len(found)-1].Value.ID
	}
	return found, after, nil
}

func createLicense() web.Operation {
	return web.Operation{
		ID: "createLicense", Method: http.MethodPost, Path: api.PathLicenses, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: keyHeader(), Body: web.BodyRequired,
		Summary: "Create a license", Description: forVendor + "It says when it ends, or that it never does. What is wrong with the license is told before its organization is looked for: a dry run can be made before that is there.",
		Answers: []web.Documented{{
			Status: http.StatusCreated, Description: "It is there, or would be.", Body: exampleLicense(), Headers: etagHeader(),
		}},
		Problems: []api.Code{api.Forbidden, api.AlreadyExists, api.IdempotencyKeyReused},
	}
}

func (f *function) createLicense(ctx context.Context, c web.Call, in api.LicenseInput) (web.Answer, error) {
	a, err := f.creation(c)
	if err != nil {
		return web.Answer{}, err
	}
	lic := license.License{
		ID: in.ID, OrganizationID: caller(c).OrganizationID, Product: in.Product, Plan: in.Plan, MaxSeats: in.MaxSeats, Status: statusOr(in.Status),
		Grace: license.Seconds(in.GraceSeconds), OfflineMax: license.Seconds(in.OfflineMaxSeconds), Handover: in.Handover, Entitlements: in.Entitlements,
		MaxSessionsPerUser: in.MaxSessionsPerUser,
	}
	end(&lic, in.ExpiresAt)
	if err := lic.Validate(); err != nil { // before the id is looked for: one that cannot be is a fault of the body
		return web.Answer{}, err
	}
	made, err := f.Record.CreateLicense(ctx, caller(c), a, lic)
	if err != nil {
		return web.Answer{}, err
	}
	f.done(a, lic.OrganizationID)
	return answered(http.StatusCreated, "created", made.Revision, wire(made)), nil
}

func oneLicense() []web.Param { return []web.Param{organizationParam(), licenseParam()} }

func getLicense() web.Operation {
	return web.Operation{
		ID: "getLicense", Method: http.MethodGet, Path: api.PathLicense, Params: oneLicense(), Access: web.AccessStaff,
		Summary: "Read a license", Description: strings.TrimSpace(forVendor),
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "It.", Body: exampleLicense(), Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) getLicense(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, err := f.Record.License(ctx, caller(c), c.Param("license"))
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusOK, "read", found.Revision, wire(found)), nil
}

func patchLicense() web.Operation {
	return web.Operation{
		ID: "patchLicense", Method: http.MethodPatch, Path: api.PathLicense, Params: oneLicense(), Access: web.AccessStaff,
		Query: nowQuery(), Headers: matchHeader(), Body: web.BodyRequired,
		Summary: "Change a license", Description: forVendor + "Fewer seats, and fewer sessions for each user, end nobody's session; suspended, its sessions end at their next heartbeat, or at once.",
		Answers: []web.Documented{{
			Status: http.StatusOK, Description: "As it is now, or would be.", Headers: etagHeader(), Body: api.ChangedLicense{License: exampleLicense()},
		}},
		Problems: []api.Code{api.Forbidden, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) patchLicense(ctx context.Context, c web.Call, in api.LicensePatch) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	endNow, err := atOnce(c)
	if err != nil {
		return web.Answer{}, err
	}
	now, err := f.Record.ChangeLicense(ctx, caller(c), a, c.Param("license"), revision, patch(in, endNow))
	if err != nil {
		return web.Answer{}, err
	}
	f.done(a, now.Value.OrganizationID)
	changed := api.ChangedLicense{License: wire(now)}
	if endNow {
		changed.EndedNow = f.endNow(ctx, c, a, record.SessionFilter{LicenseID: now.Value.ID})
	}
	return answered(http.StatusOK, "changed", now.Revision, changed), nil
}

// patch makes the change. endNow: it is to suspend the license.
func patch(in api.LicensePatch, endNow bool) func(*license.License) error {
	return func(l *license.License) error {
		set(&l.Product, in.Product)
		set(&l.Plan, in.Plan)
		set(&l.MaxSeats, in.MaxSeats)
		set(&l.Status, (*license.Status)(in.Status))
		set(&l.Entitlements, (*[]string)(in.Entitlements))
		if in.GraceSeconds != nil {
			l.Grace = license.Seconds(*in.GraceSeconds)
		}
		if in.OfflineMaxSeconds != nil {
			l.OfflineMax = license.Seconds(*in.OfflineMaxSeconds)
		}
		set(&l.MaxSessionsPerUser, in.MaxSessionsPerUser)
		if in.Handover != nil {
			l.Handover = in.Handover
		}
		if in.ExpiresAt != nil {
			end(l, *in.ExpiresAt)
		}
		return suspending(endNow, l.Status)
	}
}

func deleteLicense() web.Operation {
	return web.Operation{
		ID: "deleteLicense", Method: http.MethodDelete, Path: api.PathLicense, Params: oneLicense(), Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: matchHeader(),
		Summary: "Delete a license", Description: forVendor + "Its sessions end at their next heartbeat. The audit keeps what it was.",
		Answers:  []web.Documented{{Status: http.StatusNoContent, Description: "It is gone, or would be."}},
		Problems: []api.Code{api.Forbidden, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) deleteLicense(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	if err := f.Record.DeleteLicense(ctx, caller(c), a, c.Param("license"), revision); err != nil {
		return web.Answer{}, err
	}
	f.done(a, caller(c).OrganizationID)
	return web.Answer{Status: http.StatusNoContent, Outcome: "deleted"}, nil
}
