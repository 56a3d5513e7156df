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
	Launch     rig.Launch
	// Out is told the progress and the verdict.
	Out io.Writer
	// History, when set, gets every operation and fault, one JSON object a line.
	History io.Writer
	// Verbose prints every fault of the plan.
	Verbose bool
	// Emulator is a Firestore emulator to use; empty starts one.
	Emulator string
	// Unbroken plays no faults: what is left is load.
	Unbroken bool
	// Only, when not 0, plays this round alone.
	Only int
}

// Pace is the service's own pace, at 500 ms 720 times as fast: what takes minutes
// there happens here every second. A call of a backend may take half a session's
// life, not a quarter at most as is configured in production: the emulator and
// the signer share this machine with everything else.
func Pace(sessionTTL time.Duration) rig.Pace {
	return rig.Pace{
		SessionTTL: sessionTTL, TokenTTL: 3 * sessionTTL, EntitlementCacheTTL: 4 * sessionTTL,
		BackendDeadline: sessionTTL / 2, RequestDeadline: 3 * sessionTTL / 2,
	}
}

const (
	// activeTime is how long faults are played in a round.
	activeTime = 5 * time.Second
	// roundTime is what a round takes in all, about.
	roundTime = 7 * time.Second
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
	shared, err := startShared(ctx, o.Emulator)
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
	report.print()
	if len(report.violations) > 0 {
		return ErrViolated
	}
	return nil
}

func startShared(ctx context.Context, emulator string) (*rig.Shared, error) {
	if emulator == "" {
		return rig.StartShared(ctx)
	}
	return rig.UseShared(ctx, emulator)
}

func runTopology(ctx context.Context, o Options, shared *rig.Shared, topology rig.Topology, end time.Time, report *report) (err error) {
	r, err := shared.Start(ctx, topology, o.Workers, o.Launch, o.Pace)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	for i, w := range r.Workers {
		if err := w.Start(ctx, []time.Duration{0, 90 * time.Second, -90 * time.Second}[i%3]); err != nil {
			return err
		}
	}
	for n := max(1, o.Only); n <= max(1, o.Only) || o.Only == 0 && time.Until(end) >= roundTime; n++ {
		// The first is one with losses: a short run should see some.
		p := planRound(o.Seed, n, topology, n%2 == 0, activeTime, o.Workers, r.Redis.Nodes())
		if err := playRound(ctx, o, r, p, topology, report); err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	return nil
}

func playRound(ctx context.Context, o Options, r *rig.Rig, p plan, topology rig.Topology, report *report) error {
	if o.Unbroken {
		p.lanes = nil
	}
	if o.Verbose {
		p.print(o.Out)
	}
	round := newRound(r, p, o.Pace)
	records, err := round.run(ctx, activeTime)
	if err != nil {
		return err
	}
	h := round.recorder.History()
	rebuilt, err := readLogs(r.Workers, &h)
	if err != nil {
		return err
	}
	violations, exempted := h.Check()
	violations = append(violations, h.CheckRecords(records)...)
	if p.calm {
		linear, more := h.Linearize(records, linearLimit)
		violations = append(violations, more...)
		report.linear = append(report.linear, linear...)
	}
	report.add(topology, p, &h, violations, exempted, rebuilt)
	return writeHistory(o.History, &h)
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

// readLogs finds what only the processes know: the releases they acknowledged
// while the record was away, and the ledgers they rebuilt.
func readLogs(workers []*rig.Worker, h *history.History) (rebuilt int, err error) {
	h.Pending = map[string]bool{}
	for _, w := range workers {
		lines, err := w.Log()
		if err != nil {
			return 0, err
		}
		for _, line := range lines {
			if _, ours := h.Orgs[line.Organization]; !ours {
				continue
			}
			switch line.Message {
			case "the end of a session is yet to be recorded":
				h.Pending[line.Session] = true
			case "a seat ledger was rebuilt from the record":
				rebuilt++
			}
		}
	}
	return rebuilt, nil
}

func (p plan) print(out io.Writer) {
	for i, lane := range p.lanes {
		for _, f := range lane {
			_, _ = fmt.Fprintf(out, "  round %d lane %d: after %s: %s, target %d (all %t), for %s, amount %s\n",
				p.n, i, f.after.Round(time.Millisecond), f.kind, f.target, f.all, f.length.Round(time.Millisecond), f.amount.Round(time.Millisecond))
		}
	}
}
