package ledgertest

import (
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func countTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"the living of each pool":             countEachPool,
		"another organization's":              countElsewhere,
		"under a wrong clock nobody is over":  countUnderAWrongClock,
		"rebuilt ones count":                  countTheRebuilt,
		"pools that were never used, or none": countNothing,
	}
}

// wantCounts checks how many live in each pool of a license, and in the organization.
func (b *bench) wantCounts(org string, pools []string, want ...int) {
	b.Helper()
	got, err := b.Ledger.Count(b.Context(), license.ServiceCaller(org), pools)
	b.ok(err)
	b.same("counts", got, want)
}

// countEachPool: whoever is over or whose end has begun has no seat.
func countEachPool(b *bench) {
	b.take(want{user: "silent"})
	b.Advance(sessionTTL / 2)
	marked, gone := b.take(want{user: "marked"}), b.take(want{user: "gone"})
	b.take(want{user: "beating"})
	b.take(want{user: "beating", license: "lab"})
	b.wantCounts(acme, []string{"pro", "", "lab"}, 4, 5, 1)
	b.mark(marked, license.EndReleased)
	b.remove(ledger.BySession, 1, gone)
	b.wantCounts(acme, []string{"pro", "", "lab"}, 2, 3, 1)
	b.Advance(sessionTTL/2 + slack)
	b.wantCounts(acme, []string{"pro", "", "lab", "pro"}, 1, 2, 1, 1)
}

func countElsewhere(b *bench) {
	b.take(want{org: globex})
	b.wantCounts(acme, []string{"pro", ""}, 0, 0)
	b.wantCounts(globex, []string{"pro", ""}, 1, 1)
}

func countUnderAWrongClock(b *bench) {
	b.take(want{user: "a"})
	b.mark(b.take(want{user: "b"}), license.EndReleased)
	b.Step(2 * sessionTTL)
	b.wantCounts(acme, []string{"pro", ""}, 1, 1)
}

func countTheRebuilt(b *bench) {
	h := b.take(want{})
	b.Advance(sessionTTL - slack)
	b.Lose()
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt))
	b.Advance(2 * slack)
	b.wantCounts(acme, []string{"pro", ""}, 1, 1)
}

func countNothing(b *bench) {
	b.take(want{})
	b.wantCounts(acme, []string{"unused"}, 0)
	b.wantCounts(acme, nil)
}
