package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type usageCommands struct {
	Report  usageReport  `cmd:"" help:"How seats were used: grants, denials, peak and mean by license and step."`
	Peaks   usagePeaks   `cmd:"" help:"How many seats would do: who would have waited with fewer, by license."`
	Denials usageDenials `cmd:"" help:"Which requests were refused, by license and step."`
}

// Period is whose usage is meant, and in which time.
type Period struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
	License      string `placeholder:"ID" help:"This license alone: up to 92 days of it, and 14 of all."`
	From         string `placeholder:"DAY" help:"From this day on (2026-11-01, in UTC), or this time; seven days before --to, if absent."`
	To           string `placeholder:"DAY" help:"Before this day, or this time; up to now, if absent."`
	Step         string `enum:"hour,day" default:"day" help:"How long a step is: ${enum}."`
}

func (p Period) query() control.UsageQuery {
	return control.UsageQuery{License: p.License, From: p.From, To: p.To, Step: p.Step}
}

func (p Period) failed(doing string, err error) error {
	return &show.Failure{Doing: doing + " of organization " + p.Organization, Look: "licensectl org list", Err: err}
}

// usage reads how seats were used.
func (p Period) usage(ctx context.Context, a *app) ([]api.LicenseUsage, error) {
	c, err := a.control()
	if err != nil {
		return nil, err
	}
	report, err := c.Usage(ctx, p.Organization, p.query())
	if err != nil {
		return nil, p.failed("report the usage", err)
	}
	return report.Licenses, nil
}

// documents says that the API's own documents are to be printed, and not lines made of them.
func documents(a *app) bool { return a.program.Output == show.JSON || a.program.Output == show.YAML }

type usageReport struct {
	Period
	HTML string `name:"html" placeholder:"FILE" help:"Write a page with plots, by the hour, into this file."`
	By   string `enum:"license,user,project" default:"license" help:"By what: ${enum}. By user and project there are sessions, peak and seat hours of the whole time."`
}

// usedLine is a step of a license as a line.
type usedLine struct {
	License string   `json:"license"`
	At      api.Time `json:"at"`
	Grants  int64    `json:"grants"`
	Denials int64    `json:"denials"`
	Waited  int64    `json:"waited"`
	Peak    int      `json:"peak_seats"`
	Mean    float64  `json:"mean_seats"`
	Drawn   string   `json:"drawn"`
}

// drawnSeats are seats in use as signs: up to the mean, and then up to the peak. The highest
// peak is as long as all signs.
func drawnSeats(mean float64, peak, highest int) string {
	if highest == 0 {
		return ""
	}
	scale := float64(barLength) / float64(highest)
	filled := int(math.Round(mean * scale))
	return strings.Repeat("#", filled) + strings.Repeat("-", max(0, int(math.Round(float64(peak)*scale))-filled))
}

// Run reports how seats were used.
func (u usageReport) Run(ctx context.Context, a *app) error {
	if u.HTML != "" {
		return u.page(ctx, a)
	}
	if u.By != api.ByLicense {
		return u.by(ctx, a)
	}
	licenses, err := u.usage(ctx, a)
	if err != nil {
		return err
	}
	if documents(a) {
		return show.List(a.printer(), licenses, nil, nil)
	}
	var lines []usedLine
	for _, l := range licenses {
		for _, s := range l.Steps {
			lines = append(lines, usedLine{l.LicenseID, s.At, s.Grants, s.Denials, s.Waited, s.PeakSeats, s.MeanSeats, drawnSeats(s.MeanSeats, s.PeakSeats, l.PeakSeats)})
		}
	}
	columns := []show.Column{
		{Field: "license", Title: "LICENSE"},
		{Field: "at", Title: "FROM"},
		{Field: "grants", Title: "GRANTS"},
		{Field: "denials", Title: "DENIALS"},
		{Field: "waited", Title: "WAITED"},
		{Field: "peak_seats", Title: "PEAK"},
		{Field: "mean_seats", Title: "MEAN"},
		{Field: "drawn", Title: "MEAN # PEAK -"},
	}
	return show.List(a.printer(), lines, columns, func(l usedLine) string { return u.Organization + "/" + l.License })
}

// groupLine is what one user had, or what was had for one project, as a line.
type groupLine struct {
	Key      string  `json:"key"`
	Sessions int     `json:"sessions"`
	Peak     int     `json:"peak_seats"`
	Hours    float64 `json:"seat_hours"`
}

// by reports by user or project: of the whole time, which is what the usual step means.
func (u usageReport) by(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	q := u.query()
	if q.By = u.By; q.Step == "day" {
		q.Step = ""
	}
	report, err := c.Usage(ctx, u.Organization, q)
	if err != nil {
		return u.failed("report the usage", err)
	}
	if documents(a) {
		return show.One(a.printer(), report, "")
	}
	var lines []groupLine
	for _, g := range report.Groups {
		lines = append(lines, groupLine{g.Key, g.Sessions, g.PeakSeats, g.SeatHours})
	}
	if o := report.Others; o != nil {
		lines = append(lines, groupLine{Key: fmt.Sprintf("(%d others)", o.Groups), Sessions: o.Sessions, Hours: o.SeatHours})
	}
	columns := []show.Column{
		{Field: "key", Title: strings.ToUpper(u.By)},
		{Field: "sessions", Title: "SESSIONS"},
		{Field: "peak_seats", Title: "PEAK"},
		{Field: "seat_hours", Title: "SEAT HOURS"},
	}
	return show.List(a.printer(), lines, columns, func(l groupLine) string { return l.Key })
}

type usagePeaks struct{ Period }

// sizeLine is what so many seats of a license would have meant, as a line.
type sizeLine struct {
	License string  `json:"license"`
	Seats   int     `json:"seats"`
	Waiting int64   `json:"waiting"`
	Percent float64 `json:"waiting_percent"`
	Short   string  `json:"short"`
	Drawn   string  `json:"drawn"`
}

// barLength is how long 100 percent are drawn.
const barLength = 40

// Run tells how many seats would do.
func (u usagePeaks) Run(ctx context.Context, a *app) error {
	licenses, err := u.usage(ctx, a)
	if err != nil {
		return err
	}
	if documents(a) {
		return show.List(a.printer(), licenses, nil, nil)
	}
	var lines []sizeLine
	for _, l := range licenses {
		for _, s := range l.Sizing {
			lines = append(lines, sizeLine{
				License: l.LicenseID, Seats: s.Seats, Waiting: s.Waiting, Percent: s.WaitingPercent,
				Short: (time.Duration(s.ShortSeconds) * time.Second).String(),
				Drawn: strings.Repeat("#", int(math.Ceil(s.WaitingPercent*barLength/100))),
			})
		}
	}
	columns := []show.Column{
		{Field: "license", Title: "LICENSE"},
		{Field: "seats", Title: "SEATS"},
		{Field: "waiting", Title: "WOULD WAIT"},
		{Field: "waiting_percent", Title: "%"},
		{Field: "short", Title: "MORE IN USE FOR"},
		{Field: "drawn", Title: "SHARE"},
	}
	return show.List(a.printer(), lines, columns, func(l sizeLine) string { return u.Organization + "/" + l.License })
}

type usageDenials struct{ Period }

// denialLine is what was refused in a step of a license, as a line.
type denialLine struct {
	License      string   `json:"license"`
	At           api.Time `json:"at"`
	Denials      int64    `json:"denials"`
	Waited       int64    `json:"waited"`
	Lost         int64    `json:"lost"`
	ByLicense    int64    `json:"by_license"`
	User         int64    `json:"by_user"`
	Organization int64    `json:"by_organization"`
	Handover     int64    `json:"by_handover"`
}

// Run reports which requests were refused.
func (u usageDenials) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	report, err := c.Denials(ctx, u.Organization, u.query())
	if err != nil {
		return u.failed("report the denials", err)
	}
	if documents(a) {
		return show.List(a.printer(), report.Licenses, nil, nil)
	}
	var lines []denialLine
	for _, l := range report.Licenses {
		for _, s := range l.Steps {
			lines = append(lines, denialLine{
				l.LicenseID, s.At, s.Denials, s.Waited, s.Lost, s.ByLimit.License, s.ByLimit.User, s.ByLimit.Organization, s.ByLimit.Handover,
			})
		}
	}
	columns := []show.Column{
		{Field: "license", Title: "LICENSE"},
		{Field: "at", Title: "FROM"},
		{Field: "denials", Title: "DENIALS"},
		{Field: "waited", Title: "WAITED"},
		{Field: "lost", Title: "LOST"},
		{Field: "by_license", Title: "BY LICENSE"},
		{Field: "by_user", Title: "BY USER"},
		{Field: "by_organization", Title: "BY ORGANIZATION"},
		{Field: "by_handover", Title: "BY HANDOVER"},
	}
	return show.List(a.printer(), lines, columns, func(l denialLine) string { return u.Organization + "/" + l.License })
}
