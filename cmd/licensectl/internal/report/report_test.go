package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/report"
)

func monday() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) }

func acme() (api.UsageReport, api.DenialReport) {
	at := func(hours int) api.Time { return api.NewTime(monday().Add(time.Duration(hours) * time.Hour)) }
	used := api.UsageReport{OrganizationID: "acme", From: at(0), To: at(48), Step: "hour", Licenses: []api.LicenseUsage{{
		LicenseID: "pro", UsageCounts: api.UsageCounts{Grants: 41, Denials: 7, Waited: 5, PeakSeats: 9, MeanSeats: 0.37},
		Steps: []api.UsageStep{
			{At: at(9), UsageCounts: api.UsageCounts{Grants: 40, Denials: 7, Waited: 5, PeakSeats: 9, MeanSeats: 6.25}},
			{At: at(33), UsageCounts: api.UsageCounts{Grants: 1, PeakSeats: 4, MeanSeats: 1.5}},
		},
		Sizing: []api.SizingPoint{{Seats: 0, Waiting: 48, WaitingPercent: 100, ShortSeconds: 7200}, {Seats: 8, Waiting: 2, WaitingPercent: 4.17, ShortSeconds: 1260}, {Seats: 9}},
	}}}
	refused := api.DenialReport{OrganizationID: "acme", Licenses: []api.LicenseDenials{{
		LicenseID: "pro", Steps: []api.DenialStep{{At: at(9), DenialCounts: api.DenialCounts{Denials: 7, Waited: 5, Lost: 2}}},
	}}}
	return used, refused
}

// page is that of acme.
func page(t *testing.T) string {
	t.Helper()
	used, refused := acme()
	return written(t, used, refused)
}

func written(t *testing.T, used api.UsageReport, refused api.DenialReport) string {
	t.Helper()
	var out strings.Builder
	if err := report.Write(&out, used, refused); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestThePage has each plot, and beside it the numbers that it is drawn of.
func TestThePage(t *testing.T) {
	got := page(t)
	for _, want := range []string{
		"<h1>Usage of acme</h1>", "<h2>pro</h2>",
		"<tr><td>41</td><td>7</td><td>5</td><td>9</td><td>0.37</td></tr>",
		`<tr><th scope="row">2026-11-23 09:00</th><td>40</td><td>7</td><td>9</td><td>6.25</td></tr>`,
		`<tr><th scope="row">2026-11-23</th><td>5</td><td>2</td></tr>`, `<tr><th scope="row">2026-11-24</th><td>0</td><td>0</td></tr>`,
		`<tr><th scope="row">8</th><td>2</td><td>4.17</td><td>21m0s</td></tr>`,
		`<td style="--n: 70">9</td>`, `<td style="--n: 32">4</td>`, `<span aria-label="not in this time">–</span>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if plots, images := strings.Count(got, "<svg"), strings.Count(got, `role="img" aria-label="`); plots != 3 || images != 3 {
		t.Errorf("%d plots, %d of them with words", plots, images)
	}
	if rows := strings.Count(got, `<th scope="row">`); rows != 2+7+2+3 {
		t.Errorf("%d rows", rows)
	}
}

// TestThePageAsksNobody: no script, and no address but the names of namespaces.
func TestThePageAsksNobody(t *testing.T) {
	got := page(t)
	for _, address := range regexp.MustCompile(`[a-z]+://[^"'\s<)]*`).FindAllString(got, -1) {
		if !strings.HasPrefix(address, "http://www.w3.org/") {
			t.Errorf("it names %s", address)
		}
	}
	for _, foreign := range []string{"<script", "<link", "<img", "@import", "url(", "onload"} {
		if strings.Contains(got, foreign) {
			t.Errorf("it has %s", foreign)
		}
	}
	if !strings.Contains(got, `content="default-src 'none'; style-src 'unsafe-inline'"`) {
		t.Error("it lets something be loaded")
	}
}

// TestPlotsAreWhole: each is well-formed, and has something drawn in it.
func TestPlotsAreWhole(t *testing.T) {
	got := page(t)
	for n := range 3 {
		_, rest, _ := strings.Cut(got, "<svg")
		svg, after, ok := strings.Cut(rest, "</svg>")
		if !ok || !strings.Contains(svg, "<path") {
			t.Fatalf("plot %d: %.200s", n, svg)
		}
		got = after
		d := xml.NewDecoder(strings.NewReader("<svg" + svg + "</svg>"))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("plot %d: %v", n, err)
			}
		}
	}
}

// TestNamesAreNoMarkup: whatever the service answers.
func TestNamesAreNoMarkup(t *testing.T) {
	used, refused := acme()
	used.OrganizationID, used.Licenses[0].LicenseID = `<script>alert(1)</script>`, `"><img src=x>`
	if got := written(t, used, refused); strings.Contains(got, "<script") || strings.Contains(got, "<img") {
		t.Error("a name is markup")
	}
}

// TestNothingWasUsed: a page all the same.
func TestNothingWasUsed(t *testing.T) {
	used, refused := acme()
	used.Licenses = nil
	if got := written(t, used, refused); !strings.Contains(got, "No seat was in use") || strings.Contains(got, "<svg") {
		t.Error(got)
	}
	used, refused = acme()
	used.Licenses[0].Steps, used.Licenses[0].Sizing, used.To = nil, nil, used.From
	if got := written(t, used, refused); strings.Contains(got, "<svg") {
		t.Error("a plot of nothing")
	}
}
