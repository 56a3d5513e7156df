package ledgertest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// meter is how a pool of a generation is used.
type meter struct {
	// since is until when the level is counted.
	since time.Time
	size  int
	// closed is the last hour that takes no more counts.
	closed  time.Time
	hours   map[time.Time]usage.Counts
	refused map[license.Holder]refused
}

// refused are a holder's refusals that may yet be counted as waited for.
type refused struct {
	at []time.Time
	// request is that of the last.
	request string
}

// longest is for how long a level is counted at once.
const longest = 48 * time.Hour

func hourOf(at time.Time) time.Time { return at.UTC().Truncate(time.Hour) }

// own is the pool that a session is counted in as used; empty if there is none.
func (e entry) own() string {
	if len(e.pools) == 0 {
		return ""
	}
	return e.pools[0]
}

// read is the pool's meter, which has counted its level up to now.
func (m *Model) read(l *contents, pool string) *meter {
	t := l.meters[pool]
	if t == nil {
		since := l.loadedAt
		if since.After(m.now) {
			since = m.now
		}
		if oldest := m.now.Add(-longest); !m.clocksDiffer() && since.Before(oldest) {
			since = oldest
		}
		t = &meter{
			since: since, closed: hourOf(since).Add(-time.Hour),
			hours: map[time.Time]usage.Counts{}, refused: map[license.Holder]refused{},
		}
		l.meters[pool] = t
	}
	if m.clocksDiffer() || !m.now.After(t.since) {
		return t
	}
	if m.now.Sub(t.since) > longest {
		t.since = m.now.Add(-longest)
	}
	counted := in(pool)
	var ends []time.Time
	for _, e := range l.sessions {
		if counted(e) && !e.ending && l.ends(e).After(t.since) {
			ends = append(ends, l.ends(e))
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	for i, end := range ends {
		t.countTime(earlier(end, m.now), len(ends)-i)
	}
	t.since = m.now
	return t
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// countTime counts the time from since on at a level, hour by hour.
func (t *meter) countTime(until time.Time, level int) {
	for t.since.Before(until) {
		end := earlier(until, hourOf(t.since).Add(time.Hour))
		t.count(t.since, func(c *usage.Counts) {
			c.Levels[t.told(level)] += end.Sub(t.since).Milliseconds()
			c.Peak = max(c.Peak, level)
		})
		t.since = end
	}
}

// count changes the counts of an hour; one that is closed passes it to the next.
func (t *meter) count(at time.Time, change func(*usage.Counts)) {
	hour := hourOf(at)
	if !hour.After(t.closed) {
		hour = t.closed.Add(time.Hour)
	}
	c, known := t.hours[hour]
	if !known {
		c = usage.NewCounts()
	}
	change(&c)
	t.hours[hour] = c
}

// told is a level as it is told: exact up to 32, and above in 32 steps to the pool's size.
func (t *meter) told(level int) int {
	const exact = 32
	if level <= exact {
		return level
	}
	width := (max(level, t.size) - 1) / exact
	return exact + (level-exact+width-1)/width*width
}

func (m *Model) time(t *meter) time.Time {
	if t.since.After(m.now) {
		return t.since
	}
	return m.now
}

// readFor is read of a candidate's own pool, which tells its size.
func (m *Model) readFor(l *contents, c ledger.Candidate) *meter {
	t := m.read(l, c.Pools[0].Key)
	t.size = c.Pools[0].Cap
	return t
}

// countRefusal counts one refusal for all candidates: that of the first whose limit is
// not the license's own, or of the first.
func (m *Model) countRefusal(l *contents, r ledger.Reservation, full *ledger.FullError) {
	if len(full.Refusals) == 0 {
		return
	}
	told := full.Refusals[0]
	if i := slices.IndexFunc(full.Refusals, func(f ledger.Refusal) bool { return f.Tokens || f.Pool > 0 }); i >= 0 {
		told = full.Refusals[i]
	}
	c := r.Candidates[told.Candidate]
	t, h := m.readFor(l, c), holder(r, c)
	before, now := t.refused[h], m.time(t)
	if n := len(before.at); r.Request != "" && r.Request == before.request && n > 0 && now.Sub(before.at[n-1]) < time.Minute {
		return
	}
	t.count(now, func(counts *usage.Counts) {
		switch {
		case told.Tokens:
			counts.Denied[ledger.ByTokens]++
		case told.Pool > 0:
			counts.Denied[c.Pools[told.Pool].Key]++
		default:
			counts.RefusedAt[t.told(m.used(l, c.Pools[0].Key))]++
		}
	})
	t.refused[h] = refused{append(slices.Clone(before.at), now), r.Request}
}

// countGrant counts a grant that is written already; t was read before. The holder may
// have been refused under any of the candidates.
func (m *Model) countGrant(l *contents, t *meter, r ledger.Reservation, c ledger.Candidate) {
	level, now := m.used(l, c.Pools[0].Key), m.time(t)
	t.count(now, func(counts *usage.Counts) {
		counts.Granted[t.told(level)]++
		counts.Peak = max(counts.Peak, level)
	})
	for _, c := range r.Candidates {
		t, h := l.meters[c.Pools[0].Key], holder(r, c)
		if t == nil {
			continue
		}
		for _, at := range t.refused[h].at {
			if m.time(t).Sub(at) <= ledger.Patience {
				t.count(at, func(counts *usage.Counts) { counts.Waited++ })
			}
		}
		delete(t.refused, h)
	}
}

func (m *Model) countFailed(l *contents, e entry) {
	if e.own() == "" {
		return
	}
	m.read(l, e.own()).count(e.AcquiredAt, func(counts *usage.Counts) { counts.Failed++ })
}

// countLevelOf counts the level of the session's own pool up to now.
func (m *Model) countLevelOf(l *contents, e entry) {
	if e.own() != "" {
		m.read(l, e.own())
	}
}

// Tally implements [ledger.Ledger].
func (m *Model) Tally(ctx context.Context, caller license.Caller, dead, after string, limit int) (ledger.Tally, error) {
	t, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return ledger.Tally{}, err
	}
	defer unlock()
	told := ledger.Tally{Generation: t.generation}
	if dead != "" {
		told.Generation = dead
		if l = t.ledgers[dead]; l == nil {
			return told, nil
		}
	}
	for _, pool := range slices.Sorted(maps.Keys(l.meters)) {
		of := l.meters[pool]
		if dead == "" {
			of = m.read(l, pool)
			m.close(of)
		}
		if of == nil {
			continue
		}
		for _, hour := range slices.SortedFunc(maps.Keys(of.hours), time.Time.Compare) {
			place := pool + " " + hour.Format(time.RFC3339)
			if place <= after {
				continue
			}
			if len(told.Meters) == limit {
				return told, nil
			}
			counts := of.hours[hour].Add(usage.NewCounts()) // a copy
			told.Meters = append(told.Meters, ledger.Meter{Pool: pool, Hour: hour, Closed: !hour.After(of.closed), Counts: counts})
			told.Last = place
		}
	}
	told.Last = ""
	return told, nil
}

// close closes the hours that have been over for long enough.
func (m *Model) close(t *meter) {
	if m.clocksDiffer() {
		return
	}
	closed := hourOf(earlier(m.now.Add(-ledger.Patience), t.since)).Add(-time.Hour)
	if closed.After(t.closed) {
		t.closed = closed
	}
}

// Tallied implements [ledger.Ledger].
func (m *Model) Tallied(ctx context.Context, caller license.Caller, generation string, meters []ledger.Meter) error {
	meters = slices.DeleteFunc(slices.Clone(meters), func(of ledger.Meter) bool { return !of.Closed })
	if len(meters) == 0 {
		return nil
	}
	t, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return err
	}
	defer unlock()
	if t.generation != generation {
		return nil
	}
	for _, of := range meters {
		known := l.meters[of.Pool]
		if known == nil {
			continue
		}
		maps.DeleteFunc(known.hours, func(hour time.Time, _ usage.Counts) bool {
			return hour.Equal(of.Hour) && !hour.After(known.closed)
		})
	}
	return nil
}

// clone shares nothing that changes.
func (t *meter) clone() *meter {
	if t == nil {
		return nil
	}
	c := *t
	c.refused, c.hours = maps.Clone(t.refused), map[time.Time]usage.Counts{}
	for hour, counts := range t.hours {
		c.hours[hour] = counts.Add(usage.NewCounts())
	}
	return &c
}

func clonedMeters(meters map[string]*meter) map[string]*meter {
	out := map[string]*meter{}
	for pool, t := range meters {
		out[pool] = t.clone()
	}
	return out
}
