package ledgertest

import (
	"errors"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func clockTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"what was called over stays so":           endIsAState,
		"what nobody has called over lives again": unnamedLivesAgain,
		"far ahead":                              clockAhead,
		"far behind":                             clockBehind,
		"a caller years ahead":                   callerAhead,
		"seats are given back under a wrong one": releasedUnderAWrongClock,
		"rebuilt under a wrong one":              rebuiltUnderAWrongClock,
		"a little off":                           clockALittleOff,
	}
}

// endIsAState: each script that calls a session expired begins its end; then the
// clock steps back, by less than anybody notices.
func endIsAState(b *bench) {
	name := map[string]func(h ledger.Hold){
		"heartbeat": func(h ledger.Hold) { _, err := b.beat(h); wants[*ledger.ExpiredError](b, err) },
		"reserve":   func(ledger.Hold) { b.stale(want{user: "late", max: 1}) },
		"own":       func(ledger.Hold) { b.stale(want{}) },
		"visit":     func(ledger.Hold) { b.visit(acme, 10) },
		"mark":      func(h ledger.Hold) { b.mark(h, license.EndReleased) },
	}
	for script, call := range name {
		h := b.take(want{})
		b.Advance(sessionTTL + time.Second)
		call(h)
		b.Step(-slack)
		_, err := b.beat(h)
		got := is[*ledger.ExpiredError](b, err).Hold
		b.same(script, []any{got.EndedReason, got.EndedAt}, []any{license.EndExpired, h.ExpiresAt})
		b.same(script+": in the way of its holder", b.stale(want{}), []string{h.ID})
		b.same(script+": does not count", b.take(want{user: "bob", max: 2}).Used, 1)
		b.remove(ledger.IfEnding, 1, h)
		b.remove(ledger.BySession, 1, b.take(want{user: "bob"}))
		b.Step(slack)
	}
}

func unnamedLivesAgain(b *bench) {
	h := b.take(want{})
	b.Advance(sessionTTL + time.Millisecond)
	b.Step(-slack)
	_, err := b.beat(h)
	b.ok(err)
}

// wrongClock wants that nothing is granted and nobody called expired.
func (b *bench) wrongClock() {
	b.Helper()
	for _, w := range []want{{}, {user: "late"}, {user: "late", max: 1}} {
		_, err := b.reserve(w)
		wants[*ledger.ClockError](b, err)
		b.same("backend", is[*license.UnavailableError](b, err).Backend, "redis")
	}
	_, err := b.Ledger.Visit(b.Context(), license.ServiceCaller(acme), 10)
	wants[*ledger.ClockError](b, err)
}

func clockAhead(b *bench) {
	beating, silent := b.take(want{}), b.take(want{user: "bob"})
	b.Step(2 * sessionTTL)
	b.wrongClock()
	got, err := b.beat(beating)
	b.ok(err)
	b.same("no token is made", got.TokenExpiresAt, time.Time{})
	b.near("extended", got.ExpiresAt, beating.ExpiresAt.Add(2*sessionTTL))
	b.Step(-2 * sessionTTL)
	for _, h := range []ledger.Hold{beating, silent} {
		_, err = b.beat(h)
		b.ok(err)
	}
	b.same("sessions", b.full(want{user: "late", max: 2}).Used, 2)
}

// clockBehind: a heartbeat in that time counts also when the clock is right again.
func clockBehind(b *bench) {
	h := b.take(want{})
	b.Advance(sessionTTL / 2)
	b.Step(-sessionTTL)
	b.wrongClock()
	got, err := b.beat(h)
	b.ok(err)
	b.same("as it is told", got.ExpiresAt, got.Now.Add(sessionTTL))
	b.Advance(sessionTTL * 3 / 4)
	b.Step(sessionTTL)
	b.same("used", b.full(want{user: "late", max: 1}).Used, 1)
	_, err = b.beat(h)
	b.ok(err)
}

// callerAhead: it may be the caller's clock that is wrong, by years; its
// heartbeats keep nobody's seat for years.
func callerAhead(b *bench) {
	const years = 20_000 * time.Hour
	b.Advance(2 * years)
	h := b.take(want{})
	b.Step(-years)
	_, err := b.beat(h)
	b.ok(err)
	b.Step(years)
	b.Advance(-years) // it was the caller's that was wrong
	b.Advance(11*sessionTTL - slack)
	b.same("used", b.full(want{user: "late", max: 1}).Used, 1)
	b.Advance(2 * slack)
	b.same("kept for so long at most", b.stale(want{user: "late", max: 1}), []string{h.ID})
}

func releasedUnderAWrongClock(b *bench) {
	for _, step := range []time.Duration{2 * sessionTTL, -2 * sessionTTL} {
		h := b.take(want{max: 1})
		b.Step(step)
		b.same("reason", b.mark(h, license.EndReleased).EndedReason, license.EndReleased)
		b.same("sessions", b.held(acme), 1)
		_, err := b.beat(h)
		wants[*ledger.ExpiredError](b, err)
		b.Step(-step)
		b.same("stays so", b.stale(want{user: "bob", max: 1}), []string{h.ID})
		b.remove(ledger.IfEnding, 1, h)
	}
}

func rebuiltUnderAWrongClock(b *bench) {
	for n, step := range []time.Duration{sessionTTL, -sessionTTL} {
		h := b.take(want{})
		b.Step(step)
		b.Promote()
		b.rebuild(acme, int64(n+2), recorded(h.ID, "ann", h.AcquiredAt))
		b.Step(-step)
		b.Advance(sessionTTL / 2)
		b.same("used", b.full(want{user: "late", max: 1}).Used, 1)
		_, err := b.beat(h)
		b.ok(err)
		b.remove(ledger.BySession, 1, h)
	}
}

// clockALittleOff: two clocks are never the same. The server's counts: callers'
// clocks differ among each other.
func clockALittleOff(b *bench) {
	before := b.take(want{user: "clock"}).Now
	for i, step := range []time.Duration{ClockTolerance / 2, -ClockTolerance} {
		b.Step(step)
		h := b.take(want{user: strconv.Itoa(i)})
		if d := h.Now.Sub(before); d < step || d > step+slack/2 {
			b.Errorf("the server's clock has moved by %s, the answers' by %s", step, d)
		}
		before = h.Now
		b.same("expiry", h.ExpiresAt, h.Now.Add(sessionTTL))
		if _, err := b.Ledger.Visit(b.Context(), license.ServiceCaller(acme), 10); errors.As(err, new(*ledger.ClockError)) {
			b.Errorf("visit: %v", err)
		}
	}
}
