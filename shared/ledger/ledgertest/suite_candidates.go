package ledgertest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// candidateTests are of reservations that may be met under several licenses.
func candidateTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"the first with room":                        firstWithRoom,
		"a living session comes before the first":    livingBeforeFirst,
		"... also under a closed one":                livingUnderClosed,
		"... the first of several":                   firstOfSeveral,
		"a closed one grants nothing":                closedGrantsNothing,
		"each tells why it is full":                  eachTellsWhy,
		"the organization's cap refuses all":         organizationRefusesAll,
		"the holder's own goes under any of them":    ownUnderAny,
		"the holder's marked one goes, too":          ownMarkedUnderAny,
		"stale ones of the chosen one alone":         staleOfTheChosen,
		"the expired are room":                       expiredAreRoom,
		"a repeat finds what it made":                repeatUnderAnother,
		"the token is of the license chosen":         tokenOfTheChosen,
		"a rebuilt ledger finds the session as well": rebuiltUnderAnother,
		"many": manyCandidates,
	}
}

// two is a wish that pro may meet, and then plus.
func two(w want, maxPro, maxPlus int) want {
	w.max, w.others = maxPro, []other{{license: "plus", max: maxPlus}}
	return w
}

func firstWithRoom(b *bench) {
	for i, license := range []string{"pro", "plus", "plus"} {
		h := b.take(two(want{user: strconv.Itoa(i)}, 1, 2))
		b.same("license", []any{h.LicenseID, h.Candidate, h.Existing}, []any{license, map[string]int{"pro": 0, "plus": 1}[license], false})
		beaten, err := b.beat(h)
		b.ok(err)
		b.same("as the heartbeat tells it", []any{beaten.LicenseID, beaten.Used}, []any{license, max(1, i)})
		b.same("used", append([]int{h.Used}, h.PoolsUsed...), []int{max(1, i), max(1, i), i + 1})
	}
	b.same("refusals", len(b.fullOf(two(want{user: "late"}, 1, 2)).Refusals), 2)
	b.same("the license's own pool counts it", b.full(want{user: "late", license: "plus", max: 2}).Used, 2)
}

func livingBeforeFirst(b *bench) {
	first := b.take(want{license: "plus"})
	b.Advance(time.Minute)
	again := b.take(two(want{}, 9, 9))
	b.same("session", []any{again.ID, again.Existing, again.Candidate, again.LicenseID}, []any{first.ID, true, 1, "plus"})
	b.same("expiry", again.ExpiresAt, again.Now.Add(sessionTTL))
	full := b.take(two(want{max: -1}, -1, -1))
	b.same("session, when all are full", full.ID, first.ID)
	b.same("sessions", b.held(acme), 1)
}

func livingUnderClosed(b *bench) {
	first := b.take(want{license: "plus"})
	again := b.take(want{others: []other{{license: "plus", closed: true}}})
	b.same("session", []any{again.ID, again.Candidate}, []any{first.ID, 1})
}

func firstOfSeveral(b *bench) {
	b.take(want{license: "plus"})
	first := b.take(want{license: "pro"})
	b.same("session", b.take(two(want{}, 9, 9)).ID, first.ID)
}

func closedGrantsNothing(b *bench) {
	h := b.take(want{closed: true, others: []other{{license: "plus"}}})
	b.same("license", h.LicenseID, "plus")
	for _, others := range [][]other{nil, {{license: "plus", closed: true}}} {
		full := b.fullOf(want{user: "bob", closed: true, others: others})
		if len(full.Refusals) != 0 || full.RetryAfter <= 0 {
			b.Errorf("%+v: no candidate was open", full)
		}
	}
	b.same("sessions", b.held(acme), 1)
}

func eachTellsWhy(b *bench) {
	b.take(want{user: "first", license: "plus"})
	b.Advance(time.Minute)
	b.take(want{user: "a"})
	b.take(want{user: "b"})
	w := want{user: "late", max: 2, others: []other{{license: "shut", closed: true}, {license: "plus", max: 1}}}
	full := b.fullOf(w)
	b.same("refusals", full.Refusals, []ledger.Refusal{
		{Candidate: 0, Pool: ofLicense, Used: 2, Cap: 2}, {Candidate: 2, Pool: ofLicense, Used: 1, Cap: 1},
	})
	b.near("the earliest of all", time.Time{}.Add(full.RetryAfter), time.Time{}.Add(sessionTTL-time.Minute))
}

func organizationRefusesAll(b *bench) {
	b.take(want{user: "a"})
	full := b.fullOf(two(want{user: "late", maxOrg: 1}, 1, 9))
	b.same("refusals", full.Refusals, []ledger.Refusal{
		{Candidate: 0, Pool: ofLicense, Used: 1, Cap: 1}, {Candidate: 1, Pool: ofOrganization, Used: 1, Cap: 1},
	})
}

// ownUnderAny: left in place, it would be the holder's second after a loss.
func ownUnderAny(b *bench) {
	plus, shut := b.take(want{license: "plus"}), b.take(want{license: "shut"})
	b.Advance(sessionTTL + slack)
	w := two(want{}, 9, 9)
	w.others = append(w.others, other{license: "shut", closed: true})
	holds := b.staleHolds(w)
	b.same("stale", ids(holds), []string{plus.ID, shut.ID})
	b.same("its license", holds[0].LicenseID, "plus")
	b.remove(ledger.IfEnding, 2, holds...)
	b.same("license", b.take(w).LicenseID, "pro")
}

func ownMarkedUnderAny(b *bench) {
	plus := b.take(want{license: "plus"})
	b.mark(plus, license.EndLicenseExpired)
	holds := b.staleHolds(two(want{}, 9, 9))
	b.same("stale", []any{ids(holds), holds[0].EndedReason}, []any{[]string{plus.ID}, license.EndLicenseExpired})
	b.remove(ledger.IfEnding, 1, holds...)
	b.take(two(want{}, 9, 9))
}

func staleOfTheChosen(b *bench) {
	pro := b.take(want{user: "a"})
	plus := b.take(want{user: "b", license: "plus"})
	b.Advance(sessionTTL + slack)
	b.same("stale", b.stale(two(want{user: "late"}, 1, 1)), []string{pro.ID})
	b.take(want{user: "c", license: "new"}) // of another pool: who is over there is not in its way
	b.same("stale of the next", b.stale(want{user: "late", license: "plus", max: 1}), []string{plus.ID})
}

// expiredAreRoom: a license whose seats are held by the dead has room, and is not
// passed over for the next.
func expiredAreRoom(b *bench) {
	dead := b.take(want{user: "a"})
	b.Advance(sessionTTL + slack)
	holds := b.staleHolds(two(want{user: "late"}, 1, 9))
	b.same("stale", ids(holds), []string{dead.ID})
	b.remove(ledger.IfEnding, 1, holds...)
	b.same("license", b.take(two(want{user: "late"}, 1, 9)).LicenseID, "pro")
}

func repeatUnderAnother(b *bench) {
	b.take(want{user: "bob"})
	w := two(want{session: "s-1"}, 1, 1)
	first, again := b.take(w), b.take(w)
	b.same("repeat", []any{again.ID, again.Existing, again.Candidate, again.Grant}, []any{first.ID, false, 1, first.Grant})
}

func tokenOfTheChosen(b *bench) {
	w := two(want{}, 1, 9)
	w.tokenTTL, w.others[0].tokenTTL = time.Minute, 2*time.Minute
	b.take(want{user: "in pro"})
	h := b.take(w)
	b.same("token under plus", h.TokenExpiresAt, h.Now.Add(2*time.Minute))
	w.others[0].tokenTTL = 3 * time.Minute
	again := b.take(w)
	b.same("token under plus, on other terms", again.TokenExpiresAt, again.Now.Add(3*time.Minute))
	w.user, w.max = "bob", 2
	h = b.take(w)
	b.same("token under pro", h.TokenExpiresAt, h.Now.Add(time.Minute))
}

func rebuiltUnderAnother(b *bench) {
	h := b.take(want{license: "plus"})
	b.Lose()
	b.rebuild(acme, 2, h.Session)
	again := b.take(two(want{}, 9, 9))
	b.same("session", []any{again.ID, again.Candidate}, []any{h.ID, 1})
	b.same("plus is full", b.full(want{user: "bob", license: "plus", max: 1}).Used, 1)
}

// manyCandidates is as many as one request may mean.
func manyCandidates(b *bench) {
	w := want{user: "late", max: 1}
	b.take(want{user: "a"})
	for i := range license.MaxChoices - 1 {
		id := fmt.Sprintf("more-%d", i)
		w.others = append(w.others, other{license: id, max: 1})
		if i < license.MaxChoices-2 {
			b.take(want{user: "a", license: id})
		}
	}
	h := b.take(w)
	b.same("place", []any{h.Candidate, h.LicenseID}, []any{license.MaxChoices - 1, fmt.Sprintf("more-%d", license.MaxChoices-2)})
	w.user = "later"
	b.same("refusals", len(b.fullOf(w).Refusals), license.MaxChoices)
}
