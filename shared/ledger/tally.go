package ledger

import (
	"context"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// Patience is how soon after a refusal its holder must get a seat, under any candidate of
// the grant, for the refusal to count as waited for. meters.lua has the same.
const Patience = 10 * time.Minute

// ByTokens is what refusals by the tokens of earlier holders are counted under; no pool
// has that name.
const ByTokens = "="

// exactLevels is up to which level none is rounded. meters.lua has the same.
const exactLevels = 32

// Meter is what was counted of a pool in one hour. Its refusals are those by the pool
// itself (RefusedAt), and those by other pools (Denied, by their names) or [ByTokens].
type Meter struct {
	Pool string
	// Hour is when the hour begins.
	Hour time.Time
	// Closed says that the hour takes no more counts.
	Closed bool
	usage.Counts
}

// Tally is what was counted in a generation.
type Tally struct {
	Generation string
	Meters     []Meter
	// Last is what to go on after; empty if there is no more. Where it is not, there may
	// be more even if nothing is told here.
	Last string
}

// Tally implements [Metering].
func (r *Redis) Tally(ctx context.Context, caller license.Caller, dead, after string, limit int) (Tally, error) {
	a, err := r.run(ctx, caller, call{script: "tally", args: []argument{{"dead", dead}, {"after", after}, {"limit", limit}}})
	if err != nil {
		return Tally{}, err
	}
	t := Tally{Generation: a.str(0), Last: a.str(1)}
	for i := 2; i < len(a.values); i++ {
		m := reply{values: a.list(i)}
		t.Meters = append(t.Meters, m.meter())
		if m.err != nil {
			return Tally{}, m.err
		}
	}
	return t, a.err
}

// hourOf is an hour as the scripts number it.
func hourOf(at time.Time) int64 { return at.UnixMilli() / time.Hour.Milliseconds() }

func (r *reply) meter() Meter {
	m := Meter{
		Pool: r.str(0), Hour: time.UnixMilli(r.int(1) * time.Hour.Milliseconds()).UTC(), Closed: r.int(2) == 1, Counts: usage.NewCounts(),
	}
	counts := reply{values: r.list(3)}
	for i := 0; i+1 < len(counts.values); i += 2 {
		if !counted(&m.Counts, counts.str(i), counts.int(i+1)) {
			counts.fail(i, "a count")
		}
	}
	for _, levels := range []map[int]int64{m.Levels, m.Granted} {
		for level := range levels {
			if level <= exactLevels {
				m.Peak = max(m.Peak, level)
			}
		}
	}
	if r.err == nil {
		r.err = counts.err
	}
	return m
}

// counted puts one field of meters.lua into the counts.
func counted(c *usage.Counts, field string, n int64) bool {
	if field == "" {
		return false
	}
	kind, of := field[0], field[1:]
	switch kind {
	case 'w':
		c.Waited = n
	case 'f':
		c.Failed = n
	case 'p':
		c.Peak = int(n)
	case 'o':
		c.Denied[of] = n
	default:
		at, known := map[byte]map[int]int64{'t': c.Levels, 'g': c.Granted, 'd': c.RefusedAt}[kind]
		level, err := strconv.Atoi(of)
		if !known || err != nil {
			return false
		}
		at[level] = n
	}
	return true
}
