package reaper

import (
	"context"
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

const (
	// pageSize is how many due organizations are asked for at a time.
	pageSize = 100
	// parallel is how many organizations are attended to at once.
	parallel = 8
)

// run is one run of the reaper.
type run struct {
	*function
	mu       sync.Mutex
	report   api.ReapReport
	failed   int
	firstErr error
	// firstFailed is the organization of firstErr.
	firstFailed string
}

// all visits every organization that is due. Only a failure to learn which
// those are fails the run: one organization's trouble leaves the others served
// and the run unfinished (more).
func (r *run) all(ctx context.Context, now time.Time) error {
	shards := order(r.Index.DueShards(), now)
	if err := r.fill(ctx, shards); err != nil {
		return r.cut(ctx, err)
	}
	for _, shard := range shards {
		if err := r.shard(ctx, shard, now); err != nil {
			return r.cut(ctx, err)
		}
	}
	return nil
}

// cut passes an error, unless it is the run's own time that is over.
func (r *run) cut(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	r.report.More = true
	return nil
}

// shard visits a shard's due organizations, page by page: a visit moves an
// organization's next time ahead, so the next page has others. An organization
// that failed stays due; once a page has no others, the next run goes on with
// them.
func (r *run) shard(ctx context.Context, shard int, now time.Time) error {
	tried := map[string]bool{}
	for {
		due, err := r.Index.Due(ctx, shard, pageSize+len(tried))
		if err != nil {
			return err
		}
		var page []string
		for _, id := range due.Organizations {
			if !tried[id] {
				tried[id] = true
				page = append(page, id)
			}
		}
		if len(page) == 0 {
			return nil
		}
		r.visitAll(ctx, page, now)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (r *run) visitAll(ctx context.Context, organizationIDs []string, now time.Time) {
	var visits sync.WaitGroup
	room := make(chan struct{}, parallel)
	for _, id := range organizationIDs {
		room <- struct{}{}
		visits.Go(func() {
			defer func() { <-room }()
			r.visit(ctx, id, now)
		})
	}
	visits.Wait()
}

func (r *run) visit(ctx context.Context, organizationID string, now time.Time) {
	if ctx.Err() != nil {
		r.add(organizationID, seats.Reaped{}, ctx.Err())
		return
	}
	done, err := r.Seats.Reap(ctx, organizationID)
	r.add(organizationID, done, err)
	if err != nil || !done.Left && !sweepDue(organizationID, now) {
		return
	}
	swept, err := r.Seats.Sweep(ctx, organizationID)
	r.addSwept(organizationID, swept, err)
	if err != nil && done.Left {
		_ = r.Index.Schedule(ctx, true, organizationID) // come back; if that fails, the next acquire schedules it
	}
}

func (r *run) add(organizationID string, done seats.Reaped, err error) {
	r.mu.Lock()
	r.report.OrganizationsVisited++
	r.mu.Unlock()
	r.addSwept(organizationID, done, err)
}

func (r *run) addSwept(organizationID string, done seats.Reaped, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.SessionsReaped += done.Sessions
	r.report.RecordsRepaired += done.Repaired
	if done.Rebuilt {
		r.report.OrganizationsRebuilt++
	}
	if err != nil {
		r.report.More = true
		r.failed++
		if r.firstErr == nil {
			r.firstErr, r.firstFailed = err, organizationID
		}
	}
}

// fill makes the index anew after a loss: every organization is due at once in
// the shards that were not filled on this very server, also those that send no
// request.
func (r *run) fill(ctx context.Context, shards []int) error {
	fresh := map[int]string{}
	for _, shard := range shards {
		due, err := r.Index.Due(ctx, shard, 1)
		if err != nil {
			return err
		}
		if due.Fresh {
			fresh[shard] = due.Identity
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := r.scheduleAll(ctx, fresh); err != nil {
		return err
	}
	for shard, identity := range fresh {
		if err := r.Index.Filled(ctx, shard, identity); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) scheduleAll(ctx context.Context, fresh map[int]string) error {
	for after := ""; ; {
		ids, err := r.Record.OrganizationIDs(ctx, after, 300)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if err := r.Index.Schedule(ctx, true, wants(fresh, r.Index.Shard, ids)...); err != nil {
			return err
		}
	}
}
