package drill

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// sessionTTL is the worker's.
func (s *stage) sessionTTL() time.Duration { return s.rig.Workers[0].Config().SessionTTL }

// print tells what was seen, phase by phase.
func (s *stage) print(out io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "  \trequests\t2xx\t409\t503\tother\tmedian\t99 %\tslowest 503")
	for p, name := range []string{"before", "outage", "after"} {
		for _, kind := range []string{"heartbeat", "acquire"} {
			if samples := s.seen[p][kind]; len(samples) > 0 {
				_, _ = fmt.Fprintf(w, "  %s, %s\t%s\n", name, kind, row(samples))
			}
		}
	}
	_, _ = fmt.Fprintln(w, "  \tgoroutines\tresident MiB\tconnections to Redis")
	for p, name := range []string{"before", "outage", "after"} {
		h := s.process[p]
		_, _ = fmt.Fprintf(w, "  %s, at most\t%d\t%d\t%d\n", name, h.Goroutines, h.MemoryKiB>>10, h.Connections)
	}
	return w.Flush() // which has the first error of all
}

func row(samples []sample) string {
	var good, full, down, other int
	var slowest time.Duration
	took := make([]time.Duration, len(samples))
	for i, n := range samples {
		took[i] = n.took
		switch {
		case n.status < 300:
			good++
		case n.status == 409:
			full++
		case n.status == 503:
			down++
			slowest = max(slowest, n.took)
		default:
			other++
		}
	}
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100].Round(100 * time.Microsecond) }
	return fmt.Sprintf("%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s", len(samples), good, full, down, other, at(50), at(99), slowest.Round(time.Millisecond))
}
