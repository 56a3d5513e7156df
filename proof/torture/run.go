package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// Options say how long and how hard.
type Options struct {
	Seed uint64
	// Duration is shared by the topologies, start and quiet times included; each
	// plays one round at least.
	Duration   time.Duration
	Topologies []rig.Topology
	Workers    int
	Pace       rig.Pace
	// Active is how long faults are played in a round. A round has some three seconds
	// more, in which it starts and comes to rest: the longer it is active, the more
	// operations a long run has, and the longer the history that is judged as one.
	Active time.Duration
	Launch rig.Launch
	// Out is told the progress and the verdict.
	Out io.Writer
	// History, when set, gets every operation and fault, one JSON object a line.
	History io.Writer
	// Verbose prints every fault of the plan.
	Verbose bool
	// Firestore is how the record keeps transactions apart; see [Firestore].
	Firestore rig.Firestore
	// Emulator is a Firestore emulator to use; empty starts one.
	Emulator string
	// Unbroken plays no faults: what is left is load.
	Unbroken bool
	// Only, when not 0, plays this round alone.
	Only int
	// Unguarded judges steps of clocks as if no step were too large for anything to be
	// granted or ended: what is found all the same is not for want of that guard.
	Unguarded bool
	// Faults are the names of those to play. One that ends with * means all that begin
	// so, one that begins with ! what is not to be played. None: all are.
	Faults []string
}

// Pace is the service's own pace, at 500 ms 720 times as fast: what takes minutes
// there happens here every second. A call of a backend may take half a session's
// life, not a quarter at most as is configured in production: the emulator and
// the signer share this machine with everything else. For the same reason clocks may
// be further apart than the twelfth of a life that they may be in production: the
// time that a request takes counts as well.
func Pace(sessionTTL time.Duration) rig.Pace {
	return rig.Pace{
		SessionTTL: sessionTTL, TokenTTL: 3 * sessionTTL, EntitlementCacheTTL: 4 * sessionTTL,
		BackendDeadline: sessionTTL / 2, RequestDeadline: 3 * sessionTTL / 2, ClockTolerance: sessionTTL / 4,
	}
}

// Firestore is a database of this mode at a pace. Without locks a transaction that
// nobody goes on with is in nobody's way, however long: it is forgotten some time.
// With locks it ends after as much of a session's life as a minute is of six.
func Firestore(mode rig.Concurrency, sessionTTL time.Duration) rig.Firestore {
	if mode == rig.Pessimistic {
		return rig.Firestore{Mode: mode, Idle: sessionTTL / 6}
	}
	return rig.Firestore{Mode: rig.Optimistic, Idle: time.Minute}
}

const (
	// ActiveTime is [Options.Active] where nothing else is wanted.
	ActiveTime = 8 * time.Second
	// restTime is what a round takes beside it, about.
	restTime = 3 * time.Second
	// sets is how many sets of organizations keep two cores busy.
	sets = 6
	// linearLimit bounds the check of one pool's history.
	linearLimit = 10 * time.Second
)

// ErrViolated says that the run found a broken promise.
var ErrViolated = errors.New("a promise was broken")

// Run runs the torture and prints what it saw; [ErrViolated] if it found a
// broken promise.
func Run(ctx context.Context, o Options) (err error) {
	report := newReport(o)
	each := o.Duration / time.Duration(len(o.Topologies))
	shared, err := startShared(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	for i, topology := range o.Topologies {
		end := report.started.Add(each * time.Duration(i+1))
		if err := runTopology(ctx, o, shared, topology, end, report); err != nil {
			return fmt.Errorf("%s: %w", topology, err)
		}
	}
	if err := report.wait(); err != nil {
		return err
	}
	report.print()
	if len(report.violations) > 0 {
		return ErrViolated
	}
	return nil
}

func startShared(ctx context.Context, o Options) (*rig.Shared, error) {
	if o.Emulator == "" {
		return rig.StartShared(ctx, o.Firestore)
	}
	return rig.UseShared(ctx, o.Emulator, o.Firestore)
}

func runTopology(ctx context.Context, o Options, shared *rig.Shared, topology rig.Topology, end time.Time, report *report) (err error) {
	r, err := shared.Start(ctx, topology, o.Workers, o.Launch, o.Pace)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	for i, w := range r.Workers {
		if err := w.Start(ctx, []time.Duration{0, o.Pace.ClockTolerance / 4, -o.Pace.ClockTolerance / 4}[i%3]); err != nil {
			return err
		}
	}
	plans := setting{seed: o.Seed, topology: topology, workers: o.Workers, nodes: r.Redis.Nodes(), faults: o.Faults, pace: o.Pace, load: sets}
	for n := max(1, o.Only); n <= max(1, o.Only) || o.Only == 0 && time.Until(end) >= o.Active+restTime; n++ {
		// The first is one with losses: a short run should see some.
		p := plans.round(n, n%2 == 0, o.Active)
		if err := playRound(ctx, o, r, p, topology, report); err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	return nil
}

// playRound plays one round. It is judged while the next one is played.
func playRound(ctx context.Context, o Options, r *rig.Rig, p plan, topology rig.Topology, report *report) error {
	if o.Unbroken {
		p.lanes = nil
	}
	if o.Verbose {
		p.print(o.Out)
	}
	if o.Emulator == "" { // it is this run's alone
		if err := r.Forget(ctx); err != nil {
			return err
		}
	}
	round := newRound(r, p, o.Pace, report.load)
	records, err := round.run(ctx, o.Active)
	if err != nil {
		return err
	}
	r.Recorded += len(records)
	h := round.recorder.History()
	if !o.Unguarded {
		h.Tolerance = o.Pace.ClockTolerance
	}
	rebuilt, violations, err := readLogs(r.Workers, &h)
	if err != nil {
		return err
	}
	report.judge(o, &judged{topology: topology, plan: p, history: &h, records: records, rebuilt: rebuilt, violations: violations})
	return nil
}

// writeHistory writes what was seen, for a look at it afterwards.
func writeHistory(out io.Writer, h *history.History) error {
	if out == nil {
		return nil
	}
	e := json.NewEncoder(out)
	var errs []error
	for _, op := range h.Ops {
		errs = append(errs, e.Encode(op))
	}
	for _, f := range h.Faults {
		errs = append(errs, e.Encode(f))
	}
	return errors.Join(errs...)
}

func (p plan) print(out io.Writer) {
	for i, lane := range p.lanes {
		for _, f := range lane {
			_, _ = fmt.Fprintf(out, "  round %d lane %d: after %s: %s, target %d (all %t), for %s, amount %s\n",
				p.n, i, f.after.Round(time.Millisecond), f.kind, f.target, f.all, f.length.Round(time.Millisecond), f.amount.Round(time.Millisecond))
		}
	}
}
