// Package pace is when a program talks to the license service: how long it
// waits between heartbeats and after failures, as docs/clients.md has it. Its
// functions are pure; clocks, timers and random numbers are the caller's.
package pace

import (
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// The bounds of the backoff.
const (
	// FirstBackoff bounds the wait after a first failure: most are over within a second.
	FirstBackoff = time.Second
	// MaxBackoff bounds every wait. A minute keeps 100,000 clients of a service
	// that is down to a few thousand requests a second, and leaves several
	// attempts in what remains of a session when a heartbeat fails.
	MaxBackoff = time.Minute
	// UrgentBackoff is the least bound for a session that is about to run out.
	// With one second, those in their last minute would be most of the load.
	UrgentBackoff = 5 * time.Second
)

// Heartbeat is how long after it received s a program sends the next heartbeat.
// Both times are the service's, so a wrong clock on this side does no harm.
func Heartbeat(s api.Session) time.Duration {
	if s.NextHeartbeatAt.IsZero() { // a service that knows no slots
		return time.Duration(s.HeartbeatIntervalSeconds) * time.Second
	}
	return max(0, s.NextHeartbeatAt.Sub(s.ServerTime.Time))
}

// Retry is how long to wait after a failure that is not the end: the answer's
// Retry-After (zero when there was none) at least, and on top of it a random
// part of a bound that doubles with every failure in a row ("full jitter",
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
//
// failures counts this one, so it is at least 1. random is from [0, 1).
//
// left is what the session has left of its life. The bound is at most half of
// that, so that after an outage those are first who are about to lose a seat;
// once it is negative, and the program works on with its license token, it is
// the maximum from the start, as there is nothing to be in a hurry for. Zero is
// a program that has neither: one that starts, or that cannot work without an answer.
func Retry(failures int, retryAfter, left time.Duration, random float64) time.Duration {
	return max(retryAfter, 0) + time.Duration(random*float64(bound(failures, left)))
}

func bound(failures int, left time.Duration) time.Duration {
	if left < 0 {
		return MaxBackoff
	}
	b := FirstBackoff
	for n := 1; n < failures && b < MaxBackoff; n++ {
		b *= 2
	}
	b = min(b, MaxBackoff)
	if left > 0 {
		b = min(b, max(left/2, UrgentBackoff))
	}
	return b
}
