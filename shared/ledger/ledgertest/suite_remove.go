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
		"only if its end has begun":          removeIfEnding,
		"by session, whatever its state":     removeBySession,
		"only while nobody else answers":     removeIfUntouched,
		"not what was told or marked":        removeIfUntouchedNot,
		"a late one spares the next session": removeLate,
		"300 at once":                        removeMany,
		"none":                               removeNone,
		"what is there is known":             knownEach,
		"a visit lists the expired":          visitExpired,
		"a visit finds what others left":     visitEnding,
	}
}

func removeIfEnding(b *bench) {
	h := b.take(want{user: "ann"})
	gone := b.take(want{user: "bob"})
	b.Advance(sessionTTL / 2)
	_, err := b.beat(h)
	b.ok(err)
	b.Advance(sessionTTL/2 + slack)
	b.remove(ledger.IfEnding, 0, h, gone)
	b.same("its end begins", ids(b.visit(acme, 10).Expired), []string{gone.ID})
	b.remove(ledger.IfEnding, 1, h, gone)
	b.remove(ledger.IfEnding, 0, h, gone)
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
	for _, how := range []ledger.Removal{ledger.BySession, ledger.IfEnding, ledger.IfUntouched} {
		b.remove(how, 0, old)
	}
	if again := b.take(want{}); again.ID != next.ID {
		b.Errorf("the holder's next session %s was lost to the release of %s", next.ID, old.ID)
	}
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
	n, err := b.Ledger.Remove(b.Context(), license.ServiceCaller(acme), ledger.IfEnding)
	b.ok(err)
	b.same("removed", n, 0)
}

// knownEach: a sweep ends what is not known.
func knownEach(b *bench) {
	living, ending, gone := b.take(want{user: "a"}), b.take(want{user: "b"}), b.take(want{user: "c"})
	b.mark(ending, license.EndReleased)
	b.remove(ledger.BySession, 1, gone)
	expired := b.take(want{user: "d"})
	b.Advance(sessionTTL + slack)
	h, err := b.Ledger.Known(b.Context(), license.ServiceCaller(acme), []string{living.ID, gone.ID, ending.ID, "s-unknown", expired.ID})
	b.ok(err)
	b.same("known", []any{h.Held, h.Known, h.Epoch}, []any{3, []bool{true, false, true, false, true}, epochOf(1)})
	b.near("now", h.Now, living.Now.Add(sessionTTL+slack))
	other, err := b.Ledger.Known(b.Context(), license.ServiceCaller(globex), []string{living.ID})
	b.ok(err)
	b.same("another organization's", []any{other.Held, other.Known}, []any{0, []bool{false}})
}

func visitExpired(b *bench) {
	if v := b.visit(acme, 2); !v.Earliest.IsZero() || v.Epoch != epochOf(1) || len(v.Expired)+len(v.Ending)+len(v.Dead) != 0 {
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
	b.same("come again at once", v.Earliest, v.Now)
	b.same("the rest", ids(b.visit(acme, 2).Expired), all[2:])
}

// visitEnding: what somebody began to end is listed once nothing else is to do, as
// long as it is there.
func visitEnding(b *bench) {
	expired, marked := b.take(want{user: "a"}), b.take(want{user: "b"})
	b.mark(marked, license.EndReleased)
	v := b.visit(acme, 10)
	b.same("marked", []any{ids(v.Expired), ids(v.Ending), v.Ending[0].EndedReason}, []any{[]string{}, []string{marked.ID}, license.EndReleased})
	b.Advance(sessionTTL + slack)
	v = b.visit(acme, 10)
	b.same("the expired alone", []any{ids(v.Expired), ids(v.Ending)}, []any{[]string{expired.ID}, []string{}})
	for range 2 {
		v = b.visit(acme, 10)
		b.same("left over", []any{ids(v.Expired), ids(v.Ending), v.Earliest}, []any{[]string{}, []string{expired.ID, marked.ID}, v.Now})
		b.same("as it was named", []any{v.Ending[0].EndedReason, v.Ending[0].EndedAt}, []any{license.EndExpired, expired.ExpiresAt})
	}
	b.same("bounded", len(b.visit(acme, 1).Ending), 1)
	b.remove(ledger.IfEnding, 2, expired, marked)
	v = b.visit(acme, 10)
	b.same("nothing", []any{ids(v.Expired), ids(v.Ending), v.Earliest.IsZero()}, []any{[]string{}, []string{}, true})
}
