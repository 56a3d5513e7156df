package torture

import (
	"sync"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// clocks moves the clocks of the servers, and remembers those of the functions.
type clocks struct {
	rig      *rig.Rig
	recorder *history.Recorder

	mu sync.Mutex
	// since is when each function process was started, known are the servers whose
	// clocks the history has.
	since []history.Instant
	known map[string]bool
}

func newClocks(r *rig.Rig, recorder *history.Recorder) *clocks {
	return &clocks{rig: r, recorder: recorder, since: make([]history.Instant, len(r.Workers)), known: map[string]bool{}}
}

// set sets a server's clock to so far ahead of the machine's.
func (c *clocks) set(s *servers.RedisProcess, offset time.Duration) error {
	c.meet(s)
	step := history.Step{Server: s.Addr(), From: s.ClockOffset(), Begin: history.Now()}
	err := s.StepClock(offset - step.From)
	step.To, step.End = s.ClockOffset(), history.Now()
	c.recorder.Step(step)
	return err
}

// meet notes the clock of a server that has the one it had when it was started.
func (c *clocks) meet(s *servers.RedisProcess) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known[s.Addr()] {
		c.known[s.Addr()] = true
		c.recorder.Step(history.Step{Server: s.Addr(), From: s.ClockOffset(), To: s.ClockOffset()})
	}
}

// meetAll notes the clocks of all servers there are.
func (c *clocks) meetAll() {
	for _, s := range rig.All(c.rig.Redis) {
		c.meet(s)
	}
}

// repair sets all clocks right.
func (c *clocks) repair() error {
	for _, s := range rig.All(c.rig.Redis) {
		if c.meet(s); s.ClockOffset() == 0 {
			continue
		}
		if err := c.set(s, 0); err != nil {
			return err
		}
	}
	return nil
}

// stopped notes the clock of a function process that is gone, started that another
// begins.
func (c *clocks) stopped(worker int, ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recorder.Skew(history.Skew{Worker: worker, Begin: c.since[worker], End: history.Now(), Ahead: ahead})
}

func (c *clocks) started(worker int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since[worker] = history.Now()
}

// finish notes the clocks of the function processes that there are.
func (c *clocks) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.rig.Workers {
		c.recorder.Skew(history.Skew{Worker: i, Begin: c.since[i], End: history.Never, Ahead: w.Config().Skew})
	}
}
