package admin

import (
	"bytes"
	"encoding/csv"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// asCSV is a report in the other form that it is answered in, with an example of it.
func asCSV(example [][]string) web.Documented {
	return web.Documented{
		Status: http.StatusOK, Description: "The report.", ContentType: api.ContentTypeCSV, Body: string(csvOf(example)),
	}
}

// inBothForms says how the other form is asked for.
const inBothForms = " With Accept: text/csv the steps are lines of CSV (RFC 4180) for a spreadsheet, with a line of names; a cell that would begin a formula has an apostrophe before it."

// wantsCSV reports whether CSV is asked for, and JSON is not liked as much (RFC 9110,
// section 12.5.1). JSON is what who says nothing gets.
func wantsCSV(c web.Call) (bool, error) {
	accept, err := c.Header("Accept")
	if err != nil {
		return false, err
	}
	liked := quality(accept, api.ContentTypeCSV)
	return liked > 0 && liked > quality(accept, api.ContentTypeJSON), nil
}

// quality is how much a media type is liked that is named as it is. A wildcard names none.
func quality(accept, mediaType string) float64 {
	for part := range strings.SplitSeq(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil || name != mediaType {
			continue
		}
		q, given := params["q"]
		if !given {
			return 1
		}
		if weight, err := strconv.ParseFloat(q, 64); err == nil {
			return weight
		}
	}
	return 0
}

// formOf is the answer in the form that is asked for: lines is called for CSV alone.
func formOf(c web.Call, body any, lines func() [][]string) (web.Answer, error) {
	answer := web.Answer{Outcome: "reported", Body: body, Header: http.Header{"Vary": {"Accept"}}}
	wanted, err := wantsCSV(c)
	if err != nil || !wanted {
		return answer, err
	}
	answer.Body = csvOf(lines())
	answer.Header.Set("Content-Type", api.ContentTypeCSV+"; charset=utf-8; header=present")
	return answer, nil
}

// csvOf are lines as RFC 4180 has them.
func csvOf(lines [][]string) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	for _, line := range lines {
		safe := make([]string, len(line))
		for i, cell := range line {
			safe[i] = noFormula(cell)
		}
		_ = w.Write(safe) // a buffer takes all
	}
	w.Flush()
	return out.Bytes()
}

// noFormula is a cell that no spreadsheet calculates: an apostrophe stands before what
// would begin a formula. Numbers are as they are, as none of a report is below zero
// (https://owasp.org/www-community/attacks/CSV_Injection).
func noFormula(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func usageColumns() []string {
	return []string{"license_id", "at", "grants", "denials", "waited", "peak_seats", "mean_seats"}
}

func usageLines(r api.UsageReport) [][]string {
	lines := [][]string{usageColumns()}
	for _, l := range r.Licenses {
		for _, s := range l.Steps {
			lines = append(lines, []string{
				l.LicenseID, s.At.Format(time.RFC3339), number(s.Grants), number(s.Denials), number(s.Waited),
				strconv.Itoa(s.PeakSeats), strconv.FormatFloat(s.MeanSeats, 'f', -1, 64),
			})
		}
	}
	return lines
}

// groupLines are the groups of a report by user or project. What the rest had together has
// no key of its own, and is left to JSON.
func groupLines(r api.UsageReport) [][]string {
	lines := [][]string{{r.By, "sessions", "peak_seats", "seat_hours"}}
	for _, g := range r.Groups {
		lines = append(lines, []string{
			g.Key, strconv.Itoa(g.Sessions), strconv.Itoa(g.PeakSeats), strconv.FormatFloat(g.SeatHours, 'f', -1, 64),
		})
	}
	return lines
}

func denialColumns() []string {
	return []string{"license_id", "at", "denials", "waited", "lost", "by_license", "by_user", "by_organization", "by_handover"}
}

func denialLines(r api.DenialReport) [][]string {
	lines := [][]string{denialColumns()}
	for _, l := range r.Licenses {
		for _, s := range l.Steps {
			lines = append(lines, []string{
				l.LicenseID, s.At.Format(time.RFC3339), number(s.Denials), number(s.Waited), number(s.Lost),
				number(s.ByLimit.License), number(s.ByLimit.User), number(s.ByLimit.Organization), number(s.ByLimit.Handover),
			})
		}
	}
	return lines
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
