package torture

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// load keeps the holders at work to what the machine can answer: more of them would
// only see deadlines pass. It goes by how late this process's own timers are.
type load struct{ share atomic.Int64 }

const (
	// whole is the share of all holders.
	whole = 1000
	// leastShare is of those who work on the slowest machine.
	leastShare = 50
	// sample is how long a timer is set for, and tooLate how late it may be: a process
	// that waits for a core is late by more than a moment.
	sample  = 10 * time.Millisecond
	tooLate = 4 * time.Millisecond
	// samples are looked at together.
	samples = 10
)

// newLoad begins with few: what is asked first takes longest.
func newLoad() *load {
	l := &load{}
	l.share.Store(3 * leastShare)
	return l
}

// watch measures until the context ends.
func (l *load) watch(ctx context.Context) {
	for ctx.Err() == nil {
		var late time.Duration
		for range samples {
			begin := time.Now()
			rig.Sleep(ctx, sample)
			late += time.Since(begin) - sample
		}
		share := l.share.Load()
		if late > samples*tooLate {
			share = max(leastShare, share*4/5)
		} else {
			share = min(whole, share*11/10)
		}
		l.share.Store(share)
	}
}

// admits says that the holder with this number may begin something.
func (l *load) admits(n int) bool { return int64(n*379%whole) < l.share.Load() }
