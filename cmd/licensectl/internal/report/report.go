// Package report makes a page of how seats were used: one HTML file, with plots and the
// tables that they are drawn of, that asks nobody for anything.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

//go:embed page.html
var page string

// Write writes the page of what was counted by the hour.
func Write(out io.Writer, used api.UsageReport, refused api.DenialReport) error {
	functions := template.FuncMap{"hour": hour, "day": day, "duration": duration, "shade": shade}
	t, err := template.New("page").Funcs(functions).Parse(page)
	if err != nil {
		return err
	}
	p := document{Organization: used.OrganizationID, From: used.From.UTC(), To: used.To.UTC()}
	for _, l := range used.Licenses {
		one, err := licenseOf(used, refused, l)
		if err != nil {
			return fmt.Errorf("plots of license %s: %w", l.LicenseID, err)
		}
		p.Licenses = append(p.Licenses, one)
	}
	return t.Execute(out, p)
}

// document is what the page shows.
type document struct {
	Organization string
	From, To     time.Time
	Licenses     []license
}

// license is a license's part of it.
type license struct {
	api.LicenseUsage
	Hours    []api.UsageStep
	Week     []weekday
	ByDay    []dayDenials
	SeatPlot template.HTML
	DenyPlot template.HTML
	SizePlot template.HTML
}

// weekday has the highest peak of each hour of the day; -1 where the time has no such hour.
type weekday struct {
	Name  string
	Peaks [24]int
	// Highest is that of the whole table.
	Highest int
}

// dayDenials is what was refused on a day.
type dayDenials struct {
	Day          time.Time
	Waited, Lost int64
}

func licenseOf(used api.UsageReport, refused api.DenialReport, l api.LicenseUsage) (one license, err error) {
	one = license{LicenseUsage: l, Hours: hoursOf(used, l), ByDay: denialsOf(used, refused, l.LicenseID)}
	one.Week = weekOf(one.Hours)
	if one.SeatPlot, err = seatPlot(one.Hours); err != nil {
		return one, err
	}
	if one.DenyPlot, err = denialPlot(one.ByDay); err != nil {
		return one, err
	}
	one.SizePlot, err = sizePlot(l.Sizing)
	return one, err
}

// maxHours is above all that a report can have.
const maxHours = (api.MaxUsageDays + 1) * 24

// hoursOf are all hours of the time: those in which nothing was counted are in no report.
func hoursOf(used api.UsageReport, l api.LicenseUsage) []api.UsageStep {
	known := map[time.Time]api.UsageStep{}
	for _, s := range l.Steps {
		known[s.At.UTC()] = s
	}
	var all []api.UsageStep
	for at := used.From.UTC(); at.Before(used.To.Time) && len(all) < maxHours; at = at.Add(time.Hour) {
		s := known[at]
		s.At = api.NewTime(at)
		all = append(all, s)
	}
	return all
}

func weekOf(hours []api.UsageStep) []weekday {
	week := make([]weekday, 7)
	for i := range week {
		week[i].Name = time.Weekday((i + 1) % 7).String() // from Monday on
		for h := range week[i].Peaks {
			week[i].Peaks[h] = -1
		}
	}
	highest := 0
	for _, s := range hours {
		at := s.At.UTC()
		peak := &week[(int(at.Weekday())+6)%7].Peaks[at.Hour()]
		*peak = max(*peak, s.PeakSeats)
		highest = max(highest, s.PeakSeats)
	}
	for i := range week {
		week[i].Highest = highest
	}
	return week
}

// denialsOf are all days of the time.
func denialsOf(used api.UsageReport, refused api.DenialReport, licenseID string) []dayDenials {
	var steps []api.DenialStep
	if i := slices.IndexFunc(refused.Licenses, func(l api.LicenseDenials) bool { return l.LicenseID == licenseID }); i >= 0 {
		steps = refused.Licenses[i].Steps
	}
	byDay := map[time.Time]dayDenials{}
	for _, s := range steps {
		d := byDay[dayOf(s.At.Time)]
		d.Waited, d.Lost = d.Waited+s.Waited, d.Lost+s.Lost
		byDay[dayOf(s.At.Time)] = d
	}
	var all []dayDenials
	for at := dayOf(used.From.Time); at.Before(used.To.Time) && len(all) < maxHours; at = at.AddDate(0, 0, 1) {
		d := byDay[at]
		d.Day = at
		all = append(all, d)
	}
	return all
}

func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

func hour(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }

func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }

func duration(seconds int64) string { return (time.Duration(seconds) * time.Second).String() }

// shade is how dark a cell is, in percent: the number in it says the same.
func shade(n, highest int) int {
	if n <= 0 || highest <= 0 {
		return 0
	}
	return int(math.Ceil(float64(n) * 70 / float64(highest)))
}
