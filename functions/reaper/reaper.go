// Package reaper is the function that clears what was abandoned. Cloud
// Scheduler calls it every minute; runs may overlap, repeat and die half way.
// No seat waits for it: an acquire that needs an expired seat ends it itself.
// It also makes the keys that sign license tokens. Operators have single
// organizations rebuilt and checked by it, and keys revoked.
package reaper

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Deps is what the function works with.
type Deps struct {
	Authenticate web.Authenticator
	Index        ledger.Index
	Record       record.Record
	Seats        *seats.Protocol
	// Keys makes the keys that sign license tokens; nil where none are made.
	Keys *token.Rotator
	// Budget is how long one run may take before it leaves the rest to the next.
	Budget time.Duration
	Now    func() time.Time
}

// New makes the function.
func New(opts web.Options, deps Deps) *web.App {
	f := &function{deps}
	return web.NewApp(opts, web.Authenticators{web.AccessScheduler: deps.Authenticate}, f.routes()...)
}

// Operations are what the function serves.
func Operations() []web.Operation { return web.Operations((*function)(nil).routes()...) }

type function struct{ Deps }

func (f *function) routes() []web.Route {
	return []web.Route{web.Handle(web.Operation{
		// Cloud Scheduler's default target has no path, so "/" means the same.
		ID: "reap", Method: http.MethodPost, Path: api.PathReap, Aliases: []string{"/"}, Access: web.AccessScheduler,
		Summary:     "End what has expired",
		Description: "Makes the next signing key where one is due, too. For Cloud Scheduler. Runs may overlap and be repeated; one that runs out of time says more: true and the next goes on.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "What the run did.", Body: api.ReapReport{
			OrganizationsVisited: 2, SessionsReaped: 3, DurationMS: 41,
		}}},
		Problems: []api.Code{api.Forbidden},
	}, f.reap), web.Handle(rebuilding(), f.rebuild), web.Handle(checking(), f.check), web.Handle(revoking(), f.revoke)}
}

func (f *function) reap(ctx context.Context, _ web.Call, _ struct{}) (web.Answer, error) {
	start := f.Now()
	ctx, cancel := context.WithTimeout(ctx, f.Budget)
	defer cancel()
	r := &run{function: f}
	var rotation sync.WaitGroup
	rotation.Go(func() { r.rotate(ctx) })
	err := r.all(ctx, start)
	if rotation.Wait(); err != nil {
		return web.Answer{}, err
	}
	r.report.DurationMS = f.Now().Sub(start).Milliseconds()
	annotate(ctx, r)
	return web.Answer{Outcome: "reaped", Body: r.report}, nil
}

func annotate(ctx context.Context, r *run) {
	web.Annotate(ctx,
		slog.Int("organizations_visited", r.report.OrganizationsVisited),
		slog.Int("sessions_reaped", r.report.SessionsReaped),
		slog.Int("records_repaired", r.report.RecordsRepaired),
		slog.Int("organizations_rebuilt", r.report.OrganizationsRebuilt),
		slog.Bool("more", r.report.More),
		slog.Int64("duration_ms", r.report.DurationMS),
		slog.Int("organizations_failed", r.failed))
	if r.firstErr != nil {
		web.Annotate(ctx, slog.String("first_failed_organization", r.firstFailed))
		web.Degraded(ctx, "first_failure", r.firstErr)
		web.Alarm(ctx)
	}
}
