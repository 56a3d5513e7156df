package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type ledgerCommands struct {
	Check  ledgerCheck  `cmd:"" help:"Compare an organization's seat ledger with its record. It ends with 1 if they differ."`
	Repair ledgerRepair `cmd:"" help:"Make the ledger anew from the record: nobody loses a seat."`
}

// errLedgerDiffers is what ledger check has found. It has printed it.
var errLedgerDiffers = errors.New("ledger and record differ: look again in a minute, as grants and ends may be under way; then ledger repair")

type ledgerCheck struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
}

// ledgerLine is a number on both sides, as a line of a table.
type ledgerLine struct {
	What   string `json:"what"`
	Ledger string `json:"ledger"`
	Record string `json:"record"`
	Note   string `json:"note"`
}

// Run compares.
func (l ledgerCheck) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	report, err := c.CheckLedger(ctx, l.Organization)
	if err != nil {
		return &show.Failure{Doing: "check the ledger of organization " + l.Organization, Look: "licensectl org list", Err: err}
	}
	if documents(a) {
		err = show.One(a.printer(), report, l.Organization)
	} else {
		columns := []show.Column{{Field: "what", Title: "WHAT"}, {Field: "ledger", Title: "LEDGER"}, {Field: "record", Title: "RECORD"}, {Field: "note", Title: "NOTE"}}
		err = show.List(a.printer(), ledgerLines(report), columns, func(line ledgerLine) string { return l.Organization + "/" + line.What })
	}
	if err == nil && report.LedgerLoaded && !report.Agrees {
		err = errLedgerDiffers
	}
	return err
}

// ledgerLines are the seats, and then whatever differs.
func ledgerLines(r api.CheckReport) []ledgerLine {
	seats := ledgerLine{What: "seats", Ledger: strconv.Itoa(r.SeatsInLedger), Record: strconv.Itoa(r.SeatsInRecord)}
	if !r.LedgerLoaded {
		seats.Ledger, seats.Note = "not loaded", "the next request loads it from the record"
	}
	lines := []ledgerLine{seats}
	add := func(what string, ledger, record int, note string) {
		if ledger+record > 0 {
			lines = append(lines, ledgerLine{What: what, Ledger: count(ledger), Record: count(record), Note: note})
		}
	}
	add("only in the ledger", r.OnlyInLedger, 0, "grants and ends under way, unless it stays")
	add("only in the record", 0, r.OnlyInRecord, "the reaper ends them within an hour or two: "+strings.Join(r.OnlyInRecordFirst, " "))
	add("young", 0, r.Young, "grants that may be on their way")
	add("unreadable", 0, len(r.UnreadableDocuments), "a person broke them, and they hold no seat: "+strings.Join(r.UnreadableDocuments, " "))
	for _, l := range r.Licenses {
		lines = append(lines, ledgerLine{What: "license " + l.LicenseID, Record: strconv.Itoa(l.SeatsInRecord), Note: fmt.Sprintf("of %d", l.SeatsMax)})
	}
	return lines
}

// count is a number, and nothing for none.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

type ledgerRepair struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
	Write
}

// Run rebuilds.
func (l ledgerRepair) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	report, err := c.RebuildLedger(ctx, l.Organization, l.DryRun)
	if err != nil {
		return &show.Failure{Doing: "repair the ledger of organization " + l.Organization, Look: "licensectl org list", Err: err}
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), report, l.Organization)
	}
	done := "was made anew from the record"
	if l.DryRun {
		done = "would be made anew from the record" + dryNote
	}
	_, err = fmt.Fprintf(a.out, "ledger of %s %s\n    seats: %d → %d\n", l.Organization, done, report.SeatsBefore, report.SeatsAfter)
	return err
}
