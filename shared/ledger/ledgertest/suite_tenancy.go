package ledgertest

import (
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func tenancyTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"equal ids of two organizations": equalIDs,
		"odd ids":                        oddIDs,
	}
}

// equalIDs does everything to acme's session; globex's, alike in all, stays.
func equalIDs(b *bench) {
	ctx := b.Context()
	mine, theirs := b.take(want{org: acme, session: "s-1"}), b.take(want{org: globex, session: "s-1"})
	b.take(want{org: globex, user: "bob", session: "s-2"})
	check := func(after string) {
		b.Helper()
		if _, err := b.beat(theirs); err != nil {
			b.Errorf("globex's heartbeat after acme's %s: %v", after, err)
		}
		if n := b.held(globex); n != 2 {
			b.Errorf("globex has %d sessions after acme's %s, want 2", n, after)
		}
		if v := b.visit(globex, 10); len(v.Expired)+len(v.Ending)+len(v.Dead) != 0 {
			b.Errorf("globex's visit after acme's %s: %+v", after, v)
		}
	}
	if mine.Used != 1 || theirs.Used != 1 || theirs.Existing {
		b.Errorf("holds = %+v and %+v", mine, theirs)
	}
	_, err := b.Ledger.Heartbeat(ctx, caller(acme, "bob"), ledger.Heartbeat{SessionID: "s-2"})
	wants[*ledger.UnknownError](b, err)
	_, err = b.Ledger.Mark(ctx, caller(acme, "bob"), ledger.Mark{SessionID: "s-2", UserID: "bob", Own: license.EndReleased, Other: license.EndRevoked})
	wants[*ledger.UnknownError](b, err)
	check("guesses")
	marked := b.mark(mine, license.EndReleased)
	check("mark")
	b.remove(ledger.IfEnding, 1, marked)
	check("release")
	b.ok(b.Ledger.Forget(ctx, license.ServiceCaller(acme), epochOf(1)))
	check("forget")
	b.rebuild(acme, 2)
	for _, g := range b.visit(acme, 10).Dead {
		b.ok(b.Ledger.Clear(ctx, license.ServiceCaller(acme), g))
	}
	check("rebuild")
	b.same("acme's own", b.full(want{org: acme, max: -1}).Used, 0)
}

func oddIDs(b *bench) {
	seen := map[string]bool{}
	for _, user := range oddities() {
		for _, hardware := range oddities() {
			h := b.take(want{user: user, hardware: hardware, instance: hardware})
			if h.Existing || seen[h.ID] {
				b.Errorf("user %q on %q found another one's session", user, hardware)
			}
			seen[h.ID] = true
			got, err := b.Ledger.Heartbeat(b.Context(), caller(acme, user), ledger.Heartbeat{SessionID: h.ID})
			if err != nil {
				b.Fatalf("user %q on %q: %v", user, hardware, err)
			}
			b.same("holder", got.Holder, h.Holder)
			b.same("same holder", b.take(want{user: user, hardware: hardware, instance: hardware}).ID, h.ID)
		}
	}
	b.same("sessions", b.held(acme), len(seen))
}
