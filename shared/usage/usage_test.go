package usage_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

func at(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }

// TestJoinIsOfStates: in any order, and however often.
func TestJoinIsOfStates(t *testing.T) {
	early := usage.Counts{Granted: map[int]int64{1: 1}, Denied: map[string]int64{"organization": 1}, Peak: 1, Levels: map[int]int64{1: 5}}
	late := usage.Counts{
		Granted: map[int]int64{1: 2, 2: 1}, RefusedAt: map[int]int64{2: 3}, Denied: map[string]int64{"organization": 1},
		Waited: 2, Failed: 1, Peak: 2, Levels: map[int]int64{1: 9, 2: 4},
	}
	for name, got := range map[string]usage.Counts{
		"early, late":       early.Join(late),
		"late, early":       late.Join(early),
		"late again":        late.Join(early).Join(late).Join(late),
		"nothing, and late": usage.NewCounts().Join(late).Join(usage.Counts{}),
	} {
		if !reflect.DeepEqual(got, late) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	sum := early.Add(late)
	if sum.Grants() != 3 || sum.Refused() != 3 || sum.Denials() != 5 || sum.Peak != 2 || sum.Levels[1] != 14 || sum.Waited != 2 {
		t.Errorf("%+v", sum)
	}
	if early.Granted[1] != 1 || len(early.Levels) != 1 {
		t.Errorf("an operand has changed: %+v", early)
	}
}

func TestSeatSeconds(t *testing.T) {
	c := usage.Counts{Levels: map[int]int64{1: 60_000, 3: 120_000}}
	if got := c.SeatSeconds(); got != 7*60 {
		t.Errorf("%f", got)
	}
	quarter := 92 * 24 * time.Hour
	if got := (usage.Counts{Levels: map[int]int64{1_000_000: quarter.Milliseconds()}}).SeatSeconds(); got != 1e6*quarter.Seconds() {
		t.Errorf("a million seats in a quarter: %f", got)
	}
	if c.Empty() || !usage.NewCounts().Empty() || (usage.Counts{Failed: 1}).Empty() {
		t.Error("what is empty")
	}
	if n := (usage.Counts{Failed: 2}).Grants(); n != 0 { // the grant was counted in an hour that is lost
		t.Errorf("%d grants", n)
	}
}

// TestReport adds up by license and step.
func TestReport(t *testing.T) {
	grants := func(n int64) usage.Counts { return usage.Counts{Granted: map[int]int64{1: n}} }
	hours := []usage.Hour{
		{LicenseID: "pro", At: at(24, 0), Counts: grants(8)},
		{LicenseID: "pro", At: at(23, 9), Counts: grants(1)},
		{LicenseID: "lab", At: at(23, 23), Counts: grants(4)},
		{LicenseID: "pro", At: at(23, 10), Counts: grants(2)},
	}
	type row struct {
		license string
		at      time.Time
		grants  int64
	}
	for step, want := range map[usage.Step][]row{
		usage.StepHour: {{"lab", at(23, 23), 4}, {"pro", at(23, 9), 1}, {"pro", at(23, 10), 2}, {"pro", at(24, 0), 8}},
		usage.StepDay:  {{"lab", at(23, 0), 4}, {"pro", at(23, 0), 3}, {"pro", at(24, 0), 8}},
	} {
		var got []row
		for _, l := range usage.Report(hours, step) {
			total := int64(0)
			for _, s := range l.Steps {
				got = append(got, row{s.LicenseID, s.At, s.Grants()})
				total += s.Grants()
			}
			if l.Total.Grants() != total {
				t.Errorf("%s: %d in all, %d in steps", l.LicenseID, l.Total.Grants(), total)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", step, got, want)
		}
	}
	if got := usage.Report(nil, usage.StepDay); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
	if usage.StepHour.Length() != time.Hour || usage.StepDay.Length() != 24*time.Hour {
		t.Error("how long a step is")
	}
}

func TestSizing(t *testing.T) {
	minute := time.Minute.Milliseconds()
	for name, tt := range map[string]struct {
		counts usage.Counts
		want   []usage.Size
	}{
		"nothing": {usage.NewCounts(), []usage.Size{{}}},
		"never refused": {
			usage.Counts{Granted: map[int]int64{1: 6, 2: 3, 4: 1}, Levels: map[int]int64{1: 50 * minute, 2: 20 * minute, 4: minute}},
			[]usage.Size{
				{0, 10, 10, 71 * time.Minute},
				{1, 4, 10, 21 * time.Minute},
				{2, 1, 10, time.Minute},
				{4, 0, 10, 0},
			},
		},
		"refused at two seats": {
			usage.Counts{Granted: map[int]int64{1: 2, 2: 2}, RefusedAt: map[int]int64{2: 6}, Levels: map[int]int64{2: minute}},
			[]usage.Size{{0, 10, 10, time.Minute}, {1, 8, 10, time.Minute}, {2, 6, 10, 0}, {3, 0, 10, 0}},
		},
		"no seats at all": {
			usage.Counts{RefusedAt: map[int]int64{0: 3}},
			[]usage.Size{{0, 3, 3, 0}, {1, 0, 3, 0}},
		},
		"refused by others": {
			usage.Counts{Granted: map[int]int64{1: 1}, Denied: map[string]int64{"organization": 9}},
			[]usage.Size{{0, 1, 1, 0}, {1, 0, 1, 0}},
		},
	} {
		if got := usage.Sizing(tt.counts); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, tt.want)
		}
	}
}
