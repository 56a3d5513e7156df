package seats

import (
	"context"
	"log/slog"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

// alarmEvery is how often an instance repeats an alarm that lasts.
const alarmEvery = time.Minute

// alarmClock says at the highest severity that the clock of Redis and this
// process's differ: no seat is granted until they agree.
func (p *Protocol) alarmClock(ctx context.Context, e *ledger.ClockError) {
	now := p.opts.Now().UnixNano()
	last := p.clockAlarm.Load()
	if last != 0 && now-last < int64(alarmEvery) && now >= last || !p.clockAlarm.CompareAndSwap(last, now) {
		return
	}
	p.opts.Log.LogAttrs(ctx, telemetry.LevelCritical, "clock",
		slog.Time("redis", e.Server), slog.Time("here", e.Here), slog.Duration("difference", e.Server.Sub(e.Here)))
}
