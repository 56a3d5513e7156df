package functions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// seeded is how many organizations every stack begins with.
const seeded = 2

// TestTheReaperEndsWhatWasAbandoned, once, and nothing else.
func TestTheReaperEndsWhatWasAbandoned(t *testing.T) {
	onEachExpiring(t, 3*time.Second, func(t *testing.T, w *world) {
		if r := w.reap(t); r.OrganizationsVisited != seeded || r.OrganizationsRebuilt != seeded || r.More {
			t.Errorf("the first run loads the ledgers of all: %+v", r)
		}
		org := w.licensed(t, 3)
		var abandoned []string
		for _, hw := range []string{"1", "2", "3"} {
			abandoned = append(abandoned, w.user(org, "ann").take(t, hw).SessionID)
		}
		w.expire(t, org, 3)
		r := w.reap(t)
		if r.SessionsReaped != 3 || r.RecordsRepaired != 0 || r.OrganizationsRebuilt != 0 || r.More || r.DurationMS < 0 {
			t.Errorf("the report: %+v", r)
		}
		if w.stack.Redis != nil && r.OrganizationsVisited != seeded+1 {
			t.Errorf("%d organizations visited, all of %d were due", r.OrganizationsVisited, seeded+1)
		}
		for _, id := range abandoned {
			w.wantEnded(t, org, id, license.EndExpired)
		}
		if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
			t.Errorf("left behind %+v", got)
		}
		if r := w.reap(t); r.SessionsReaped != 0 || r.RecordsRepaired != 0 || r.More {
			t.Errorf("the second run: %+v", r)
		}
		w.user(org, "ann").beat(t, abandoned[0]).refused(t, "session_ended").wantMember(t, "reason", "expired")
		if n := w.fill(t, org); n != 3 {
			t.Errorf("%d seats were free, want 3", n)
		}
	})
}

// TestTheReaperSparesTheLiving, however many have expired beside them.
func TestTheReaperSparesTheLiving(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	ann := w.user(org, "ann")
	living, abandoned := ann.take(t, "1").SessionID, ann.take(t, "2").SessionID
	w.advance(t, 5*time.Minute)
	ann.beat(t, living).want(t, http.StatusOK)
	w.advance(t, 2*time.Minute)
	if r := w.reap(t); r.SessionsReaped != 1 {
		t.Errorf("the report: %+v", r)
	}
	w.wantEnded(t, org, abandoned, license.EndExpired)
	ann.beat(t, living).want(t, http.StatusOK)
	// The living one becomes due when its own time is over, not before.
	w.advance(t, 5*time.Minute)
	if r := w.reap(t); r.SessionsReaped != 0 {
		t.Errorf("too early: %+v", r)
	}
	w.advance(t, 2*time.Minute)
	if r := w.reap(t); r.SessionsReaped != 1 {
		t.Errorf("too late: %+v", r)
	}
}

// TestOverlappingRuns count every session once.
func TestOverlappingRuns(t *testing.T) {
	onEachExpiring(t, soon, func(t *testing.T, w *world) {
		orgs := []string{w.licensed(t, 4), w.licensed(t, 4)}
		for _, org := range orgs {
			for _, hw := range []string{"1", "2", "3", "4"} {
				w.user(org, "ann").take(t, hw)
			}
		}
		for _, org := range orgs {
			w.expire(t, org, 4)
		}
		var mu sync.Mutex
		total := 0
		race(t, 4, func(int) error {
			a := w.do(t, http.MethodPost, "/", w.stack.SchedulerToken(), nil)
			if a.status != http.StatusOK {
				return errors.New(string(a.body))
			}
			mu.Lock()
			defer mu.Unlock()
			total += reportOf(t, a.body).SessionsReaped
			return nil
		})
		if total += w.reap(t).SessionsReaped; total != 8 {
			t.Errorf("%d sessions reaped, want 8", total)
		}
		for _, org := range orgs {
			if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
				t.Errorf("left behind %+v", got)
			}
		}
	})
}

// TestALossWithoutTraffic: no request comes for the organization, and its
// ledger is rebuilt all the same, its dead sessions ended a TTL later.
func TestALossWithoutTraffic(t *testing.T) {
	onEachExpiring(t, 3*time.Second, func(t *testing.T, w *world) {
		org := w.licensed(t, 2)
		for _, hw := range []string{"1", "2"} {
			w.user(org, "ann").take(t, hw)
		}
		w.reap(t)
		w.lose()
		if r := w.reap(t); r.OrganizationsVisited != seeded+1 || r.OrganizationsRebuilt != seeded+1 || r.More {
			t.Errorf("after the loss: %+v", r)
		}
		if got := w.state(t, org); w.stack.Redis != nil && got.held != 2 {
			t.Errorf("%d seats held after the loss", got.held)
		}
		w.expire(t, org, 2)
		if r := w.reap(t); r.SessionsReaped != 2 || r.OrganizationsRebuilt != 0 {
			t.Errorf("a TTL later: %+v", r)
		}
		if got := w.state(t, org); got.held != 0 || len(got.active) != 0 {
			t.Errorf("left behind %+v", got)
		}
	})
}

// reapFor is a run of a reaper with this budget.
func (w *world) reapFor(t *testing.T, budget time.Duration) api.ReapReport {
	t.Helper()
	service := *w.stack.Service
	service.Config.ReapBudget = budget
	app, err := functions.Reaper(&service)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+w.stack.SchedulerToken())
	got := httptest.NewRecorder()
	app.ServeHTTP(got, r)
	if got.Code != http.StatusOK {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	return reportOf(t, got.Body.Bytes())
}

// TestARunOutOfTime says so, and the next goes on.
func TestARunOutOfTime(t *testing.T) {
	onEachExpiring(t, soon, func(t *testing.T, w *world) {
		org := w.licensed(t, 2)
		w.user(org, "ann").take(t, "hw")
		w.expire(t, org, 1)
		if r := w.reapFor(t, time.Nanosecond); !r.More || r.SessionsReaped != 0 {
			t.Errorf("no time at all: %+v", r)
		}
		w.reapFor(t, time.Minute)
		w.user(org, "ann").take(t, "hw")
		w.expire(t, org, 1)
		w.outage.set(hanging("End"), nil)
		if r := w.reapFor(t, 300*time.Millisecond); !r.More || r.SessionsReaped != 0 {
			t.Errorf("half way: %+v", r)
		}
		w.outage.end()
		if r := w.reapFor(t, time.Minute); r.More || r.SessionsReaped != 1 {
			t.Errorf("the next run: %+v", r)
		}
	})
}

// hanging makes a method of the record wait until its time is over.
func hanging(method string) func(context.Context, string) error {
	return func(ctx context.Context, m string) error {
		if m != method {
			return nil
		}
		<-ctx.Done()
		return &license.UnavailableError{Backend: "firestore", Err: ctx.Err()}
	}
}

// broken is a record that cannot end sessions of one organization.
type broken struct {
	*record.Memory
	org string
}

func (r *broken) End(ctx context.Context, caller license.Caller, epoch license.Epoch, ends []record.End) error {
	if caller.OrganizationID == r.org {
		return recordtest.Outage(record.ErrNotWritten)
	}
	return r.Memory.End(ctx, caller, epoch, ends)
}

// TestOneOrganizationsTrouble leaves the others served, and the run unfinished.
func TestOneOrganizationsTrouble(t *testing.T) {
	sick := &broken{Memory: record.NewMemory()}
	w := start(t, backend{"embedded", func(_ *testing.T, w *world) { w.record = sick }}, devstack.Defaults())
	var orgs []string
	for range 3 {
		org := w.licensed(t, 1)
		w.user(org, "ann").take(t, "hw")
		orgs = append(orgs, org)
	}
	sick.org = orgs[1]
	w.advance(t, 7*time.Minute)
	if r := w.reap(t); r.SessionsReaped != 2 || !r.More || r.OrganizationsVisited != seeded+3 {
		t.Errorf("with one in trouble: %+v", r)
	}
	if r := w.reap(t); r.SessionsReaped != 0 || !r.More || r.OrganizationsVisited != 1 {
		t.Errorf("only that one is still due: %+v", r)
	}
	sick.org = ""
	if r := w.reap(t); r.SessionsReaped != 1 || r.More {
		t.Errorf("after its trouble: %+v", r)
	}
}

// TestTheSweep ends records that the ledger knows nothing of, when their
// organization goes idle, also if it cannot at first.
func TestTheSweep(t *testing.T) {
	onEachExpiring(t, soon, func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		s := w.user(org, "ann").take(t, "hw")
		w.drop(t, s.SessionID, license.Session{OrganizationID: org, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw"}})
		w.outage.begin(recordtest.Outage(record.ErrNotWritten), "CountActive")
		w.idle(t, func(r api.ReapReport) bool { return r.More })
		w.outage.end()
		w.idle(t, func(r api.ReapReport) bool { return r.RecordsRepaired == 1 && !r.More })
		w.wantEnded(t, org, s.SessionID, license.EndDisplaced)
	})
}

// idle runs the reaper, a TTL apart, until a report says what was waited for.
func (w *world) idle(t *testing.T, done func(api.ReapReport) bool) {
	t.Helper()
	eventually(t, func() bool {
		if done(w.reap(t)) {
			return true
		}
		if w.stack.Redis != nil {
			w.advance(t, w.opts.SessionTTL)
		}
		return false
	})
}

// TestAnIdleOrganizationComesBack into the index with its next session.
func TestAnIdleOrganizationComesBack(t *testing.T) {
	t.Parallel()
	opts := devstack.Defaults()
	opts.SessionTTL = 400 * time.Millisecond
	w := start(t, genuine(), opts)
	org := w.licensed(t, 1)
	for range 2 {
		id := w.user(org, "ann").take(t, "hw").SessionID
		eventually(t, func() bool { w.reap(t); return w.recorded(t, org, id).Status == license.SessionEnded })
		eventually(t, func() bool {
			visit, err := w.stack.Service.Seats.Reap(t.Context(), org)
			return err == nil && visit.Left
		})
	}
}

// TestManyOrganizations in one shard take several pages of the index and of
// the record; each is visited once, also when all of them fail and stay due.
func TestManyOrganizations(t *testing.T) {
	const many = 310
	w := start(t, embedded(), devstack.Defaults())
	for i, n := 0, 0; n < many; i++ {
		id := fmt.Sprintf("o-%d", i)
		if w.stack.Service.Ledger.Shard(id) != 7 {
			continue
		}
		n++
		if err := w.record.PutOrganization(t.Context(), license.ServiceCaller(id), license.Organization{Status: license.StatusActive}); err != nil {
			t.Fatal(err)
		}
	}
	w.outage.begin(recordtest.Outage(record.ErrNotWritten), "OpenEpoch")
	if r := w.reap(t); r.OrganizationsVisited != many+seeded || r.OrganizationsRebuilt != 0 || !r.More {
		t.Errorf("with the record half away: %+v", r)
	}
	w.outage.end()
	if r := w.reap(t); r.OrganizationsVisited != many+seeded || r.OrganizationsRebuilt != many+seeded || r.More {
		t.Errorf("%d organizations, and %d: %+v", many, seeded, r)
	}
	if r := w.reap(t); r.OrganizationsVisited != 0 {
		t.Errorf("none is due any more: %+v", r)
	}
}

// TestTheReaperWithoutTheRecord: after a loss it cannot know whom to visit, and
// says so; a run that fails has confirmed nothing.
func TestTheReaperWithoutTheRecord(t *testing.T) {
	onEach(t, devstack.Defaults(), func(t *testing.T, w *world) {
		org := w.licensed(t, 1)
		w.user(org, "ann").take(t, "hw")
		w.outage.begin(recordtest.Outage(record.ErrNotWritten), "OrganizationIDs")
		w.do(t, http.MethodPost, "/", w.stack.SchedulerToken(), nil).refused(t, "unavailable")
		w.outage.end()
		if r := w.reap(t); r.OrganizationsVisited != seeded+1 {
			t.Errorf("the shards passed for filled: %+v", r)
		}
	})
}
