package admin

import (
	"context"
	"net/http"
	"slices"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func listMyLicenses() web.Operation {
	return web.Operation{
		ID: "listMyLicenses", Method: http.MethodGet, Path: api.PathMyLicenses, Query: pageQuery(),
		Summary: "List what one's organization has", Description: "Its licenses by id, a page at a time, and how many of their seats are held. A change by the vendor is seen within 30 seconds, as by acquire. While the seat ledger is away or being rebuilt they are listed all the same, and the numbers are absent.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.LicenseUseList{
			Licenses: []api.LicenseUse{exampleUse()}, After: exampleUse().LicenseID,
		}}},
		Problems: []api.Code{api.OrganizationNotFound},
	}
}

func (f *function) listMyLicenses(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, license.ValidID)
	if err != nil {
		return web.Answer{}, err
	}
	bought, after, err := f.bought(ctx, c, p)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "listed", Body: api.LicenseUseList{
		Licenses: f.uses(bought.Organization, bought.Licenses, f.count(ctx, c, bought.Licenses)), After: after,
	}}, nil
}

// bought is what the caller's organization has, with one page of its licenses, and the
// after of the next one. It comes out of memory, as acquire's does: whoever watches asks
// every few seconds.
func (f *function) bought(ctx context.Context, c web.Call, p page) (bought license.Entitlements, after string, err error) {
	if bought, err = f.Entitlements.Get(ctx, c.Caller, record.Usual); err != nil {
		return bought, "", err
	}
	behind := slices.DeleteFunc(bought.Licenses, func(l license.License) bool { return l.ID <= p.after }) // they are ascending
	some, more := cut(behind, p)
	if more {
		after = some[len(some)-1].ID
	}
	bought.Licenses = some
	return bought, after, nil
}

func listMySessions() web.Operation {
	return web.Operation{
		ID: "listMySessions", Method: http.MethodGet, Path: api.PathMySessions, Query: pageQuery(),
		Summary: "List one's own live sessions", Description: "The caller's sessions whose end is not recorded, the newest acquired first, a page at a time. While the seat ledger is away or being rebuilt they are listed all the same, and each one's state is unknown.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.SessionList{
			Sessions: []api.LiveSession{exampleLive()}, After: "3f-" + exampleLive().SessionID,
		}}},
		Problems: []api.Code{api.OrganizationNotFound},
	}
}

func (f *function) listMySessions(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, looked)
	if err != nil {
		return web.Answer{}, err
	}
	return f.sessions(ctx, c, sessionQuery{SessionFilter: record.SessionFilter{UserID: c.Caller.UserID}}, p)
}
