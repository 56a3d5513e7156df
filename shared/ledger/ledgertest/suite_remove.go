package ledgertest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func removeTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"only if still expired":                   removeIfExpired,
		"by session, whatever its state":          removeBySession,
		"only while nobody else answers":          removeIfUntouched,
		"not what was told or marked":             removeIfUntouchedNot,
		"a late one spares the next session":      removeLate,
		"300 at once":                             removeMany,
		"none":                                    removeNone,
		"pending ends are listed until delivered": pendingListed,
		"pending ends are no sessions":            pendingNoSession,
		"pending lists are bounded":               pendingBounded,
		"a visit lists the expired":               visitExpired,
	}
}

func removeIfExpired(b *bench) {
	h := b.take(want{user: "ann"})
	gone := b.take(want{user: "bob"})
	b.Advance(sessionTTL / 2)
	_, err := b.beat(h)
	b.ok(err)
	b.Advance(sessionTTL/2 + slack)
	b.remove(ledger.IfExpired, 1, h, gone)
	b.remove(ledger.IfExpired, 0, h, gone)
	_, err = b.beat(h)
	b.ok(err)
	_, err = b.beat(gone)
	wants[*ledger.UnknownError](b, err)
}

func removeBySession(b *bench) {
	living, marked, expired := b.take(want{user: "a"}), b.take(want{user: "b"}), b.take(want{user: "c"})
	b.mark(marked, license.EndReleased)
	b.remove(ledger.BySession, 2, living, marked)
	b.Advance(sessionTTL + slack)
	b.remove(ledger.BySession, 1, expired, living)
	b.same("sessions", b.held(acme), 0)
	again := b.take(want{user: "a"})
	if again.ID == living.ID || again.Existing {
		b.Errorf("a removed session came back: %+v", again)
	}
}

func removeIfUntouched(b *bench) {
	first := b.take(want{})
	second := b.take(want{})
	b.remove(ledger.IfUntouched, 0, first)
	_, err := b.beat(first)
	b.ok(err)
	third := b.take(want{user: "bob"})
	b.remove(ledger.IfUntouched, 1, third)
	b.same("the second request's count", second.Grant, first.Grant+1)
	_, err = b.beat(third)
	wants[*ledger.UnknownError](b, err)
}

func removeIfUntouchedNot(b *bench) {
	told := b.take(want{})
	_, err := b.beat(told)
	b.ok(err)
	marked := b.take(want{user: "bob"})
	b.mark(marked, license.EndReleased)
	b.remove(ledger.IfUntouched, 0, told, marked)
}

func removeLate(b *bench) {
	old := b.take(want{})
	b.remove(ledger.BySession, 1, old)
	next := b.take(want{})
	for _, how := range []ledger.Removal{ledger.BySession, ledger.LeavingPending, ledger.IfExpired, ledger.IfUntouched} {
		b.remove(how, 0, old)
	}
	if again := b.take(want{}); again.ID != next.ID {
		b.Errorf("the holder's next session %s was lost to the release of %s", next.ID, old.ID)
	}
	b.same("pending", len(b.visit(acme, 10).Pending), 0)
}

func removeMany(b *bench) {
	var holds []ledger.Hold
	for i := range 300 {
		holds = append(holds, b.take(want{user: strconv.Itoa(i), license: fmt.Sprint("l", i%3)}))
	}
	b.same("sessions", b.held(acme), 300)
	b.remove(ledger.BySession, 300, holds...)
	b.same("sessions", b.held(acme), 0)
	b.take(want{license: "l0", max: 1, maxOrg: 1})
}

func removeNone(b *bench) {
	n, err := b.Ledger.Remove(b.Context(), license.ServiceCaller(acme), ledger.IfExpired)
	b.ok(err)
	b.same("removed", n, 0)
}

func pendingListed(b *bench) {
	h := b.take(want{user: "ann,\t字", instance: "i"})
	marked := b.mark(h, license.EndReleased)
	b.remove(ledger.LeavingPending, 1, marked)
	b.Advance(time.Minute)
	pending := b.visit(acme, 10).Pending
	if len(pending) != 1 {
		b.Fatalf("pending = %+v, want one", pending)
	}
	got := pending[0]
	b.same("pending", []any{got.ID, got.OrganizationID, got.Holder, got.EndedReason, got.AcquiredAt},
		[]any{h.ID, acme, h.Holder, license.EndReleased, h.AcquiredAt})
	b.near("ended", got.EndedAt, marked.EndedAt)
	b.ok(b.Ledger.Delivered(b.Context(), license.ServiceCaller(acme), h.ID, "s-unknown"))
	b.same("pending", len(b.visit(acme, 10).Pending), 0)
	_, err := b.beat(h)
	wants[*ledger.UnknownError](b, err)
}

func pendingNoSession(b *bench) {
	h := b.take(want{max: 1, maxOrg: 1})
	b.remove(ledger.LeavingPending, 1, b.mark(h, license.EndRevoked))
	_, err := b.beat(h)
	pending := is[*ledger.PendingError](b, err).Hold
	b.same("pending", []any{pending.ID, pending.UserID, pending.EndedReason}, []any{h.ID, "ann", license.EndRevoked})
	_, err = b.Ledger.Mark(b.Context(), caller(acme, "ann"), ledger.Mark{SessionID: h.ID, UserID: "ann", Own: license.EndReleased})
	b.same("pending", is[*ledger.PendingError](b, err).Hold.EndedReason, license.EndRevoked)
	known, err := b.Ledger.Known(b.Context(), license.ServiceCaller(acme), []string{h.ID, "s-unknown"})
	b.ok(err)
	b.same("known", []any{known.Known, known.Held, known.Epoch}, []any{[]bool{true, false}, 0, 1})
	b.take(want{user: "bob", max: 1, maxOrg: 1})
}

func pendingBounded(b *bench) {
	for i := range 7 {
		h := b.take(want{user: strconv.Itoa(i)})
		b.remove(ledger.LeavingPending, 1, b.mark(h, license.EndReleased))
	}
	seen := map[string]bool{}
	for len(seen) < 7 {
		v := b.visit(acme, 3)
		if len(v.Pending) == 0 || len(v.Pending) > 3 {
			b.Fatalf("%d pending at once of at most 3, after %d of 7", len(v.Pending), len(seen))
		}
		for _, h := range v.Pending {
			seen[h.ID] = true
			b.ok(b.Ledger.Delivered(b.Context(), license.ServiceCaller(acme), h.ID))
		}
	}
	b.same("pending", len(b.visit(acme, 3).Pending), 0)
}

func visitExpired(b *bench) {
	if v := b.visit(acme, 2); !v.Earliest.IsZero() || v.Epoch != 1 || len(v.Expired)+len(v.Pending)+len(v.Dead) != 0 {
		b.Errorf("an empty ledger: %+v", v)
	}
	var all []string
	var first ledger.Hold
	for i := range 3 {
		h := b.take(want{user: strconv.Itoa(i)})
		all = append(all, h.ID)
		if i == 0 {
			first = h
		}
		b.Advance(time.Second)
	}
	v := b.visit(acme, 2)
	b.near("earliest", v.Earliest, first.ExpiresAt)
	b.same("expired", len(v.Expired), 0)
	b.Advance(sessionTTL + slack)
	v = b.visit(acme, 2)
	b.same("earliest first", ids(v.Expired), all[:2])
	b.near("earliest", v.Earliest, first.ExpiresAt)
	b.remove(ledger.IfExpired, 2, v.Expired...)
	b.same("the rest", ids(b.visit(acme, 2).Expired), all[2:])
}
