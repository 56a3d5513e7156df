package admin

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func byParam() web.Param {
	return web.Param{
		Name: api.QueryBy, Description: "By what; license, if absent. By user or project there are no steps.",
		Enum: []any{api.ByLicense, api.ByUser, api.ByProject},
	}
}

// howFarBy is what the report by user or project says of itself.
func howFarBy() string {
	return fmt.Sprintf("By user or project: sessions, peak and seat hours, added up from the sessions themselves, up to now. A session counts from its grant to its recorded end. "+
		"At most %d days, %d sessions and %d groups.", api.MaxUsageDays, api.MaxUsageSessions, api.MaxUsageGroups)
}

func adminReportUsage() web.Operation {
	op := forAdmins(reportUsage(), "adminReportUsage", api.PathAdminUsage, "Report how the organization's seats were used")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

// maxUnreadable is how many documents that cannot be read are named.
const maxUnreadable = 100

// history is what is being added up from sessions.
type history struct {
	by         string
	now        time.Time
	groups     *usage.Groups
	read       int
	unreadable api.List
}

// reportBy adds up the sessions of the record by user or project. The ledger counts
// neither: a seat would cost it a number more for each user and each project.
func (f *function) reportBy(ctx context.Context, c web.Call, p period) (web.Answer, error) {
	h := history{by: p.by, now: f.Now(), groups: usage.NewGroups(p.from, p.to)}
	err := f.Record.SessionsDuring(ctx, caller(c), p.query(), h.add)
	web.Annotate(ctx, slog.Int("sessions_read", h.read))
	if err != nil {
		return web.Answer{}, noLicense(err)
	}
	report := api.UsageReport{
		OrganizationID: caller(c).OrganizationID, From: api.NewTime(p.from), To: api.NewTime(p.to), By: p.by,
		Licenses: []api.LicenseUsage{}, UnreadableDocuments: h.unreadable,
	}
	report.Groups, report.Others = shown(h.groups.Report())
	return formOf(c, report, func() [][]string { return groupLines(report) })
}

// add adds a page of sessions, unless it is one too many. A grant that came to nothing is
// nobody's: its program was told of no seat.
func (h *history) add(page record.Page) error {
	if h.read += len(page.Sessions) + len(page.Unreadable); h.read > api.MaxUsageSessions {
		return invalid(api.QueryFrom, fmt.Sprintf("begins a time of more than %d sessions: send a later one, or an earlier to, or a license", api.MaxUsageSessions))
	}
	h.unreadable = append(h.unreadable, page.Unreadable[:min(len(page.Unreadable), maxUnreadable-len(h.unreadable))]...)
	for _, s := range page.Sessions {
		end := s.EndedAt
		if s.Status == license.SessionActive {
			end = h.now
		}
		if s.EndedReason != license.EndFailed {
			h.groups.Add(h.key(s), s.AcquiredAt, end)
		}
	}
	return nil
}

func (h *history) key(s license.Session) string {
	if h.by == api.ByProject {
		return s.Client.Project
	}
	return s.UserID
}

// shown are the first groups, and what the rest had together.
func shown(all []usage.Group) ([]api.UsageGroup, *api.UsageOthers) {
	first := all[:min(len(all), api.MaxUsageGroups)]
	out := make([]api.UsageGroup, len(first))
	for i, g := range first {
		out[i] = api.UsageGroup{Key: g.Key, Sessions: g.Sessions, PeakSeats: g.Peak, SeatHours: seatHours(g.SeatMicros)}
	}
	rest := all[len(first):]
	if len(rest) == 0 {
		return out, nil
	}
	var micros int64
	others := api.UsageOthers{Groups: len(rest)}
	for _, g := range rest {
		others.Sessions, micros = others.Sessions+g.Sessions, micros+g.SeatMicros
	}
	others.SeatHours = seatHours(micros)
	return out, &others
}

func seatHours(micros int64) float64 {
	return rounded(float64(micros) / float64(time.Hour/time.Microsecond))
}
