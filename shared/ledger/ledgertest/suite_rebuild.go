package ledgertest

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func rebuildTests() map[string]func(*bench) {
	return map[string]func(*bench){
		"every call asks for it":              everyCallAsks,
		"one nonce per incarnation":           oneNonce,
		"a promotion is noticed":              promotionNoticed,
		"exactly the staged, with a full TTL": exactlyTheStaged,
		"of several chunks":                   manyChunks,
		"one process has the lease":           oneClaims,
		"a lease without a rebuild":           nothingToClaim,
		"overtaken":                           overtaken,
		"a nonce of another incarnation":      lateRebuild,
		"what was ending goes on ending":      endingAcrossARebuild,
		"also if it was forgotten":            endingAcrossAForgottenOne,
		"a loss forgets what was ending":      endingAcrossALoss,
		"goes on where another stopped":       stagedPages,
		"lives a TTL from the switch":         livesFromTheSwitch,
		"an older epoch than the record's":    olderThanTheRecord,
		"forgotten by epoch":                  forgottenByEpoch,
		"a dead generation is cleared":        deadCleared,
		"an unfinished rebuild is cleared":    unfinishedCleared,
		"a token may end as late as any":      rebuiltTokens,
		"tokens that outlive their sessions":  rebuiltSpent,
		"a token that is brought along":       rebuiltResumed,
		"tokens of a rebuild overtaken":       rebuiltSpentLate,
		"no count of requests from before":    grantsFromBefore,
		"odd ids":                             rebuiltOddIDs,
		"no time of a heartbeat":              rebuiltWithoutBeat,
		"idempotent staging":                  stagedTwice,
		"two recorded sessions of one holder": twoOfOneHolder,
	}
}

// recorded is a session as the record has it.
func recorded(id, user string, acquired time.Time) license.Session {
	return license.Session{
		ID: id, OrganizationID: acme, Status: license.SessionActive, AcquiredAt: acquired, LastHeartbeatAt: acquired,
		ExpiresAt: acquired.Add(sessionTTL), Epoch: epochOf(1), Holder: license.Holder{LicenseID: "pro", UserID: user, HardwareID: "hw"},
	}
}

func everyCallAsks(b *bench) {
	h := b.take(want{})
	b.Lose()
	ctx, ann := b.Context(), caller(acme, "ann")
	_, r := b.fill(want{})
	calls := map[string]func() error{
		"Reserve":   func() error { _, err := b.Ledger.Reserve(ctx, ann, r); return err },
		"Heartbeat": func() error { _, err := b.Ledger.Heartbeat(ctx, ann, ledger.Heartbeat{SessionID: h.ID}); return err },
		"Mark": func() error {
			_, err := b.Ledger.Mark(ctx, ann, ledger.Mark{SessionID: h.ID, UserID: "ann", Own: license.EndReleased})
			return err
		},
		"Remove": func() error { _, err := b.Ledger.Remove(ctx, ann, ledger.BySession, h); return err },
		"Visit":  func() error { _, err := b.Ledger.Visit(ctx, ann, 1); return err },
		"Known":  func() error { _, err := b.Ledger.Known(ctx, ann, nil); return err },
		"Look":   func() error { _, err := b.Ledger.Look(ctx, ann, nil); return err },
		"Count":  func() error { _, err := b.Ledger.Count(ctx, ann, nil); return err },
	}
	nonce := b.nonce(acme)
	for name, call := range calls {
		var fresh *ledger.RebuildError
		if err := call(); !errors.As(err, &fresh) || fresh.Nonce != nonce {
			b.Errorf("%s: %v, want a call for the rebuild %s", name, err, nonce)
		}
	}
	b.rebuild(acme, 2)
	b.same("sessions after refused calls", b.held(acme), 0)
}

func (b *bench) claim(org, nonce, owner string, want bool) {
	b.Helper()
	got, err := b.Ledger.Claim(b.Context(), license.ServiceCaller(org), nonce, owner)
	b.ok(err)
	b.same("has the lease", got.Held, want)
}

func oneClaims(b *bench) {
	before := b.take(want{}).Now
	b.Lose()
	ctx, service := b.Context(), license.ServiceCaller(acme)
	nonce, lease := b.nonce(acme), ledger.RebuildLease(sessionTTL)
	b.claim(acme, nonce, "one", true)
	b.claim(acme, nonce, "another", false)
	b.claim(acme, nonce, "one", true) // the answer may have been lost
	b.claim(globex, b.nonce(globex), "another", true)
	b.Advance(lease / 2)
	b.ok(b.Ledger.Stage(ctx, service, nonce, epochOf(2), members(recorded("a", "ann", before)))) // a sign of life
	b.Advance(lease * 3 / 4)
	b.claim(acme, nonce, "another", false)
	b.ok(b.Ledger.Disclaim(ctx, service, nonce, "another")) // not its own
	b.claim(acme, nonce, "another", false)
	b.Advance(lease)
	b.claim(acme, nonce, "another", true)
	b.ok(b.Ledger.Disclaim(ctx, service, nonce, "another"))
	b.claim(acme, nonce, "one", true)
	b.Promote()
	next := b.nonce(acme)
	b.claim(acme, next, "another", true) // that lease was another server's
	if _, err := b.Ledger.Claim(ctx, service, nonce, "one"); !errors.Is(err, ledger.ErrLost) {
		b.Errorf("lease on a rebuild of a server that is gone: %v", err)
	}
}

func nothingToClaim(b *bench) {
	ctx, service := b.Context(), license.ServiceCaller(acme)
	for _, nonce := range []string{"", "made up"} {
		if _, err := b.Ledger.Claim(ctx, service, nonce, "one"); !errors.Is(err, ledger.ErrLost) {
			b.Errorf("lease on %q: %v", nonce, err)
		}
		if err := b.Ledger.Disclaim(ctx, service, nonce, "one"); !errors.Is(err, ledger.ErrLost) {
			b.Errorf("lease on %q given back: %v", nonce, err)
		}
	}
	b.Lose()
	nonce := b.nonce(acme)
	b.claim(acme, nonce, "one", true)
	b.rebuild(acme, 2)
	if _, err := b.Ledger.Claim(ctx, service, nonce, "one"); !errors.Is(err, ledger.ErrLost) {
		b.Errorf("lease on a rebuild that is done: %v", err)
	}
}

func oneNonce(b *bench) {
	b.Lose()
	first := b.nonce(acme)
	b.same("asked again", b.nonce(acme), first)
	if other := b.nonce(globex); other == first {
		b.Error("two organizations share a nonce")
	}
	b.Lose()
	if b.nonce(acme) == first {
		b.Error("two incarnations share a nonce")
	}
}

func promotionNoticed(b *bench) {
	h := b.take(want{})
	b.Promote()
	first := b.nonce(acme)
	b.Promote()
	if b.nonce(acme) == first {
		b.Error("two promotions share a nonce")
	}
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt))
	_, err := b.beat(h)
	b.ok(err)
}

func exactlyTheStaged(b *bench) {
	lost := b.take(want{user: "lost"})
	kept := b.take(want{user: "kept"})
	b.Advance(sessionTTL - time.Minute)
	b.Promote()
	b.rebuild(acme, 7, recorded(kept.ID, "kept", kept.AcquiredAt))
	b.same("sessions", b.held(acme), 1)
	_, err := b.beat(lost)
	b.same("epoch", is[*ledger.UnknownError](b, err).Epoch, epochOf(7))
	b.Advance(sessionTTL - time.Minute) // long past the first expiry
	got, err := b.beat(kept)
	b.ok(err)
	b.same("rebuilt", []any{got.ID, got.Holder, got.AcquiredAt, got.Epoch}, []any{kept.ID, kept.Holder, kept.AcquiredAt, epochOf(7)})
	again := b.take(want{user: "kept", max: 1})
	b.same("its holder finds it", again.ID, kept.ID)
	b.same("refusal", b.full(want{user: "late", max: 1}).Used, 1)
}

func manyChunks(b *bench) {
	b.Lose()
	sessions := make([]license.Session, 250)
	for i := range sessions {
		sessions[i] = recorded(fmt.Sprintf("r-%03d", i), strconv.Itoa(i), time.UnixMilli(1_800_000_000_000))
	}
	b.rebuild(acme, 2, sessions...)
	b.same("sessions", b.held(acme), 250)
	b.same("used", b.full(want{user: "late", max: 250}).Used, 250)
}

func overtaken(b *bench) {
	b.Lose()
	nonce := b.nonce(acme)
	b.rebuild(acme, 2)
	h := b.take(want{})
	late := members(recorded("s-late", "late", h.Now))
	for name, err := range map[string]error{
		"Load again":  b.Ledger.Load(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2)),
		"Stage again": b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2), late),
		"Load":        b.Ledger.Load(b.Context(), license.ServiceCaller(acme), "made-up", epochOf(3)),
		"Stage":       b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), "made-up", epochOf(3), late),
		"no nonce":    b.Ledger.Load(b.Context(), license.ServiceCaller(acme), "", epochOf(3)),
	} {
		if !errors.Is(err, ledger.ErrLost) {
			b.Errorf("%s: %v, want %v", name, err, ledger.ErrLost)
		}
	}
	b.same("sessions", b.held(acme), 1)
	_, err := b.beat(h)
	b.ok(err)
}

func lateRebuild(b *bench) {
	b.Promote()
	nonce := b.nonce(acme)
	released := recorded("s-released", "ann", time.UnixMilli(1_800_000_000_000))
	b.ok(b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2), members(released)))
	b.Promote()
	if err := b.Ledger.Load(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2)); !errors.Is(err, ledger.ErrLost) {
		b.Fatalf("a rebuild of the incarnation before: %v, want %v", err, ledger.ErrLost)
	}
	if err := b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), nonce, epochOf(2), members(released)); !errors.Is(err, ledger.ErrLost) {
		b.Fatalf("staging of the incarnation before: %v, want %v", err, ledger.ErrLost)
	}
	b.rebuild(acme, 3)
	b.same("sessions", b.held(acme), 0)
}

// endingAcrossARebuild: an end that was acknowledged, and that the record does not
// have yet, is no living session after a rebuild on the same data.
func endingAcrossARebuild(b *bench) {
	h, expired, living := b.take(want{}), b.take(want{user: "bob"}), b.take(want{user: "eve"})
	b.Advance(sessionTTL / 2)
	_, err := b.beat(living)
	b.ok(err)
	marked := b.mark(h, license.EndReleased)
	b.Advance(sessionTTL/2 + slack)
	b.same("its end begins", ids(b.visit(acme, 10).Expired), []string{expired.ID})
	b.Promote()
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt), recorded(expired.ID, "bob", h.AcquiredAt), recorded(living.ID, "eve", h.AcquiredAt))
	b.same("sessions", b.held(acme), 3)
	for _, gone := range []ledger.Hold{h, expired} {
		_, err := b.beat(gone)
		wants[*ledger.ExpiredError](b, err)
	}
	_, err = b.beat(living)
	b.ok(err)
	v := b.visit(acme, 10)
	b.same("ending", ids(v.Ending), []string{expired.ID, h.ID})
	b.same("as it was", []any{v.Ending[0].EndedReason, v.Ending[1].EndedReason}, []any{license.EndExpired, license.EndReleased})
	b.near("when it was", v.Ending[1].EndedAt, marked.EndedAt)
	b.same("in the way", b.stale(want{}), []string{h.ID})
}

// endingAcrossAForgottenOne: nobody lost anything, and still it is rebuilt.
func endingAcrossAForgottenOne(b *bench) {
	h := b.take(want{})
	b.mark(h, license.EndReleased)
	b.ok(b.Ledger.Forget(b.Context(), license.ServiceCaller(acme), epochOf(1)))
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt))
	_, err := b.beat(h)
	b.same("reason", is[*ledger.ExpiredError](b, err).Hold.EndedReason, license.EndReleased)
}

func endingAcrossALoss(b *bench) {
	h := b.take(want{})
	b.mark(h, license.EndReleased)
	b.Lose()
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt))
	_, err := b.beat(h)
	b.ok(err)
}

// stagedPages: whoever claims a rebuild is told how far it has come, and only that one.
func stagedPages(b *bench) {
	ctx, service := b.Context(), license.ServiceCaller(acme)
	at := time.UnixMilli(1_800_000_000_000)
	b.Lose()
	nonce := b.nonce(acme)
	stage := func(part int, last string, sessions ...license.Session) {
		b.Helper()
		c := members(sessions...)
		c.Part, c.Last = part, last
		b.ok(b.Ledger.Stage(ctx, service, nonce, epochOf(2), c))
	}
	staged := func() map[int]string {
		b.Helper()
		c, err := b.Ledger.Claim(ctx, service, nonce, "one")
		b.ok(err)
		return c.Staged
	}
	b.same("at first", staged(), map[int]string{})
	stage(3, "3f-b", recorded("a", "ann", at), recorded("b", "bob", at))
	stage(0, "0;,x")
	stage(3, "", recorded("c", "eve", at))
	b.same("two parts", staged(), map[int]string{0: "0;,x", 3: "3f-b"})
	stage(3, "3z", recorded("d", "dan", at))
	b.same("farther", staged(), map[int]string{0: "0;,x", 3: "3z"})
	b.Promote()
	nonce = b.nonce(acme)
	b.same("of another rebuild", staged(), map[int]string{})
	stage(1, "1a", recorded("a", "ann", at))
	b.same("of this one", staged(), map[int]string{1: "1a"})
	b.ok(b.Ledger.Load(ctx, service, nonce, epochOf(2)))
	b.ok(b.Ledger.Forget(ctx, service, epochOf(2)))
	nonce = b.nonce(acme)
	b.same("after that", staged(), map[int]string{})
}

// livesFromTheSwitch: a big organization's rebuild may take longer than a session
// lives; its first pages must not be over when it is done.
func livesFromTheSwitch(b *bench) {
	ctx, service := b.Context(), license.ServiceCaller(acme)
	at := time.UnixMilli(1_800_000_000_000)
	b.Lose()
	nonce := b.nonce(acme)
	b.ok(b.Ledger.Stage(ctx, service, nonce, epochOf(2), members(recorded("early", "ann", at))))
	b.Advance(2 * sessionTTL)
	b.ok(b.Ledger.Stage(ctx, service, nonce, epochOf(2), members(recorded("late", "bob", at), recorded("third", "eve", at))))
	b.ok(b.Ledger.Load(ctx, service, nonce, epochOf(2)))
	v := b.visit(acme, 10)
	b.near("earliest", v.Earliest, v.Now.Add(sessionTTL))
	b.Advance(sessionTTL - slack)
	full := b.full(want{user: "x", max: 3})
	b.same("refusal", []any{full.Used, full.RetryAfter > 0 && full.RetryAfter <= slack}, []any{3, true})
	early := recorded("early", "ann", at)
	got, err := b.beat(ledger.Hold{Session: early})
	b.ok(err)
	b.same("extended", got.ExpiresAt, got.Now.Add(sessionTTL))
	b.same("used", got.Used, 3)
	b.Advance(2 * slack)
	b.same("the others have expired", len(b.visit(acme, 10).Expired), 2)
	_, err = b.beat(ledger.Hold{Session: early})
	b.ok(err)
}

// olderThanTheRecord: who knows the record to be of a newer epoch does not grant
// or extend anything here.
func olderThanTheRecord(b *bench) {
	h := b.take(want{})
	asks := map[string]func(epoch int64) error{
		"reserve": func(epoch int64) error {
			org, r := b.fill(want{user: "bob"})
			r.RecordEpoch = epoch
			_, err := b.Ledger.Reserve(b.Context(), caller(org, "bob"), r)
			return err
		},
		"heartbeat": func(epoch int64) error {
			_, err := b.Ledger.Heartbeat(b.Context(), caller(acme, "ann"), ledger.Heartbeat{SessionID: h.ID, RecordEpoch: epoch})
			return err
		},
	}
	epoch := int64(1)
	for name, ask := range asks { // each of a ledger that nobody has forgotten yet
		b.ok(ask(epoch))
		epoch++
		if err := ask(epoch); !errors.As(err, new(*ledger.RebuildError)) {
			b.Errorf("%s: %v, want a call for a rebuild", name, err)
		}
		_, err := b.beat(h)
		wants[*ledger.RebuildError](b, err) // whoever asks, from then on
		b.rebuild(acme, epoch, recorded(h.ID, "ann", h.AcquiredAt))
		b.ok(ask(epoch))
	}
}

func forgottenByEpoch(b *bench) {
	h := b.take(want{})
	for _, epoch := range []license.Epoch{{}, {Number: 1}, {Number: 1, Nonce: "1"}, {Number: 2, Nonce: epochOf(1).Nonce}, epochOf(2), epochOf(11)} {
		b.ok(b.Ledger.Forget(b.Context(), license.ServiceCaller(acme), epoch))
	}
	_, err := b.beat(h)
	b.ok(err)
	b.ok(b.Ledger.Forget(b.Context(), license.ServiceCaller(acme), epochOf(1)))
	b.ok(b.Ledger.Forget(b.Context(), license.ServiceCaller(acme), epochOf(1)))
	nonce := b.nonce(acme)
	b.ok(b.Ledger.Forget(b.Context(), license.ServiceCaller(acme), epochOf(1)))
	b.same("nonce", b.nonce(acme), nonce)
	b.rebuild(acme, 2)
	_, err = b.beat(h)
	wants[*ledger.UnknownError](b, err)
}

func deadCleared(b *bench) {
	h := b.take(want{})
	b.Promote()
	b.rebuild(acme, 2, recorded(h.ID, "ann", h.AcquiredAt))
	dead := b.visit(acme, 10).Dead
	if len(dead) != 1 {
		b.Fatalf("dead generations = %v, want one", dead)
	}
	for range 2 {
		b.ok(b.Ledger.Clear(b.Context(), license.ServiceCaller(acme), dead[0]))
	}
	b.same("dead", len(b.visit(acme, 10).Dead), 0)
	_, err := b.beat(h)
	b.ok(err)
	b.ok(b.Ledger.Forget(b.Context(), license.ServiceCaller(acme), epochOf(2)))
	b.rebuild(acme, 3)
	b.same("dead after a forgotten one", len(b.visit(acme, 10).Dead), 1)
	wants[*license.UnavailableError](b, b.Ledger.Clear(canceled(b.T), license.ServiceCaller(acme), dead[0]))
}

func unfinishedCleared(b *bench) {
	h := b.take(want{})
	b.Promote()
	session := recorded(h.ID, "ann", h.AcquiredAt)
	b.ok(b.Ledger.Stage(b.Context(), license.ServiceCaller(acme), b.nonce(acme), epochOf(2), members(session)))
	b.Promote() // the rebuilder finds its nonce gone and stops
	b.rebuild(acme, 3, session)
	b.same("dead", len(b.visit(acme, 10).Dead), 2)
	for _, g := range b.visit(acme, 10).Dead {
		b.ok(b.Ledger.Clear(b.Context(), license.ServiceCaller(acme), g))
	}
	_, err := b.beat(h)
	b.ok(err)
	b.same("left", len(b.visit(acme, 10).Dead), 0)
}
