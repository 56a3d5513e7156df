package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// round is one round at work.
type round struct {
	*rig.Rig
	plan     plan
	pace     rig.Pace
	client   *client
	recorder *history.Recorder
	seen     seen
	names    []string // of the organizations, sorted
}

func newRound(r *rig.Rig, p plan, pace rig.Pace) *round {
	recorder := history.NewRecorder(p.orgs, pace.BackendDeadline)
	urls := make([]string, len(r.Workers))
	for i, w := range r.Workers {
		urls[i] = w.URL()
	}
	return &round{
		Rig: r, plan: p, pace: pace, recorder: recorder, names: slices.Sorted(maps.Keys(p.orgs)),
		client: &client{
			http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, urls: urls, idp: r.IDP,
			recorder: recorder, signed: map[string]string{}, asking: map[asking]bool{},
		},
	}
}

// run plays the round, an active time and then quiet, and answers what the record
// has at its end.
func (r *round) run(ctx context.Context, active time.Duration) ([]history.Record, error) {
	defer r.client.http.CloseIdleConnections()
	if err := r.create(ctx); err != nil {
		return nil, err
	}
	if err := r.work(ctx, active); err != nil {
		return nil, err
	}
	if err := r.mended(ctx); err != nil {
		return nil, err
	}
	r.fillUp(ctx)
	return r.reapAll(ctx)
}

// create writes the organizations into the record.
func (r *round) create(ctx context.Context) error {
	for _, id := range r.names {
		caller, org := license.ServiceCaller(id), r.plan.orgs[id]
		err := r.Record.PutOrganization(ctx, caller, license.Organization{
			ID: id, Name: id, Slug: id, Status: license.StatusActive, MaxConcurrentSeats: org.Cap,
		})
		for name, seats := range org.Licenses {
			err = errors.Join(err, r.Record.PutLicense(ctx, caller, license.License{
				ID: name, OrganizationID: id, Product: name, Plan: "team", Status: license.StatusActive, MaxSeats: seats,
			}))
		}
		if err != nil {
			return fmt.Errorf("organization %s: %w", id, err)
		}
	}
	return nil
}

// work lets everybody work and plays the faults, for the active time.
func (r *round) work(ctx context.Context, length time.Duration) error {
	active, over := context.WithTimeout(ctx, length)
	defer over()
	var everybody sync.WaitGroup
	for i, h := range r.holders() {
		p := &program{round: r, holder: h, rand: r.random(uint64(i))}
		everybody.Go(func() { p.work(active) })
	}
	meddler, scheduler := &other{r, r.random(1001)}, &other{r, r.random(1002)}
	everybody.Go(func() { meddler.meddle(active) })
	everybody.Go(func() { scheduler.reap(active) })
	errs := make([]error, len(r.plan.lanes))
	for i, lane := range r.plan.lanes {
		everybody.Go(func() { errs[i] = r.playLane(active, lane) })
	}
	everybody.Wait()
	return errors.Join(errs...)
}

// random is somebody's own source of chance.
func (r *round) random(who uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.plan.seed, who)) //nolint:gosec // what a seed repeats
}

// holders are two more per license than there are seats.
func (r *round) holders() []history.Holder {
	var out []history.Holder
	for _, org := range r.names {
		licenses := r.plan.orgs[org].Licenses
		for _, lic := range slices.Sorted(maps.Keys(licenses)) {
			for i := range licenses[lic] + 2 {
				out = append(out, history.Holder{Org: org, License: lic, User: fmt.Sprint("u-", i/2), Hardware: fmt.Sprint("hw-", i)})
			}
		}
	}
	return out
}
