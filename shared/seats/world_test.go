package seats_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

const (
	sessionTTL = 6 * time.Minute
	tokenTTL   = 5 * time.Minute
	acme       = "acme"
)

// world is a ledger and a record that several pools, one per instance of the
// service, share. Its backends can be made to fail, its ledger to be lost.
type world struct {
	*testing.T
	model  *ledgertest.Model
	ledger *ledgertest.Faulty
	record *recordtest.Faulty

	mu    sync.Mutex
	calls []string // of ledger and record, in order
	fail  func(method string) error
	lose  func(method string) error // after the effect
}

// organized is a record that has the organization acme.
func organized(t *testing.T) *record.Memory {
	t.Helper()
	r := record.NewMemory()
	if err := r.PutOrganization(t.Context(), license.ServiceCaller(acme), license.Organization{ID: acme}); err != nil {
		t.Fatal(err)
	}
	return r
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, model: ledgertest.NewModel(time.UnixMilli(1_800_000_000_000), sessionTTL, tokenTTL)}
	before := func(_ context.Context, method string) error {
		w.mu.Lock()
		w.calls = append(w.calls, method)
		fail := w.fail
		w.mu.Unlock()
		if fail != nil {
			return fail(method)
		}
		return nil
	}
	after := func(_ context.Context, method string, err error) error {
		w.mu.Lock()
		lose := w.lose
		w.mu.Unlock()
		if lose != nil && err == nil {
			return lose(method)
		}
		return err
	}
	w.ledger = &ledgertest.Faulty{Ledger: w.model, Before: before, After: after}
	w.record = &recordtest.Faulty{Record: organized(t), Before: before, After: after}
	return w
}

// failing sets what fails before its effect, losing what fails after it.
func (w *world) failing(fail func(method string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = fail
}

func (w *world) losing(lose func(method string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose = lose
}

// only fails one method.
func only(method string, err error) func(string) error {
	return func(m string) error {
		if m == method {
			return err
		}
		return nil
	}
}

// cost is the calls that an operation makes.
func (w *world) cost(operation func()) []string {
	w.mu.Lock()
	w.calls = nil
	w.mu.Unlock()
	operation()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// instance is one process of the service.
type instance struct {
	*world
	*seats.Protocol
}

// pool starts an instance; its operations call onStep, if any, at every step.
func (w *world) pool(onStep func(seats.Step) error) instance {
	w.Helper()
	p, err := seats.New(w.ledger, w.record, seats.Options{
		SessionTTL: sessionTTL, Parallel: 1, RebuildDeadline: time.Minute, CompensationDeadline: time.Minute,
		Now:  w.model.Now,
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		OnStep: func(_ context.Context, s seats.Step) error {
			if onStep == nil {
				return nil
			}
			return onStep(s)
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	return instance{w, p}
}

func user(id string) license.Caller {
	return license.Caller{OrganizationID: acme, UserID: id, Role: license.RoleMember}
}

func admin(id string) license.Caller {
	return license.Caller{OrganizationID: acme, UserID: id, Role: license.RoleAdmin}
}

// request is user's wish for one of limit seats.
func request(userID string, limit int) seats.Request {
	return seats.Request{
		Terms: license.NewTerms(
			license.Organization{ID: acme, MaxConcurrentSeats: 1000, Status: license.StatusActive},
			license.License{ID: "pro", MaxSeats: limit, Status: license.StatusActive}, userID,
		),
		Holder: license.Holder{UserID: userID, HardwareID: "hw"},
		Client: license.Client{Name: "studio"},
	}
}

func signed(context.Context, ledger.Hold) error { return nil }

var errUnsigned = errors.New("no signature")

func unsigned(context.Context, ledger.Hold) error { return errUnsigned }

func (p instance) acquire(userID string, limit int) (ledger.Hold, error) {
	return p.Acquire(p.Context(), user(userID), request(userID, limit), signed)
}

// take acquires, which must succeed.
func (p instance) take(userID string, limit int) ledger.Hold {
	p.Helper()
	h, err := p.acquire(userID, limit)
	if err != nil {
		p.Fatalf("acquire for %s: %v", userID, err)
	}
	return h
}

func (p instance) refused(userID string, limit int) {
	p.Helper()
	var full *license.NoSeatsError
	if h, err := p.acquire(userID, limit); !errors.As(err, &full) {
		p.Fatalf("acquire for %s: %+v, %v, want no seats", userID, h.Session, err)
	}
}

func (p instance) heartbeat(h ledger.Hold) error {
	_, err := p.Heartbeat(p.Context(), user(h.UserID), ledger.Heartbeat{SessionID: h.ID})
	return err
}

func (p instance) alive(h ledger.Hold) {
	p.Helper()
	if err := p.heartbeat(h); err != nil {
		p.Fatalf("heartbeat of %s: %v", h.UserID, err)
	}
}

// gone wants a 410 with this reason, and the same in the record.
func (p instance) gone(h ledger.Hold, reason license.EndReason) {
	p.Helper()
	var ended *license.SessionEndedError
	if err := p.heartbeat(h); !errors.As(err, &ended) || ended.Reason != reason {
		p.Fatalf("heartbeat of %s: %v, want %s", h.UserID, err, reason)
	}
}

func (p instance) release(h ledger.Hold) {
	p.Helper()
	if err := p.Release(p.Context(), user(h.UserID), h.ID); err != nil {
		p.Fatalf("release of %s: %v", h.UserID, err)
	}
}

func (p instance) reap() seats.Reaped {
	p.Helper()
	done, err := p.Reap(p.Context(), acme)
	if err != nil {
		p.Fatalf("reap: %v", err)
	}
	return done
}

// session is what the record says; a zero session if nothing.
func (w *world) session(id string) license.Session {
	w.Helper()
	s, err := w.record.Record.Session(w.Context(), license.ServiceCaller(acme), id)
	if err != nil && !errors.Is(err, license.ErrSessionNotFound) {
		w.Fatal(err)
	}
	return s
}

func (w *world) recorded(h ledger.Hold, status license.SessionStatus, reason license.EndReason) {
	w.Helper()
	s := w.session(h.ID)
	if s.Status != status || s.EndedReason != reason {
		w.Errorf("the record of %s is %q %q, want %q %q", h.UserID, s.Status, s.EndedReason, status, reason)
	}
	if s.Status == license.SessionEnded && (s.EndedAt.IsZero() || s.EndedAt.After(w.model.Now())) {
		w.Errorf("the record of %s ended at %s, now it is %s", h.UserID, s.EndedAt, w.model.Now())
	}
}

// sound wants the record's active sessions to be the ledger's, want of them.
func (w *world) sound(want int) {
	w.Helper()
	active := map[string]bool{}
	for part := range record.Parts {
		err := w.record.Record.ActiveSessions(w.Context(), license.ServiceCaller(acme), part, "", func(page record.Page) error {
			for _, s := range page.Sessions {
				active[s.ID] = true
			}
			return nil
		})
		if err != nil {
			w.Fatal(err)
		}
	}
	var ids []string
	for id := range active {
		ids = append(ids, id)
	}
	h, err := w.model.Known(w.Context(), license.ServiceCaller(acme), ids)
	if err != nil {
		w.Fatal(err)
	}
	for i, known := range h.Known {
		if !known {
			w.Errorf("%s is recorded active and not in the ledger", ids[i])
		}
	}
	if h.Held != want || len(ids) != want {
		w.Errorf("%d sessions in the ledger and %d recorded active, want %d", h.Held, len(ids), want)
	}
}

// gate stops the first operation that comes to a step until it is opened.
type gate struct {
	step          seats.Step
	once          sync.Once
	reached, open chan struct{}
}

func newGate(step seats.Step) *gate {
	return &gate{step: step, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) onStep(s seats.Step) error {
	if s == g.step {
		g.once.Do(func() {
			close(g.reached)
			<-g.open
		})
	}
	return nil
}

// outcome is what an operation in the background came to.
type outcome struct {
	hold ledger.Hold
	err  error
}

// stopped starts an operation and returns once it stands at the gate; finish
// opens that and waits for its outcome.
func stopped(t *testing.T, g *gate, operation func() (ledger.Hold, error)) (finish func() outcome) {
	t.Helper()
	done := make(chan outcome, 1)
	go func() {
		h, err := operation()
		done <- outcome{h, err}
	}()
	select {
	case <-g.reached:
	case o := <-done:
		t.Fatalf("never came to the gate: %+v, %v", o.hold.Session, o.err)
	}
	return func() outcome {
		close(g.open)
		return <-done
	}
}

var errCrash = errors.New("the process died")

// crashAt is an onStep that dies at a step, once.
func crashAt(step seats.Step) func(seats.Step) error {
	var once sync.Once
	return func(s seats.Step) (err error) {
		if s == step {
			once.Do(func() { err = fmt.Errorf("%w at %s", errCrash, s) })
		}
		return err
	}
}
