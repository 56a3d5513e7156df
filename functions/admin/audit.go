package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func listAudit() web.Operation {
	return web.Operation{
		ID: "listAudit", Method: http.MethodGet, Path: api.PathAudit, Params: []web.Param{organizationParam()}, Query: pageQuery(), Access: web.AccessStaff,
		Summary: "List who changed what", Description: forVendor + "Newest first, a page at a time.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.AuditList{Entries: []api.AuditEntry{{
			ID: "01993f5a-6c00-7000-8000-000000000001", At: api.NewTime(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)),
			Actor: "eve@vendor.example", Action: string(record.LicenseChanged), Object: "organizations/acme/licenses/acme-pro",
			Before: map[string]any{"max_seats": 10}, After: map[string]any{"max_seats": 12},
		}}}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func adminListAudit() web.Operation {
	op := forAdmins(listAudit(), "adminListAudit", api.PathAdminAudit, "List who changed what")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func (f *function) listAudit(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c)
	if err != nil {
		return web.Answer{}, err
	}
	found, err := f.Record.Audit(ctx, caller(c), p.after, p.limit+1)
	if err != nil {
		return web.Answer{}, afterError(err, record.ErrEntryNotFound)
	}
	return web.Answer{Outcome: "listed", Body: auditOf(found, p)}, nil
}

// auditOf is a page of an audit, of which one more was asked for.
func auditOf(found []record.Entry, p page) api.AuditList {
	found, more := cut(found, p)
	list := api.AuditList{Entries: make([]api.AuditEntry, len(found))}
	for i, e := range found {
		list.Entries[i] = entryOf(e)
	}
	if more {
		list.After = found[len(found)-1].ID
	}
	return list
}

// entryOf is an entry as it is answered.
func entryOf(e record.Entry) api.AuditEntry {
	return api.AuditEntry{
		ID: e.ID, At: api.NewTime(e.At), Actor: e.Actor, Action: string(e.Action), Object: e.Object, Before: e.Before, After: e.After, State: string(e.State),
	}
}
