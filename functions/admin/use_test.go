package admin

import (
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// TestTodayIsInUTC, from midnight on and before the next one, wherever the clock is.
func TestTodayIsInUTC(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	east := time.FixedZone("east", 5*60*60)
	for _, now := range []time.Time{day, day.Add(time.Nanosecond), day.Add(24*time.Hour - time.Nanosecond), day.In(east), day.Add(20 * time.Hour).In(east)} {
		if q := todayOf(now); !q.From.Equal(day) || !q.To.Equal(day.AddDate(0, 0, 1)) || q.LicenseID != "" {
			t.Errorf("at %v from %v to %v", now, q.From, q.To)
		}
	}
}

// TestThePeakIsAtLeastWhatIsHeldNow.
func TestThePeakIsAtLeastWhatIsHeldNow(t *testing.T) {
	counts := usage.Counts{Peak: 3}
	for used, want := range map[int]int{0: 3, 3: 3, 4: 4} {
		if got := peakOf(counts, &used); got != want {
			t.Errorf("%d held: %d", used, got)
		}
	}
	if got := peakOf(counts, nil); got != 3 {
		t.Errorf("nobody knows how many are held: %d", got)
	}
}
