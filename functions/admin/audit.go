package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// howFiltered is documented of every audit.
const howFiltered = "Newest first, a page at a time. A page of a filtered list may have fewer entries than were asked for, or none, and yet an after: up to 1000 entries are looked at for one."

func auditQuery() []web.Param {
	return append(pageQuery(),
		web.Param{Name: api.QueryActor, Description: "Acts of this one alone, as an entry names it: an e-mail address or a user id."},
		web.Param{Name: api.QueryAction, Description: "Acts of this kind alone, such as license.changed."},
		web.Param{Name: api.QueryObject, Description: "Acts on this alone, as an entry names it, such as organizations/acme/licenses/acme-pro."},
		web.Param{Name: api.QueryFrom, Description: "From this day on (2026-11-01, in UTC), or this time (RFC 3339)."},
		web.Param{Name: api.QueryTo, Description: "Before this day, or this time."},
	)
}

func listAudit() web.Operation {
	return web.Operation{
		ID: "listAudit", Method: http.MethodGet, Path: api.PathAudit, Params: []web.Param{organizationParam()}, Query: auditQuery(), Access: web.AccessStaff,
		Summary: "List who changed what", Description: forVendor + howFiltered,
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
	return auditPage(c, func(span record.Span, after string, limit int) ([]record.Entry, error) {
		return f.Record.Audit(ctx, caller(c), span, after, limit)
	})
}

// How many entries of a filtered audit are read for a page: so many at once, until the page
// is full, and no more of these than so many.
const (
	auditScan  = 200
	auditScans = 5
)

// auditFilter is which entries are asked for; an empty field lets all through.
type auditFilter struct {
	actor, action, object string
	span                  record.Span
}

func auditFilterOf(c web.Call) (auditFilter, error) {
	filter := auditFilter{actor: c.Query.Get(api.QueryActor), action: c.Query.Get(api.QueryAction), object: c.Query.Get(api.QueryObject)}
	var faults []api.FieldError
	read := func(name string, to *time.Time) {
		at, fault := instant(c.Query.Get(name), time.Time{})
		if *to = at; fault != "" {
			faults = append(faults, api.FieldError{Field: name, Message: fault})
		}
	}
	read(api.QueryFrom, &filter.span.From)
	read(api.QueryTo, &filter.span.To)
	if s := filter.span; len(faults) == 0 && !s.From.IsZero() && !s.To.IsZero() && !s.To.After(s.From) {
		faults = append(faults, api.FieldError{Field: api.QueryTo, Message: "is not after from: send a later one"})
	}
	if len(faults) > 0 {
		return filter, &web.InvalidRequestError{Errors: faults}
	}
	return filter, nil
}

// whole reports whether it lets everything of its span through.
func (a auditFilter) whole() bool { return a.actor+a.action+a.object == "" }

func (a auditFilter) matches(e record.Entry) bool {
	return (a.actor == "" || a.actor == e.Actor) && (a.action == "" || a.action == string(e.Action)) && (a.object == "" || a.object == e.Object)
}

// auditPage is the page of an audit that is asked for.
func auditPage(c web.Call, read func(span record.Span, after string, limit int) ([]record.Entry, error)) (web.Answer, error) {
	p, err := pageOf(c, looked)
	if err != nil {
		return web.Answer{}, err
	}
	filter, err := auditFilterOf(c)
	if err != nil {
		return web.Answer{}, err
	}
	list, err := filter.page(p, func(after string, limit int) ([]record.Entry, error) { return read(filter.span, after, limit) })
	if err != nil {
		return web.Answer{}, afterError(err, record.ErrEntryNotFound)
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}

// page reads on until it is full, there is no more, or enough was read: every combination
// of filters would need an index of its own, which each act would have to write.
func (a auditFilter) page(p page, read func(after string, limit int) ([]record.Entry, error)) (api.AuditList, error) {
	list, size := api.AuditList{Entries: []api.AuditEntry{}}, auditScan
	if a.whole() {
		size = p.limit
	}
	list.After = p.after
	for range auditScans {
		found, err := read(list.After, size+1)
		if err != nil {
			return list, err
		}
		found, more := cut(found, page{limit: size})
		for i, e := range found {
			if !a.matches(e) {
				continue
			}
			if list.Entries = append(list.Entries, entryOf(e)); len(list.Entries) == p.limit {
				found, more = found[:i+1], more || i+1 < len(found)
				break
			}
		}
		if list.After = ""; more {
			list.After = found[len(found)-1].ID
		}
		if !more || len(list.Entries) == p.limit {
			break
		}
	}
	return list, nil
}

// entryOf is an entry as it is answered.
func entryOf(e record.Entry) api.AuditEntry {
	return api.AuditEntry{
		ID: e.ID, At: api.NewTime(e.At), Actor: e.Actor, Action: string(e.Action), Object: e.Object, Before: e.Before, After: e.After, State: string(e.State),
	}
}
