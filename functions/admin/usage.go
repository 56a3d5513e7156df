package admin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// usageQuery are the names by which times are picked.
func usageQuery() []web.Param {
	return []web.Param{
		{Name: api.QueryFrom, Description: "From this hour on: a day in UTC (2026-11-01) or a time (RFC 3339); seven days before to, if absent."},
		{Name: api.QueryTo, Description: "Before this hour: a day, which is not in it any more, or a time; the end of the present hour, if absent."},
		{Name: api.QueryStep, Description: "How long a step is; a day, if absent.", Enum: []any{string(usage.StepHour), string(usage.StepDay)}},
		{Name: api.QueryLicense, Description: "This license alone."},
	}
}

// howFar is what both reports say of themselves.
func howFar() string {
	return fmt.Sprintf("At most %d days of one license, and %d days of all. What the present hours count is there as of the reaper's last visit, some minutes ago.", api.MaxUsageDays, api.MaxUsageDaysAll) + inBothForms
}

func exampleCounts() api.UsageCounts {
	return api.UsageCounts{Grants: 40, Denials: 3, Waited: 2, PeakSeats: 9, MeanSeats: 3.25}
}

func reportUsage() web.Operation {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	report := api.UsageReport{
		OrganizationID: "acme", From: api.NewTime(day), To: api.NewTime(day.AddDate(0, 0, 1)), By: api.ByLicense, Step: string(usage.StepDay),
		Licenses: []api.LicenseUsage{{
			LicenseID: "acme-pro", UsageCounts: exampleCounts(), Steps: []api.UsageStep{{At: api.NewTime(day), UsageCounts: exampleCounts()}},
			Sizing: []api.SizingPoint{{Seats: 8, Waiting: 2, WaitingPercent: 4, ShortSeconds: 1260}, {Seats: 9}},
		}},
	}
	return web.Operation{
		ID: "reportUsage", Method: http.MethodGet, Path: api.PathUsage, Params: []web.Param{organizationParam()}, Query: append(usageQuery(), byParam()), Access: web.AccessStaff,
		Summary: "Report how seats were used", Description: forVendor + "By license: grants, denials, peak and mean, and what fewer seats would have meant. " + howFar() + " " + howFarBy(),
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "The report.", Body: report}, asCSV(usageLines(report))},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) reportUsage(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := periodOf(c, f.Now())
	if err != nil {
		return web.Answer{}, err
	}
	if p.by != api.ByLicense {
		return f.reportBy(ctx, c, p)
	}
	found, err := f.used(ctx, c, p)
	if err != nil {
		return web.Answer{}, err
	}
	report := api.UsageReport{
		OrganizationID: caller(c).OrganizationID, From: api.NewTime(p.from), To: api.NewTime(p.to), By: p.by, Step: string(p.step),
		Licenses: make([]api.LicenseUsage, len(found)),
	}
	for i, l := range found {
		out := api.LicenseUsage{
			LicenseID: l.LicenseID, UsageCounts: countsOf(l.Total, p.to.Sub(p.from)),
			Steps: make([]api.UsageStep, len(l.Steps)), Sizing: sizing(l.Total),
		}
		for i, s := range l.Steps {
			out.Steps[i] = api.UsageStep{At: api.NewTime(s.At), UsageCounts: countsOf(s.Counts, p.step.Length())}
		}
		report.Licenses[i] = out
	}
	return formOf(c, report, func() [][]string { return usageLines(report) })
}

func countsOf(c usage.Counts, length time.Duration) api.UsageCounts {
	return api.UsageCounts{
		Grants: c.Grants(), Denials: c.Denials(), Waited: c.Waited, PeakSeats: c.Peak,
		MeanSeats: rounded(c.SeatSeconds() / length.Seconds()),
	}
}

func sizing(c usage.Counts) []api.SizingPoint {
	sizes := usage.Sizing(c)
	out := make([]api.SizingPoint, len(sizes))
	for i, s := range sizes {
		out[i] = api.SizingPoint{Seats: s.Seats, Waiting: s.Waiting, ShortSeconds: int64(s.Short / time.Second)}
		if s.Requests > 0 {
			out[i].WaitingPercent = rounded(100 * float64(s.Waiting) / float64(s.Requests))
		}
	}
	return out
}

// rounded has two decimals.
func rounded(x float64) float64 { return math.Round(100*x) / 100 }

// period is which time is asked about.
type period struct {
	from, to time.Time
	by       string
	step     usage.Step
	license  string
}

func (p period) query() record.UsageQuery {
	return record.UsageQuery{LicenseID: p.license, From: p.from, To: p.to}
}

// used are the licenses that were used in the time that is asked about.
func (f *function) used(ctx context.Context, c web.Call, p period) ([]usage.License, error) {
	hours, err := f.Record.Usage(ctx, caller(c), p.query())
	return usage.Report(hours, p.step), noLicense(err)
}

// noLicense: what cannot be an id was made up.
func noLicense(err error) error {
	if errors.Is(err, license.ErrLicenseNotFound) {
		return invalid(api.QueryLicense, "cannot be the id of a license: send one, or leave it out")
	}
	return err
}

// periodOf reads which time is asked about.
func periodOf(c web.Call, now time.Time) (period, error) {
	p := period{to: now.UTC().Truncate(time.Hour).Add(time.Hour), by: api.ByLicense, step: usage.StepDay, license: c.Query.Get(api.QueryLicense)}
	var faults []api.FieldError
	fault := func(field, message string) { faults = append(faults, api.FieldError{Field: field, Message: message}) }
	set := func(name string, to *time.Time, usual time.Time) {
		at, message := moment(c.Query.Get(name), usual)
		if *to = at; message != "" {
			fault(name, message)
		}
	}
	set(api.QueryTo, &p.to, p.to)
	set(api.QueryFrom, &p.from, p.to.Add(-7*24*time.Hour))
	p.choose(c, fault)
	if len(faults) == 0 {
		faults = p.faults(now)
	}
	if len(faults) > 0 {
		return p, &web.InvalidRequestError{Errors: faults}
	}
	return p, nil
}

// choose reads by what, and in which steps.
func (p *period) choose(c web.Call, fault func(field, message string)) {
	step := usage.Step(c.Query.Get(api.QueryStep))
	switch step {
	case "", usage.StepDay:
	case usage.StepHour:
		p.step = step
	default:
		fault(api.QueryStep, "is not hour or day: send one of them")
	}
	switch by := c.Query.Get(api.QueryBy); by {
	case "", api.ByLicense:
	case api.ByUser, api.ByProject:
		if p.by = by; step != "" {
			fault(api.QueryStep, "is for a report by license: leave it out")
		}
	default:
		fault(api.QueryBy, "is not license, user or project: send one of them")
	}
}

// moment is the hour of a day or a time, as instant has it.
func moment(text string, usual time.Time) (at time.Time, fault string) {
	if at, fault = instant(text, usual); text != "" && fault == "" {
		at = at.Truncate(time.Hour)
	}
	return at, fault
}

// instant is a day or a time, and what is wrong with it; the usual one where none is sent.
// Nothing happened before 1970, and no day after 9999 has a name.
func instant(text string, usual time.Time) (at time.Time, fault string) {
	if text == "" {
		return usual, ""
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return usual, "is no day (2026-11-01) and no time (RFC 3339): send one of them"
	}
	at = at.UTC()
	if at.Year() < 1970 || at.Year() > 9999 {
		return usual, "is not in the years 1970 to 9999, in UTC: send another one"
	}
	return at, ""
}

// faults are those of a period that can be read.
func (p period) faults(now time.Time) []api.FieldError {
	most := api.MaxUsageDays
	if p.license == "" && p.by == api.ByLicense {
		most = api.MaxUsageDaysAll
	}
	kept := int(record.RetainEnded / (24 * time.Hour))
	switch length := p.to.Sub(p.from); {
	case length <= 0:
		return []api.FieldError{{Field: api.QueryTo, Message: "is not after from: send a later one"}}
	case length > time.Duration(most)*24*time.Hour:
		return []api.FieldError{{Field: api.QueryFrom, Message: fmt.Sprintf(
			"is more than %d days before to: send a later one (%d days are possible of one license, %d of all)", most, api.MaxUsageDays, api.MaxUsageDaysAll)}}
	case p.by != api.ByLicense && p.from.Before(now.Add(-record.RetainEnded)):
		return []api.FieldError{{Field: api.QueryFrom, Message: fmt.Sprintf("is more than %d days ago, and sessions are not kept for longer: send a later one", kept)}}
	}
	return nil
}
