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
)

// round is one round at work.
type round struct {
	*rig.Rig
	plan     plan
	pace     rig.Pace
	client   *client
	recorder *history.Recorder
	seen     seen
	// orgs are the plan's and its control, names are theirs, sorted.
	orgs  map[string]history.Org
	names []string
	// bought is what each of them has bought so far.
	bought map[string]*bought
	clocks *clocks
	load   *load
}

// What the control has: more than anybody takes.
const (
	controlLicense = "pro"
	controlSeats   = 1000
)

func newRound(r *rig.Rig, p plan, pace rig.Pace, l *load) *round {
	orgs := maps.Clone(p.orgs)
	orgs[p.control] = history.Org{Cap: controlSeats, Licenses: map[string]int{controlLicense: controlSeats}}
	// An attempt of a call to Redis has three fifths of its time.
	recorder := history.NewRecorder(orgs, pace.BackendDeadline/2)
	urls := make([]string, len(r.Workers))
	for i, w := range r.Workers {
		urls[i] = w.URL()
	}
	bought := map[string]*bought{}
	for id, org := range orgs {
		bought[id] = newBought(id, org)
	}
	return &round{
		Rig: r, plan: p, pace: pace, recorder: recorder, orgs: orgs, names: slices.Sorted(maps.Keys(orgs)), bought: bought,
		clocks: newClocks(r, recorder), load: l,
		client: &client{
			http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}, urls: urls, idp: r.IDP,
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
	r.clocks.meetAll()
	if err := r.work(ctx, active); err != nil {
		return nil, err
	}
	if err := r.mended(ctx); err != nil {
		return nil, err
	}
	r.fillUp(ctx)
	records, err := r.reapAll(ctx)
	r.clocks.meetAll()
	r.clocks.finish()
	return records, err
}

// work lets everybody work and plays the faults, for the active time.
func (r *round) work(ctx context.Context, length time.Duration) error {
	active, over := context.WithTimeout(ctx, length)
	defer over()
	var everybody sync.WaitGroup
	for i, h := range r.holders() {
		p := &program{round: r, holder: h, rand: r.random(uint64(i)), number: i}
		everybody.Go(func() { p.work(active) })
	}
	for i, h := range r.thieves() {
		p := &program{round: r, holder: h, rand: r.random(uint64(2000 + i))}
		everybody.Go(func() { p.steal(active) })
	}
	everybody.Go(func() { r.load.watch(active) })
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

// thieves are one of each organization whose seats pass on seldom.
func (r *round) thieves() []history.Holder {
	var out []history.Holder
	for _, org := range slices.Sorted(maps.Keys(r.plan.orgs)) {
		if r.plan.orgs[org].Handover != nil {
			out = append(out, history.Holder{Org: org, License: "pro", User: "thief"})
		}
	}
	return out
}

// holders are two more per license than there are seats.
func (r *round) holders() []history.Holder {
	var out []history.Holder
	for _, org := range slices.Sorted(maps.Keys(r.plan.orgs)) {
		if org == r.plan.crowded {
			continue
		}
		licenses := r.plan.orgs[org].Licenses
		for _, lic := range slices.Sorted(maps.Keys(licenses)) {
			for i := range licenses[lic] + 2 {
				out = append(out, history.Holder{Org: org, License: lic, User: fmt.Sprint("u-", i/2), Hardware: fmt.Sprint("hw-", i)})
			}
		}
	}
	return out
}
