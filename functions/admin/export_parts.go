package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// exported are the parts of an organization's export, in their order.
func (f *function) exported(c web.Call) []part {
	return []part{
		{"organization", func(ctx context.Context, _ string) (lines, error) { return f.exportOwn(ctx, c) }},
		{"licenses", func(ctx context.Context, after string) (lines, error) { return f.exportLicenses(ctx, c, after) }},
		{"users", func(ctx context.Context, after string) (lines, error) { return f.exportUsers(ctx, c, after) }},
		{"sessions", func(ctx context.Context, after string) (lines, error) { return f.exportSessions(ctx, c, "", after) }},
		{"usage", func(ctx context.Context, after string) (lines, error) { return f.exportUsage(ctx, c, after) }},
		{"audit", func(ctx context.Context, after string) (lines, error) {
			return f.exportAudit(ctx, c, record.EntryFilter{}, after)
		}},
	}
}

// exportedUser are those of a user: also of one that the record knows by its sessions
// alone, because an Identity Platform tenant of the organization's own has its account.
func (f *function) exportedUser(c web.Call, user string) []part {
	onUser := record.EntryFilter{Object: record.UserObject(caller(c).OrganizationID, user)}
	return []part{
		{"users", func(ctx context.Context, _ string) (lines, error) { return f.exportUser(ctx, c, user) }},
		{"sessions", func(ctx context.Context, after string) (lines, error) { return f.exportSessions(ctx, c, user, after) }},
		{"audit", func(ctx context.Context, after string) (lines, error) { return f.exportAudit(ctx, c, onUser, after) }},
		{"acts", func(ctx context.Context, after string) (lines, error) {
			return f.exportAudit(ctx, c, record.EntryFilter{Actor: user}, after)
		}},
		// What others did to the user's sessions names the user and the machine.
		{"endings", func(ctx context.Context, after string) (lines, error) {
			return f.exportAudit(ctx, c, record.EntryFilter{Holder: user}, after)
		}},
	}
}

// linesOf are a page's lines; more says that there are others behind last.
func linesOf[T any](page []T, line func(T) api.ExportLine, last string, more bool) lines {
	out := lines{all: make([]api.ExportLine, len(page), len(page)+1)}
	for i, one := range page {
		out.all[i] = line(one)
	}
	if more {
		out.last = last
	}
	return out
}

func (f *function) exportOwn(ctx context.Context, c web.Call) (lines, error) {
	found, err := f.Record.Organization(ctx, caller(c))
	if err != nil {
		return lines{}, err
	}
	own := organization(found)
	return lines{all: []api.ExportLine{{Kind: api.ExportOrganization, Organization: &own}}}, nil
}

func (f *function) exportLicenses(ctx context.Context, c web.Call, after string) (lines, error) {
	found, err := f.Record.LicensePage(ctx, caller(c), after, exportPage+1)
	if err != nil || len(found) == 0 {
		return lines{}, err
	}
	found, more := cut(found, page{limit: exportPage})
	return linesOf(found, func(l record.Revised[license.License]) api.ExportLine {
		out := wire(l)
		return api.ExportLine{Kind: api.ExportLicense, License: &out}
	}, found[len(found)-1].Value.ID, more), nil
}

func (f *function) exportUsers(ctx context.Context, c web.Call, after string) (lines, error) {
	found, err := f.People.List(ctx, caller(c), record.UserFilter{}, after, api.DefaultPage+1)
	if err != nil || len(found) == 0 {
		return lines{}, err
	}
	found, more := cut(found, page{limit: api.DefaultPage})
	return linesOf(found, userLine, found[len(found)-1].Value.ID, more), nil
}

func userLine(p people.Person) api.ExportLine {
	out := userOf(p)
	return api.ExportLine{Kind: api.ExportUser, User: &out}
}

func (f *function) exportUser(ctx context.Context, c web.Call, user string) (lines, error) {
	found, err := f.People.Get(ctx, caller(c), user)
	if errors.Is(err, license.ErrUserNotFound) {
		return lines{}, nil
	}
	return lines{all: []api.ExportLine{userLine(found)}}, err
}

func (f *function) exportSessions(ctx context.Context, c web.Call, user, after string) (lines, error) {
	found, err := f.Record.SessionHistory(ctx, caller(c), user, after, exportPage)
	if err != nil {
		return lines{}, err
	}
	out := linesOf(found.Sessions, sessionLine, found.Last, found.More)
	return out.broken("sessions/", found.Unreadable), nil
}

// broken adds the documents that cannot be read: nobody shall believe that they were none.
func (l lines) broken(in string, documents []string) lines {
	for _, name := range documents {
		l.all = append(l.all, api.ExportLine{Kind: api.ExportUnreadable, Document: in + name})
	}
	return l
}

func sessionLine(s license.Session) api.ExportLine {
	out := &api.ExportedSession{
		SessionID: s.ID, LicenseID: s.LicenseID, UserID: s.UserID, HardwareID: s.HardwareID, InstanceID: s.InstanceID,
		Client: api.LiveClient(s.Client), Status: string(s.Status), EndedReason: string(s.EndedReason),
		AcquiredAt: api.NewTime(s.AcquiredAt), LastHeartbeatAt: api.NewTime(s.LastHeartbeatAt),
	}
	if !s.EndedAt.IsZero() {
		out.EndedAt = api.NewTime(s.EndedAt).String()
	}
	return api.ExportLine{Kind: api.ExportSession, Session: out}
}

func (f *function) exportUsage(ctx context.Context, c web.Call, after string) (lines, error) {
	// A document has up to a day's hours.
	found, err := f.Record.UsageHistory(ctx, caller(c), after, exportPage/24)
	if err != nil {
		return lines{}, err
	}
	var out lines
	for _, h := range found.Hours {
		out.all = append(out.all, api.ExportLine{Kind: api.ExportUsage, Usage: &api.ExportedUsage{
			LicenseID: h.LicenseID, At: api.NewTime(h.At), UsageCounts: countsOf(h.Counts, time.Hour),
		}})
	}
	if found.More {
		out.last = found.Last
	}
	return out.broken("usage/", found.Unreadable), nil
}

func (f *function) exportAudit(ctx context.Context, c web.Call, filter record.EntryFilter, after string) (lines, error) {
	found, err := f.Record.AuditHistory(ctx, caller(c), filter, after, exportPage+1)
	if err != nil || len(found) == 0 {
		return lines{}, err
	}
	found, more := cut(found, page{limit: exportPage})
	last := found[len(found)-1].ID
	if filter.Holder != "" { // what the user did itself is there already
		found = slices.DeleteFunc(found, func(e record.Entry) bool { return e.Actor == filter.Holder })
	}
	return linesOf(found, func(e record.Entry) api.ExportLine {
		out := entryOf(e)
		return api.ExportLine{Kind: api.ExportAudit, Audit: &out}
	}, last, more), nil
}
