package functions_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/delivery"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// world is a whole service on one kind of backend, listening.
type world struct {
	ctx   context.Context // of its making
	stack *devstack.Stack
	base  string // http://127.0.0.1:port
	http  *httptest.Server
	// record is the record itself; outage stands between it and the service.
	record record.Record
	outage *outage
	// server is the real redis-server; nil on the other backends.
	server *servers.RedisServer
	opts   devstack.Options
	// move moves the time of everything; nil where it runs on by itself.
	move func(time.Duration)
	// warned is what the functions warned of.
	warned *warnings
	// common worlds serve several tests: their clock and their Redis stay as they are.
	common  bool
	closers []func()
}

// backend fills in what a world runs on.
type backend struct {
	name  string
	build func(t *testing.T, w *world)
}

// embedded is the stack as `go run ./cmd/local` has it.
func embedded() backend {
	return backend{"embedded", func(_ *testing.T, w *world) { w.record = record.NewMemory() }}
}

// genuine is a real redis-server and the official Firestore emulator.
func genuine() backend {
	return backend{"real", func(t *testing.T, w *world) {
		w.server = servers.Redis(t)
		w.opts.Redis, w.record = w.server.Addr(), emulated(t, w)
	}}
}

// cluster is three real masters and the official Firestore emulator. The
// masters are shared: only organizations of the test's own may be used.
func cluster() backend {
	return backend{"cluster", func(t *testing.T, w *world) {
		w.opts.Redis, w.record = strings.Join(servers.RedisCluster(t), ","), emulated(t, w)
	}}
}

// emulated is the record on a project of its own in the emulator.
func emulated(t *testing.T, w *world) record.Record {
	t.Helper()
	client, err := record.Dial(w.ctx, record.Target{ProjectID: "t-" + uuid.NewString(), Emulator: servers.Firestore(t)})
	if err != nil {
		t.Fatal(err)
	}
	w.onClose(func() { _ = client.Close() })
	return record.NewFirestore(client, record.FirestoreOptions{Deadline: slowest})
}

// slowest is how long the emulator may take for its very first call, with other
// tests at work beside it.
const slowest = time.Minute

// start makes a world; it ends with the test.
func start(t *testing.T, b backend, opts devstack.Options) *world {
	t.Helper()
	w := open(t, b, opts)
	t.Cleanup(w.close)
	t.Cleanup(func() { w.tell(t) })
	return w
}

// open makes a world that is the caller's to close.
func open(t *testing.T, b backend, opts devstack.Options) *world {
	t.Helper()
	// The world may outlive this test, and with it its context.
	w := &world{ctx: context.WithoutCancel(t.Context()), opts: opts, outage: &outage{}, warned: &warnings{}}
	if w.opts.Log == nil {
		w.opts.Log = slog.New(slog.NewTextHandler(w.warned, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	b.build(t, w)
	w.opts.Record = &recordtest.Faulty{Record: w.record, Before: w.outage.runBefore, After: w.outage.runAfter}
	if administration, ok := w.record.(record.Administration); ok {
		w.opts.Administration = &recordtest.FaultyAdministration{
			Administration: administration, Before: w.outage.runBefore, After: w.outage.runAfter,
		}
	}
	if outbox, ok := w.record.(delivery.Store); ok {
		w.opts.Outbox = outbox
	}
	var err error
	if w.stack, err = w.startStack(); err != nil {
		w.close()
		t.Fatal(err)
	}
	w.onClose(func() { _ = w.stack.Close() })
	w.http = httptest.NewServer(w.stack.Local())
	w.base = w.http.URL
	w.onClose(func() {
		defaultTransport.Lock()
		defer defaultTransport.Unlock()
		w.http.Close()
	})
	return w
}

// defaultTransport keeps parallel tests from starting a stack, which exchanges
// http.DefaultTransport for a moment, while a test server closes, which reads it.
var defaultTransport sync.Mutex

func (w *world) startStack() (*devstack.Stack, error) {
	defaultTransport.Lock()
	defer defaultTransport.Unlock()
	// No answer here depends on how fast the machine is: what is down is refused,
	// not slow. Tests of deadlines set their own.
	opts := w.opts
	opts.RedisDeadline = cmp.Or(opts.RedisDeadline, slowest)
	opts.BackendDeadline = cmp.Or(opts.BackendDeadline, slowest)
	opts.RequestDeadline = cmp.Or(opts.RequestDeadline, 2*slowest)
	return devstack.Start(w.ctx, opts)
}

// tell shows, of a test that failed, what the functions warned of last.
func (w *world) tell(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Logf("the functions warned of:\n%s", w.warned)
	}
}

// warnings are the last lines of a log.
type warnings struct {
	mu    sync.Mutex
	lines []string
}

// Write implements [io.Writer]; a handler of slog writes one line at a time.
func (w *warnings) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines[max(0, len(w.lines)-20):], string(line))
	return len(line), nil
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "")
}

func (w *world) onClose(f func()) { w.closers = append(w.closers, f) }

func (w *world) close() {
	for _, f := range slices.Backward(w.closers) {
		f()
	}
	w.closers = nil
}

// onEach runs a test on the embedded stack and on the real servers, each time
// in a world of its own.
func onEach(t *testing.T, opts devstack.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, b := range []backend{embedded(), genuine()} {
		t.Run(b.name, func(t *testing.T) { test(t, start(t, b, opts)) })
	}
}

// onEachExpiring is onEach for tests that let sessions expire: the embedded
// clock can be moved, a real one has to be waited for. Such tests must not mind
// that a session expires earlier than they wanted; those that do what needs
// some time before that give it with ttl. They mostly wait, and so run in parallel.
func onEachExpiring(t *testing.T, ttl time.Duration, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, b := range []backend{embedded(), genuine()} {
		t.Run(b.name, func(t *testing.T) {
			opts := devstack.Defaults()
			if b.name == "real" {
				opts.SessionTTL = ttl
			}
			test(t, start(t, b, opts))
		})
	}
}

// soon is a session TTL for real servers, slow for those who wait and no
// shorter than a few requests take.
const soon = 700 * time.Millisecond

// advance moves the seats' clock, on the embedded stack alone.
func (w *world) advance(t *testing.T, d time.Duration) {
	t.Helper()
	if w.stack.Redis == nil || w.common {
		t.Fatal("this clock does not move")
	}
	w.stack.Redis.Advance(d)
}

// expire lets the time of all sessions run out, and waits until the ledger
// says so of n of the organization.
func (w *world) expire(t *testing.T, org string, n int) {
	t.Helper()
	if w.stack.Redis != nil {
		w.advance(t, w.opts.SessionTTL+time.Second)
	}
	eventually(t, func() bool {
		v, err := w.stack.Service.Ledger.Visit(t.Context(), license.ServiceCaller(org), 400)
		return err == nil && len(v.Expired)+len(v.Ending) >= n
	})
}

// lose takes everything from Redis, as the loss of its machine does.
func (w *world) lose() {
	if w.common {
		panic("other tests need this Redis")
	}
	if w.server != nil {
		w.server.Kill()
		w.server.Start()
		return
	}
	w.stack.Redis.Lose()
}

// killRedis makes Redis unreachable for the rest of the test.
func (w *world) killRedis() {
	if w.common {
		panic("other tests need this Redis")
	}
	if w.server != nil {
		w.server.Kill()
		return
	}
	w.stack.Redis.Close()
}

// eventually waits for a condition, for as long as a loaded machine may need.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatal("what was waited for did not come")
		case <-tick.C:
		}
	}
}

// outage makes the record fail on demand.
type outage struct {
	mu     sync.Mutex
	before func(ctx context.Context, method string) error
	after  func(ctx context.Context, method string, err error) error
}

func (o *outage) runBefore(ctx context.Context, method string) error {
	o.mu.Lock()
	f := o.before
	o.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx, method)
}

func (o *outage) runAfter(ctx context.Context, method string, err error) error {
	o.mu.Lock()
	f := o.after
	o.mu.Unlock()
	if f == nil {
		return err
	}
	return f(ctx, method, err)
}

// begin makes the given methods (none: all) fail with err before their effect.
func (o *outage) begin(err error, methods ...string) {
	o.set(func(_ context.Context, method string) error {
		if len(methods) == 0 || slices.Contains(methods, method) {
			return err
		}
		return nil
	}, nil)
}

// losing lets the methods happen and loses their answers.
func (o *outage) losing(err error, methods ...string) {
	o.set(nil, func(_ context.Context, method string, was error) error {
		if slices.Contains(methods, method) {
			return err
		}
		return was
	})
}

func (o *outage) end() { o.set(nil, nil) }

func (o *outage) set(before func(context.Context, string) error, after func(context.Context, string, error) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.before, o.after = before, after
}

// state is what an organization's seats look like from below.
type state struct {
	held   int
	active []string // ids of the sessions recorded as active
}

func (w *world) state(t *testing.T, org string) state {
	t.Helper()
	caller := license.ServiceCaller(org)
	held, err := w.stack.Service.Ledger.Known(t.Context(), caller, nil)
	if _, unloaded := err.(*ledger.RebuildError); err != nil && !unloaded { //nolint:errorlint // the ledger's own
		t.Fatal(err)
	}
	s := state{held: held.Held}
	for part := range record.Parts {
		err = w.record.ActiveSessions(t.Context(), caller, part, "", func(page record.Page) error {
			for _, session := range page.Sessions {
				s.active = append(s.active, session.ID)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(s.active)
	return s
}

// wantState compares an organization's state with one from before.
func (w *world) wantState(t *testing.T, org string, want state) {
	t.Helper()
	if got := w.state(t, org); got.held != want.held || !slices.Equal(got.active, want.active) {
		t.Errorf("%d seats held, active %v; before %d, %v", got.held, got.active, want.held, want.active)
	}
}

// recorded is a session's record.
func (w *world) recorded(t *testing.T, org, id string) license.Session {
	t.Helper()
	s, err := w.record.Session(t.Context(), license.ServiceCaller(org), id)
	if err != nil {
		t.Fatalf("session %s: %v", id, err)
	}
	return s
}

func (w *world) wantEnded(t *testing.T, org, id string, reason license.EndReason) {
	t.Helper()
	if s := w.recorded(t, org, id); s.Status != license.SessionEnded || s.EndedReason != reason || s.EndedAt.IsZero() {
		t.Errorf("session %s is recorded as %s, %q at %v; want ended, %q", id, s.Status, s.EndedReason, s.EndedAt, reason)
	}
}

// panicking makes the creation of records panic with a message.
func panicking(message string) func(context.Context, string) error {
	return func(_ context.Context, method string) error {
		if method == "Create" {
			panic(message)
		}
		return nil
	}
}
