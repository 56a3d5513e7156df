package admin

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func checkLedger() web.Operation {
	return web.Operation{
		ID: "checkLedger", Method: http.MethodPost, Path: api.PathLedgerCheck, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Reads:   true,
		Summary: "Compare an organization's seat ledger with its record", Description: forVendor + "Reads both and changes neither.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "How they compare.", Body: api.CheckReport{
			OrganizationID: "acme", Agrees: true, LedgerLoaded: true, Epoch: 7, SeatsInLedger: 12, SeatsInRecord: 12,
			Licenses: []api.LicenseCheck{{LicenseID: "acme-pro", SeatsInRecord: 12, SeatsMax: 20}}, DurationMS: 41,
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) checkLedger(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	start, organizationID := f.Now(), caller(c).OrganizationID
	found, err := f.Seats.Compare(ctx, organizationID)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "checked", Body: found.Report(organizationID, f.Now().Sub(start))}, nil
}

func rebuildLedger() web.Operation {
	return web.Operation{
		ID: "rebuildLedger", Method: http.MethodPost, Path: api.PathLedgerRebuild, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query:   dryRunQuery(),
		Summary: "Rebuild an organization's seat ledger", Description: forVendor + "Forgets what the ledger holds and loads it from the record: nobody loses a seat, those of programs that crashed are free up to one session TTL later. Safe to repeat. A dry run tells how many seats there would be, and changes nothing.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "What it did, or would.", Body: api.RebuildReport{OrganizationID: "acme", SeatsBefore: 12, SeatsAfter: 11, Epoch: 7, DurationMS: 41}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) rebuildLedger(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	start := f.Now()
	report, err := f.rebuilt(ctx, c, a)
	if err != nil {
		return web.Answer{}, err
	}
	report.OrganizationID, report.DurationMS = caller(c).OrganizationID, f.Now().Sub(start).Milliseconds()
	web.Annotate(ctx, slog.Any("report", report))
	return web.Answer{Outcome: "rebuilt", Body: report}, nil
}

// rebuilt asks in the audit first: there is no rebuild without its entry.
func (f *function) rebuilt(ctx context.Context, c web.Call, a record.Act) (api.RebuildReport, error) {
	organizationID := caller(c).OrganizationID
	if a.DryRun {
		found, err := f.Seats.Compare(ctx, organizationID)
		return api.RebuildReport{SeatsBefore: found.InLedger, SeatsAfter: found.InRecord, Epoch: found.Epoch.Number}, err
	}
	entry, err := f.Record.AddEntry(ctx, caller(c), a, record.LedgerRebuilt, record.LedgerObject(organizationID), record.EntryAsked)
	if err != nil {
		return api.RebuildReport{}, err
	}
	done, err := f.Seats.Rebuild(ctx, organizationID)
	if err != nil {
		return api.RebuildReport{}, err
	}
	err = f.Record.SettleEntry(ctx, caller(c), entry, record.EntryDone, map[string]any{
		"seats_before": int64(done.Before), "seats_after": int64(done.After), "epoch": done.Epoch.Number,
	})
	return api.RebuildReport{SeatsBefore: done.Before, SeatsAfter: done.After, Epoch: done.Epoch.Number}, err
}
