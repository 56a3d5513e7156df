// Package properties has what holds for any input, with inputs drawn anew in
// each run and shrunk when one fails. It is here, apart from the examples beside
// the code, so that neither the service nor the client requires the library.
package properties

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coditect-ai/coditect-licenses/client/pace"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// alive is a machine's session that was renewed at a time, for ttl.
func alive(hardware string, at time.Time, ttl time.Duration) license.Session {
	return license.Session{
		OrganizationID: "acme", Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: hardware},
		LastHeartbeatAt: at, ExpiresAt: at.Add(ttl),
	}
}

// TestNextHeartbeatHolds, for any session, time, interval and life.
func TestNextHeartbeatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		at := time.UnixMilli(rapid.Int64Range(-1e12, 1e13).Draw(t, "now")).UTC()
		interval := time.Duration(rapid.Int64Range(1, 12*3600*1000).Draw(t, "interval ms")) * time.Millisecond
		ttl := time.Duration(rapid.Int64Range(20, 24*3600*1000).Draw(t, "ttl ms")) * time.Millisecond
		every := min(interval, (ttl / 2).Truncate(time.Millisecond))
		s := alive(id, at, ttl)

		next := license.NextHeartbeat(s, at, interval)
		whole := every.Truncate(time.Millisecond)
		shortest, longest := (whole / 4).Truncate(time.Millisecond), whole+whole/4
		d := next.Sub(at)
		if d < max(shortest, time.Millisecond) || d >= max(longest, every+time.Millisecond) {
			t.Fatalf("%v away, want %v to %v", d, shortest, longest)
		}
		if left := s.ExpiresAt.Sub(next); left < ttl/4 || interval <= ttl/2 && interval >= 20*time.Millisecond && left < interval*3/4 {
			t.Fatalf("%v left for retries, of %v every %v", left, ttl, interval)
		}
		if next.Nanosecond()%1e6 != 0 || next.Location() != time.UTC {
			t.Fatalf("%v is not whole milliseconds of UTC", next)
		}
		if again := license.NextHeartbeat(s, at, interval); !again.Equal(next) {
			t.Fatalf("%v, then %v", next, again)
		}

		// Early by less than a quarter or late by up to three: the next slot but one interval on.
		off := time.Duration(rapid.Int64Range(1-max(1, every.Milliseconds()/4), every.Milliseconds()*3/4).Draw(t, "off")) * time.Millisecond
		came := next.Add(off)
		if after := license.NextHeartbeat(alive(id, came, ttl), came, interval); after.Sub(next) != every {
			t.Fatalf("%v off its slot the next is %v after it, want %v", off, after.Sub(next), every)
		}
	})
}

// TestRetryHolds: never before Retry-After, never a bound longer than the
// maximum, longer with every failure, and no longer when less is left.
func TestRetryHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(1, 100).Draw(t, "failures")
		after := time.Duration(rapid.IntRange(0, 3600).Draw(t, "retry after")) * time.Second
		left := time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "left"))
		random := rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "random")
		d := pace.Retry(failures, after, left, random)
		if d < after || d >= after+pace.MaxBackoff {
			t.Fatalf("%v after a Retry-After of %v", d, after)
		}
		if next := pace.Retry(failures+1, after, left, random); next < d {
			t.Fatalf("%v after one more failure, %v before", next, d)
		}
		if less := pace.Retry(failures, after, max(1, left/2), random); less > d {
			t.Fatalf("%v with half as much left, %v with all", less, d)
		}
	})
}
