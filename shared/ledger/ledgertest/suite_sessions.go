package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func beatTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"extends by a session TTL":           beatExtends,
		"the dead stay dead":                 lateBeat,
		"a marked session is dead":           beatMarked,
		"another user's":                     beatForeign,
		"an unknown one":                     beatUnknown,
		"its license is found":               beatFindsLicense,
		"counts the license's living":        beatUsed,
		"a context that is over":             beatCanceled,
		"does not touch the holder's others": beatAlone,
	}
}

func beatExtends(b *bench) {
	h := b.take(want{instance: "i"})
	for range 4 {
		b.Advance(sessionTTL * 3 / 4)
		got, err := b.beat(h)
		b.ok(err)
		b.same("expiry", got.ExpiresAt, got.Now.Add(sessionTTL))
		b.same("heartbeat", got.LastHeartbeatAt, got.Now)
		b.same("unchanged", []any{got.ID, got.Holder, got.AcquiredAt, got.Epoch, got.OrganizationID},
			[]any{h.ID, h.Holder, h.AcquiredAt, h.Epoch, acme})
	}
}

func lateBeat(b *bench) {
	h := b.take(want{max: 1})
	b.Advance(sessionTTL + slack)
	for range 2 {
		_, err := b.beat(h)
		got := is[*ledger.ExpiredError](b, err).Hold
		b.same("end", []any{got.ID, got.Holder, got.EndedReason, got.EndedAt, got.Epoch},
			[]any{h.ID, h.Holder, license.EndExpired, h.ExpiresAt, h.Epoch})
	}
	b.same("still in the way", b.stale(want{user: "bob", max: 1}), []string{h.ID})
}

func beatMarked(b *bench) {
	h := b.take(want{})
	b.mark(h, license.EndReleased)
	_, err := b.beat(h)
	b.same("reason", is[*ledger.ExpiredError](b, err).Hold.EndedReason, license.EndReleased)
}

func beatForeign(b *bench) {
	h := b.take(want{user: "ann"})
	for _, user := range []string{"bob", "", "an", "ann2", "ann\t", "ann\thw"} {
		_, err := b.Ledger.Heartbeat(b.Context(), caller(acme, user), ledger.Heartbeat{SessionID: h.ID})
		if !errors.Is(err, ledger.ErrForeign) {
			b.Errorf("user %q: %v, want %v", user, err, ledger.ErrForeign)
		}
	}
	b.Advance(sessionTTL + slack)
	_, err := b.Ledger.Heartbeat(b.Context(), caller(acme, "bob"), ledger.Heartbeat{SessionID: h.ID})
	if !errors.Is(err, ledger.ErrForeign) {
		b.Errorf("expired: %v, want %v", err, ledger.ErrForeign)
	}
}

func beatUnknown(b *bench) {
	h := b.take(want{})
	for _, id := range []string{
		"s-unknown", "", h.ID + " ", strings.ToUpper(h.ID), "{" + h.ID + "}", "urn:uuid:" + h.ID, strings.ReplaceAll(h.ID, "-", ""),
	} {
		other := h
		other.ID = id
		_, err := b.beat(other)
		unknown := is[*ledger.UnknownError](b, err)
		b.same("epoch", unknown.Epoch, epochOf(1))
		b.near("now", unknown.Now, h.Now)
	}
}

func beatFindsLicense(b *bench) {
	h := b.take(want{license: "lab"})
	ends := h.Now.Add(20 * time.Minute)
	many := map[string]time.Time{"lab": ends}
	for i := range 40 {
		many[fmt.Sprint("l", i)] = h.Now
	}
	for _, c := range []struct {
		name  string
		ends  map[string]time.Time
		token time.Duration
	}{
		{"none", nil, tokenTTL},
		{"others", map[string]time.Time{"pro": ends}, tokenTTL},
		{"one", map[string]time.Time{"lab": ends}, 20 * time.Minute},
		{"among some", map[string]time.Time{"pro": h.Now, "lab": ends}, 20 * time.Minute},
		{"among many", many, 20 * time.Minute},
	} {
		got, err := b.Ledger.Heartbeat(b.Context(), caller(acme, "ann"), ledger.Heartbeat{SessionID: h.ID, LicenseEnds: c.ends, Renew: true})
		b.ok(err)
		b.same(c.name, got.LicenseID, "lab")
		b.near(c.name, got.TokenExpiresAt, h.Now.Add(c.token))
	}
}

func beatUsed(b *bench) {
	h := b.take(want{})
	b.take(want{user: "bob"})
	b.take(want{license: "lab"})
	got, err := b.beat(h)
	b.ok(err)
	b.same("used", got.Used, 2)
}

func beatCanceled(b *bench) {
	h := b.take(want{})
	_, err := b.Ledger.Heartbeat(canceled(b.T), caller(acme, "ann"), ledger.Heartbeat{SessionID: h.ID})
	b.same("backend", is[*license.UnavailableError](b, err).Backend, "redis")
	wants[*license.UnavailableError](b, b.Ledger.Ping(canceled(b.T)))
	b.ok(b.Ledger.Ping(b.Context()))
}

func beatAlone(b *bench) {
	first, second := b.take(want{instance: "1"}), b.take(want{instance: "2"})
	b.Advance(sessionTTL / 2)
	_, err := b.beat(first)
	b.ok(err)
	b.Advance(sessionTTL/2 + slack)
	_, err = b.beat(second)
	wants[*ledger.ExpiredError](b, err)
}

func tokenTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"kept while half remains":              tokenKept,
		"renewed below half":                   tokenRenewed,
		"renewed when forced":                  tokenForced,
		"never outlives its license":           tokenBounded,
		"no storm when the license ends soon":  tokenNoStorm,
		"renewed when its license is extended": tokenExtended,
		"put back after a failed signature":    tokenPutBack,
	}
}

// beatFor keeps a session alive for d and answers the last heartbeat.
func (b *bench) beatFor(h ledger.Hold, d time.Duration, ends time.Time) ledger.Hold {
	b.Helper()
	var got ledger.Hold
	for step := sessionTTL / 2; d > 0; d -= step {
		b.Advance(min(step, d))
		var err error
		got, err = b.beatUntil(h, ends, false)
		b.ok(err)
	}
	return got
}

// beatPastHalf keeps a session alive until just after half its token's life, and
// answers the heartbeat that must renew it.
func (b *bench) beatPastHalf(h ledger.Hold) ledger.Hold {
	b.Helper()
	b.beatFor(h, tokenTTL/2-time.Minute, time.Time{})
	return b.beatFor(h, 2*time.Minute, time.Time{})
}

func tokenKept(b *bench) {
	h := b.take(want{})
	got := b.beatFor(h, tokenTTL/2-time.Minute, time.Time{})
	if got.Renewed || !got.TokenExpiresAt.Equal(h.TokenExpiresAt) {
		b.Errorf("renewed early: %+v", got)
	}
	if again := b.take(want{}); again.Renewed || !again.TokenExpiresAt.Equal(h.TokenExpiresAt) {
		b.Errorf("an acquire renewed early: %+v", again)
	}
}

func tokenRenewed(b *bench) {
	h := b.take(want{})
	got := b.beatPastHalf(h)
	if !got.Renewed || !got.TokenExpiresAt.Equal(got.Now.Add(tokenTTL)) || !got.PreviousTokenExpiry.Equal(h.TokenExpiresAt) {
		b.Errorf("not renewed: %+v", got)
	}
	got, err := b.beat(h)
	b.ok(err)
	if got.Renewed {
		b.Error("renewed twice")
	}
	b.beatFor(h, tokenTTL/2-time.Minute, time.Time{})
	b.Advance(2 * time.Minute)
	if again := b.take(want{}); !again.Renewed || !again.TokenExpiresAt.Equal(again.Now.Add(tokenTTL)) {
		b.Errorf("an acquire did not renew: %+v", again)
	}
}

func tokenForced(b *bench) {
	h := b.take(want{})
	b.Advance(time.Minute)
	got, err := b.beatUntil(h, time.Time{}, true)
	b.ok(err)
	if !got.Renewed || !got.TokenExpiresAt.Equal(got.Now.Add(tokenTTL)) || !got.PreviousTokenExpiry.Equal(h.TokenExpiresAt) {
		b.Errorf("forced: %+v", got)
	}
}

func tokenBounded(b *bench) {
	now := b.take(want{user: "clock"}).Now
	ends := now.Add(tokenTTL * 3 / 4)
	h := b.take(want{ends: ends})
	b.near("granted", h.TokenExpiresAt, ends)
	got, err := b.beatUntil(h, ends, true)
	b.ok(err)
	b.near("forced", got.TokenExpiresAt, ends)
	got = b.beatFor(h, tokenTTL/2, ends)
	b.near("below half", got.TokenExpiresAt, ends)
	again := b.take(want{ends: ends})
	b.near("acquired again", again.TokenExpiresAt, ends)
	if got.TokenExpiresAt.After(ends) || again.TokenExpiresAt.After(ends) {
		b.Error("outlives its license")
	}
}

func tokenNoStorm(b *bench) {
	now := b.take(want{user: "clock"}).Now
	ends := now.Add(tokenTTL / 4)
	h := b.take(want{ends: ends})
	for range 3 {
		b.Advance(time.Minute)
		if got := b.beatFor(h, time.Minute, ends); got.Renewed {
			b.Fatal("a token that cannot live longer was renewed")
		}
		if again := b.take(want{ends: ends}); again.Renewed {
			b.Fatal("an acquire renewed a token that cannot live longer")
		}
	}
}

func tokenExtended(b *bench) {
	now := b.take(want{user: "clock"}).Now
	h := b.take(want{ends: now.Add(tokenTTL / 4)})
	got, err := b.beatUntil(h, now.Add(30*24*time.Hour), false)
	b.ok(err)
	if !got.Renewed || !got.TokenExpiresAt.Equal(got.Now.Add(tokenTTL)) {
		b.Errorf("extended: %+v", got)
	}
}

func tokenPutBack(b *bench) {
	h := b.take(want{})
	renewed := b.beatPastHalf(h)
	b.ok(b.Ledger.Retoken(b.Context(), caller(acme, "ann"), h.ID, renewed.PreviousTokenExpiry))
	got, err := b.beat(h)
	b.ok(err)
	if !got.Renewed || !got.PreviousTokenExpiry.Equal(h.TokenExpiresAt) {
		b.Errorf("the next heartbeat does not try again: %+v", got)
	}
	b.ok(b.Ledger.Retoken(b.Context(), caller(acme, "ann"), "s-unknown", h.Now))
	b.same("sessions", b.held(acme), 1)
}

func markTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"ends a living session at once":  markLiving,
		"the first mark stays":           markTwice,
		"an expired one stays expired":   markExpired,
		"another user's":                 markOther,
		"nobody's":                       markNobody,
		"an unknown one":                 markUnknown,
		"only while nobody else answers": markGrant,
		"frees the organization's cap":   markAndCaps,
		"frees its license at any size":  markAmongMany,
	}
}

// markAmongMany: however many others have expired since, a marked session neither
// refuses anybody nor goes unnamed.
func markAmongMany(b *bench) {
	for i := range 450 { // more than one grant is told of
		b.take(want{license: "lab", user: fmt.Sprint("lab-", i)})
	}
	b.Advance(sessionTTL / 2)
	h := b.take(want{max: 1})
	b.mark(h, license.EndReleased)
	b.Advance(sessionTTL / 2)
	b.same("must go", b.stale(want{user: "bob", max: 1}), []string{h.ID})
}

func markLiving(b *bench) {
	h := b.take(want{})
	b.Advance(time.Minute)
	marked := b.mark(h, license.EndReleased)
	b.same("marked", []any{marked.ID, marked.Holder, marked.EndedReason, marked.EndedAt, marked.Epoch},
		[]any{h.ID, h.Holder, license.EndReleased, marked.ExpiresAt, h.Epoch})
	b.near("ended", marked.EndedAt, h.Now.Add(time.Minute))
	v := b.visit(acme, 10)
	b.same("ending", ids(v.Ending), []string{h.ID})
	b.same("reason", v.Ending[0].EndedReason, license.EndReleased)
	b.same("own expired session first", b.stale(want{}), []string{h.ID})
}

func markTwice(b *bench) {
	h := b.take(want{})
	first := b.mark(h, license.EndReleased)
	b.Advance(time.Minute)
	second := b.mark(h, license.EndFailed)
	b.same("reason", second.EndedReason, license.EndReleased)
	b.same("time", second.EndedAt, first.EndedAt)
}

func markExpired(b *bench) {
	h := b.take(want{})
	b.Advance(sessionTTL + slack)
	marked := b.mark(h, license.EndReleased)
	b.same("as it is", []any{marked.EndedReason, marked.EndedAt}, []any{license.EndExpired, h.ExpiresAt})
}

func markOther(b *bench) {
	h := b.take(want{user: "ann"})
	m := ledger.Mark{SessionID: h.ID, UserID: "bob", Own: license.EndReleased}
	_, err := b.Ledger.Mark(b.Context(), caller(acme, "bob"), m)
	if !errors.Is(err, ledger.ErrForeign) {
		b.Fatalf("error = %v, want %v", err, ledger.ErrForeign)
	}
	_, err = b.beat(h)
	b.ok(err)
	m.Other = license.EndRevoked
	marked, err := b.Ledger.Mark(b.Context(), caller(acme, "bob"), m)
	b.ok(err)
	b.same("reason", marked.EndedReason, license.EndRevoked)
}

func markNobody(b *bench) {
	h := b.take(want{user: "ann"})
	_, err := b.Ledger.Mark(b.Context(), caller(acme, ""), ledger.Mark{SessionID: h.ID, Own: license.EndReleased})
	if !errors.Is(err, ledger.ErrForeign) {
		b.Errorf("error = %v, want %v", err, ledger.ErrForeign)
	}
}

func markUnknown(b *bench) {
	_, err := b.Ledger.Mark(b.Context(), caller(acme, "ann"),
		ledger.Mark{SessionID: "s-unknown", UserID: "ann", Own: license.EndReleased, Other: license.EndRevoked})
	b.same("epoch", is[*ledger.UnknownError](b, err).Epoch, epochOf(1))
}

func markGrant(b *bench) {
	first := b.take(want{})
	second := b.take(want{})
	m := ledger.Mark{SessionID: first.ID, UserID: "ann", Own: license.EndFailed, Grant: first.Grant}
	_, err := b.Ledger.Mark(b.Context(), caller(acme, "ann"), m)
	if !errors.Is(err, ledger.ErrTouched) {
		b.Fatalf("error = %v, want %v", err, ledger.ErrTouched)
	}
	_, err = b.beat(first)
	b.ok(err)
	m.Grant = second.Grant
	marked, err := b.Ledger.Mark(b.Context(), caller(acme, "ann"), m)
	b.ok(err)
	b.same("reason", marked.EndedReason, license.EndFailed)
}

func markAndCaps(b *bench) {
	h, living := b.take(want{user: "a"}), b.take(want{user: "b"})
	b.mark(h, license.EndRevoked)
	b.same("of the license", b.stale(want{user: "late", max: 2}), []string{h.ID})
	full := b.full(want{user: "late", max: 1})
	b.same("used", full.Used, 1)
	if d := (full.RetryAfter - sessionTTL).Abs(); d > slack {
		b.Errorf("retry after %s: that is not %s's expiry", full.RetryAfter, living.ID)
	}
}
