package ledgertest

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func reserveTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"a new seat":                            newSeat,
		"the same holder has one seat":          sameHolder,
		"the same holder when full":             sameHolderWhenFull,
		"a repeat with the same session id":     sameSessionID,
		"a repeat tells its own attempt":        repeatedAttempt,
		"one field makes another holder":        anotherHolder,
		"the license's cap":                     licenseCap,
		"the organization's cap":                organizationCap,
		"the license's cap is told first":       bothCaps,
		"no seats sold":                         noSeatsSold,
		"lowered caps refuse and end nobody":    loweredCaps,
		"retry after the earliest of the cap":   retryAfter,
		"a removed seat is free at once":        removedIsFree,
		"a heartbeat makes it known as written": recordedByBeat,
	}
}

func newSeat(b *bench) {
	h := b.take(want{session: "s-1", user: "ann", hardware: "hw", instance: "i"})
	if h.Existing || h.Recorded || h.Grant != 1 || h.Used != 1 || h.Epoch != epochOf(1) {
		b.Errorf("hold = %+v", h)
	}
	b.same("holder", h.Holder, license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw", InstanceID: "i"})
	b.same("id and organization", []string{h.ID, h.OrganizationID}, []string{"s-1", acme})
	b.same("times", []time.Time{h.AcquiredAt, h.LastHeartbeatAt, h.ExpiresAt, h.TokenExpiresAt},
		[]time.Time{h.Now, h.Now, h.Now.Add(sessionTTL), h.Now.Add(tokenMin)})
	if h.Now.Location() != time.UTC || h.Now.Nanosecond()%int(time.Millisecond) != 0 {
		b.Errorf("now = %s, want UTC and whole milliseconds", h.Now)
	}
	b.same("last heard of", b.mark(h, license.EndReleased).LastHeartbeatAt, h.Now)
}

func sameHolder(b *bench) {
	first := b.take(want{})
	b.Advance(sessionTTL / 2)
	again := b.take(want{})
	if again.ID != first.ID || !again.Existing || again.Used != 1 || again.Grant != 2 {
		b.Errorf("again = %+v", again)
	}
	b.same("acquired", again.AcquiredAt, first.AcquiredAt)
	b.same("expiry", again.ExpiresAt, again.Now.Add(sessionTTL))
	b.near("expiry", again.ExpiresAt, first.ExpiresAt.Add(sessionTTL/2))
	b.Advance(sessionTTL * 3 / 4) // past the first expiry
	b.same("last heard of", b.mark(first, license.EndReleased).LastHeartbeatAt, again.Now)
	b.same("sessions", b.held(acme), 1)
}

func sameHolderWhenFull(b *bench) {
	first := b.take(want{max: 1, maxOrg: 1})
	again := b.take(want{max: 1, maxOrg: 1})
	b.same("session", again.ID, first.ID)
	b.same("used", b.full(want{user: "bob", max: 1}).Used, 1)
}

func sameSessionID(b *bench) {
	first := b.take(want{session: "s-1", max: 1})
	again := b.take(want{session: "s-1", max: 1})
	if again.Existing || again.ID != "s-1" || again.Grant != first.Grant || again.Used != 1 {
		b.Errorf("the repeat found %+v", again)
	}
	b.near("token", again.TokenExpiresAt, first.TokenExpiresAt)
	b.same("sessions", b.held(acme), 1)
}

func anotherHolder(b *bench) {
	for i, w := range []want{{}, {user: "u"}, {hardware: "h"}, {instance: "i"}, {license: "lab"}, {hardware: "i", instance: "hw"}} {
		if h := b.take(w); h.Existing {
			b.Errorf("holder %d got another one's session", i)
		}
	}
	b.same("sessions", b.held(acme), 6)
}

func licenseCap(b *bench) {
	for i := range 3 {
		h := b.take(want{user: strconv.Itoa(i), max: 3})
		b.same("used", h.Used, i+1)
	}
	b.take(want{license: "lab"})
	full := b.full(want{user: "late", max: 3})
	b.same("refusal", []any{full.Pool, full.Used, full.Cap}, []any{ofLicense, 3, 3})
	b.take(want{user: "late", max: 4})
}

func organizationCap(b *bench) {
	b.take(want{license: "pro", maxOrg: 2})
	h := b.take(want{license: "lab", maxOrg: 2})
	b.same("used counts the license alone", append([]int{h.Used}, h.PoolsUsed...), []int{1, 1, 2})
	b.same("used, found again", b.take(want{license: "lab", maxOrg: 2}).PoolsUsed[1], 2)
	full := b.full(want{license: "new", maxOrg: 2})
	b.same("refusal", []any{full.Pool, full.Used, full.Cap}, []any{ofOrganization, 2, 2})
}

func bothCaps(b *bench) {
	b.take(want{})
	b.same("limit", b.full(want{user: "bob", max: 1, maxOrg: 1}).Pool, ofLicense)
}

func noSeatsSold(b *bench) {
	b.Advance(2 * sessionTTL) // the rebuild is long ago
	for _, limit := range []int{-1, -5} {
		full := b.full(want{max: limit})
		b.same("used", full.Used, 0)
		if full.RetryAfter <= 0 {
			b.Errorf("retry after %s", full.RetryAfter)
		}
	}
	_, r := b.fill(want{})
	r.Candidates[0].Pools[0].Cap = 0
	_, err := b.Ledger.Reserve(b.Context(), caller(acme, "ann"), r)
	wants[*ledger.FullError](b, err)
	b.same("sessions", b.held(acme), 0)
}

func loweredCaps(b *bench) {
	var holds []ledger.Hold
	for i := range 5 {
		holds = append(holds, b.take(want{user: strconv.Itoa(i)}))
	}
	full := b.full(want{user: "late", max: 2})
	b.same("refusal", []any{full.Pool, full.Used, full.Cap}, []any{ofLicense, 5, 2})
	full = b.full(want{user: "late", maxOrg: 1})
	b.same("refusal", []any{full.Pool, full.Used, full.Cap}, []any{ofOrganization, 5, 1})
	for i, h := range holds {
		if _, err := b.beat(h); err != nil {
			b.Errorf("holder %d: %v", i, err)
		}
		if again := b.take(want{user: strconv.Itoa(i), max: 2, maxOrg: 1}); again.ID != h.ID {
			b.Errorf("holder %d lost its session", i)
		}
	}
}

func retryAfter(b *bench) {
	b.take(want{license: "lab", user: "first"})
	b.Advance(time.Minute)
	h := b.take(want{user: "ann"})
	b.Advance(time.Minute)
	b.take(want{user: "bob"})
	for _, c := range []struct {
		name string
		want want
		wait time.Duration
	}{
		{"license", want{user: "late", max: 2}, sessionTTL - time.Minute},
		{"organization", want{user: "late", maxOrg: 3}, sessionTTL - 2*time.Minute},
	} {
		if d := (b.full(c.want).RetryAfter - c.wait).Abs(); d > slack {
			b.Errorf("%s: retry is %s off", c.name, d)
		}
	}
	_, err := b.beat(h)
	b.ok(err)
	b.near("after ann's heartbeat bob is the earliest",
		time.Time{}.Add(b.full(want{user: "late", max: 2}).RetryAfter), time.Time{}.Add(sessionTTL))
}

func removedIsFree(b *bench) {
	h := b.take(want{max: 1, maxOrg: 1})
	b.remove(ledger.BySession, 1, h)
	if next := b.take(want{user: "bob", max: 1, maxOrg: 1}); next.Existing || next.Used != 1 {
		b.Errorf("next = %+v", next)
	}
}

func recordedByBeat(b *bench) {
	h := b.take(want{})
	beaten, err := b.beat(h)
	b.ok(err)
	again := b.take(want{})
	if !beaten.Recorded || !again.Recorded {
		b.Errorf("recorded = %t, then %t: only what is in the record was ever told", beaten.Recorded, again.Recorded)
	}
	b.same("count of requests", again.Grant, 1)
}

func staleTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"an expired session stands in the way": expiredInTheWay,
		"a marked session stands in the way":   markedInTheWay,
		"the holder's own goes first":          ownFirst,
		"the holder's own is named once":       ownOnce,
		"the holder's own goes also with room": ownWithRoom,
		"others stay while there is room":      othersStay,
		"as many as needed":                    asManyAsNeeded,
		"others to each of a crowd":            crowdOnExpired,
		"both caps need room":                  roomForBoth,
		"the living are never named":           livingNeverNamed,
		"naming frees nothing":                 namingFreesNothing,
	}
}

func expiredInTheWay(b *bench) {
	h := b.take(want{max: 1})
	b.Advance(sessionTTL + slack)
	holds := b.staleHolds(want{user: "bob", max: 1})
	b.same("ids", ids(holds), []string{h.ID})
	got := holds[0]
	b.same("holder", got.Holder, h.Holder)
	b.same("end", []any{got.EndedReason, got.EndedAt, got.ExpiresAt, got.Epoch, got.AcquiredAt},
		[]any{license.EndExpired, h.ExpiresAt, h.ExpiresAt, h.Epoch, h.AcquiredAt})
	b.near("now", got.Now, h.Now.Add(sessionTTL+slack))
	b.remove(ledger.IfEnding, 1, holds...)
	b.take(want{user: "bob", max: 1})
}

func markedInTheWay(b *bench) {
	for _, w := range []want{{user: "bob", max: 1}, {user: "bob", license: "lab", maxOrg: 1}} {
		h := b.take(want{})
		b.mark(h, license.EndRevoked)
		holds := b.staleHolds(w)
		b.same("ids", ids(holds), []string{h.ID})
		b.same("reason", holds[0].EndedReason, license.EndRevoked)
		b.remove(ledger.IfEnding, 1, holds...)
	}
}

func ownFirst(b *bench) {
	others := []ledger.Hold{b.take(want{user: "a"}), b.take(want{user: "b"})}
	b.Advance(time.Minute)
	own := b.take(want{user: "own"})
	b.Advance(sessionTTL + slack)
	b.same("enough", b.stale(want{user: "own", max: 3}), []string{own.ID})
	b.same("one more", b.stale(want{user: "own", max: 2}), []string{own.ID, others[0].ID})
}

// ownOnce: its end begins by being named, and it stands among the ending then.
func ownOnce(b *bench) {
	other := b.take(want{user: "other"})
	b.mark(other, license.EndReleased)
	own := b.take(want{user: "own"})
	b.Advance(sessionTTL + slack)
	b.same("stale", b.stale(want{user: "own", max: 1}), []string{own.ID, other.ID})
}

func ownWithRoom(b *bench) {
	own := b.take(want{})
	b.take(want{user: "bob"})
	b.Advance(sessionTTL + slack)
	b.same("stale", b.stale(want{}), []string{own.ID})
}

func othersStay(b *bench) {
	b.take(want{})
	b.Advance(sessionTTL + slack)
	if h := b.take(want{user: "bob", max: 2, maxOrg: 2}); h.Used != 1 {
		b.Errorf("used = %d: the expired do not count as living", h.Used)
	}
}

func asManyAsNeeded(b *bench) {
	var all []string
	for i := range 9 {
		all = append(all, b.take(want{user: strconv.Itoa(i)}).ID)
		b.Advance(time.Second)
	}
	b.Advance(sessionTTL + slack)
	b.same("one", b.stale(want{user: "late", max: 9}), all[:1])
	b.same("one of the organization's", b.stale(want{user: "late", license: "lab", maxOrg: 9}), all[1:2])
	b.same("some", b.stale(want{user: "late", max: 7}), all[2:5])
	b.same("some of the organization's", b.stale(want{user: "late", license: "lab", maxOrg: 7}), all[5:8])
	b.same("all", len(b.stale(want{user: "late", max: 1})), 9)
}

// crowdOnExpired: whoever asks is given work of its own, as long as there is some.
func crowdOnExpired(b *bench) {
	const crowd = 60
	for i := range crowd {
		b.take(want{user: strconv.Itoa(i)})
	}
	b.Advance(sessionTTL + slack)
	named := map[string]int{}
	ask := func(i int) {
		for _, id := range b.stale(want{user: fmt.Sprint("late-", i), max: crowd, session: fmt.Sprintf("0199abcd-0000-7000-8000-%012x", 0xabc00+i)}) {
			named[id]++
		}
	}
	for i := range crowd {
		ask(i)
	}
	b.same("each is named once", len(named), crowd)
	for i := range crowd {
		ask(i)
	}
	most := 0
	for _, n := range named {
		most = max(most, n)
	}
	if most > 1+crowd/10 {
		b.Errorf("one session was named %d times to those who came too late", most-1)
	}
}

func roomForBoth(b *bench) {
	lab := b.take(want{license: "lab"})
	b.Advance(time.Second)
	first, second := b.take(want{user: "a"}), b.take(want{user: "b"})
	b.Advance(sessionTTL + slack)
	b.same("one serves both", b.stale(want{user: "late", max: 2, maxOrg: 3}), []string{first.ID})
	b.same("the organization needs another", b.stale(want{user: "late", max: 2, maxOrg: 2}), []string{second.ID, lab.ID})
}

func livingNeverNamed(b *bench) {
	dead := b.take(want{user: "dead"})
	b.Advance(sessionTTL / 2)
	b.take(want{user: "alive"})
	b.Advance(sessionTTL/2 + slack)
	b.same("stale", b.stale(want{user: "late", max: 2}), []string{dead.ID})
	full := b.full(want{user: "late", max: 1})
	b.same("used", full.Used, 1)
}

func namingFreesNothing(b *bench) {
	h := b.take(want{})
	b.Advance(sessionTTL + slack)
	first := b.stale(want{user: "bob", max: 1})
	b.same("again", b.stale(want{user: "bob", max: 1}), first)
	b.same("sessions", b.held(acme), 1)
	_, err := b.beat(h)
	wants[*ledger.ExpiredError](b, err)
}

// repeatedAttempt: the client library sends a reservation again after another
// request of the holder has answered with it. What the repeat is told must not
// let it take the seat back.
func repeatedAttempt(b *bench) {
	org, r := b.fill(want{})
	as := caller(org, r.Holder.UserID)
	_, err := b.Ledger.Reserve(b.Context(), as, r)
	b.ok(err)
	other := r
	other.SessionID += "-other"
	second, err := b.Ledger.Reserve(b.Context(), as, other)
	b.ok(err)
	repeat, err := b.Ledger.Reserve(b.Context(), as, r)
	b.ok(err)
	b.same("the second answered with it", second.Existing && second.ID == repeat.ID, true)
	b.remove(ledger.IfUntouched, 0, repeat)
	_, err = b.Ledger.Mark(b.Context(), as, ledger.Mark{
		SessionID: repeat.ID, UserID: r.Holder.UserID, Own: license.EndFailed, Grant: repeat.Grant,
	})
	b.same("mark", errors.Is(err, ledger.ErrTouched), true)
}
