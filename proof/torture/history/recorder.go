package history

import (
	"sync"
	"time"
)

// Recorder collects a history from many goroutines.
type Recorder struct {
	mu      sync.Mutex
	history History
}

// NewRecorder makes an empty one for these organizations; retry is
// [History.Retry].
func NewRecorder(orgs map[string]Org, retry time.Duration) *Recorder {
	return &Recorder{history: History{Orgs: orgs, Retry: retry}}
}

// Add notes a finished operation. One that never returned is added with the
// result Unknown.
func (r *Recorder) Add(op Op) {
	if op.open() {
		op.Answered, op.Return = op.Return, Never
	}
	if op.Result == Unknown {
		op.Answered = Never // it may still be worked on
	}
	r.note(func(h *History) { h.Ops = append(h.Ops, op) })
}

// Fault notes a fault.
func (r *Recorder) Fault(f Fault) { r.note(func(h *History) { h.Faults = append(h.Faults, f) }) }

// Fill notes a demand, once it is over.
func (r *Recorder) Fill(f Fill) { r.note(func(h *History) { h.Fills = append(h.Fills, f) }) }

// Step notes that a clock was stepped.
func (r *Recorder) Step(s Step) { r.note(func(h *History) { h.Steps = append(h.Steps, s) }) }

// Skew notes the clock of a function process.
func (r *Recorder) Skew(s Skew) { r.note(func(h *History) { h.Skews = append(h.Skews, s) }) }

// Change notes what was bought; changes of one thing come in their order.
func (r *Recorder) Change(c Change) { r.note(func(h *History) { h.Changes = append(h.Changes, c) }) }

// Restore notes a restore of the record.
func (r *Recorder) Restore(s Restore) {
	r.note(func(h *History) { h.Restores = append(h.Restores, s) })
}

func (r *Recorder) note(add func(*History)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(&r.history)
}

// History is all that was noted so far.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history
}
