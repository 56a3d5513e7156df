package reaper

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// What an operator asks for: steps of the playbooks that would otherwise need a
// shell at the database. They enter by the reaper's own door, for one organization at
// a time, and the log says who asked and what came of it, since the answer may go to
// a scheduler that shows it to nobody.

// organization is the organization in a path.
func organization() web.Param {
	return web.Param{
		Name: "organization", Description: "The organization, as its record is called.",
		Pattern: "^[a-z0-9][a-z0-9-]{0,62}$", Missing: api.OrganizationNotFound,
	}
}

func rebuilding() web.Operation {
	return web.Operation{
		ID: "rebuild", Method: http.MethodPost, Path: api.PathRebuild, Params: []web.Param{organization()}, Access: web.AccessScheduler,
		Summary:     "Rebuild an organization's seat ledger",
		Description: "For operators. Forgets what the ledger holds and loads it from the record: nobody loses a seat, those of programs that crashed are free up to one session TTL later. Safe to repeat.",
		Answers:     []web.Documented{{Status: http.StatusOK, Description: "What it did.", Body: api.RebuildReport{OrganizationID: "acme", SeatsBefore: 12, SeatsAfter: 11, Epoch: 7, DurationMS: 41}}},
		Problems:    []api.Code{api.Forbidden},
	}
}

func checking() web.Operation {
	return web.Operation{
		ID: "check", Method: http.MethodPost, Path: api.PathCheck, Params: []web.Param{organization()}, Access: web.AccessScheduler,
		Summary:     "Compare an organization's seat ledger with its record",
		Description: "For operators. Reads both and changes neither.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "How they compare.", Body: api.CheckReport{
			OrganizationID: "acme", Agrees: true, LedgerLoaded: true, Epoch: 7, SeatsInLedger: 12, SeatsInRecord: 12,
			Licenses: []api.LicenseCheck{{LicenseID: "acme-pro", SeatsInRecord: 12, SeatsMax: 20}}, DurationMS: 41,
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) rebuild(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	start := f.Now()
	asked(ctx, c)
	done, err := f.Seats.Rebuild(ctx, c.Param("organization"))
	if err != nil {
		return web.Answer{}, err
	}
	report := api.RebuildReport{
		OrganizationID: c.Param("organization"), SeatsBefore: done.Before, SeatsAfter: done.After,
		Epoch: done.Epoch.Number, DurationMS: f.Now().Sub(start).Milliseconds(),
	}
	web.Annotate(ctx, slog.Any("report", report))
	return web.Answer{Outcome: "rebuilt", Body: report}, nil
}

func (f *function) check(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	start := f.Now()
	asked(ctx, c)
	found, err := f.Seats.Compare(ctx, c.Param("organization"))
	if err != nil {
		return web.Answer{}, err
	}
	report := found.Report(c.Param("organization"), f.Now().Sub(start))
	web.Annotate(ctx, slog.Any("report", report))
	return web.Answer{Outcome: "checked", Body: report}, nil
}

// asked notes who asked, for which organization: a service account's address, which is
// nobody's personal one.
func asked(ctx context.Context, c web.Call) {
	web.Annotate(ctx, slog.String("organization_id", c.Param("organization")), slog.String("asked_by", c.Caller.Email))
}
