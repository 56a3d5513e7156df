package ledgertest

import (
	"strconv"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// RunUsage tests the contract of [ledger.Metering] on ledgers that open makes. Their
// clocks must stand still unless they are moved: what is counted is told exactly.
func RunUsage(t *testing.T, open func(t *testing.T, sessionTTL, tokenTTL time.Duration) Subject) {
	for name, test := range map[string]func(*bench){
		"grants, levels and the peak":                 countGrants,
		"who expires is counted until then":           countExpired,
		"an hour begins at the level of the last":     countHours,
		"refusals, by what refused":                   countRefusals,
		"a request is refused once":                   countRequests,
		"one refusal, however many licenses":          countCandidates,
		"waited for, or lost":                         countWaited,
		"waited for under another license":            countWaitedElsewhere,
		"a grant that failed":                         countFailed,
		"many seats are told in fewer levels":         countMany,
		"what was told is told again":                 tallyTwice,
		"so many hours at a time":                     tallyPages,
		"pool after pool, and hour after hour":        tallyHours,
		"after years of nothing":                      tallyAfterYears,
		"a new license of an old ledger":              tallyNewLicense,
		"closed hours are forgotten, open ones never": tallyCloses,
		"another generation's are not forgotten":      tallyOfAnother,
		"a closed hour takes no more":                 tallyLate,
		"a dead generation tells what it counted":     tallyDead,
		"a rebuilt pool is counted from its load":     tallyRebuilt,
		"nobody else's":                               tallyTenancy,
		"while the clocks differ nothing lasts":       tallyWrongClock,
		"a context that is over":                      tallyCanceled,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, open(t, sessionTTL, tokenTTL))
			b.Advance(untilHour(b.clock()))
			test(b)
		})
	}
}

// clock is the server's time.
func (b *bench) clock() time.Time {
	b.Helper()
	return b.visit(globex, 1).Now
}

// untilHour is how long it is until the next hour begins.
func untilHour(now time.Time) time.Duration { return now.Truncate(time.Hour).Add(time.Hour).Sub(now) }

func (b *bench) tally() ledger.Tally {
	b.Helper()
	t, err := b.Ledger.Tally(b.Context(), license.ServiceCaller(acme), "", "", 100)
	b.ok(err)
	return t
}

// counts are those of pro in all hours together.
func (b *bench) counts() usage.Counts {
	b.Helper()
	all := usage.NewCounts()
	for _, m := range b.tally().Meters {
		if m.Pool == "pro" {
			all = all.Add(m.Counts)
		}
	}
	return all
}

func (b *bench) release(h ledger.Hold) {
	b.Helper()
	b.remove(ledger.BySession, 1, b.mark(h, license.EndReleased))
}

// keep moves the clock while these go on sending heartbeats.
func (b *bench) keep(d time.Duration, holds ...ledger.Hold) {
	b.Helper()
	for d > 0 {
		step := min(d, 5*time.Minute)
		b.Advance(step)
		d -= step
		for _, h := range holds {
			_, err := b.beat(h)
			b.ok(err)
		}
	}
}

func minutes(levels map[int]int64) map[int]float64 {
	out := map[int]float64{}
	for level, ms := range levels {
		out[level] = float64(ms) / 60_000
	}
	return out
}

func countGrants(b *bench) {
	ann := b.take(want{user: "ann"})
	b.keep(10*time.Minute, ann)
	bob := b.take(want{user: "bob"})
	b.take(want{user: "bob"}) // the one it has
	b.keep(3*time.Minute, ann, bob)
	marked := b.mark(ann, license.EndReleased)
	b.keep(4*time.Minute, bob)
	b.remove(ledger.IfEnding, 1, marked)
	b.keep(time.Minute, bob)
	b.remove(ledger.BySession, 1, bob)
	b.Advance(time.Minute)
	got := b.counts()
	b.same("minutes at each level", minutes(got.Levels), map[int]float64{1: 15, 2: 3})
	b.same("grants", got.Granted, map[int]int64{1: 1, 2: 1})
	b.same("peak", got.Peak, 2)
	b.same("others", []any{got.Denials(), got.Waited, got.Failed}, []any{0, 0, 0})
}

// countExpired: a seat is in use until its session expires, whenever somebody notices.
func countExpired(b *bench) {
	b.take(want{user: "ann"})
	b.Advance(2 * time.Minute)
	b.take(want{user: "bob"})
	b.Advance(20 * time.Minute)
	b.same("before they are reaped", minutes(b.counts().Levels), map[int]float64{1: 4, 2: 4})
	b.remove(ledger.IfEnding, 2, b.visit(acme, 10).Expired...)
	b.Advance(time.Minute)
	b.same("after", minutes(b.counts().Levels), map[int]float64{1: 4, 2: 4})
}

func countHours(b *bench) {
	start := b.clock()
	ann := b.take(want{user: "ann"})
	b.keep(50*time.Minute, ann)
	bob := b.take(want{user: "bob"})
	b.keep(70*time.Minute, ann, bob)
	b.release(ann)
	b.keep(5*time.Minute, bob)
	var got []any
	for _, m := range b.tally().Meters {
		got = append(got, m.Hour.Sub(start), minutes(m.Levels), m.Peak, m.Grants())
	}
	b.same("hours", got, []any{
		0 * time.Hour,
		map[int]float64{1: 50, 2: 10},
		2, 2,
		1 * time.Hour,
		map[int]float64{2: 60},
		2, 0,
		2 * time.Hour,
		map[int]float64{1: 5},
		1, 0,
	})
}

func countRefusals(b *bench) {
	b.take(want{user: "ann"})
	b.take(want{user: "bob"})
	b.full(want{user: "eve", max: 2})
	b.full(want{user: "eve", max: 2})
	b.full(want{user: "eve", maxOrg: 2})
	b.full(want{user: "eve", tokens: 2})
	_, err := b.reserve(want{user: "eve", closed: true})
	wants[*ledger.FullError](b, err)
	got := b.counts()
	b.same("by the license", got.RefusedAt, map[int]int64{2: 2})
	b.same("by other limits", got.Denied, map[string]int64{"": 1, ledger.ByTokens: 1})
	b.same("all", []any{got.Denials(), got.Grants()}, []any{4, 2})
}

func (b *bench) refused(request string, w want) {
	b.Helper()
	org, r := b.fill(w)
	r.Request = request
	_, err := b.Ledger.Reserve(b.Context(), caller(org, r.Holder.UserID), r)
	wants[*ledger.FullError](b, err)
}

func countRequests(b *bench) {
	b.take(want{user: "ann"})
	for _, request := range []string{"r1", "r1", "r1", "r2", "", ""} {
		b.refused(request, want{user: "eve", max: 1})
	}
	b.refused("r1", want{user: "bob", max: 1})
	b.same("refusals", b.counts().Refused(), 5)
	b.keep(9*time.Minute+59*time.Second, b.take(want{user: "ann"}))
	b.refused("r3", want{user: "eve", max: 1})
	b.Advance(2 * time.Second) // what is remembered is kept in periods of ten minutes
	b.refused("r3", want{user: "eve", max: 1})
	b.same("across a period", b.counts().Refused(), 6)
	b.Advance(time.Minute)
	b.refused("r3", want{user: "eve", max: 1})
	b.same("no request lasts a minute", b.counts().Refused(), 7)
}

func countCandidates(b *bench) {
	b.take(want{user: "ann"})
	b.take(want{user: "bob", license: "lab"})
	two := []other{{license: "lab", max: 1}}
	_ = b.fullOf(want{user: "eve", max: 1, others: two})
	b.same("by the first", b.counts().RefusedAt, map[int]int64{1: 1})
	b.same("of one license alone", len(b.tally().Meters), 2) // lab has its grant
	_ = b.fullOf(want{user: "eve", max: 1, others: []other{{license: "lab", tokens: 1}}})
	for _, m := range b.tally().Meters {
		if m.Pool == "lab" {
			b.same("by what another limit refused", m.Denied, map[string]int64{ledger.ByTokens: 1})
		}
	}
	b.same("and not twice", b.counts().Denials(), 1)
}

func countWaited(b *bench) {
	ann := b.take(want{user: "ann"})
	b.refused("", want{user: "eve", max: 1})
	b.keep(3*time.Minute, ann)
	for range 3 {
		b.refused("", want{user: "bob", max: 1})
		b.refused("", want{user: "eve", max: 1})
	}
	b.keep(ledger.Patience-time.Minute, ann)
	b.refused("", want{user: "bob", max: 1})
	b.release(ann)
	b.take(want{user: "bob", max: 1})
	b.same("bob's all", b.counts().Waited, 4)
	b.release(b.take(want{user: "bob", max: 1}))
	b.Advance(time.Minute)
	b.take(want{user: "eve", max: 1})
	b.same("eve's, but for the first", b.counts().Waited, 4+3)
	b.same("all", b.counts().Denials(), 8)
	b.same("nothing twice", b.tally(), b.tally())
}

// countWaitedElsewhere: a seat of any license that the request may use is what its holder
// waited for.
func countWaitedElsewhere(b *bench) {
	b.take(want{user: "ann"})
	bob := b.take(want{user: "bob", license: "lab"})
	eve := want{user: "eve", max: 1, others: []other{{license: "lab", max: 1}}}
	_ = b.fullOf(eve)
	_ = b.fullOf(want{user: "dan", max: 1, others: eve.others})
	b.release(b.take(want{user: "eve", license: "art"}))
	b.same("of a license that was not asked for", b.counts().Waited, 0)
	b.release(bob)
	b.same("under", b.take(eve).LicenseID, "lab")
	b.same("eve's, and not dan's", []any{b.counts().Denials(), b.counts().Waited}, []any{2, 1})
}

func countFailed(b *bench) {
	b.remove(ledger.IfUntouched, 1, b.take(want{user: "ann"}))
	bob := b.take(want{user: "bob"})
	b.Advance(time.Minute)
	b.remove(ledger.IfEnding, 1, b.mark(bob, license.EndFailed))
	b.take(want{user: "eve"})
	b.Advance(time.Minute)
	got := b.counts()
	b.same("failed", []any{got.Failed, got.Grants()}, []any{2, 1})
	b.same("its seat was taken all the same", minutes(got.Levels), map[int]float64{1: 2})
}

func countMany(b *bench) {
	for i := range 130 {
		b.take(want{user: strconv.Itoa(i), max: 640})
	}
	b.Advance(time.Minute)
	b.full(want{user: "eve", max: 130})
	got := b.counts()
	b.same("levels", minutes(got.Levels), map[int]float64{146: 1})
	b.same("peak", got.Peak, 130)
	b.same("grants", []any{len(got.Granted), got.Granted[32], got.Granted[51], got.Granted[146]}, []any{38, 1, 19, 3})
	b.same("refusals, of a size of 130", got.RefusedAt, map[int]int64{132: 1})
}
