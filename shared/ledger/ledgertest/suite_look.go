package ledgertest

import (
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func lookTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"each as it is":                      lookAtEach,
		"another organization's":             lookElsewhere,
		"nobody ends because of it":          lookEndsNobody,
		"under a wrong clock nobody is over": lookUnderAWrongClock,
		"rebuilt ones live from the switch":  lookAtTheRebuilt,
		"the pools that count it":            lookAtPools,
		"none":                               lookAtNone,
	}
}

func (b *bench) look(org string, ids ...string) []ledger.Sight {
	b.Helper()
	sights, err := b.Ledger.Look(b.Context(), license.ServiceCaller(org), ids)
	b.ok(err)
	if len(sights) != len(ids) {
		b.Fatalf("%d sights of %d sessions", len(sights), len(ids))
	}
	return sights
}

func states(sights []ledger.Sight) []ledger.State {
	var out []ledger.State
	for _, s := range sights {
		out = append(out, s.State)
	}
	return out
}

func lookAtEach(b *bench) {
	silent, marked, gone, beating := b.take(want{user: "a"}), b.take(want{user: "b"}), b.take(want{user: "c"}), b.take(want{user: "d"})
	b.Advance(sessionTTL / 2)
	ended := b.mark(marked, license.EndReleased)
	b.remove(ledger.BySession, 1, gone)
	beaten, err := b.beat(beating)
	b.ok(err)
	b.Advance(sessionTTL/2 + slack)
	got := b.look(acme, beating.ID, silent.ID, marked.ID, gone.ID, "s-unknown")
	b.same("states", states(got), []ledger.State{ledger.Living, ledger.Over, ledger.Ending, ledger.Unheld, ledger.Unheld})
	b.same("last heartbeats", []time.Time{got[0].LastHeartbeatAt, got[1].LastHeartbeatAt, got[2].LastHeartbeatAt}, []time.Time{beaten.LastHeartbeatAt, silent.LastHeartbeatAt, marked.LastHeartbeatAt})
	b.same("ends", []time.Time{got[0].ExpiresAt, got[1].ExpiresAt, got[2].ExpiresAt}, []time.Time{beaten.ExpiresAt, silent.ExpiresAt, ended.EndedAt})
	b.same("what is not held", got[3:], []ledger.Sight{{}, {}})
}

func lookElsewhere(b *bench) {
	h := b.take(want{org: globex})
	b.same("acme's", b.look(acme, h.ID), []ledger.Sight{{}})
	b.same("globex's", states(b.look(globex, h.ID)), []ledger.State{ledger.Living})
}

// lookEndsNobody: what was seen to be over lives again once the clock has stepped back,
// and is still to be ended by who visits.
func lookEndsNobody(b *bench) {
	h := b.take(want{})
	b.Advance(sessionTTL + time.Second)
	b.same("over", states(b.look(acme, h.ID)), []ledger.State{ledger.Over})
	b.Step(-slack)
	_, err := b.beat(h)
	b.ok(err)
	b.Step(slack)
	b.Advance(sessionTTL + slack)
	b.look(acme, h.ID)
	b.same("expired", ids(b.visit(acme, 10).Expired), []string{h.ID})
	b.same("ending", states(b.look(acme, h.ID)), []ledger.State{ledger.Ending})
}

func lookUnderAWrongClock(b *bench) {
	living, marked := b.take(want{user: "a"}), b.take(want{user: "b"})
	b.mark(marked, license.EndReleased)
	b.Step(2 * sessionTTL)
	b.same("states", states(b.look(acme, living.ID, marked.ID)), []ledger.State{ledger.Living, ledger.Ending})
}

func lookAtTheRebuilt(b *bench) {
	h := b.take(want{})
	b.Advance(sessionTTL - slack)
	b.Lose()
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt))
	got := b.look(acme, h.ID)[0]
	b.same("state", got.State, ledger.Living)
	b.same("last heartbeat", got.LastHeartbeatAt, h.LastHeartbeatAt)
	b.near("end", got.ExpiresAt, h.Now.Add(2*sessionTTL-slack))
}

// lookAtPools: of a grant, and of a rebuilt session.
func lookAtPools(b *bench) {
	org, r := b.fill(want{})
	r.Candidates[0].Pools = []ledger.Pool{{Key: "pro", Cap: 9}, {Key: "pro.ann_-9", Cap: 9}, {Cap: 9}}
	h, err := b.Ledger.Reserve(b.Context(), caller(org, "ann"), r)
	b.ok(err)
	b.same("of a grant", b.look(acme, h.ID)[0].Pools, []string{"pro", "pro.ann_-9"})
	b.Lose()
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt))
	b.same("of the rebuilt one", b.look(acme, h.ID)[0].Pools, []string{"pro"})
}

func lookAtNone(b *bench) { b.same("sights", len(b.look(acme)), 0) }
