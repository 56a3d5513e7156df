package seats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

func TestNeverOversold(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	for i := range 3 {
		p.take(fmt.Sprint(i), 3)
	}
	p.refused("late", 3)
	w.sound(3)
}

func TestOneHolderOneSession(t *testing.T) {
	w := newWorld(t)
	first := w.pool(nil).take("ann", 1)
	var wg sync.WaitGroup
	for range 16 {
		p := w.pool(nil)
		wg.Go(func() {
			if h, err := p.acquire("ann", 1); err != nil || h.ID != first.ID || !h.Existing {
				t.Errorf("again: %+v, %v", h.Session, err)
			}
		})
	}
	wg.Wait()
	w.sound(1)
}

func TestNoResurrection(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	released, expired := p.take("ann", 9), p.take("bob", 9)
	p.release(released)
	w.recorded(released, license.SessionEnded, license.EndReleased)
	w.model.Advance(sessionTTL)
	for range 2 {
		p.gone(released, license.EndReleased)
		p.gone(expired, license.EndExpired)
		w.recorded(expired, license.SessionEnded, license.EndExpired)
	}
	w.model.Lose()
	p.gone(released, license.EndReleased)
	p.gone(expired, license.EndExpired)
	w.sound(0)
}

// TestAnExpiryIsNotToldWhileTheRecordIsAway: a loss may yet give the session back.
func TestAnExpiryIsNotToldWhileTheRecordIsAway(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.model.Advance(sessionTTL)
	w.failing(only("End", recordtest.Outage(record.ErrNotWritten)))
	down(t, p.heartbeat(ann))
	w.model.Lose()
	p.alive(ann)
	w.model.Advance(sessionTTL)
	w.failing(nil)
	p.gone(ann, license.EndExpired)
	w.sound(0)
}

func TestReleaseFreesOnce(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	old := p.take("ann", 1)
	p.release(old)
	next := p.take("ann", 1)
	for range 2 {
		p.release(old)
	}
	p.alive(next)
	if again := p.take("ann", 1); again.ID != next.ID {
		t.Error("a late release took the holder's next session")
	}
	w.sound(1)
}

func TestNothingCrossesOrganizations(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h := p.take("ann", 1)
	stranger := license.Caller{OrganizationID: "globex", UserID: "ann", Role: license.RoleOwner}
	for _, id := range []string{h.ID, "01890000-0000-7000-8000-000000000000"} {
		_, err := p.Heartbeat(t.Context(), stranger, ledger.Heartbeat{SessionID: id})
		if !errors.Is(err, license.ErrSessionNotFound) {
			t.Errorf("heartbeat: %v", err)
		}
		if err := p.Release(t.Context(), stranger, id); !errors.Is(err, license.ErrSessionNotFound) {
			t.Errorf("release: %v", err)
		}
	}
	if _, err := p.Acquire(t.Context(), stranger, request("ann", 1), signed); err != nil {
		t.Errorf("globex's own seat: %v", err)
	}
	p.alive(h)
	w.sound(1)
}

func TestRecordedBeforeSignedAndEndedAfter(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h, err := p.Acquire(t.Context(), user("ann"), request("ann", 1), func(_ context.Context, h ledger.Hold) error {
		w.recorded(h, license.SessionActive, "") //nolint:contextcheck // looks in the test's own time
		//nolint:contextcheck // as above
		if s := w.session(h.ID); s.Client.Name != "studio" || s.Holder != h.Holder || s.Epoch.Number != h.Epoch.Number || !s.ExpiresAt.Equal(h.ExpiresAt) {
			t.Errorf("record = %+v of %+v", s, h.Session)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.model.Advance(sessionTTL)
	if done := p.reap(); done.Sessions != 1 {
		t.Errorf("reaped %+v", done)
	}
	w.recorded(h, license.SessionEnded, license.EndExpired)
	w.sound(0)
}

func TestLossThrowsNobodyOut(t *testing.T) {
	w := newWorld(t)
	p, q := w.pool(nil), w.pool(nil)
	for _, fail := range []func(){w.model.Lose, w.model.Promote, w.model.Failover} {
		ann := p.take("ann", 2)
		w.model.Advance(sessionTTL - time.Second)
		fail()
		q.take("bob", 2) // rebuilds
		w.model.Advance(2 * time.Second)
		p.alive(ann)
		q.refused("late", 2)
		w.sound(2)
	}
}

func TestAFreedSeatIsGrantedAtOnce(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.release(p.take("ann", 1))
	bob := p.take("bob", 1)
	w.model.Advance(sessionTTL - time.Millisecond)
	p.refused("cid", 1)
	w.model.Advance(time.Millisecond)
	p.take("cid", 1)
	w.recorded(bob, license.SessionEnded, license.EndExpired)
	w.sound(1)
}

func TestLoweredLimitEndsNobody(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	a, b := p.take("a", 2), p.take("b", 2)
	p.refused("c", 1)
	p.alive(a)
	p.alive(b)
	if again := p.take("a", 1); again.ID != a.ID {
		t.Error("a lost its session")
	}
	p.release(b)
	p.refused("c", 1)
	w.sound(1)
}

// bought is acme with two licenses of one product, the first of which ends first.
func bought(now time.Time, change ...func(*license.License)) license.Entitlements {
	pro := license.License{ID: "pro", Product: "studio", MaxSeats: 1, Status: license.StatusActive, ExpiresAt: now.Add(time.Hour)}
	for _, c := range change {
		c(&pro)
	}
	plus := license.License{ID: "plus", Product: "studio", MaxSeats: 2, Status: license.StatusActive}
	org := license.Organization{ID: acme, MaxConcurrentSeats: 3, Status: license.StatusActive}
	return license.Entitlements{Organization: org, Licenses: []license.License{plus, pro}}
}

// acquireOf acquires on the terms of what was bought.
func (p instance) acquireOf(userID string, e license.Entitlements) (ledger.Hold, error) {
	p.Helper()
	terms, err := license.Decide(e, user(userID), license.Request{}, p.model.Now())
	if err != nil {
		p.Fatal(err)
	}
	req := seats.Request{Terms: terms, Holder: license.Holder{UserID: userID, HardwareID: "hw"}}
	return p.Acquire(p.Context(), user(userID), req, signed)
}

// TestLicensesAddUp: what a refusal tells is what is in the way.
func TestLicensesAddUp(t *testing.T) {
	w := newWorld(t)
	p, all := w.pool(nil), bought(w.model.Now())
	for i, want := range []string{"pro", "plus", "plus"} {
		h, err := p.acquireOf(fmt.Sprint(i), all)
		if err != nil || h.LicenseID != want || w.session(h.ID).LicenseID != want {
			t.Errorf("seat %d is of %q, recorded for %q, %v; want %s", i, h.LicenseID, w.session(h.ID).LicenseID, err, want)
		}
	}
	_, err := p.acquireOf("late", all)
	if full, ok := errors.AsType[*license.NoSeatsError](err); !ok || full.Limit != license.LimitLicense || full.Used != 3 || full.Max != 3 {
		t.Errorf("%v, want all seats of both", err)
	}
	all.Licenses[0].MaxSeats = 9
	_, err = p.acquireOf("late", all)
	if full, ok := errors.AsType[*license.NoSeatsError](err); !ok || full.Limit != license.LimitOrganization || full.Used != 3 || full.Max != 3 {
		t.Errorf("%v, want the organization's cap", err)
	}
}

// TestASessionOfALicenseThatIsOver is found, and not answered; once it is ended
// its holder gets a seat of the other.
func TestASessionOfALicenseThatIsOver(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	first, err := p.acquireOf("ann", bought(w.model.Now()))
	if err != nil {
		t.Fatal(err)
	}
	over := bought(w.model.Now(), func(l *license.License) { l.ExpiresAt = w.model.Now() })
	_, err = p.acquireOf("ann", over)
	found, ok := errors.AsType[*seats.UnusableError](err)
	if !ok || found.Hold.ID != first.ID || !errors.Is(err, license.ErrLicenseExpired) {
		t.Fatalf("%v, want the session of the license that is over", err)
	}
	w.recorded(first, license.SessionActive, "")
	if err := p.Revoke(t.Context(), user("ann"), found.Hold, license.EndLicenseExpired); err != nil {
		t.Fatal(err)
	}
	second, err := p.acquireOf("ann", over)
	if err != nil || second.LicenseID != "plus" {
		t.Errorf("%+v, %v", second, err)
	}
	w.recorded(first, license.SessionEnded, license.EndLicenseExpired)
	w.sound(1)
}

// TestNoChoiceIsOpen: who has no session is told the terms' own refusal, and
// waits for nobody's grant.
func TestNoChoiceIsOpen(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	kept := bought(w.model.Now())
	kept.Licenses = kept.Licenses[1:]
	h, err := p.acquireOf("ann", kept)
	if err != nil {
		t.Fatal(err)
	}
	kept.Licenses[0].ExpiresAt, kept.Licenses[0].Grace = w.model.Now(), time.Hour
	if again, err := p.acquireOf("ann", kept); err != nil || again.ID != h.ID {
		t.Errorf("who has one: %+v, %v", again, err)
	}
	if _, err := p.acquireOf("bob", kept); !errors.Is(err, license.ErrLicenseExpired) {
		t.Errorf("who has none: %v", err)
	}
	w.sound(1)
}

// TestGuardOwnUnderEveryLicense: the session that a holder let expire under one
// license is ended before it gets a seat of another, or both come back after a loss.
func TestGuardOwnUnderEveryLicense(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	first, err := p.acquireOf("ann", bought(w.model.Now()))
	if err != nil {
		t.Fatal(err)
	}
	w.model.Advance(sessionTTL)
	over := bought(w.model.Now(), func(l *license.License) { l.Status = license.StatusSuspended })
	second, err := p.acquireOf("ann", over)
	if err != nil || second.LicenseID != "plus" {
		t.Fatalf("%+v, %v", second, err)
	}
	w.model.Lose()
	p.gone(first, license.EndExpired)
	p.alive(second)
	w.sound(1)
}

func TestOrganizationCap(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	req := request("a", 9)
	org := license.Organization{ID: acme, MaxConcurrentSeats: 1}
	req.Terms = license.NewTerms(org, license.License{ID: "pro", MaxSeats: 9}, "a")
	if _, err := p.Acquire(t.Context(), user("a"), req, signed); err != nil {
		t.Fatal(err)
	}
	req.Holder.UserID, req.Terms = "b", license.NewTerms(org, license.License{ID: "lab", MaxSeats: 9}, "b")
	_, err := p.Acquire(t.Context(), user("b"), req, signed)
	var full *license.NoSeatsError
	if !errors.As(err, &full) || full.Limit != license.LimitOrganization {
		t.Errorf("error = %v", err)
	}
}

func TestWhoMayRelease(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h := p.take("ann", 1)
	if err := p.Release(t.Context(), user("bob"), h.ID); !errors.Is(err, license.ErrSessionNotFound) {
		t.Fatalf("another member: %v", err)
	}
	p.alive(h)
	if err := p.Release(t.Context(), admin("boss"), h.ID); err != nil {
		t.Fatal(err)
	}
	p.gone(h, license.EndRevoked)
	for caller, want := range map[license.Caller]error{user("bob"): license.ErrSessionNotFound, user("ann"): nil, admin("boss"): nil} {
		if err := p.Release(t.Context(), caller, h.ID); !errors.Is(err, want) {
			t.Errorf("%s of an ended session: %v, want %v", caller.UserID, err, want)
		}
	}
	own := p.take("boss", 1)
	if err := p.Release(t.Context(), admin("boss"), own.ID); err != nil {
		t.Fatal(err)
	}
	w.recorded(own, license.SessionEnded, license.EndReleased)
}

func TestRevokeEndsTheSession(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	for _, reason := range []license.EndReason{license.EndLicenseExpired, license.EndLicenseSuspended} {
		h := p.take("ann", 1)
		if err := p.Revoke(t.Context(), user("ann"), h, reason); err != nil {
			t.Fatal(err)
		}
		p.gone(h, reason)
		w.recorded(h, license.SessionEnded, reason)
	}
}

// TestARevocationIsToldWhileTheRecordIsAway, with its reason, and recorded with it.
func TestARevocationIsToldWhileTheRecordIsAway(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h := p.take("ann", 1)
	w.failing(only("End", recordtest.Outage(record.ErrNotWritten)))
	if err := p.Revoke(t.Context(), user("ann"), h, license.EndLicenseExpired); err != nil {
		t.Fatal(err)
	}
	p.gone(h, license.EndLicenseExpired)
	w.failing(nil)
	p.take("bob", 1) // completes the end that is in its way
	w.recorded(h, license.SessionEnded, license.EndLicenseExpired)
}

func TestHeartbeatOfOthersSessions(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h := p.take("ann", 1)
	as := func(userID string) error {
		_, err := p.Heartbeat(t.Context(), user(userID), ledger.Heartbeat{SessionID: h.ID})
		return err
	}
	states := map[string]func(){
		"living": func() {}, "marked and gone": func() { p.release(h) }, "lost": w.model.Lose,
	}
	for _, state := range []string{"living", "marked and gone", "lost"} {
		states[state]()
		if err := as("bob"); !errors.Is(err, license.ErrSessionNotFound) {
			t.Errorf("%s: %v, want %v", state, err, license.ErrSessionNotFound)
		}
	}
}

func TestCostInTheSteadyState(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.take("first", 9) // rebuilds and notes
	var h ledger.Hold
	for _, c := range []struct {
		name string
		do   func()
		want []string
	}{
		{"acquire", func() { h = p.take("ann", 9) }, []string{"Reserve", "Create"}},
		{"acquire again", func() { p.take("ann", 9) }, []string{"Reserve"}},
		{"acquire again elsewhere", func() { w.pool(nil).take("ann", 9) }, []string{"Schedule", "Reserve", "Create"}},
		{"heartbeat", func() { p.alive(h) }, []string{"Heartbeat"}},
		{"acquire a beaten one", func() { p.take("ann", 9) }, []string{"Reserve"}},
		{"release", func() { p.release(h) }, []string{"Mark", "End", "Remove"}},
		// Where no hour is closed, Tallied asks no server.
		{"idle reap", func() { p.reap() }, []string{"Visit", "Tally", "FileUsage", "Tallied", "Reschedule"}},
	} {
		if got := w.cost(c.do); !slices.Equal(got, c.want) {
			t.Errorf("%s costs %v, want %v", c.name, got, c.want)
		}
	}
}

func TestNotedEveryQuarterTTL(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.take("ann", 9)
	notes := func() (n int) {
		for _, call := range w.cost(func() { p.take("ann", 9) }) {
			if call == "Schedule" {
				n++
			}
		}
		return n
	}
	w.model.Advance(sessionTTL/4 - time.Millisecond)
	if n := notes(); n != 0 {
		t.Errorf("noted %d times within a quarter TTL", n)
	}
	w.model.Advance(time.Millisecond)
	if n := notes(); n != 1 {
		t.Errorf("noted %d times after a quarter TTL, want 1", n)
	}
}

// TestALossPutsTheOrganizationBackIntoTheIndex: the instance that rebuilds has
// noted it lately, on the server that is gone.
func TestALossPutsTheOrganizationBackIntoTheIndex(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	ann := p.take("ann", 1)
	w.model.Lose()
	p.alive(ann)
	shard := w.model.Shard(acme)
	d, err := w.model.Due(t.Context(), shard, 1)
	if err != nil || !d.Fresh {
		t.Fatalf("due: %+v, %v", d, err)
	}
	if err := w.model.Filled(t.Context(), shard, d.Identity); err != nil {
		t.Fatal(err)
	}
	w.model.Advance(sessionTTL)
	if d, err = w.model.Due(t.Context(), shard, 1); err != nil || len(d.Organizations) != 1 {
		t.Errorf("due: %+v, %v, want %s", d, err, acme)
	}
}

func TestBackendsThatAreDown(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h := p.take("ann", 9)
	operations := map[string]func() error{
		"acquire":   func() error { _, err := w.pool(nil).acquire("bob", 9); return err },
		"heartbeat": func() error { return p.heartbeat(h) },
		"release":   func() error { return p.Release(t.Context(), user("ann"), h.ID) },
		"reap":      func() error { _, err := p.Reap(t.Context(), acme); return err },
		"sweep":     func() error { _, err := p.Sweep(t.Context(), acme); return err },
	}
	ledger := map[string]bool{"Reserve": true, "Heartbeat": true, "Mark": true, "Visit": true, "Known": true, "Schedule": true}
	w.failing(func(method string) error {
		if ledger[method] {
			return (&license.UnavailableError{Backend: "redis", Err: errUnsigned})
		}
		return nil
	})
	for name, operation := range operations {
		var down *license.UnavailableError
		if err := operation(); !errors.As(err, &down) || down.Backend != "redis" {
			t.Errorf("%s: %v, want redis unavailable", name, err)
		}
	}
	w.failing(nil)
	p.alive(h)
	w.sound(1)
}

// TestContentionIsWaitedOut: the record refuses ends again and again.
func TestContentionIsWaitedOut(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	h := p.take("ann", 1)
	w.model.Advance(sessionTTL)
	refusals := 5
	w.failing(func(method string) error {
		if method != "End" || refusals == 0 {
			return nil
		}
		refusals--
		return recordtest.Outage(record.ErrRefused)
	})
	p.take("bob", 1)
	w.recorded(h, license.SessionEnded, license.EndExpired)
	refusals = 1000
	w.model.Advance(sessionTTL)
	var down *license.UnavailableError
	if _, err := p.acquire("cid", 1); !errors.As(err, &down) {
		t.Errorf("refused for good: %v", err)
	}
}

// TestContendersWaitALittle, so that racers fall apart; who met no contention does not.
func TestContendersWaitALittle(t *testing.T) {
	w := newWorld(t)
	var waits []time.Duration
	p, err := seats.New(w.ledger, w.record, seats.Options{
		SessionTTL: sessionTTL, Now: w.model.Now,
		Wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	instance{w, p}.take("ann", 1)
	w.model.Advance(sessionTTL)
	instance{w, p}.take("bob", 1)
	if len(waits) != 0 {
		t.Errorf("waited %v without contention", waits)
	}
	w.model.Advance(sessionTTL)
	refused := false
	w.failing(func(method string) error {
		if method != "End" || refused {
			return nil
		}
		refused = true
		return recordtest.Outage(record.ErrRefused)
	})
	instance{w, p}.take("cid", 1)
	if len(waits) != 1 || waits[0] <= 0 || waits[0] > 10*time.Millisecond {
		t.Errorf("after one refusal waited %v, want once and a little", waits)
	}
}

// TestAnOutageIsNoContention: what keeps the record from writing an end, and is
// no refusal, is told after one try.
func TestAnOutageIsNoContention(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	p.take("ann", 1)
	w.model.Advance(sessionTTL)
	for name, outage := range map[string]error{
		"not written": recordtest.Outage(record.ErrNotWritten), "unknown": recordtest.Outage(nil),
	} {
		w.failing(only("End", outage))
		var err error
		calls := w.cost(func() { _, err = p.acquire("bob", 1) })
		tries := len(slices.DeleteFunc(calls, func(method string) bool { return method != "End" }))
		var down *license.UnavailableError
		if !errors.As(err, &down) || down.Backend != "firestore" || tries != 1 {
			t.Errorf("%s: %v after %d tries", name, err, tries)
		}
	}
}

func TestPoolOptions(t *testing.T) {
	w := newWorld(t)
	if _, err := seats.New(w.ledger, w.record, seats.Options{}); err == nil {
		t.Error("a pool without a session TTL")
	}
	for _, o := range []ledger.RedisOptions{{SessionTTL: time.Minute}, {TokenTTL: time.Minute}, {SessionTTL: 1, TokenTTL: time.Hour}} {
		if _, err := ledger.NewRedis(ledgertest.Client(t, "127.0.0.1:1"), o); err == nil {
			t.Errorf("a ledger with %+v", o)
		}
	}
}
