package seats_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// filedUsage is acme's, as the record has it: all hours of all its licenses together.
func filedUsage(t *testing.T, r record.Administration) usage.Counts {
	t.Helper()
	all := usage.NewCounts()
	for _, h := range filedHours(t, r) {
		all = all.Add(h.Counts)
	}
	return all
}

func filedHours(t *testing.T, r record.Administration) []usage.Hour {
	t.Helper()
	hours, err := r.Usage(t.Context(), license.ServiceCaller(acme), record.UsageQuery{To: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return hours
}

// usage is the same of a world, whose organization it makes.
func (w *world) usage() usage.Counts {
	w.Helper()
	memory := w.record.Record.(*record.Memory) //nolint:forcetypeassert // made by newWorld
	if err := memory.PutOrganization(w.Context(), license.ServiceCaller(acme), license.Organization{}); err != nil {
		w.Fatal(err)
	}
	return filedUsage(w.T, memory)
}

func (p instance) refusedTimes(n int) {
	p.Helper()
	for i := range n {
		p.refused(fmt.Sprint("refused-", i), 1)
	}
}

func (w *world) wantDenials(when string, want int64) {
	w.Helper()
	if got := w.usage().Denials(); got != want {
		w.Errorf("%s: %d denials, want %d", when, got, want)
	}
}

// TestUsageIsExactOnRealBackends: 200 requests are refused, the reaper dies five times
// on its way, and the day has 200 denials: again once the hours are closed.
func TestUsageIsExactOnRealBackends(t *testing.T) {
	server, err := servers.SharedClocks(t).StartRedis(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Kill() })
	client, err := record.Dial(t.Context(), record.Target{ProjectID: "t-" + uuid.NewString(), Emulator: servers.Firestore(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	if err := r.PutOrganization(t.Context(), license.ServiceCaller(acme), license.Organization{}); err != nil {
		t.Fatal(err)
	}
	l := ledgertest.NewRedis(t, ledgertest.Client(t, server.Addr()), "", sessionTTL, tokenTTL)
	service := func(step seats.Step) *seats.Protocol { return dyingAt(t, l, r, step) }
	healthy := service("")
	if _, err := healthy.Acquire(t.Context(), user("ann"), request("ann", 1), signed); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if got := tryAcquire(t.Context(), healthy, fmt.Sprint("refused-", i), 1); got.refused != 1 {
			t.Fatalf("%+v, want refused", got)
		}
	}
	for round := range 2 {
		for _, step := range []seats.Step{seats.StepTallied, seats.StepFiled, seats.StepTallied, seats.StepFiled, seats.StepForgotten} {
			if _, err := service(step).Reap(t.Context(), acme); !errors.Is(err, errCrash) {
				t.Fatalf("at %s: %v, want the crash", step, err)
			}
		}
		if _, err := healthy.Reap(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		if got := filedUsage(t, r); got.Denials() != 200 || got.Refused() != 200 || got.Grants() != 1 || got.Peak != 1 {
			t.Errorf("round %d: %d denials, %d by the license, %d grants, peak %d", round, got.Denials(), got.Refused(), got.Grants(), got.Peak)
		}
		if err := server.StepClock(3 * time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if keys := ledgertest.Client(t, server.Addr()).Keys(t.Context(), "*:usage:*").Val(); len(keys) != 0 {
		t.Errorf("left in Redis: %q", keys)
	}
}

// dyingAt is a process of the service that dies at a step, once; empty is none.
func dyingAt(t *testing.T, l ledger.Ledger, r record.Record, step seats.Step) *seats.Protocol {
	t.Helper()
	at := crashAt(step)
	p, err := seats.New(l, r, seats.Options{
		SessionTTL: sessionTTL, OnStep: func(_ context.Context, s seats.Step) error { return at(s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestOverlappingReapersCountOnce: one pauses wherever it stands, for as long as it
// takes to close the hour, another goes all the way.
func TestOverlappingReapersCountOnce(t *testing.T) {
	for _, step := range []seats.Step{seats.StepTallied, seats.StepFiled, seats.StepForgotten} {
		for _, pause := range []time.Duration{0, 3 * time.Hour} {
			t.Run(fmt.Sprint(step, " for ", pause), func(t *testing.T) {
				w := newWorld(t)
				p := w.pool(nil)
				p.take("ann", 1)
				p.refusedTimes(3)
				g := newGate(step)
				finish := stopped(t, g, func() (ledger.Hold, error) {
					_, err := w.pool(g.onStep).Reap(t.Context(), acme)
					return ledger.Hold{}, err
				})
				p.refusedTimes(4)
				w.model.Advance(pause)
				p.reap()
				w.wantDenials("before the first goes on", 7)
				p.take("ann", 1)
				p.refusedTimes(5)
				if o := finish(); o.err != nil {
					t.Error(o.err)
				}
				p.reap()
				w.wantDenials("in the end", 12)
			})
		}
	}
}

// TestNothingIsForgottenBeforeItIsFiled: the hour is over, and the reaper dies with what
// it was told.
func TestNothingIsForgottenBeforeItIsFiled(t *testing.T) {
	for _, step := range []seats.Step{seats.StepTallied, seats.StepFiled} {
		w := newWorld(t)
		p := w.pool(nil)
		p.take("ann", 1)
		p.refusedTimes(3)
		w.model.Advance(3 * time.Hour)
		if _, err := w.pool(crashAt(step)).Reap(t.Context(), acme); !errors.Is(err, errCrash) {
			t.Fatalf("at %s: %v", step, err)
		}
		p.reap()
		w.wantDenials("after a death at "+string(step), 3)
		told, err := w.model.Tally(t.Context(), license.ServiceCaller(acme), "", "", 10)
		if err != nil || len(told.Meters) != 0 {
			t.Errorf("the ledger still has %+v, %v", told.Meters, err)
		}
	}
}

// TestUsageOfAReplacedLedger: what the one before counted is filed before it is cleared,
// and the numbers of both add up.
func TestUsageOfAReplacedLedger(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.take("ann", 1)
	p.refusedTimes(3)
	w.model.Promote()
	p.refusedTimes(4)
	for _, step := range []seats.Step{seats.StepTallied, seats.StepFiled} {
		if _, err := w.pool(crashAt(step)).Reap(t.Context(), acme); !errors.Is(err, errCrash) {
			t.Fatalf("at %s: %v", step, err)
		}
	}
	p.reap()
	w.wantDenials("after a promotion", 7)
	p.refusedTimes(1)
	p.reap()
	w.wantDenials("with the next ones", 8)
}

// TestALostLedgerCostsWhatWasNotFiled, and a replica that takes over with older numbers
// takes none back.
func TestALostLedgerCostsWhatWasNotFiled(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.take("ann", 1)
	p.refusedTimes(2)
	w.model.Replicate()
	p.refusedTimes(1)
	p.reap()
	w.wantDenials("filed", 3)
	p.refusedTimes(5)
	w.model.Failover()
	p.refusedTimes(1)
	p.reap()
	w.wantDenials("after the failover", 4)
	p.refusedTimes(6)
	w.model.Lose()
	p.refusedTimes(1)
	p.reap()
	w.wantDenials("after the loss", 5)
}

// TestARefusedRequestIsOneDenial, also if an answer is lost and it is asked again.
func TestARefusedRequestIsOneDenial(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.take("ann", 1)
	asked := 0
	l := &ledgertest.Faulty{Ledger: w.model, After: func(_ context.Context, method string, err error) error {
		if method != "Reserve" {
			return err
		}
		if asked++; asked == 1 {
			return &license.UnavailableError{Backend: "redis", Err: io.EOF}
		}
		return err
	}}
	if got := tryAcquire(t.Context(), realPool(t, l, w.record), "eve", 1); got.refused != 1 || asked != 2 {
		t.Fatalf("%+v after %d reservations", got, asked)
	}
	p.reap()
	w.wantDenials("asked twice", 1)
	p.refusedTimes(1)
	p.reap()
	w.wantDenials("with another request", 2)
}

// TestFailedGrantsAreNoGrants: nobody was told of a seat.
func TestFailedGrantsAreNoGrants(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	if _, err := p.Acquire(t.Context(), user("ann"), request("ann", 1), unsigned); !errors.Is(err, errUnsigned) {
		t.Fatal(err)
	}
	p.take("bob", 1)
	p.reap()
	if got := w.usage(); got.Grants() != 1 || got.Failed != 1 {
		t.Errorf("%+v", got)
	}
}

// days are the seeds of those that are played: one call at a time, so that the race
// detector learns nothing from the second, and each takes it five seconds.
func days() []uint64 {
	if raceDetector {
		return []uint64{1}
	}
	return []uint64{1, 2, 3}
}

// TestTheSizingCurveIsThatOfTheHistory: a day of comings and goings, some of them silent,
// and what was counted is what the sessions' documents tell, to the millisecond.
func TestTheSizingCurveIsThatOfTheHistory(t *testing.T) {
	for _, seed := range days() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := newDay(t, seed)
			d.run(24 * time.Hour)
			got, want := filedUsage(t, d.record), d.history()
			want.RefusedAt[daySeats] = int64(d.denied) // no document tells of the refused
			if !maps.Equal(got.Levels, want.Levels) {
				t.Errorf("levels:\n got %v\nwant %v", got.Levels, want.Levels)
			}
			if !maps.Equal(got.Granted, want.Granted) || got.Peak != want.Peak {
				t.Errorf("grants %v, peak %d, want %v, %d", got.Granted, got.Peak, want.Granted, want.Peak)
			}
			if !slices.Equal(usage.Sizing(got), usage.Sizing(want)) {
				t.Errorf("sizing:\n got %+v\nwant %+v", usage.Sizing(got), usage.Sizing(want))
			}
			if len(filedHours(t, d.record)) < 20 || got.Denials() != int64(d.denied) || d.denied == 0 {
				t.Errorf("%d hours, %d denials, want %d", len(filedHours(t, d.record)), got.Denials(), d.denied)
			}
		})
	}
}

// day is a scripted one, on an embedded Redis whose clock is moved.
type day struct {
	*testing.T
	*seats.Protocol
	record  *record.Memory
	rand    *rand.Rand
	advance func(time.Duration)
	holds   []ledger.Hold // those who send heartbeats
	ids     []string      // of all sessions there were
	denied  int
}

const daySeats = 5

func newDay(t *testing.T, seed uint64) *day {
	f := ledgertest.Fake(t)
	d := &day{
		T: t, record: organized(t), advance: f.Advance,
		rand: rand.New(rand.NewPCG(seed, seed)),
	}
	if err := d.record.PutOrganization(t.Context(), license.ServiceCaller(acme), license.Organization{}); err != nil {
		t.Fatal(err)
	}
	d.Protocol = realPool(t, ledgertest.NewRedis(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, tokenTTL), d.record)
	return d
}

func (d *day) run(length time.Duration) {
	for i := 0; length > 0; i++ {
		pause := time.Duration(d.rand.IntN(240_000)) * time.Millisecond
		d.advance(pause)
		length -= pause
		d.beat()
		switch d.rand.IntN(4) {
		case 0, 1:
			d.acquire(fmt.Sprint("u-", i))
		case 2:
			d.leave(d.rand.IntN(2) == 0)
		}
		if i%5 == 0 {
			d.reap()
		}
	}
	d.holds = nil
	d.advance(2 * sessionTTL)
	d.reap()
}

func (d *day) beat() {
	for _, h := range d.holds {
		if _, err := d.Heartbeat(d.Context(), user(h.UserID), ledger.Heartbeat{SessionID: h.ID}); err != nil {
			d.Fatal(err)
		}
	}
}

func (d *day) acquire(userID string) {
	h, err := d.Acquire(d.Context(), user(userID), request(userID, daySeats), signed)
	switch {
	case err == nil:
		d.holds, d.ids = append(d.holds, h), append(d.ids, h.ID)
	case errors.As(err, new(*license.NoSeatsError)):
		d.denied++
	default:
		d.Fatal(err)
	}
}

// leave lets one holder go, who says so or falls silent.
func (d *day) leave(says bool) {
	if len(d.holds) == 0 {
		return
	}
	i := d.rand.IntN(len(d.holds))
	h := d.holds[i]
	d.holds = slices.Delete(d.holds, i, i+1)
	if says {
		if err := d.Release(d.Context(), user(h.UserID), h.ID); err != nil {
			d.Fatal(err)
		}
	}
}

func (d *day) reap() {
	if _, err := d.Reap(d.Context(), acme); err != nil {
		d.Fatal(err)
	}
}

// history counts the day from its sessions' documents alone.
func (d *day) history() usage.Counts {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, id := range d.ids {
		s, err := d.record.Session(d.Context(), license.ServiceCaller(acme), id)
		if err != nil || s.EndedAt.IsZero() {
			d.Fatal(s, err)
		}
		changes = append(changes, change{s.AcquiredAt, 1}, change{s.EndedAt, -1})
	}
	// A seat that is free at a moment is taken at that moment.
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.by, b.by)) })
	all, level := usage.NewCounts(), 0
	for i, c := range changes {
		if level > 0 && c.at.After(changes[i-1].at) {
			all.Levels[level] += c.at.Sub(changes[i-1].at).Milliseconds()
		}
		if level += c.by; c.by > 0 {
			all.Granted[level]++
			all.Peak = max(all.Peak, level)
		}
	}
	return all
}
