package usage

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Group is what one user had, or what was had for one project, in some time.
type Group struct {
	// Key is the user's id, or the project's name.
	Key string
	// Sessions counts those that had a seat at some time in it.
	Sessions int
	// SeatMicros is for how many microseconds they had seats in it, those at the same time
	// added up. A time.Duration ends at 292 years, which a thousand seats have in a quarter.
	SeatMicros int64
	// Peak is the most seats that they had at a time.
	Peak int
}

// Groups adds up sessions by a key, within a time. It keeps two times of each session, so
// whoever adds to it bounds their number.
type Groups struct {
	from, to time.Time
	spans    map[string][]span
}

// span is when a seat was had: from its start on, and before its end.
type span struct{ start, end time.Time }

// NewGroups are those of the time from from on and before to, empty.
func NewGroups(from, to time.Time) *Groups {
	return &Groups{from: from, to: to, spans: map[string][]span{}}
}

// Add adds a session that had its seat from start on and before end. What lies outside the
// time is cut off. Who has given a seat back in the moment of taking it had it for no time,
// and had it all the same.
func (g *Groups) Add(key string, start, end time.Time) {
	g.spans[key] = append(g.spans[key], span{later(start, g.from), earlier(end, g.to)})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Report is what was added, the longest seat time first, and then by key.
func (g *Groups) Report() []Group {
	out := make([]Group, 0, len(g.spans))
	for key, spans := range g.spans {
		out = append(out, grouped(key, spans))
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.SeatMicros, a.SeatMicros), cmp.Compare(a.Key, b.Key))
	})
	return out
}

func grouped(key string, spans []span) Group {
	all := Group{Key: key, Sessions: len(spans), Peak: 1}
	changes := map[int64]int{}
	for _, s := range spans {
		start, end := s.start.UnixMicro(), s.end.UnixMicro()
		if end <= start {
			continue
		}
		all.SeatMicros += end - start
		changes[start]++
		changes[end]--
	}
	level := 0
	for _, at := range slices.Sorted(maps.Keys(changes)) {
		level += changes[at]
		all.Peak = max(all.Peak, level)
	}
	return all
}
