// Package usage is what seats were used for: how often they were taken and refused, and
// for how long how many were in use. The ledger counts it, the record keeps it, and what
// follows from it, such as how many seats would do, is computed here. It does no I/O.
package usage

import (
	"maps"
	"slices"
	"time"
)

// Counts are what was counted of one license in one hour, or in any time that several
// were added up to. A level is how many of its seats were in use: exact up to 32, and in
// licenses of up to 64 seats; above that rounded up to a 32nd of the license's size.
type Counts struct {
	// Granted counts the grants by the level that each brought the license to.
	Granted map[int]int64
	// RefusedAt counts the requests refused because all seats of the license were in use,
	// by its level then.
	RefusedAt map[int]int64
	// Denied counts those that another limit refused, by its name.
	Denied map[string]int64
	// Waited counts the refusals, whatever the limit, whose holder got a seat soon after.
	Waited int64
	// Failed counts the grants that came to nothing: nobody was told of a seat.
	Failed int64
	// Peak is the most seats in use at a time, exactly.
	Peak int
	// Levels has for how many milliseconds the license was at each level; the rest of the
	// time none of its seats was in use.
	Levels map[int]int64
}

// NewCounts are counts of nothing.
func NewCounts() Counts {
	return Counts{Granted: map[int]int64{}, RefusedAt: map[int]int64{}, Denied: map[string]int64{}, Levels: map[int]int64{}}
}

// Join is what is known from two states of the same counts, each of whose numbers only
// grows: the greater of each. So it does not matter how often a state is joined, and
// which comes first.
func (c Counts) Join(d Counts) Counts {
	return combined(c, d, func(a, b int64) int64 { return max(a, b) })
}

// Add is what different counts come to together.
func (c Counts) Add(d Counts) Counts {
	return combined(c, d, func(a, b int64) int64 { return a + b })
}

func combined(c, d Counts, number func(a, b int64) int64) Counts {
	return Counts{
		Granted: each(c.Granted, d.Granted, number), RefusedAt: each(c.RefusedAt, d.RefusedAt, number),
		Denied: each(c.Denied, d.Denied, number), Levels: each(c.Levels, d.Levels, number),
		Waited: number(c.Waited, d.Waited), Failed: number(c.Failed, d.Failed), Peak: max(c.Peak, d.Peak),
	}
}

func each[K comparable](a, b map[K]int64, number func(a, b int64) int64) map[K]int64 {
	out := make(map[K]int64, max(len(a), len(b)))
	maps.Copy(out, a)
	for k, n := range b {
		out[k] = number(out[k], n)
	}
	return out
}

// Grants counts the requests that got a seat.
func (c Counts) Grants() int64 { return max(0, sum(c.Granted)-c.Failed) }

// Refused counts the requests that were refused because all seats were in use.
func (c Counts) Refused() int64 { return sum(c.RefusedAt) }

// Denials counts all requests that were refused.
func (c Counts) Denials() int64 { return c.Refused() + sum(c.Denied) }

// SeatSeconds is for how many seconds seats were in use, those at the same time added up.
// A time.Duration ends at 292 years, which 1,200 seats have in a quarter.
func (c Counts) SeatSeconds() float64 {
	var ms int64
	for level, at := range c.Levels {
		ms += int64(level) * at
	}
	return float64(ms) / 1000
}

// Empty reports whether nothing was counted.
func (c Counts) Empty() bool {
	return len(c.Granted)+len(c.RefusedAt)+len(c.Denied)+len(c.Levels) == 0 && c.Waited+c.Failed == 0 && c.Peak == 0
}

func sum[K comparable](m map[K]int64) (all int64) {
	for _, n := range m {
		all += n
	}
	return all
}

// Hour is what was counted of a license in one hour.
type Hour struct {
	LicenseID string
	// At is when the hour begins.
	At time.Time
	Counts
}

// Filing is one generation's part in an hour, as its ledger tells it: the absolute
// numbers, so that it may be filed any number of times.
type Filing struct {
	Hour
	Generation string
}

// Step is how long the steps of a report are.
type Step string

// The steps.
const (
	StepHour Step = "hour"
	StepDay  Step = "day"
)

// Length is how long a step lasts.
func (s Step) Length() time.Duration {
	if s == StepDay {
		return 24 * time.Hour
	}
	return time.Hour
}

// License is one license's part in a report.
type License struct {
	LicenseID string
	// Total is that of the whole time.
	Total Counts
	// Steps are those in which anything was counted, ascending.
	Steps []Hour
}

// Report adds hours up by license and step; licenses and steps are ascending.
func Report(hours []Hour, step Step) []License {
	byLicense := map[string]map[time.Time]Counts{}
	for _, h := range hours {
		steps := byLicense[h.LicenseID]
		if steps == nil {
			steps = map[time.Time]Counts{}
			byLicense[h.LicenseID] = steps
		}
		at := h.At.UTC().Truncate(step.Length())
		steps[at] = steps[at].Add(h.Counts)
	}
	var out []License
	for _, id := range slices.Sorted(maps.Keys(byLicense)) {
		l := License{LicenseID: id}
		for _, at := range slices.SortedFunc(maps.Keys(byLicense[id]), time.Time.Compare) {
			counts := byLicense[id][at]
			l.Steps, l.Total = append(l.Steps, Hour{LicenseID: id, At: at, Counts: counts}), l.Total.Add(counts)
		}
		out = append(out, l)
	}
	return out
}

// Size is what a license of so many seats would have been like.
type Size struct {
	Seats int
	// Waiting counts the requests that would have found no seat free; Requests are all
	// that got one, or were refused by the license's own limit.
	Waiting, Requests int64
	// Short is how long more seats were in use than these.
	Short time.Duration
}

// Sizing tells, for each number of seats at which it changes, which requests would have
// found no seat free and for how long more were in use. It is exact for what was granted.
// Of the refused it is known that one seat more would have served the first of them; how
// many more all of them would have taken, nobody can know.
func Sizing(c Counts) []Size {
	sizes := map[int]bool{0: true}
	for level := range c.Levels {
		sizes[level] = true
	}
	for level := range c.Granted {
		sizes[level] = true
	}
	for level := range c.RefusedAt {
		sizes[level], sizes[level+1] = true, true
	}
	requests := sum(c.Granted) + c.Refused()
	var out []Size
	for _, seats := range slices.Sorted(maps.Keys(sizes)) {
		s := Size{Seats: seats, Requests: requests}
		s.Waiting = above(c.Granted, seats) + above(c.RefusedAt, seats-1)
		s.Short = time.Duration(above(c.Levels, seats)) * time.Millisecond
		out = append(out, s)
	}
	return out
}

// above adds up what was counted at levels above one.
func above(counts map[int]int64, level int) (all int64) {
	for at, n := range counts {
		if at > level {
			all += n
		}
	}
	return all
}
