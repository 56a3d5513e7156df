package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

func tallyTwice(b *bench) {
	b.take(want{user: "ann"})
	b.Advance(time.Minute)
	first := b.tally()
	b.same("at the same time", b.tally(), first)
	b.ok(b.Ledger.Tallied(b.Context(), license.ServiceCaller(acme), first.Generation, first.Meters))
	b.same("the hour is open", b.tally(), first)
	first.Meters[0].Closed = true
	b.ok(b.Ledger.Tallied(b.Context(), license.ServiceCaller(acme), first.Generation, first.Meters))
	first.Meters[0].Closed = false
	b.same("whatever somebody says", b.tally(), first)
	b.Advance(time.Minute)
	b.same("later", minutes(b.counts().Levels), map[int]float64{1: 2})
}

func tallyPages(b *bench) {
	for _, l := range []string{"c", "a", "d", "b"} {
		b.take(want{license: l, user: l})
	}
	for limit, want := range map[int][]string{1: {"a", "b", "c", "d"}, 3: {"a b c", "d"}, 4: {"a b c d"}, 9: {"a b c d"}} {
		var pages []string
		for _, page := range b.pages("", limit) {
			pools := make([]string, len(page))
			for i, m := range page {
				pools[i] = m.Pool
			}
			pages = append(pages, strings.Join(pools, " "))
		}
		b.same(fmt.Sprint("pages of ", limit), pages, want)
	}
}

// pages are the answers until there is no more.
func (b *bench) pages(dead string, limit int) [][]ledger.Meter {
	b.Helper()
	var pages [][]ledger.Meter
	for last := ""; ; {
		t, err := b.Ledger.Tally(b.Context(), license.ServiceCaller(acme), dead, last, limit)
		b.ok(err)
		if pages = append(pages, t.Meters); t.Last == "" {
			return pages
		}
		if t.Last == last {
			b.Fatalf("stays at %q", last)
		}
		last = t.Last
	}
}

// paged are all hours that these answers tell, each of no more than limit.
func (b *bench) paged(dead string, limit int) []ledger.Meter {
	b.Helper()
	var all []ledger.Meter
	for _, page := range b.pages(dead, limit) {
		if len(page) > limit {
			b.Errorf("%d hours, want at most %d", len(page), limit)
		}
		all = append(all, page...)
	}
	return all
}

func tallyHours(b *bench) {
	ann := b.take(want{user: "ann"})
	lab := b.take(want{user: "bob", license: "lab"})
	b.keep(4*time.Hour, ann, lab)
	all := b.tally().Meters
	b.same("hours", len(all), 8)
	for limit := 1; limit < 10; limit++ {
		b.same(fmt.Sprint("by ", limit), b.paged("", limit), all)
	}
	dead := b.tally().Generation
	b.Promote()
	b.rebuild(acme, 2)
	b.same("of a dead generation", b.paged(dead, 3), all)
}

// tallyAfterYears: however long nothing is used, what is used after it is told in the same
// round, and so is what a dead generation counted so far apart.
func tallyAfterYears(b *bench) {
	b.take(want{user: "ann"})
	b.Advance(3 * 365 * 24 * time.Hour)
	b.remove(ledger.IfEnding, 1, b.visit(acme, 10).Expired...)
	b.take(want{user: "bob"})
	all, both := b.paged("", 100), usage.NewCounts()
	for _, m := range all {
		both = both.Add(m.Counts)
	}
	b.same("grants", both.Grants(), 2)
	dead := b.tally().Generation
	b.Promote()
	b.rebuild(acme, 2)
	b.same("of a dead generation", b.paged(dead, 100), all)
}

// tallyNewLicense: its counts begin where it was first used, and not with its generation.
func tallyNewLicense(b *bench) {
	b.Advance(3 * 365 * 24 * time.Hour)
	b.take(want{user: "ann"})
	b.same("grants", []any{b.counts().Grants(), b.tally().Last}, []any{1, ""})
}

func closedOf(t ledger.Tally) []bool {
	var out []bool
	for _, m := range t.Meters {
		out = append(out, m.Closed)
	}
	return out
}

func tallyCloses(b *bench) {
	ann := b.take(want{user: "ann"})
	b.keep(time.Hour+ledger.Patience-time.Second, ann)
	b.same("its refusals may yet be waited for", closedOf(b.tally()), []bool{false, false})
	b.keep(time.Second, ann)
	told := b.tally()
	b.same("closed", closedOf(told), []bool{true, false})
	for range 2 {
		b.ok(b.Ledger.Tallied(b.Context(), license.ServiceCaller(acme), told.Generation, told.Meters))
		b.same("the open one is left", b.tally().Meters, told.Meters[1:])
	}
	b.keep(20*time.Minute, ann)
	b.same("and goes on", minutes(b.counts().Levels), map[int]float64{1: 30})
	b.keep(2*time.Hour, ann)
	told = b.tally()
	b.same("two more are closed", closedOf(told), []bool{true, true, false})
	b.ok(b.Ledger.Tallied(b.Context(), license.ServiceCaller(acme), told.Generation, told.Meters[1:]))
	b.same("what is not recorded stays, whatever came after it", b.tally().Meters, []ledger.Meter{told.Meters[0], told.Meters[2]})
}

func tallyOfAnother(b *bench) {
	b.take(want{user: "ann"})
	b.Advance(2 * time.Hour)
	told := b.tally()
	b.same("closed", closedOf(told), []bool{true})
	b.ok(b.Ledger.Tallied(b.Context(), license.ServiceCaller(acme), "another", told.Meters))
	b.same("still told", b.tally(), told)
	b.ok(b.Ledger.Tallied(b.Context(), license.ServiceCaller(globex), told.Generation, told.Meters))
	b.same("also after another organization's", b.tally(), told)
}

// tallyLate: the clock steps back into an hour that was recorded for good.
func tallyLate(b *bench) {
	b.take(want{user: "ann"})
	b.Advance(time.Hour + ledger.Patience)
	start := b.clock().Truncate(time.Hour)
	told := b.tally()
	b.ok(b.Ledger.Tallied(b.Context(), license.ServiceCaller(acme), told.Generation, told.Meters))
	b.remove(ledger.IfEnding, 1, b.visit(acme, 10).Expired...)
	b.Advance(-15 * time.Minute)
	b.take(want{user: "bob"})
	got := b.tally().Meters
	b.same("hours", []any{len(got), got[0].Hour, got[0].Grants()}, []any{1, start, 1})
}

func tallyDead(b *bench) {
	ann := b.take(want{user: "ann"})
	b.keep(3*time.Minute, ann)
	dead := b.tally()
	b.Promote()
	b.rebuild(acme, 2, recorded(ann.ID, "ann", ann.AcquiredAt))
	b.full(want{user: "eve", max: 1})
	service := license.ServiceCaller(acme)
	v := b.visit(acme, 10)
	b.same("dead", v.Dead, []string{dead.Generation})
	for range 2 {
		told, err := b.Ledger.Tally(b.Context(), service, dead.Generation, "", 100)
		b.ok(err)
		b.same("as it was", told, dead)
	}
	b.same("the present one's", []any{b.counts().Grants(), b.counts().Refused(), b.tally().Generation == dead.Generation}, []any{0, 1, false})
	b.ok(b.Ledger.Clear(b.Context(), service, dead.Generation))
	told, err := b.Ledger.Tally(b.Context(), service, dead.Generation, "", 100)
	b.ok(err)
	b.same("cleared", len(told.Meters), 0)
	b.same("the present one stays", b.counts().Refused(), 1)
}

func tallyRebuilt(b *bench) {
	ann := b.take(want{user: "ann"})
	b.Advance(3 * time.Minute)
	b.Lose()
	b.rebuild(acme, 2, recorded(ann.ID, "ann", ann.AcquiredAt))
	b.Advance(2 * time.Minute)
	got := b.counts()
	b.same("level and peak", []any{minutes(got.Levels), got.Peak, got.Grants()}, []any{map[int]float64{1: 2}, 1, 0})
	b.Advance(10 * time.Minute)
	b.same("until it expires, a TTL after the load", minutes(b.counts().Levels), map[int]float64{1: 6})
}

func tallyTenancy(b *bench) {
	b.take(want{user: "ann"})
	t, err := b.Ledger.Tally(b.Context(), license.ServiceCaller(globex), "", "", 100)
	b.ok(err)
	b.same("globex's", len(t.Meters), 0)
}

func tallyWrongClock(b *bench) {
	ann := b.take(want{user: "ann"})
	b.Advance(time.Minute)
	b.Step(3 * time.Hour)
	b.mark(ann, license.EndReleased)
	b.same("levels", minutes(b.counts().Levels), map[int]float64{})
	b.Step(-3 * time.Hour)
	b.take(want{user: "bob"})
	b.Advance(time.Minute)
	b.same("in one hour", len(b.tally().Meters), 1)
	b.same("levels once it is right", minutes(b.counts().Levels), map[int]float64{1: 1})
}

func tallyCanceled(b *bench) {
	_, err := b.Ledger.Tally(canceled(b.T), license.ServiceCaller(acme), "", "", 1)
	wants[*license.UnavailableError](b, err)
	err = b.Ledger.Tallied(canceled(b.T), license.ServiceCaller(acme), "g", []ledger.Meter{{Pool: "pro", Closed: true}})
	wants[*license.UnavailableError](b, err)
	b.Lose()
	err = b.Ledger.Tallied(b.Context(), license.ServiceCaller(acme), "g", []ledger.Meter{{Pool: "pro", Closed: true}})
	if !errors.As(err, new(*ledger.RebuildError)) {
		b.Errorf("after a loss: %v", err)
	}
}
