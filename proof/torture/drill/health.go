package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
	"github.com/coditect-ai/coditect-licenses/proof/torture/worker"
)

// health is the most that was seen of the process in a phase.
type health struct {
	worker.Stats
	samples int
}

// watch samples the process five times a second.
func (s *stage) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if stats, err := s.stats(ctx); err == nil {
			s.mu.Lock()
			h := &s.process[s.phase]
			h.Goroutines, h.Connections = max(h.Goroutines, stats.Goroutines), max(h.Connections, stats.Connections)
			h.MemoryKiB = max(h.MemoryKiB, stats.MemoryKiB)
			h.samples++
			s.mu.Unlock()
		} else if ctx.Err() == nil {
			s.complain(err)
		}
		rig.Sleep(ctx, 200*time.Millisecond)
	}
}

func (s *stage) stats(ctx context.Context) (worker.Stats, error) {
	return s.rig.Workers[0].Stats(ctx, s.http)
}

const (
	// perArrival is how many goroutines one waiting request has: net/http's two, at
	// either end of its connection, and what its backend call starts.
	perArrival = 8
	// memoryLimit is what an outage may add. Requests that wait are small.
	memoryLimit = 128 << 10 // KiB
	// poolSize is the worker's, with as many new connections under way.
	poolSize = 2 * 64
)

// piledUp: an outage may hold up what arrives within a deadline or two, and no more.
func (s *stage) piledUp() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	calmly, worst := s.process[before], s.process[during]
	var errs []error
	// Up to 3 s until the circuit opens (a load of entitlements, then a commit);
	// then requests are answered at once.
	if most := calmly.Goroutines + perArrival*(holders+3*arrivals); worst.Goroutines > most {
		errs = append(errs, fmt.Errorf("%d goroutines in the outage, %d before it; want %d at most", worst.Goroutines, calmly.Goroutines, most))
	}
	if most := calmly.MemoryKiB + memoryLimit; worst.MemoryKiB > most {
		errs = append(errs, fmt.Errorf("%d KiB resident in the outage, %d before it; want %d at most", worst.MemoryKiB, calmly.MemoryKiB, most))
	}
	if worst.Connections > poolSize {
		errs = append(errs, fmt.Errorf("%d connections to Redis; want %d at most", worst.Connections, poolSize))
	}
	if worst.samples == 0 {
		errs = append(errs, errors.New("the process was not seen in the outage"))
	}
	return errors.Join(errs...)
}
