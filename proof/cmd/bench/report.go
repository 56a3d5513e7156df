package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// results are everything one run measured.
type results struct {
	plan     plan
	machine  string
	cells    []cell
	levels   []level
	memory   memory
	rebuilds []rebuild
}

// The targets. A run says whether they hold and never fails over them: a
// shared machine is no judge of speed.
const (
	targetRatio   = 3.0
	targetBytes   = 600.0
	targetLongest = 5 * time.Millisecond
)

func thisMachine(redisVersion string) string {
	return fmt.Sprintf("%d cores, %s/%s, %s, redis %s on loopback",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), redisVersion)
}

// print writes the whole report.
func (r results) print(out io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "machine: %s\n", r.machine)
	fmt.Fprintf(&s, "ratios measured in one run: compare within it, not with another machine's or another hour's\n")
	if r.plan.quick {
		s.WriteString("--quick: these numbers say that the program works, nothing else\n")
	}
	r.requests(&s)
	r.growth(&s)
	r.size(&s)
	r.recovery(&s)
	_, err := io.WriteString(out, s.String())
	return err
}

// table writes aligned columns; the first row is the heading.
func table(s *strings.Builder, rows [][]string) {
	w := tabwriter.NewWriter(s, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t")+"\t") // into memory
	}
	_ = w.Flush() // into memory
}

func (r results) requests(s *strings.Builder) {
	s.WriteString("\n1. Requests (CPU per request in us; units are one bare handler + one bare EVALSHA, at the same connections)\n")
	rows := [][]string{{"operation", "connections", "requests/s", "p50 ms", "p99 ms", "process CPU", "Redis CPU", "both", "units"}}
	for _, c := range r.cells {
		rows = append(rows, []string{
			c.name, strconv.Itoa(c.connections), fmt.Sprintf("%.0f", c.perSecond()), millis(c.P50), millis(c.P99),
			micros(c.each.process), micros(c.each.redis), micros(c.each.all()), fmt.Sprintf("%.2f", r.units(c)),
		})
	}
	table(s, rows)
	worst := r.worstHeartbeat()
	fmt.Fprintf(s, "target: a heartbeat costs at most %.1f units: %s, %.2f at worst\n", targetRatio, holds(worst <= targetRatio), worst)
	fmt.Fprintf(s, "each of them makes a token, signed by the process itself: %d calls of KMS; the %d cores are everybody's\n", r.signed(), runtime.NumCPU())
}

// signed counts the signatures of KMS for all requests: its key signs keys, not tokens.
func (r results) signed() (n int) {
	for _, c := range r.cells {
		n += c.each.signatures
	}
	return n
}

// units is a cell's CPU in that of both yardsticks together.
func (r results) units(c cell) float64 {
	var unit time.Duration
	for _, other := range r.cells {
		if other.connections == c.connections && (other.name == nameBare || other.name == nameScript) {
			unit += other.each.all()
		}
	}
	return ratio(c.each.all(), unit)
}

func (r results) worstHeartbeat() (worst float64) {
	for _, c := range r.cells {
		if c.name == nameHeartbeat {
			worst = max(worst, r.units(c))
		}
	}
	return worst
}

func (r results) growth(s *strings.Builder) {
	s.WriteString("\n2. A new acquire against the living seats of its license (us)\n")
	rows := [][]string{{"living seats", "reserve script", "function CPU", "Redis CPU"}}
	for _, l := range r.levels {
		rows = append(rows, []string{
			strconv.Itoa(l.seats), micros(l.script), micros(l.each.process), micros(l.each.redis),
		})
	}
	rows = append(rows, []string{
		fmt.Sprintf("ratio %d : %d", r.levels[len(r.levels)-1].seats, r.levels[0].seats),
		times(levelRatio(r.levels, func(l level) time.Duration { return l.script })),
		times(levelRatio(r.levels, func(l level) time.Duration { return l.each.process })),
		times(levelRatio(r.levels, func(l level) time.Duration { return l.each.redis })),
	})
	table(s, rows)
}

func (r results) size(s *strings.Builder) {
	each := r.memory.perSession()
	s.WriteString("\n3. Redis memory\n")
	fmt.Fprintf(s, "%.0f bytes of used_memory per session, at %d sessions (user ids of 28 characters, hardware ids of 32)\n", each, r.memory.sessions)
	fmt.Fprintf(s, "target: at most %.0f: %s\n", targetBytes, holds(each <= targetBytes))
}

func (r results) recovery(s *strings.Builder) {
	s.WriteString("\n4. Rebuild after Redis lost everything (script times in ms)\n")
	rows := [][]string{{"sessions", "total s", "scripts", "mean", "longest", "above " + millis(targetLongest)}}
	best := r.rebuilds[0].longest
	for _, b := range r.rebuilds {
		best = min(best, b.longest)
		rows = append(rows, []string{
			strconv.Itoa(b.sessions), fmt.Sprintf("%.2f", b.total.Seconds()), strconv.Itoa(b.scripts),
			millis(b.mean), longest(b.longest), strconv.Itoa(b.late),
		})
	}
	table(s, rows)
	fmt.Fprintf(s, "target: no script above %s ms, in the least disturbed of %d runs (the times are wall clock): %s\n",
		millis(targetLongest), len(r.rebuilds), holds(best <= targetLongest))
}

// longest is the time of a script that was noted, or the bound it stayed below.
func longest(d time.Duration) string {
	if d == 0 {
		return "< " + millis(slow)
	}
	return millis(d)
}

func holds(yes bool) string {
	if yes {
		return "holds"
	}
	return "does not hold"
}

func ratio(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func times(x float64) string { return fmt.Sprintf("x %.2f", x) }

func micros(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1e6) }

func millis(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1e3) }
