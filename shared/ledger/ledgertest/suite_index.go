package ledgertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func indexTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"a fresh shard says so until filled":       freshShard,
		"of another server changes nothing":        filledElsewhere,
		"a loss makes every shard fresh":           lostShards,
		"noted for a TTL from now":                 notedLater,
		"noted for now":                            notedNow,
		"noting only ever lowers the bound":        notedTwice,
		"bounded, earliest first":                  dueBounded,
		"settled by the earliest expiry":           settledByEarliest,
		"leaves after a whole idle TTL":            leavesWhenIdle,
		"scheduled in between keeps it":            keptBySchedule,
		"a session in between keeps it":            keptBySession,
		"a settlement is not undone by an old one": settledTwice,
	}
}

// seed confirms every shard as filled.
func (b *bench) seed() {
	b.Helper()
	for shard := range b.Ledger.DueShards() {
		d, err := b.Ledger.Due(b.Context(), shard, 1)
		b.ok(err)
		b.ok(b.Ledger.Filled(b.Context(), shard, d.Identity))
	}
}

// due is what all shards say.
func (b *bench) due() []string {
	b.Helper()
	var all []string
	for shard := range b.Ledger.DueShards() {
		d, err := b.Ledger.Due(b.Context(), shard, 100)
		b.ok(err)
		if d.Fresh {
			b.Fatalf("shard %d is fresh", shard)
		}
		for _, org := range d.Organizations {
			if b.Ledger.Shard(org) != shard {
				b.Errorf("%s is in shard %d, not in %d", org, shard, b.Ledger.Shard(org))
			}
		}
		all = append(all, d.Organizations...)
	}
	slices.Sort(all)
	return all
}

func (b *bench) note(now bool, orgs ...string) {
	b.Helper()
	b.ok(b.Ledger.Schedule(b.Context(), now, orgs...))
}

// settle tells the index what a visit to acme finds now.
func (b *bench) settle() bool {
	b.Helper()
	left, err := b.Ledger.Reschedule(b.Context(), acme, b.visit(acme, 10))
	b.ok(err)
	return left
}

func (b *bench) fresh() int {
	b.Helper()
	n := 0
	for shard := range b.Ledger.DueShards() {
		d, err := b.Ledger.Due(b.Context(), shard, 10)
		b.ok(err)
		if d.Identity == "" {
			b.Errorf("shard %d names no server", shard)
		}
		if d.Fresh {
			n++
		}
	}
	return n
}

func freshShard(b *bench) {
	b.note(true, acme)
	b.same("fresh shards", b.fresh(), b.Ledger.DueShards())
	b.seed()
	b.same("fresh shards", b.fresh(), 0)
	b.same("due", b.due(), []string{acme})
}

func filledElsewhere(b *bench) {
	for shard := range b.Ledger.DueShards() {
		b.ok(b.Ledger.Filled(b.Context(), shard, "another-server"))
	}
	b.same("fresh shards", b.fresh(), b.Ledger.DueShards())
}

func lostShards(b *bench) {
	for _, lose := range []func(){b.Lose, b.Promote} {
		b.seed()
		b.same("fresh shards", b.fresh(), 0)
		lose()
		b.same("fresh shards", b.fresh(), b.Ledger.DueShards())
	}
}

func notedLater(b *bench) {
	b.seed()
	b.note(false, acme, globex)
	b.same("at once", b.due(), []string{})
	b.Advance(sessionTTL - slack)
	b.same("before a TTL", b.due(), []string{})
	b.Advance(2 * slack)
	b.same("after a TTL", b.due(), []string{acme, globex})
	b.same("until settled", b.due(), []string{acme, globex})
}

func notedNow(b *bench) {
	b.seed()
	b.note(true, acme)
	b.same("due", b.due(), []string{acme})
	b.note(true)
	wants[*license.UnavailableError](b, b.Ledger.Schedule(canceled(b.T), true, acme))
}

func notedTwice(b *bench) {
	b.seed()
	b.note(true, acme)
	b.note(false, acme)
	b.same("due", b.due(), []string{acme})
	b.note(false, globex)
	b.Advance(sessionTTL / 2)
	b.note(false, globex)
	b.Advance(sessionTTL/2 + slack)
	b.same("due", b.due(), []string{acme, globex})
}

func dueBounded(b *bench) {
	b.seed()
	var orgs []string
	for i := 0; len(orgs) < 3; i++ {
		if org := fmt.Sprint("org-", i); b.Ledger.Shard(org) == 0 {
			orgs = append(orgs, org)
			b.note(true, org)
			b.Advance(time.Second)
		}
	}
	d, err := b.Ledger.Due(b.Context(), 0, 2)
	b.ok(err)
	b.same("due", d.Organizations, orgs[:2])
}

func settledByEarliest(b *bench) {
	b.seed()
	b.note(true, acme)
	b.take(want{})
	if b.settle() {
		b.Error("left with a living session")
	}
	b.same("due", b.due(), []string{})
	b.Advance(sessionTTL + slack)
	b.same("due", b.due(), []string{acme})
}

func leavesWhenIdle(b *bench) {
	b.seed()
	b.note(true, acme)
	if b.settle() {
		b.Error("left at the first idle visit")
	}
	b.same("due", b.due(), []string{})
	b.Advance(sessionTTL / 2)
	if b.settle() {
		b.Error("left after half a TTL")
	}
	b.Advance(sessionTTL/2 + slack)
	b.same("left", b.settle(), true)
	b.Advance(10 * sessionTTL)
	b.same("due", b.due(), []string{})
	b.note(true, acme)
	b.same("noted anew", b.due(), []string{acme})
	b.same("left", b.settle(), false)
}

func keptBySchedule(b *bench) {
	b.seed()
	b.note(true, acme)
	b.settle()
	b.Advance(sessionTTL / 2)
	b.note(false, acme)
	b.Advance(sessionTTL/2 + slack)
	b.same("due", b.due(), []string{acme})
	b.same("left", b.settle(), false)
	b.Advance(sessionTTL + slack)
	b.same("left", b.settle(), true)
}

func keptBySession(b *bench) {
	b.seed()
	b.note(true, acme)
	b.settle()
	h := b.take(want{})
	b.settle()
	b.remove(ledger.BySession, 1, h)
	b.Advance(sessionTTL + slack)
	b.same("left", b.settle(), false)
	b.Advance(sessionTTL + slack)
	b.same("left", b.settle(), true)
}

func settledTwice(b *bench) {
	b.seed()
	b.note(true, acme)
	idle := b.visit(acme, 10)
	for range 3 {
		left, err := b.Ledger.Reschedule(b.Context(), acme, idle)
		b.ok(err)
		b.same("left by the same visit", left, false)
	}
	_, err := b.Ledger.Reschedule(canceled(b.T), acme, idle)
	wants[*license.UnavailableError](b, err)
}
