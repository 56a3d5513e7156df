package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/refresh"
)

const (
	// checkLimit is how long all checks of one readiness probe may take together:
	// below the probe's own timeout, above a healthy backend's slowest answer.
	checkLimit = 2 * time.Second
	// lookLife is how long what was found is answered to everybody: probes come every
	// few seconds, and whoever asks more often costs the backends nothing.
	lookLife = time.Second
)

// Check tries one thing a function needs.
type Check = func(context.Context) error

// probes are the routes every function has. They are for the platform: the
// load balancer routes those of acquire alone, and /ready and /startup nowhere.
func probes(opts Options) []Route {
	alive := func(context.Context, Call, struct{}) (Answer, error) {
		return Answer{Body: api.Health{Status: api.HealthOK}}, nil
	}
	all, start := newLook(opts.Checks, opts.Now), newLook(opts.startChecks(), opts.Now)
	return []Route{Handle(live(), alive), Handle(ready(), all.answer), Handle(startup(), start.answer)}
}

// startChecks are the checks that a start waits for.
func (o Options) startChecks() map[string]Check {
	if o.StartNeeds == nil {
		return o.Checks
	}
	checks := maps.Clone(o.Checks)
	maps.DeleteFunc(checks, func(name string, _ Check) bool { return !slices.Contains(o.StartNeeds, name) })
	return checks
}

// look is what was found when things were last tried, for all who ask.
type look struct {
	checks map[string]Check
	rules  refresh.Rules
	last   refresh.Value[findings]
}

// findings are what came of each check: nothing, or what is wrong.
type findings map[string]error

func newLook(checks map[string]Check, now func() time.Time) *look {
	if now == nil {
		now = time.Now
	}
	return &look{checks: checks, rules: refresh.Rules{Now: now, Deadline: 2 * checkLimit}}
}

func (l *look) answer(ctx context.Context, _ Call, _ struct{}) (Answer, error) {
	found, err := l.last.Get(ctx, &l.rules, func(ctx context.Context) (findings, time.Duration, error) {
		return try(ctx, l.checks), lookLife, nil
	})
	if err != nil { // this request has no time left, and nothing was found yet
		found = silent(l.checks)
	}
	health, status := api.Health{Status: api.HealthOK, Checks: map[string]string{}}, http.StatusOK
	for name, err := range found {
		health.Checks[name] = api.HealthOK
		if err != nil {
			Annotate(ctx, slog.String("check_"+name, err.Error()))
			health.Checks[name], health.Status, status = api.HealthFailed, api.HealthFailed, http.StatusServiceUnavailable
		}
	}
	return Answer{Status: status, Body: health}, nil
}

// silent is what is found before any check has answered.
func silent(checks map[string]Check) findings {
	found := findings{}
	for name := range checks {
		found[name] = errors.New("no answer within " + checkLimit.String())
	}
	return found
}

// try runs all checks at once, so that one that hangs cannot make the others look
// bad. What has not answered in time has failed.
func try(ctx context.Context, checks map[string]Check) findings {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(checks)) // buffered, so that a check that ends too late does not hang
	found := silent(checks)
	for name, check := range checks {
		go func() { results <- result{name, guarded(ctx, check)} }()
	}
	for range checks {
		select {
		case r := <-results:
			found[r.name] = r.err
		case <-ctx.Done():
			return found
		}
	}
	return found
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
