package torture

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// report adds up what the rounds saw. One round at a time is judged.
type report struct {
	judging sync.WaitGroup
	err     error // the first of writing a history

	// load is what the machine was found to bear.
	load *load

	opts       Options
	started    time.Time
	rounds     int
	total      int            // operations
	ops        map[string]int // by kind and result
	faults     map[string]int
	linear     []history.Linear
	rebuilt    int
	exempted   int
	pending    int
	unknown    int
	grants     int
	violations []history.Violation
}

func newReport(o Options) *report {
	return &report{load: newLoad(), opts: o, started: time.Now(), ops: map[string]int{}, faults: map[string]int{}}
}

// judged is a round that is over.
type judged struct {
	topology   rig.Topology
	plan       plan
	history    *history.History
	records    []history.Record
	rebuilt    int
	violations []history.Violation
	exempted   int
}

// judge judges a round beside what goes on, once the one before is judged.
func (r *report) judge(o Options, j *judged) {
	r.judging.Wait()
	r.judging.Go(func() {
		found, exempted := j.history.Check()
		j.violations, j.exempted = slices.Concat(j.violations, found, j.history.CheckRecords(j.records)), exempted
		if j.plan.calm {
			linear, more := j.history.Linearize(j.records, linearLimit)
			j.violations, r.linear = append(j.violations, more...), append(r.linear, linear...)
		}
		r.add(j)
		r.err = errors.Join(r.err, writeHistory(o.History, j.history))
	})
}

// wait waits until every round is judged.
func (r *report) wait() error {
	r.judging.Wait()
	return r.err
}

// add notes a round, and tells its violations with their stories at once.
func (r *report) add(j *judged) {
	h := j.history
	r.rounds++
	r.rebuilt += j.rebuilt
	r.exempted += j.exempted
	r.pending += len(h.Pending)
	r.violations = append(r.violations, j.violations...)
	grants, unknown := 0, 0
	r.total += len(h.Ops)
	for _, op := range h.Ops {
		r.ops[string(op.Kind)+", "+string(op.Result)]++
		if op.Result == history.Granted {
			grants++
		}
		if op.Return == history.Never {
			unknown++
		}
	}
	r.grants, r.unknown = r.grants+grants, r.unknown+unknown
	for _, f := range h.Faults {
		r.faults[f.Kind]++
	}
	r.printf("%s %s round %d (%s): %d operations, %d grants, %d of unknown outcome, %d faults, %d rebuilds, %d violations\n",
		time.Since(r.started).Round(time.Second), j.topology, j.plan.n, mood(j.plan.calm), len(h.Ops), grants, unknown, len(h.Faults), j.rebuilt, len(j.violations))
	r.tell(h, j.violations)
}

// tell prints the first violations of each kind, the very first with their stories.
func (r *report) tell(h *history.History, violations []history.Violation) {
	told := map[string]int{}
	for _, v := range violations {
		told[v.Check]++
		if told[v.Check] > linesPerCheck {
			continue
		}
		r.printf("VIOLATION %s: %s\n", v.Check, v.Text)
		if told[v.Check] == 1 {
			r.printf("    %s\n", strings.Join(h.Story(v), "\n    "))
		}
	}
	for check, n := range told {
		if n > linesPerCheck {
			r.printf("VIOLATION %s: %d more\n", check, n-linesPerCheck)
		}
	}
}

// linesPerCheck keeps a broken service's output readable.
const linesPerCheck = 5

func mood(calm bool) string {
	if calm {
		return "calm"
	}
	return "losses"
}

func (r *report) print() {
	r.printf("\nseed %d, %s on %v, %d function processes, session TTL %s, %d rounds\n",
		r.opts.Seed, time.Since(r.started).Round(time.Second), r.opts.Topologies, r.opts.Workers, r.opts.Pace.SessionTTL, r.rounds)
	r.printf("%d operations, %.0f a second\n", r.total, float64(r.total)/time.Since(r.started).Seconds())
	r.table("operations", r.ops)
	r.table("faults", r.faults)
	r.printf("%d grants, %d ledgers rebuilt, %d outcomes unknown, %d releases pending in the ledger, %d exempted (a pending release undone by a loss)\n",
		r.grants, r.rebuilt, r.unknown, r.pending, r.exempted)
	r.printLinear()
	verdict := "PASS"
	if len(r.violations) > 0 {
		verdict = "FAIL"
	}
	r.printf("torture: seed %d: %s, %d violations\n", r.opts.Seed, verdict, len(r.violations))
}

func (r *report) printLinear() {
	ops, checked := 0, 0
	for _, l := range r.linear {
		switch {
		case l.Skipped != "":
			r.printf("note: the history of %s %s was not checked for linearizability: %s\n", l.Org, l.License, l.Skipped)
		case l.Verdict == porcupine.Unknown:
			r.printf("note: the history of %s %s (%d operations, %d of unknown outcome) took too long to check\n", l.Org, l.License, l.Ops, l.Open)
		default:
			checked++
			ops += l.Ops
		}
	}
	r.printf("linearizability: %d of %d histories checked, %d operations\n", checked, len(r.linear), ops)
}

func (r *report) table(name string, counts map[string]int) {
	r.printf("%s:\n", name)
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		r.printf("  %-34s %6d\n", key, counts[key])
	}
}

func (r *report) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(r.opts.Out, format, args...) // nobody to tell
}
