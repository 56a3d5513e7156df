package reaper

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// TestEveryOrganizationHasOneTurnAnHour, six minutes long, whenever one looks.
func TestEveryOrganizationHasOneTurnAnHour(t *testing.T) {
	for _, id := range []string{"acme", "globex", "a", "0199aaaa-0000-7000-8000-000000000001"} {
		for _, begin := range []time.Time{noon(), noon().Add(17*time.Minute + 3*time.Second)} {
			var due int
			for s := range int(SweepEvery / time.Second) {
				if sweepDue(id, begin.Add(time.Duration(s)*time.Second)) {
					due++
				}
			}
			if want := int(sweepSlot / time.Second); due != want {
				t.Errorf("%s is due for %d s of the hour from %v, want %d", id, due, begin, want)
			}
		}
	}
}

// TestAVisitPerTTLMeetsTheTurn: one visit in every six minutes is enough.
func TestAVisitPerTTLMeetsTheTurn(t *testing.T) {
	for offset := range 360 {
		met := 0
		for visit := range 10 {
			if sweepDue("acme", noon().Add(time.Duration(offset+360*visit)*time.Second)) {
				met++
			}
		}
		if met != 1 {
			t.Fatalf("visits from %d s on met %d turns an hour", offset, met)
		}
	}
}

// TestTurnsAreSpread: not all organizations are swept at the same time.
func TestTurnsAreSpread(t *testing.T) {
	due := 0
	for i := range 1000 {
		if sweepDue(fmt.Sprintf("org-%d", i), noon()) {
			due++
		}
	}
	if due < 50 || due > 200 {
		t.Errorf("%d of 1000 organizations are due at once, want about 100", due)
	}
}

// TestOrder: every shard once, and each one first within as many minutes.
func TestOrder(t *testing.T) {
	const shards = 16
	firsts := map[int]bool{}
	for minute := range shards {
		got := order(shards, noon().Add(time.Duration(minute)*time.Minute))
		firsts[got[0]] = true
		if sorted := slices.Sorted(slices.Values(got)); len(sorted) != shards || sorted[0] != 0 || sorted[shards-1] != shards-1 || len(slices.Compact(sorted)) != shards {
			t.Errorf("minute %d: %v", minute, got)
		}
	}
	if len(firsts) != shards {
		t.Errorf("only %d of %d shards ever come first", len(firsts), shards)
	}
	if got := order(1, noon()); !slices.Equal(got, []int{0}) {
		t.Errorf("one shard: %v", got)
	}
}

func TestWants(t *testing.T) {
	shard := func(id string) int { return len(id) }
	ids := []string{"a", "bb", "c", "ddd"}
	for _, tt := range []struct {
		fresh map[int]string
		want  []string
	}{
		{nil, nil},
		{map[int]string{9: "x"}, nil},
		{map[int]string{1: "x"}, []string{"a", "c"}},
		{map[int]string{1: "x", 3: ""}, []string{"a", "c", "ddd"}},
	} {
		if got := wants(tt.fresh, shard, ids); !slices.Equal(got, tt.want) {
			t.Errorf("fresh %v: %v, want %v", tt.fresh, got, tt.want)
		}
	}
}
