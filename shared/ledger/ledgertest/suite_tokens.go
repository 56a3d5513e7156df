package ledgertest

import (
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func tokenTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"lives as long as its session was held": tokenEarned,
		"no longer than its license says":       tokenOfTheLicense,
		"none where none is made":               tokenNone,
		"the last that ends counts":             tokenLast,
	}
}

// beatFor keeps a session alive for d and answers the last heartbeat.
func (b *bench) beatFor(h ledger.Hold, d time.Duration) ledger.Hold {
	b.Helper()
	got := h
	for step := sessionTTL / 2; d > 0; d -= step {
		b.Advance(min(step, d))
		var err error
		got, err = b.beat(h)
		b.ok(err)
	}
	return got
}

// earned is what license.TokenLife gives for the hold.
func (b *bench) earned(what string, h ledger.Hold, ttl time.Duration) {
	b.Helper()
	b.same(what, h.TokenExpiresAt, h.Now.Add(license.TokenLife(h.Now.Sub(h.AcquiredAt), ttl, tokenMin)))
}

func tokenEarned(b *bench) {
	h := b.take(want{})
	b.earned("granted", h, tokenTTL)
	for _, held := range []time.Duration{time.Minute, 10 * time.Minute, 20 * time.Minute, time.Hour} {
		got := b.beatFor(h, held)
		b.earned("a heartbeat", got, tokenTTL)
		again := b.take(want{})
		b.earned("acquired again", again, tokenTTL)
	}
	b.near("after an hour", b.take(want{}).TokenExpiresAt, h.Now.Add(91*time.Minute+tokenTTL))
}

func tokenOfTheLicense(b *bench) {
	const ttl = 7 * time.Minute
	h := b.take(want{tokenTTL: ttl})
	b.earned("granted", h, ttl)
	b.beatFor(h, 20*time.Minute)
	again := b.take(want{tokenTTL: ttl})
	b.same("held for long", again.TokenExpiresAt, again.Now.Add(ttl))
	again = b.take(want{tokenTTL: time.Minute})
	b.same("below the minimum", again.TokenExpiresAt, again.Now.Add(time.Minute))
}

func tokenNone(b *bench) {
	h := b.take(want{})
	b.beatFor(h, time.Hour)
	last := b.take(want{})
	b.Advance(time.Minute)
	got, err := b.Ledger.Heartbeat(b.Context(), caller(acme, "ann"), ledger.Heartbeat{SessionID: h.ID, NoToken: true})
	b.ok(err)
	b.same("token", got.TokenExpiresAt, time.Time{})
	b.same("the last", b.mark(h, license.EndReleased).TokenEnds, last.TokenExpiresAt)
}

// tokenLast: a later token may end sooner, once its license allows less.
func tokenLast(b *bench) {
	h := b.take(want{})
	long := b.beatFor(h, time.Hour)
	short := b.take(want{tokenTTL: time.Minute})
	if !short.TokenExpiresAt.Before(long.TokenExpiresAt) {
		b.Errorf("a token of %s ends before one of %s: the test proves nothing", long.TokenExpiresAt, short.TokenExpiresAt)
	}
	b.same("the last", b.mark(h, license.EndReleased).TokenEnds, long.TokenExpiresAt)
	failed := b.take(want{user: "bob"})
	b.same("none was made", b.mark(failed, license.EndFailed).TokenEnds, time.Time{})
}
