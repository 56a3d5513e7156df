package seats_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// limiting is a protocol whose organization has a license that may limit its users.
type limiting struct {
	*testing.T
	*seats.Protocol
	record record.Record
	// known is what this instance knows of the organization.
	known license.Entitlements
	// seats are those of the license.
	seats int
	lose  func()
	// beside makes another instance on the same ledger and record.
	beside func() *seats.Protocol
}

func limitingOn(t *testing.T, on ledger.Ledger, r record.Record, lose func()) *limiting {
	t.Helper()
	l := limitingOver(t, realPool(t, on, r), r, lose)
	l.beside = func() *seats.Protocol { return realPool(t, on, r) }
	return l
}

func limitingOver(t *testing.T, p *seats.Protocol, r record.Record, lose func()) *limiting {
	t.Helper()
	l := &limiting{T: t, Protocol: p, record: r, seats: 200, lose: lose}
	if err := r.PutOrganization(t.Context(), license.ServiceCaller(acme), license.Organization{ID: acme, MaxConcurrentSeats: 10_000, Status: license.StatusActive}); err != nil {
		t.Fatal(err)
	}
	l.sell(0)
	return l
}

// limitings are the ledgers on which a limit of users is played.
func limitings() map[string]func(t *testing.T) *limiting {
	return map[string]func(t *testing.T) *limiting{
		"model": func(t *testing.T) *limiting {
			m, r := ledgertest.NewModel(time.Now(), sessionTTL, tokenTTL), record.NewMemory()
			return limitingOn(t, m, r, m.Lose)
		},
		"embedded": func(t *testing.T) *limiting {
			f, r := ledgertest.Fake(t), record.NewMemory()
			return limitingOn(t, ledgertest.NewRedis(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, tokenTTL), r, f.Lose)
		},
		"redis-server": func(t *testing.T) *limiting {
			s, _ := ledgertest.OpenShifted(t, sessionTTL, tokenTTL, servers.SharedRedis(t))
			r := record.NewMemory()
			return limitingOn(t, s, r, s.Lose)
		},
	}
}

// sell lets a user have so many sessions of license pro, and this instance know it.
func (l *limiting) sell(perUser int) {
	l.Helper()
	lic := license.License{ID: "pro", Product: "studio", MaxSeats: l.seats, Status: license.StatusActive, MaxSessionsPerUser: perUser}
	if err := l.record.PutLicense(l.Context(), license.ServiceCaller(acme), lic); err != nil {
		l.Fatal(err)
	}
	l.learn()
}

func (l *limiting) learn() {
	l.Helper()
	var err error
	if l.known, err = l.record.Entitlements(l.Context(), license.ServiceCaller(acme)); err != nil {
		l.Fatal(err)
	}
}

// wish is a user's for a seat on a machine, on the terms that this instance knows.
func (l *limiting) wish(userID, machine string) seats.Request {
	l.Helper()
	terms, err := license.Decide(l.known, user(userID), license.Request{}, time.Now())
	if err != nil {
		l.Fatal(err)
	}
	return seats.Request{
		Terms: terms, RecordEpoch: l.known.Epoch.Number, Client: license.Client{Name: "studio", Hostname: machine},
		Holder: license.Holder{UserID: userID, HardwareID: machine},
	}
}

// ask acquires on what this instance knows.
func (l *limiting) ask(userID, machine string) (ledger.Hold, error) {
	return l.Acquire(l.Context(), user(userID), l.wish(userID, machine), signed)
}

// acquire does what the function does: it reads anew what is outdated.
func (l *limiting) acquire(userID, machine string) (ledger.Hold, error) {
	h, err := l.ask(userID, machine)
	if errors.Is(err, record.ErrOutdated) {
		l.learn()
		h, err = l.ask(userID, machine)
	}
	return h, err
}

// grab takes as many seats as a user gets, and is them and the refusal.
func (l *limiting) grab(userID string, tries int) (got []ledger.Hold, refusal *license.NoSeatsError) {
	l.Helper()
	for i := range tries {
		h, err := l.acquire(userID, fmt.Sprint("invented-", i))
		switch full, ok := errors.AsType[*license.NoSeatsError](err); {
		case ok:
			refusal = full
		case err != nil:
			l.Fatal(err)
		default:
			got = append(got, h)
		}
	}
	return got, refusal
}

// TestGuardNobodyTakesAllSeats: of 200 seats a user has as many as the license lets one
// have, whatever machines it invents, also after a loss; the others find theirs.
func TestGuardNobodyTakesAllSeats(t *testing.T) {
	for name, open := range limitings() {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			l.sell(3)
			l.learn()
			got, refusal := l.grab("eve", 200)
			if len(got) != 3 || refusal == nil || refusal.Limit != license.LimitUser || refusal.Used != 3 || refusal.Max != 3 || refusal.RetryAfter <= 0 {
				t.Fatalf("%d seats, %+v", len(got), refusal)
			}
			for i := range 3 {
				if _, err := l.acquire(fmt.Sprint("user-", i), "hw"); err != nil {
					t.Errorf("somebody else: %v", err)
				}
			}
			if again, err := l.acquire("eve", "invented-1"); err != nil || again.ID != got[1].ID {
				t.Errorf("one's own again: %+v, %v", again.Session, err)
			}
			l.lose()
			if more, refusal := l.grab("eve", 9); len(more) != 3 || refusal == nil || refusal.Limit != license.LimitUser {
				t.Errorf("after a loss %d seats, %+v", len(more), refusal)
			}
			if err := l.Release(t.Context(), user("eve"), got[0].ID); err != nil {
				t.Fatal(err)
			}
			if _, err := l.acquire("eve", "new"); err != nil {
				t.Errorf("in place of a session given back: %v", err)
			}
			if _, err := l.acquire("eve", "newer"); !errors.As(err, new(*license.NoSeatsError)) {
				t.Errorf("one more: %v", err)
			}
		})
	}
}

// TestTheUsersOwnSessionsAreTold with the refusal: the newest, as they are known, and none
// of anybody else's.
func TestTheUsersOwnSessionsAreTold(t *testing.T) {
	for name, open := range limitings() {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			l.sell(12)
			if _, err := l.acquire("bob", "bobs"); err != nil {
				t.Fatal(err)
			}
			got, refusal := l.grab("ann", 13)
			if len(got) != 12 || refusal == nil || len(refusal.Own) != license.MaxOwnSessions || refusal.LicenseID != "pro" {
				t.Fatalf("%d seats, %+v", len(got), refusal)
			}
			mine := map[string]ledger.Hold{}
			for _, h := range got {
				mine[h.ID] = h
			}
			for _, s := range refusal.Own {
				h, ok := mine[s.ID]
				if !ok || s.Client.Hostname != h.HardwareID || !s.AcquiredAt.Equal(h.AcquiredAt) || s.LastHeartbeatAt.Before(h.AcquiredAt) {
					t.Errorf("%+v is not one of ann's", s)
				}
			}
		})
	}
}

// TestOwnSessionsThatCannotBeFoundOut are left out, and the refusal stays one.
func TestOwnSessionsThatCannotBeFoundOut(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	l := limitingOver(t, p.Protocol, w.record, w.model.Lose)
	l.sell(1)
	if _, err := l.acquire("ann", "hw"); err != nil {
		t.Fatal(err)
	}
	for method, fail := range map[string]error{"OwnSessions": recordAway(), "Look": ledgertest.Outage()} {
		w.failing(only(method, fail))
		_, refusal := l.grab("ann", 1)
		if refusal == nil || refusal.Limit != license.LimitUser {
			t.Fatalf("without %s: %+v", method, refusal)
		}
		if method == "OwnSessions" && refusal.Own != nil {
			t.Errorf("without the record: %+v", refusal.Own)
		}
		if method == "Look" && (len(refusal.Own) != 1 || !refusal.Own[0].LastHeartbeatAt.IsZero()) {
			t.Errorf("without the ledger: %+v", refusal.Own)
		}
	}
}

func recordAway() error {
	return &license.UnavailableError{Backend: "firestore", Err: errors.New("away")}
}

// TestGuardANewLimitCountsWhoIsThere: sessions from before a license limits its users live
// on, and count from then on; without the limit nobody is refused for them.
func TestGuardANewLimitCountsWhoIsThere(t *testing.T) {
	for name, open := range limitings() {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			got, _ := l.grab("eve", 5)
			l.sell(3)
			for _, h := range got {
				if _, err := l.Heartbeat(t.Context(), user("eve"), ledger.Heartbeat{SessionID: h.ID, RecordEpoch: l.known.Epoch.Number}); err != nil {
					t.Fatalf("a session from before the limit: %v", err)
				}
			}
			if _, err := l.acquire("eve", "more"); !isLimit(err, 5) {
				t.Fatalf("with five there: %v", err)
			}
			for _, h := range got[:2] {
				if err := l.Release(t.Context(), user("eve"), h.ID); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.acquire("eve", "more"); !isLimit(err, 3) {
				t.Fatalf("with three there: %v", err)
			}
			l.sell(4) // a number alone is told with the next acquire
			if _, err := l.acquire("eve", "more"); err != nil {
				t.Fatalf("with a limit of four: %v", err)
			}
			l.sell(0)
			if more, refusal := l.grab("eve", 9); len(more) != 9 {
				t.Fatalf("without a limit %d seats, %+v", len(more), refusal)
			}
		})
	}
}

func isLimit(err error, used int) bool {
	full, ok := errors.AsType[*license.NoSeatsError](err)
	return ok && full.Limit == license.LimitUser && full.Used == used
}

// TestGuardOlderTermsGrantNothing: an instance that has not heard of the limit yet, and
// whose grants nobody would count, is told so, and leaves nothing.
func TestGuardOlderTermsGrantNothing(t *testing.T) {
	for name, open := range limitings() {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			if _, err := l.acquire("eve", "first"); err != nil {
				t.Fatal(err)
			}
			before := l.known
			l.sell(1)
			if _, err := l.acquire("eve", "second"); !isLimit(err, 1) {
				t.Fatalf("on the new terms: %v", err)
			}
			now := l.known
			l.known = before
			if h, err := l.ask("eve", "second"); !errors.Is(err, record.ErrOutdated) {
				t.Fatalf("on the old terms: %+v, %v", h.Session, err)
			}
			l.known = now
			if n, err := l.record.CountActive(t.Context(), license.ServiceCaller(acme)); err != nil || n != 1 {
				t.Errorf("%d sessions are recorded, %v", n, err)
			}
			if _, err := l.acquire("eve", "third"); !isLimit(err, 1) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestGuardASeatOfOlderTermsIsNotTakenOver: a request on older terms dies before it has
// recorded its session. The holder's next one would record it, and nobody would count it.
func TestGuardASeatOfOlderTermsIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	sound := limitingOver(t, w.pool(nil).Protocol, w.record, w.model.Lose)
	if _, err := sound.acquire("eve", "first"); err != nil {
		t.Fatal(err)
	}
	dying := *sound
	dying.Protocol = w.pool(crashAt(seats.StepReserved)).Protocol
	sound.sell(2)
	if err := beatAll(t, sound); err != nil { // the ledger counts as the license says
		t.Fatal(err)
	}
	if _, err := dying.ask("eve", "second"); !errors.Is(err, errCrash) {
		t.Fatalf("%v, want the crash", err)
	}
	second, err := sound.acquire("eve", "second")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sound.acquire("eve", "third"); !isLimit(err, 2) {
		t.Errorf("a third session beside a limit of two: %v", err)
	}
	if again, err := sound.acquire("eve", "second"); err != nil || again.ID != second.ID {
		t.Errorf("the second again: %+v, %v", again.Session, err)
	}
	w.sound(2)
}

// beatAll has the ledger of the organization looked at with what the instance knows.
func beatAll(t *testing.T, l *limiting) error {
	t.Helper()
	_, err := l.Heartbeat(t.Context(), user("nobody"), ledger.Heartbeat{SessionID: "0199aaaa-0000-7000-8000-000000000001", RecordEpoch: l.known.Epoch.Number})
	if errors.Is(err, license.ErrSessionNotFound) {
		return nil
	}
	return err
}

// TestGuardNobodyIsDisplacedOnOlderTerms: an instance that has not heard that the limit is
// gone finds its holder's session, which no user's pool counts. It stays who it is.
func TestGuardNobodyIsDisplacedOnOlderTerms(t *testing.T) {
	for name, open := range limitings() {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			l.sell(1)
			limited := l.known
			l.sell(0)
			held, err := l.acquire("eve", "first")
			if err != nil {
				t.Fatal(err)
			}
			other := *l
			other.Protocol, other.known = l.beside(), limited
			if h, err := other.ask("eve", "first"); !errors.Is(err, record.ErrOutdated) {
				t.Fatalf("on the old terms: %+v, %v", h.Session, err)
			}
			if _, err := l.Heartbeat(t.Context(), user("eve"), ledger.Heartbeat{SessionID: held.ID}); err != nil {
				t.Fatalf("the session that was held: %v", err)
			}
			if h, err := other.acquire("eve", "first"); err != nil || h.ID != held.ID {
				t.Errorf("afterwards: %+v, %v, want %s", h.Session, err, held.ID)
			}
		})
	}
}

// TestGuardStagedUnderItsOwnEpoch: a rebuild dies when it has staged everything, and a
// license comes to limit its users. Whoever goes on under the epoch that this opens stages
// all of it anew.
func TestGuardStagedUnderItsOwnEpoch(t *testing.T) {
	const sessions = 1000 // more than a page
	w := newWorld(t)
	l := limitingOver(t, w.pool(nil).Protocol, w.record, w.model.Lose)
	l.seats = 2 * sessions
	recordedOnly(w, sessions)
	if _, err := w.pool(crashAt(seats.StepStaged)).Reap(t.Context(), acme); !errors.Is(err, errCrash) {
		t.Fatalf("%v, want the crash", err)
	}
	l.sell(1)
	w.model.Advance(ledger.RebuildLease(sessionTTL))
	w.pool(nil).reap()
	w.sound(sessions)
	if _, err := l.acquire("u-7", "another"); !isLimit(err, 1) {
		t.Errorf("beside a session that was staged before: %v", err)
	}
}

// TestADamagedLicenseCountsEverybody: while the licenses cannot be read a rebuild counts
// each session for its user, and nobody is missing once they can be.
func TestADamagedLicenseCountsEverybody(t *testing.T) {
	w := newWorld(t)
	l := limitingOver(t, w.pool(nil).Protocol, w.record, w.model.Lose)
	l.sell(2)
	_, _ = l.grab("eve", 2)
	w.model.Lose()
	w.failing(only("Licenses", errors.New("a field is of another type")))
	if _, err := l.acquire("bob", "hw"); err != nil {
		t.Fatal(err)
	}
	w.failing(nil)
	if _, err := l.acquire("eve", "more"); !isLimit(err, 2) {
		t.Errorf("once the license is mended: %v", err)
	}
}

// TestARefusedUserIsNoFullLicense: refusals by the limit of users are counted by its name.
func TestARefusedUserIsNoFullLicense(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	l := limitingOver(t, p.Protocol, w.record, w.model.Lose)
	l.sell(1)
	_, _ = l.grab("ann", 4)
	p.reap()
	if got := w.usage(); got.Denials() != 3 || got.Denied[string(license.LimitUser)] != 3 || got.Refused() != 0 || got.Grants() != 1 {
		t.Errorf("%+v", got)
	}
}
