package ledgertest

import (
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func handoverTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"a token outlives its session and counts":      spentCounts,
		"however it ended":                             spentHowever,
		"until it has ended":                           spentUntil,
		"its holder is not subject to it":              spentIsMine,
		"... and brings its token along":               spentIsBroughtAlong,
		"a failed grant leaves what was there":         spentByNobody,
		"the last of one holder counts":                spentOnce,
		"those who are over are ended first":           spentAfterTheStale,
		"each license counts its own":                  spentPerLicense,
		"the next license is tried":                    spentNextLicense,
		"an acquire, keep and release loop is bounded": spentLoop,
		"purged by visits":                             spentPurged,
		"kept under a wrong clock":                     spentUnderAWrongClock,
	}
}

// end ends a session as somebody's wish, and removes it.
func (b *bench) end(h ledger.Hold) {
	b.Helper()
	b.mark(h, license.EndReleased)
	b.remove(ledger.IfEnding, 1, h)
}

// overspent wants a wish to be refused for the one token that is good.
func (b *bench) overspent(what string, w want) refusal {
	b.Helper()
	r := b.full(w)
	if !r.Tokens || r.Used != 1 || r.Pool != 0 {
		b.Errorf("%s: refused by %+v, want for its one token", what, r)
	}
	return r
}

func spentCounts(b *bench) {
	h := b.take(want{max: 1, tokens: 1})
	b.same("good", h.TokensGood, 1)
	b.end(h)
	r := b.overspent("by ann's", want{user: "bob", max: 1, tokens: 1})
	b.same("cap", r.Cap, 1)
	if d := (r.RetryAfter - tokenMin).Abs(); d > slack {
		b.Errorf("retry after %s, want when ann's token ends", r.RetryAfter)
	}
	bob := b.take(want{user: "bob", max: 1, tokens: 2})
	b.same("good", bob.TokensGood, 2)
	b.same("seats", bob.Used, 1)
}

func spentHowever(b *bench) {
	ends := map[string]func(ledger.Hold){
		"released": b.end,
		"by-session": func(h ledger.Hold) {
			b.remove(ledger.BySession, 1, h)
		},
		"expired": func(h ledger.Hold) {
			b.beatFor(h, 30*time.Minute)
			b.Advance(sessionTTL + slack)
			b.visit(acme, 10)
			b.remove(ledger.IfEnding, 1, h)
		},
	}
	for name, end := range ends {
		h := b.take(want{license: name, max: 1, tokens: 1})
		end(h)
		b.overspent(name, want{license: name, user: "bob", max: 1, tokens: 1})
	}
}

func spentUntil(b *bench) {
	h := b.take(want{max: 1, tokens: 1})
	b.end(h)
	b.Advance(tokenMin - slack)
	b.overspent("just before", want{user: "bob", max: 1, tokens: 1})
	b.Advance(slack + time.Millisecond)
	bob := b.take(want{user: "bob", max: 1, tokens: 1})
	b.same("good", bob.TokensGood, 1)
}

func spentIsMine(b *bench) {
	first := b.take(want{max: 1, tokens: 1})
	b.end(first)
	again := b.take(want{max: 1, tokens: 1})
	if again.Existing || again.ID == first.ID {
		b.Errorf("again = %+v, want a new session", again)
	}
	b.same("good", again.TokensGood, 1)
	b.end(again)
	b.overspent("one machine, one token", want{user: "bob", max: 1, tokens: 1})
	b.overspent("another instance", want{instance: "i", max: 1, tokens: 1})
}

// spentIsBroughtAlong: the token of an hour is good for as long, however short the
// next session is.
func spentIsBroughtAlong(b *bench) {
	h := b.take(want{max: 1, tokens: 1})
	b.beatFor(h, time.Hour)
	b.end(h)
	b.end(b.take(want{max: 1, tokens: 1}))
	b.Advance(tokenMin + slack)
	b.overspent("the long one", want{user: "bob", max: 1, tokens: 1})
	b.Advance(tokenTTL - tokenMin)
	b.take(want{user: "bob", max: 1, tokens: 1})
}

func spentByNobody(b *bench) {
	failed := b.take(want{max: 1, tokens: 1})
	b.mark(failed, license.EndFailed)
	b.remove(ledger.IfEnding, 1, failed)
	withdrawn := b.take(want{user: "bob", max: 1, tokens: 1})
	b.remove(ledger.IfUntouched, 1, withdrawn)
	h := b.take(want{user: "cid", max: 1, tokens: 1})
	b.end(h)
	for _, how := range []ledger.Removal{ledger.IfUntouched, ledger.IfEnding} {
		again := b.take(want{user: "cid", max: 1, tokens: 1})
		if how == ledger.IfEnding {
			b.mark(again, license.EndFailed)
		}
		b.remove(how, 1, again)
		b.overspent("what it had before", want{user: "dan", max: 1, tokens: 1})
	}
}

func spentOnce(b *bench) {
	for range 3 {
		b.end(b.take(want{max: 1, tokens: 2}))
	}
	b.same("good", b.take(want{user: "bob", max: 1, tokens: 2}).TokensGood, 2)
}

// spentAfterTheStale: nobody is refused for the token of one who is over and whose
// token may have ended.
func spentAfterTheStale(b *bench) {
	h := b.take(want{max: 2, tokens: 2})
	marked := b.take(want{user: "bob", max: 2, tokens: 2})
	b.mark(marked, license.EndReleased)
	b.same("the marked", b.stale(want{user: "cid", max: 2, tokens: 2}), []string{marked.ID})
	b.Advance(sessionTTL + slack)
	b.same("all of them", len(b.stale(want{user: "cid", max: 5, tokens: 2})), 2)
	b.remove(ledger.IfEnding, 2, h, marked)
	b.same("their tokens have ended", b.take(want{user: "cid", max: 2, tokens: 2}).TokensGood, 1)
}

func spentPerLicense(b *bench) {
	b.end(b.take(want{max: 1, tokens: 1}))
	b.take(want{license: "lab", user: "bob", max: 1, tokens: 1})
	b.take(want{org: globex, user: "bob", max: 1, tokens: 1})
	b.overspent("its own", want{user: "bob", max: 1, tokens: 1})
}

func spentNextLicense(b *bench) {
	b.end(b.take(want{max: 1, tokens: 1}))
	w := want{user: "bob", max: 1, tokens: 1, others: []other{{license: "plus", max: 1, tokens: 1}}}
	h := b.take(w)
	b.same("license", []any{h.LicenseID, h.Candidate}, []any{"plus", 1})
	w.user = "cid"
	full := b.fullOf(w)
	b.same("refusals", []any{full.Refusals[0].Tokens, full.Refusals[1].Tokens, full.Refusals[1].Candidate}, []any{true, false, 1})
}

// spentLoop: whoever acquires, keeps its token and releases, under a name of its own
// each time, never has more good tokens at once than the license has seats and handovers.
func spentLoop(b *bench) {
	for _, handover := range []int{0, 1, 10} {
		id := "handover-" + strconv.Itoa(handover)
		var ends []time.Time
		for i := range 40 {
			h, err := b.reserve(want{license: id, hardware: "hw-" + strconv.Itoa(i), max: 1, tokens: 1 + handover})
			if err == nil {
				if life := h.TokenExpiresAt.Sub(h.Now); life > tokenMin {
					b.Errorf("%s: a token of %s", id, life)
				}
				ends = append(ends, h.TokenExpiresAt)
				b.end(h)
			}
			now := b.visit(acme, 1).Now
			good := 0
			for _, e := range ends {
				if e.After(now) {
					good++
				}
			}
			if good > 1+handover || i == handover && good != 1+handover {
				b.Fatalf("%s: %d tokens are good at once after %d tries", id, good, i+1)
			}
			b.Advance(7 * time.Second)
		}
	}
}

func spentPurged(b *bench) {
	b.end(b.take(want{max: 1, tokens: 1}))
	b.visit(acme, 10)
	b.overspent("good", want{user: "bob", max: 1, tokens: 1})
	b.Advance(tokenMin + time.Millisecond)
	b.visit(acme, 10)
	b.take(want{user: "bob", max: 1, tokens: 1})
}

// spentUnderAWrongClock: what a clock far ahead calls ended is good once it is right.
func spentUnderAWrongClock(b *bench) {
	h := b.take(want{max: 1, tokens: 1})
	b.Step(2 * sessionTTL)
	b.mark(h, license.EndReleased)
	b.remove(ledger.IfEnding, 1, h)
	_, err := b.Ledger.Visit(b.Context(), license.ServiceCaller(acme), 10)
	wants[*ledger.ClockError](b, err)
	b.Step(-2 * sessionTTL)
	b.overspent("the clock is right", want{user: "bob", max: 1, tokens: 1})
}

// rebuiltTokens: which token a session had last is in no record, so each may end as
// late as one that would be made at the rebuild.
func rebuiltTokens(b *bench) {
	held := b.take(want{user: "clock"}).Now.Add(-30 * time.Minute)
	b.Lose()
	nonce := b.nonce(acme)
	chunk := members(recorded("r-1", "ann", held), recorded("r-2", "bob", held))
	chunk.Members[1].TokenTTL = 10 * time.Minute
	b.ok(b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2), chunk))
	b.ok(b.Ledger.Load(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2)))
	now := b.visit(acme, 1).Now
	for i, life := range []time.Duration{30 * time.Minute, 10 * time.Minute} {
		h := ledger.Hold{Session: chunk.Members[i].Session}
		b.near(h.UserID, b.mark(h, license.EndReleased).TokenEnds, now.Add(life))
	}
}

func (b *bench) spend(nonce string, spent ...ledger.Spent) error {
	return b.Ledger.Spend(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2), spent)
}

func spentOf(h ledger.Hold, ends time.Time) ledger.Spent {
	return ledger.Spent{Holder: h.Holder, Pool: h.LicenseID, Ends: ends}
}

func rebuiltSpent(b *bench) {
	h := b.take(want{max: 1, tokens: 1})
	b.end(h)
	b.Lose()
	nonce := b.nonce(acme)
	ends := h.Now.Add(10 * time.Minute)
	for range 2 {
		b.ok(b.spend(nonce, spentOf(h, ends), spentOf(h, h.Now.Add(time.Minute))))
	}
	b.ok(b.Ledger.Load(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2)))
	r := b.overspent("rebuilt", want{user: "bob", max: 1, tokens: 1})
	if d := (r.RetryAfter - 10*time.Minute).Abs(); d > slack {
		b.Errorf("retry after %s, want when the last ends", r.RetryAfter)
	}
	b.take(want{max: 1, tokens: 1})
}

// rebuiltResumed: a holder that has a session again counts once.
func rebuiltResumed(b *bench) {
	h := b.take(want{max: 2, tokens: 2})
	b.Lose()
	nonce := b.nonce(acme)
	b.ok(b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2), members(recorded(h.ID, "ann", h.AcquiredAt))))
	b.ok(b.spend(nonce, spentOf(h, h.Now.Add(40*time.Minute))))
	b.ok(b.Ledger.Load(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2)))
	b.same("good", b.take(want{user: "bob", max: 2, tokens: 2}).TokensGood, 2)
	b.end(h)
	b.Advance(sessionTTL + slack)
	b.remove(ledger.IfEnding, 1, b.visit(acme, 10).Expired...)
	b.overspent("what it brought along", want{user: "cid", max: 1, tokens: 1})
}

func rebuiltSpentLate(b *bench) {
	h := b.take(want{max: 1, tokens: 1})
	b.Lose()
	nonce := b.nonce(acme)
	b.rebuild(acme, 2)
	if err := b.spend(nonce, spentOf(h, h.Now.Add(10*time.Minute))); err != ledger.ErrLost { //nolint:errorlint // it is never wrapped
		b.Errorf("error = %v, want %v", err, ledger.ErrLost)
	}
	b.take(want{user: "bob", max: 1, tokens: 1})
	wants[*license.UnavailableError](b, b.Ledger.Spend(canceled(b.T), license.ServiceCaller(acme), nonce, epochOf(2), []ledger.Spent{spentOf(h, h.Now)}))
}
