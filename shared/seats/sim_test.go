package seats_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// sim runs many operations of several instances at once, one at a time: each
// stops before and after every call of a backend and at every step, and the
// seed decides who goes on, what fails and when time passes. The same seed
// makes the same run.
type sim struct {
	*testing.T
	*rand.Rand
	backend backend
	record  record.Record
	memory  *record.Memory // what the record is behind all faults
	pools   []*simPool
	tasks   []*task
	calm    bool          // nothing fails any more
	stepped time.Duration // by how much the server's clock is wrong
	trace   []string
	named   int // sessions
	*customers
}

// backend is a ledger whose server can be lost.
type backend struct {
	ledger ledger.Ledger
	now    func() time.Time // by the clock of all but the server
	// advance moves all clocks, step the server's alone; the others are faults.
	advance, step func(time.Duration)
	faults        map[string]func()
	// losesWrites are those after which what was acknowledged may be gone.
	losesWrites map[string]bool
	// living names the living of a license or organization; nil where nobody can look.
	living func(organizationID, licenseID string) []string
	// holder is whose session it is; nil where living is.
	holder func(organizationID, sessionID string) license.Holder
}

// task is one operation in progress.
type task struct {
	name            string
	pool            *simPool // nil for a write that lands late
	resume, yielded chan struct{}
	done            bool
}

// simPool is one instance of the service; it does one operation at a time.
type simPool struct {
	*seats.Protocol
	id   int
	busy bool
	// known is what it knows that organizations bought.
	known map[string]license.Entitlements
}

type taskKey struct{}

func newSim(t *testing.T, seed uint64, b backend) *sim {
	s := &sim{memory: record.NewMemory(), T: t, Rand: rand.New(rand.NewPCG(seed, 0)), backend: b, customers: newCustomers()}
	s.record = &lateRecord{sim: s, Faulty: &recordtest.Faulty{
		Record: s.memory, Before: s.recordBefore, After: s.recordAfter,
	}}
	for _, org := range customerIDs() {
		s.sell(org)
	}
	for i := range 5 {
		s.pools = append(s.pools, &simPool{id: i})
		s.restart(s.pools[i])
	}
	return s
}

// restart gives an instance empty caches, as after a crash.
func (s *sim) restart(p *simPool) {
	ledger := &ledgertest.Faulty{Ledger: s.backend.ledger, Before: s.ledgerBefore, After: s.ledgerAfter}
	pool, err := seats.New(ledger, s.record, seats.Options{
		SessionTTL: sessionTTL, Parallel: 1, RebuildDeadline: time.Hour, CompensationDeadline: time.Hour, Now: s.backend.now, NewSessionID: s.sessionID,
		Wait: func(ctx context.Context, _ time.Duration) error { s.yield(ctx); return nil },
		OnStep: func(ctx context.Context, step seats.Step) error {
			s.yield(ctx)
			if s.chance(1, 100) {
				s.note("  crash at %s", step)
				return errCrash
			}
			return nil
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	p.Protocol, p.known = pool, map[string]license.Entitlements{}
	for _, org := range customerIDs() {
		s.learn(p, org)
	}
}

// sessionID names sessions alike in every run of a seed: their names put them into the
// parts in which they are read.
func (s *sim) sessionID() (string, error) {
	s.named++
	return fmt.Sprintf("01900000-0000-7000-8000-%012x", s.named), nil
}

// chance is n in of, and never in calm.
func (s *sim) chance(n, of int) bool { return !s.calm && s.IntN(of) < n }

func (s *sim) note(format string, args ...any) {
	s.trace = append(s.trace, s.backend.now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// broken fails the run and tells its story. It ends the calling goroutine, which
// may be a task's; the scheduler's ends with its next move.
func (s *sim) broken(format string, args ...any) {
	s.Helper()
	for _, line := range s.trace[max(0, len(s.trace)-400):] {
		s.Log(line)
	}
	s.Errorf(format, args...)
	s.FailNow()
}

// yield lets others go first.
func (s *sim) yield(ctx context.Context) {
	t, ok := ctx.Value(taskKey{}).(*task)
	if !ok {
		return // the harness's own look at a backend
	}
	t.yielded <- struct{}{}
	<-t.resume
}

func (s *sim) recordBefore(ctx context.Context, method string) error {
	s.yield(ctx)
	if s.chance(3, 100) {
		s.note("  record fails before %s", method)
		return recordtest.Outage([]error{record.ErrNotWritten, record.ErrRefused, nil}[s.IntN(3)])
	}
	return nil
}

func (s *sim) recordAfter(ctx context.Context, method string, err error) error {
	if err == nil && s.chance(2, 100) {
		s.note("  record fails after %s", method)
		err = recordtest.Outage(nil)
	}
	s.yield(ctx)
	return err
}

func (s *sim) ledgerBefore(ctx context.Context, _ string) error {
	s.yield(ctx)
	if s.chance(1, 100) {
		return ledgertest.Outage()
	}
	return nil
}

func (s *sim) ledgerAfter(ctx context.Context, method string, err error) error {
	if err == nil && s.chance(1, 100) {
		s.note("  ledger's answer to %s is lost", method)
		err = ledgertest.Outage()
	}
	s.yield(ctx)
	return err
}

// lateRecord also lets writes land long after their caller has given up.
type lateRecord struct {
	*recordtest.Faulty
	sim *sim
}

func (r *lateRecord) late(ctx context.Context, name string, write func(context.Context) error) error {
	if !r.sim.chance(2, 100) {
		return nil
	}
	r.sim.note("  %s will land late", name)
	r.sim.start(ctx, &task{name: "late " + name}, func(ctx context.Context) {
		r.sim.note("  late %s: %v", name, write(ctx))
	})
	return recordtest.Outage(nil)
}

func (r *lateRecord) Create(ctx context.Context, c license.Caller, s license.Session) error {
	write := func(ctx context.Context) error { return r.Record.Create(ctx, c, s) }
	if err := r.late(ctx, "create of "+s.ID, write); err != nil {
		return err
	}
	return r.Faulty.Create(ctx, c, s)
}

func (r *lateRecord) End(ctx context.Context, c license.Caller, epoch license.Epoch, ends []record.End) error {
	write := func(ctx context.Context) error { return r.Record.End(ctx, c, epoch, ends) }
	if err := r.late(ctx, "end", write); err != nil {
		return err
	}
	return r.Faulty.End(ctx, c, epoch, ends)
}

// start adds a task that begins when it is first chosen.
func (s *sim) start(ctx context.Context, t *task, do func(context.Context)) {
	t.resume, t.yielded = make(chan struct{}), make(chan struct{})
	s.tasks = append(s.tasks, t)
	ctx = context.WithValue(context.WithoutCancel(ctx), taskKey{}, t)
	go func() {
		defer func() { t.yielded <- struct{}{} }()
		defer func() { t.done = true }()
		<-t.resume
		do(ctx)
	}()
}

// operate starts an operation on an idle instance, and reports whether there is one.
func (s *sim) operate(name string, do func(ctx context.Context, p *simPool) error) bool {
	for _, i := range s.Perm(len(s.pools)) {
		p := s.pools[i]
		if p.busy {
			continue
		}
		p.busy = true
		s.note("%s on %d …", name, p.id)
		s.start(s.Context(), &task{name: name, pool: p}, func(ctx context.Context) {
			err := do(ctx, p)
			s.note("%s on %d: %v", name, p.id, err)
			if errors.Is(err, errCrash) {
				s.restart(p) //nolint:contextcheck // the memory answers at once
			}
			p.busy = false
		})
		return true
	}
	return false
}

// resume lets one task go on to its next stop.
func (s *sim) resume() {
	if len(s.tasks) == 0 {
		return
	}
	i := s.IntN(len(s.tasks))
	t := s.tasks[i]
	t.resume <- struct{}{}
	<-t.yielded
	if s.Failed() {
		s.FailNow()
	}
	if t.done {
		s.tasks[i] = s.tasks[len(s.tasks)-1]
		s.tasks = s.tasks[:len(s.tasks)-1]
	}
}

// drain finishes everything under way, without faults.
func (s *sim) drain() {
	s.calm = true
	for len(s.tasks) > 0 {
		s.resume()
		s.check()
	}
}
