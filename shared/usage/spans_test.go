package usage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// TestGroups adds up by key what lies within the time.
func TestGroups(t *testing.T) {
	const hour = int64(time.Hour / time.Microsecond)
	g := usage.NewGroups(at(23, 9), at(23, 12))
	if got := g.Report(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for _, s := range []struct {
		key        string
		start, end time.Time
	}{
		{"ann", at(23, 8), at(23, 10)},
		{"ann", at(23, 10), at(23, 11)}, // the seat is handed over, and no second one
		{"bob", at(20, 0), at(25, 0)},
		{"bob", at(23, 10), at(23, 11)},
		{"", at(23, 11), at(23, 11)},
		{"cat", at(23, 11), at(23, 13)},
		{"eve", at(23, 11), at(23, 12)},
	} {
		g.Add(s.key, s.start, s.end)
	}
	want := []usage.Group{
		{Key: "bob", Sessions: 2, SeatMicros: 4 * hour, Peak: 2},
		{Key: "ann", Sessions: 2, SeatMicros: 2 * hour, Peak: 1},
		{Key: "cat", Sessions: 1, SeatMicros: hour, Peak: 1},
		{Key: "eve", Sessions: 1, SeatMicros: hour, Peak: 1},
		{Key: "", Sessions: 1, Peak: 1},
	}
	if got := g.Report(); !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestGroupsAreExact: what they say is what counting minute by minute finds, for sessions
// at random, in whatever order they are added.
func TestGroupsAreExact(t *testing.T) {
	const minutes, first, last = 100, 20, 80
	seed := rand.Uint64()
	draw := rand.New(rand.NewPCG(seed, 0))
	minute := func(n int) time.Time { return at(23, 0).Add(time.Duration(n) * time.Minute) }
	for range 200 {
		g, held := usage.NewGroups(minute(first), minute(last)), map[string]*[minutes]int{}
		for range draw.IntN(20) {
			key := fmt.Sprint(draw.IntN(3))
			start := draw.IntN(last)
			end := max(start, first) + 1 + draw.IntN(minutes-max(start, first)-1)
			g.Add(key, minute(start), minute(end))
			if held[key] == nil {
				held[key] = &[minutes]int{}
			}
			for m := start; m < end; m++ {
				held[key][m]++
			}
		}
		got := g.Report()
		if len(got) != len(held) {
			t.Fatalf("seed %d: %d groups, want %d", seed, len(got), len(held))
		}
		for _, group := range got {
			levels := held[group.Key][first:last]
			sum := 0
			for _, level := range levels {
				sum += level
			}
			if group.SeatMicros != int64(sum)*60_000_000 || group.Peak != slices.Max(levels) {
				t.Fatalf("seed %d: %+v, want %d minutes and at most %d", seed, group, sum, slices.Max(levels))
			}
		}
	}
}
