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
	many := map[string]time.Duration{"lab": time.Minute}
	for i := range 40 {
		many[fmt.Sprint("l", i)] = 2 * time.Minute
	}
	for _, c := range []struct {
		name  string
		own   map[string]time.Duration
		token time.Duration
	}{
		{"none", nil, tokenMin},
		{"others", map[string]time.Duration{"pro": time.Minute}, tokenMin},
		{"one", map[string]time.Duration{"lab": time.Minute}, time.Minute},
		{"among some", map[string]time.Duration{"pro": time.Second, "lab": time.Minute}, time.Minute},
		{"among many", many, time.Minute},
	} {
		got, err := b.Ledger.Heartbeat(b.Context(), caller(acme, "ann"), ledger.Heartbeat{SessionID: h.ID, TokenTTLs: c.own})
		b.ok(err)
		b.same(c.name, got.LicenseID, "lab")
		b.same(c.name, got.TokenExpiresAt, got.Now.Add(c.token))
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
