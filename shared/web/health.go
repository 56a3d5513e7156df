package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// checkLimit is how long all checks of one readiness probe may take together:
// below the probe's own timeout, above a healthy backend's slowest answer.
const checkLimit = 2 * time.Second

// Check pings one thing a function needs.
type Check = func(context.Context) error

// probes are the routes every function has. They are for the platform: the
// load balancer routes those of acquire alone, because Cloud Armor bounds them.
func probes(checks map[string]Check) []Route {
	alive := func(context.Context, Call, struct{}) (Answer, error) {
		return Answer{Body: api.Health{Status: api.HealthOK}}, nil
	}
	answers := func(ctx context.Context, _ Call, _ struct{}) (Answer, error) {
		return readiness(ctx, checks), nil
	}
	return []Route{Handle(live(), alive), Handle(ready(), answers)}
}

// readiness runs all checks at once, so that one that hangs cannot make the
// others look bad. What has not answered in time has failed.
func readiness(ctx context.Context, checks map[string]Check) Answer {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(checks)) // buffered, so that a check that ends too late does not hang
	answer := Answer{Status: http.StatusServiceUnavailable}
	health := api.Health{Status: api.HealthFailed, Checks: map[string]string{}}
	for name, check := range checks {
		health.Checks[name] = api.HealthFailed
		go func() { results <- result{name, guarded(ctx, check)} }()
	}
	failed, silent := len(checks), maps.Clone(checks)
	for range checks {
		select {
		case r := <-results:
			delete(silent, r.name)
			if r.err == nil {
				health.Checks[r.name] = api.HealthOK
				failed--
			} else {
				Annotate(ctx, slog.String("check_"+r.name, r.err.Error()))
			}
		case <-ctx.Done():
		}
	}
	for name := range silent {
		Annotate(ctx, slog.String("check_"+name, "no answer within "+checkLimit.String()))
	}
	if failed == 0 {
		health.Status, answer.Status = api.HealthOK, http.StatusOK
	}
	answer.Body = health
	return answer
}

// guarded runs a check: on a goroutine of its own its panic would end the process.
func guarded(ctx context.Context, check Check) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the check panicked: %w", newPanic(v))
		}
	}()
	if check == nil {
		return errors.New("no such check")
	}
	return check(ctx)
}
