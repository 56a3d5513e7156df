package license_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// The shortest of [license.NextHeartbeat]'s distances is at least a quarter of
// the interval, the longest less than five quarters.
func wantDistance(every time.Duration) (shortest, longest time.Duration) {
	every = every.Truncate(time.Millisecond)
	return (every / 4).Truncate(time.Millisecond), every + every/4
}

// alive is a machine's session that was renewed at a time, for ttl.
func alive(hardware string, at time.Time, ttl time.Duration) license.Session {
	return license.Session{
		OrganizationID: "acme", Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: hardware},
		LastHeartbeatAt: at, ExpiresAt: at.Add(ttl),
	}
}

// What holds for any session, time, interval and life is in proof/properties.

// TestNextHeartbeat is about one holder, whose slots are 69.637 s into every
// second minute. That number also keeps the hash as it is: during a roll-out
// instances of two releases must name the same slots.
func TestNextHeartbeat(t *testing.T) {
	const id = "hw-1"
	slot := license.NextHeartbeat(alive(id, now(), 6*time.Minute), now(), 2*time.Minute)
	for _, tt := range []struct {
		name     string
		from     time.Duration // of the slot
		interval time.Duration
		ttl      time.Duration
		want     time.Duration // of the slot
	}{
		{"on the slot", 0, 2 * time.Minute, 6 * time.Minute, 2 * time.Minute},
		{"a moment late", time.Millisecond, 2 * time.Minute, 6 * time.Minute, 2 * time.Minute},
		{"a moment early", -time.Millisecond, 2 * time.Minute, 6 * time.Minute, 2 * time.Minute},
		{"almost a quarter early", -30*time.Second + time.Millisecond, 2 * time.Minute, 6 * time.Minute, 2 * time.Minute},
		{"a quarter early", -30 * time.Second, 2 * time.Minute, 6 * time.Minute, 0},
		{"half early", -time.Minute, 2 * time.Minute, 6 * time.Minute, 0},
		{"three quarters late", 90 * time.Second, 2 * time.Minute, 6 * time.Minute, 2 * time.Minute},
		{"more than three quarters late", 90*time.Second + time.Millisecond, 2 * time.Minute, 6 * time.Minute, 4 * time.Minute},
		{"the longest interval there may be", 0, 2 * time.Minute, 4 * time.Minute, 2 * time.Minute},
		{"too long an interval is half the life", 0, time.Hour, 4 * time.Minute, 2 * time.Minute},
		{"between two milliseconds", 999 * time.Microsecond, 2 * time.Minute, 6 * time.Minute, 2 * time.Minute},
	} {
		at := slot.Add(tt.from)
		if got := license.NextHeartbeat(alive(id, at, tt.ttl), at, tt.interval).Sub(slot); got != tt.want {
			t.Errorf("%s: the next is %v from the slot, want %v", tt.name, got, tt.want)
		}
	}
	if want := "2026-11-23 10:01:09.637 +0000 UTC"; slot.String() != want {
		t.Errorf("the slot is %v, want %s", slot, want)
	}
}

// TestNextHeartbeatEverywhereInTheInterval goes through every millisecond of a
// short interval: the distance is in bounds, which leaves one slot to choose,
// and that slot is on the grid.
func TestNextHeartbeatEverywhereInTheInterval(t *testing.T) {
	for _, ms := range []int64{1, 2, 3, 4, 5, 7, 100, 999, 1000} {
		every := time.Duration(ms) * time.Millisecond
		for _, id := range []string{"", "a", "hw-1"} {
			var grid int64 = -1
			for ms := range 2 * every.Milliseconds() {
				at := now().Add(time.Duration(ms) * time.Millisecond)
				next := license.NextHeartbeat(alive(id, at, 10*every), at, every)
				shortest, longest := wantDistance(every)
				shortest, longest = max(shortest, time.Millisecond), max(longest, every+time.Millisecond)
				if d := next.Sub(at); d < shortest || d >= longest {
					t.Fatalf("every %v, at %d ms: %v away, want %v to %v", every, ms, d, shortest, longest)
				}
				phase := next.UnixMilli() % every.Milliseconds()
				if grid >= 0 && phase != grid {
					t.Fatalf("every %v, at %d ms: the phase is %d, was %d", every, ms, phase, grid)
				}
				grid = phase
			}
		}
	}
}

// TestNextHeartbeatOfASessionThatIsOver: nobody is told so, yet nothing breaks.
func TestNextHeartbeatOfASessionThatIsOver(t *testing.T) {
	for _, ttl := range []time.Duration{-time.Hour, 0, time.Millisecond} {
		for _, interval := range []time.Duration{-1, 0, 1, time.Hour} {
			if d := license.NextHeartbeat(alive("x", now(), ttl), now(), interval).Sub(now()); d <= 0 || d > 2*time.Millisecond {
				t.Errorf("life %v, interval %v: %v away", ttl, interval, d)
			}
		}
	}
}

// TestSlotsAreTheHolders: another session of the same holder has the same, and
// whatever tells holders apart tells their slots apart.
func TestSlotsAreTheHolders(t *testing.T) {
	slot := func(change func(*license.Session)) time.Time {
		s := alive("hw-1", now(), 6*time.Minute)
		change(&s)
		return license.NextHeartbeat(s, now(), 2*time.Minute)
	}
	same := slot(func(*license.Session) {})
	if again := slot(func(s *license.Session) { s.ID, s.Epoch, s.AcquiredAt = "another", license.Epoch{Number: 7}, now() }); !again.Equal(same) {
		t.Errorf("after another acquire the slots are at %v, were at %v", again, same)
	}
	for what, change := range map[string]func(*license.Session){
		"organization": func(s *license.Session) { s.OrganizationID = "globex" },
		"license":      func(s *license.Session) { s.LicenseID = "lab" },
		"user":         func(s *license.Session) { s.UserID = "bob" },
		"machine":      func(s *license.Session) { s.HardwareID = "hw-2" },
		"instance":     func(s *license.Session) { s.InstanceID = "2" },
		"boundary":     func(s *license.Session) { s.HardwareID, s.InstanceID = "hw-", "1" },
	} {
		if slot(change).Equal(same) {
			t.Errorf("another %s has the same slots", what)
		}
	}
}

// TestSlotsAreSpreadEvenly, also those of machines that are named by a pattern.
// The chi-square statistic of n bins has mean n-1 and deviation sqrt(2(n-1));
// the names are fixed, so four deviations never fail by chance.
func TestSlotsAreSpreadEvenly(t *testing.T) {
	const clients, bins = 60_000, 120
	for name, id := range map[string]func(i int) string{
		"counting":          strconv.Itoa,
		"counting in steps": func(i int) string { return strconv.Itoa(120_000 * i) },
		"padded":            func(i int) string { return fmt.Sprintf("node-%012x.render.example", i) },
	} {
		counts := [bins]float64{}
		for i := range clients {
			next := license.NextHeartbeat(alive(id(i), now(), 6*time.Minute), now(), 2*time.Minute)
			counts[int(next.Sub(now().Add(30*time.Second))/time.Second)]++
		}
		var chi2 float64
		for _, n := range counts {
			chi2 += (n - clients/bins) * (n - clients/bins) / (clients / bins)
		}
		if limit := bins - 1 + 4*math.Sqrt(2*(bins-1)); chi2 > limit {
			t.Errorf("%s: chi-square %.0f, want at most %.0f: %v", name, chi2, limit, counts)
		}
	}
}
