package torture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// report adds up what the rounds saw.
type report struct {
	opts       Options
	started    time.Time
	rounds     int
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
	return &report{opts: o, started: time.Now(), ops: map[string]int{}, faults: map[string]int{}}
}

// add notes a round, and tells its violations with their stories at once.
func (r *report) add(topology rig.Topology, p plan, h *history.History, violations []history.Violation, exempted, rebuilt int) {
	r.rounds++
	r.rebuilt += rebuilt
	r.exempted += exempted
	r.pending += len(h.Pending)
	r.violations = append(r.violations, violations...)
	grants, unknown := 0, 0
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
		time.Since(r.started).Round(time.Second), topology, p.n, mood(p.calm), len(h.Ops), grants, unknown, len(h.Faults), rebuilt, len(violations))
	r.tell(h, violations)
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
