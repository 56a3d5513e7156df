package license

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

// NextHeartbeat is when the holder of s, answered at now, should send its next
// heartbeat: its next slot. Slots are one interval apart, and where in the
// interval they lie is a hash of the holder, so that
//
//   - every instance names the same slots and none has to remember any;
//   - programs that were answered together come back spread over one interval,
//     evenly, and stay so: whatever brought them together is gone after one
//     heartbeat each;
//   - a program that lost its session and acquired another has its old slots.
//     Were they the session's, an outage that outlives half of the sessions would
//     leave the other half crowded into half of the interval;
//   - a program on its slot sends exactly one heartbeat per interval. A slot
//     nearer than a quarter of an interval is left out, so one that comes up to
//     a quarter early, or three quarters late, is on its slots again with the next.
//
// The slot lies between a quarter and five quarters of an interval away. For
// intervals of at most half the session's life, as the configuration demands,
// at least three quarters of an interval remain for retries until it expires.
// A longer interval is taken as that half, so no slot lies beyond five eighths
// of the session's life.
//
// Times are whole milliseconds; s.ExpiresAt and now are of the seat ledger's clock.
func NextHeartbeat(s Session, now time.Time, interval time.Duration) time.Time {
	every := max(1, min(interval, s.ExpiresAt.Sub(now)/2).Milliseconds())
	earliest := now.UnixMilli() + max(1, every/4)
	// since is how long ago, at earliest, the slot before it was. Go's remainder
	// has the sign of the dividend, hence the second one.
	since := ((earliest-phase(s, every))%every + every) % every
	return time.UnixMilli(earliest + (every-since)%every).UTC()
}

// phase is where a holder's slots lie within an interval of so many
// milliseconds. Machines and users have whatever names programs and directories give them,
// often counting up: a hash that is worse than SHA-256 would pass on the pattern.
func phase(s Session, every int64) int64 {
	sum := sha256.Sum256([]byte(strings.Join([]string{s.OrganizationID, s.LicenseID, s.UserID, s.HardwareID, s.InstanceID}, "\x00")))
	return int64(binary.BigEndian.Uint64(sum[:]) % uint64(every)) //nolint:gosec // every is positive, and so the remainder an int64
}
