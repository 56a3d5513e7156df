// Package deliver is the function that tells events to a topic of Pub/Sub and to the
// webhooks of organizations. Cloud Scheduler calls it every minute; runs may overlap,
// repeat and die half way. It calls addresses that customers chose: it has no way into
// the network of the seat ledger, and knows no key that signs license tokens.
package deliver

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/delivery"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Deps is what the function works with.
type Deps struct {
	Authenticate web.Authenticator
	Courier      *delivery.Courier
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
		ID: "deliver", Method: http.MethodPost, Path: api.PathDeliver, Access: web.AccessScheduler,
		Summary:     "Deliver events",
		Description: "Publishes what has happened, and sends it to the webhooks that are due. For Cloud Scheduler. Runs may overlap and be repeated; one that runs out of time says more: true and the next goes on.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "What the run did.", Body: api.DeliverReport{
			EventsTaken: 12, Delivered: 9, Failed: 1, DurationMS: 412,
		}}},
		Problems: []api.Code{api.Forbidden},
	}, f.deliver)}
}

func (f *function) deliver(ctx context.Context, _ web.Call, _ struct{}) (web.Answer, error) {
	start := f.Now()
	done, err := f.Courier.Run(ctx, f.Budget)
	annotate(ctx, done)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "delivered", Body: api.DeliverReport{
		EventsTaken: done.Taken, Delivered: done.Delivered, Failed: done.Failed, DeadLetters: done.Dead, More: done.More,
		DurationMS: f.Now().Sub(start).Milliseconds(),
	}}, nil
}

// annotate tells the log what alerts count on: how long events waited, and dead letters.
func annotate(ctx context.Context, done delivery.Report) {
	web.Annotate(ctx,
		slog.Int("events_taken", done.Taken), slog.Int("delivered", done.Delivered), slog.Int("attempts_failed", done.Failed),
		slog.Int("dead_letters", done.Dead), slog.Bool("more", done.More), slog.Int("failures", done.Errors),
		slog.Float64("oldest_event_seconds", done.OldestWait.Round(time.Millisecond).Seconds()))
	if done.FirstErr != nil {
		web.Annotate(ctx, slog.String("first_failed_organization", done.FirstFailed))
		web.Degraded(ctx, "first_failure", done.FirstErr)
		web.Alarm(ctx)
	}
}
