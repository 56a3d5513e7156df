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

// handing is user's wish on a machine for one of limit seats that may pass on so often.
func handing(userID, machine string, limit, handover int) seats.Request {
	r := request(userID, limit)
	lic := r.Terms.Choices[0].License
	lic.Handover = &handover
	r.Terms = license.NewTerms(license.Organization{ID: acme, MaxConcurrentSeats: 1000, Status: license.StatusActive}, lic, userID)
	r.Holder.HardwareID = machine
	return r
}

// shop is a protocol over a ledger whose clock can be moved and which can be lost.
type shop struct {
	*testing.T
	*seats.Protocol
	advance func(time.Duration)
	now     func() time.Time
	lose    func()
}

// shops are the ledgers on which offline overselling is played.
func shops() map[string]func(t *testing.T) shop {
	shifted := func(addresses func(t *testing.T) []string) func(t *testing.T) shop {
		return func(t *testing.T) shop {
			s, _ := ledgertest.OpenShifted(t, sessionTTL, longTokens, addresses(t)...)
			return shop{t, realPool(t, s, record.NewMemory()), s.Advance, s.Now, s.Lose}
		}
	}
	return map[string]func(t *testing.T) shop{
		"model": func(t *testing.T) shop {
			m := ledgertest.NewModel(time.Now(), sessionTTL, longTokens)
			return shop{t, realPool(t, m, record.NewMemory()), m.Advance, m.Now, m.Lose}
		},
		"embedded": func(t *testing.T) shop {
			f := ledgertest.Fake(t)
			r := ledgertest.NewRedis(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, longTokens)
			return shop{t, realPool(t, r, record.NewMemory()), f.Advance, f.Now, f.Lose}
		},
		"redis-server": shifted(func(t *testing.T) []string { return []string{servers.SharedRedis(t)} }),
		"cluster":      shifted(func(t *testing.T) []string { return servers.RedisCluster(t) }),
	}
}

func (s shop) take(userID, machine string, limit, handover int) ledger.Hold {
	s.Helper()
	h, err := s.Acquire(s.Context(), user(userID), handing(userID, machine, limit, handover), signed)
	if err != nil {
		s.Fatalf("%s on %s: %v", userID, machine, err)
	}
	return h
}

func (s shop) giveBack(h ledger.Hold) {
	s.Helper()
	if err := s.Release(s.Context(), user(h.UserID), h.ID); err != nil {
		s.Fatal(err)
	}
}

// refusedFor wants a refusal by the tokens of earlier holders.
func (s shop) refusedFor(handover int, userID, machine string) *license.NoSeatsError {
	s.Helper()
	_, err := s.Acquire(s.Context(), user(userID), handing(userID, machine, 1, handover), signed)
	full, ok := errors.AsType[*license.NoSeatsError](err)
	if !ok || full.Limit != license.LimitHandover || full.Used != 1+handover || full.Max != 1+handover {
		s.Fatalf("%s on %s: %v, want a refusal for %d tokens", userID, machine, err, 1+handover)
	}
	return full
}

// TestAcquireKeepReleaseIsBounded: whoever takes one seat, keeps the token, gives the
// seat back and comes again as another machine has at most 1 + handover good tokens at
// once, of five minutes each, also across losses of the ledger.
func TestAcquireKeepReleaseIsBounded(t *testing.T) {
	for name, open := range shops() {
		for _, handover := range []int{0, 1, 10} {
			t.Run(fmt.Sprint(name, "/handover=", handover), func(t *testing.T) {
				s := open(t)
				var ends []time.Time
				most := 0
				for i := range 60 {
					if i%20 == 19 {
						s.lose()
					}
					h, err := s.Acquire(t.Context(), user("eve"), handing("eve", fmt.Sprint("hw-", i), 1, handover), signed)
					if err == nil {
						if life := h.TokenExpiresAt.Sub(h.Now); life > 5*time.Minute {
							t.Errorf("a token of %s", life)
						}
						ends = append(ends, h.TokenExpiresAt)
						s.giveBack(h)
					} else if full, ok := errors.AsType[*license.NoSeatsError](err); !ok || full.Limit != license.LimitHandover {
						t.Fatal(err)
					}
					most = max(most, goodAt(ends, s.now()))
					s.advance(10 * time.Second)
				}
				if most != 1+handover {
					t.Errorf("%d tokens were good at once, want %d", most, 1+handover)
				}
			})
		}
	}
}

func goodAt(ends []time.Time, now time.Time) (good int) {
	for _, e := range ends {
		if e.After(now) {
			good++
		}
	}
	return good
}

// TestTheSameHolderIsBackAtOnce, and others once its token has ended.
func TestTheSameHolderIsBackAtOnce(t *testing.T) {
	for name, open := range shops() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			first := s.take("ann", "hw", 1, 0)
			s.giveBack(first)
			full := s.refusedFor(0, "bob", "hw")
			if full.RetryAfter <= 4*time.Minute || full.RetryAfter > 5*time.Minute {
				t.Errorf("retry after %s, want when ann's token ends", full.RetryAfter)
			}
			again := s.take("ann", "hw", 1, 0)
			if again.Existing || again.ID == first.ID {
				t.Errorf("again = %+v, want a new session", again.Session)
			}
			s.giveBack(again)
			s.lose()
			_ = s.refusedFor(0, "bob", "hw")
			s.giveBack(s.take("ann", "hw", 1, 0))
			s.advance(5*time.Minute + time.Second)
			s.take("bob", "hw", 1, 0)
		})
	}
}

// TestAnHourHeldIsAnHourGood: the token of a session that was held for an hour rides out
// an outage of 59 minutes, and counts for as long once the session is over.
func TestAnHourHeldIsAnHourGood(t *testing.T) {
	for name, open := range shops() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			h := s.take("ann", "hw", 1, 0)
			var last ledger.Hold
			for range 30 {
				s.advance(2 * time.Minute)
				var err error
				if last, err = s.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: h.ID}); err != nil {
					t.Fatal(err)
				}
			}
			s.advance(59 * time.Minute)
			if !last.TokenExpiresAt.After(s.now()) {
				t.Errorf("the token ended %s ago", s.now().Sub(last.TokenExpiresAt))
			}
			_ = s.refusedFor(0, "bob", "hw")
			s.lose()
			_ = s.refusedFor(0, "bob", "hw")
			s.advance(time.Minute + time.Second)
			s.take("bob", "hw", 1, 0)
		})
	}
}

// TestGuardSpentOutlivesAFailover: the replica that takes over has not heard that a seat
// passed on; who has a good token is counted all the same.
func TestGuardSpentOutlivesAFailover(t *testing.T) {
	master, remembers := servers.Redis(t), record.NewMemory()
	open := func(addr string) shop {
		r := ledgertest.NewRedis(t, ledgertest.Client(t, addr), "", sessionTTL, longTokens)
		return shop{T: t, Protocol: realPool(t, r, remembers)}
	}
	before := open(master.Addr())
	before.giveBack(before.take("ann", "hw", 1, 1))
	replica := servers.RedisReplica(t, master)
	replica.Promote()
	before.giveBack(before.take("bob", "hw", 1, 1))
	master.Kill()
	after := open(replica.Addr())
	_ = after.refusedFor(1, "cid", "hw")
	after.take("ann", "hw", 1, 1)
}

// TestGuardSpentByTheEarlierClock: a ledger is rebuilt while its clock is far ahead. What
// that clock calls ended is good, and counts once the clock is right.
func TestGuardSpentByTheEarlierClock(t *testing.T) {
	m := ledgertest.NewModel(time.UnixMilli(1_800_000_000_000), sessionTTL, longTokens)
	p, err := seats.New(m, record.NewMemory(), seats.Options{SessionTTL: sessionTTL, Now: m.CallersNow})
	if err != nil {
		t.Fatal(err)
	}
	s := shop{T: t, Protocol: p}
	s.giveBack(s.take("ann", "hw", 1, 0))
	m.Step(2 * sessionTTL)
	m.Lose()
	var down *license.UnavailableError
	if _, err := p.Acquire(t.Context(), user("bob"), handing("bob", "hw", 1, 0), signed); !errors.As(err, &down) {
		t.Fatalf("under a wrong clock: %v", err)
	}
	m.Step(-2 * sessionTTL)
	_ = s.refusedFor(0, "bob", "hw")
}

// TestAFailedGrantSpendsNothing: nobody was answered with a token.
func TestAFailedGrantSpendsNothing(t *testing.T) {
	w := newWorld(t)
	p := w.pool(nil)
	if _, err := p.Acquire(t.Context(), user("ann"), handing("ann", "hw", 1, 0), unsigned); !errors.Is(err, errUnsigned) {
		t.Fatal(err)
	}
	w.model.Lose()
	s := shop{T: t, Protocol: p.Protocol}
	s.take("bob", "hw", 1, 0)
}

// TestWhatALicenseAllowsOffline is known to a rebuilt ledger too.
func TestWhatALicenseAllowsOffline(t *testing.T) {
	m := ledgertest.NewModel(time.UnixMilli(1_800_000_000_000), sessionTTL, longTokens)
	remembers := record.NewMemory()
	lic := license.License{ID: "pro", Product: "studio", MaxSeats: 1, Status: license.StatusActive, OfflineMax: 72 * time.Hour, Handover: new(0)}
	org := license.Organization{ID: acme, MaxConcurrentSeats: 9, Status: license.StatusActive}
	if err := errors.Join(
		remembers.PutOrganization(t.Context(), license.ServiceCaller(acme), org),
		remembers.PutLicense(t.Context(), license.ServiceCaller(acme), lic),
	); err != nil {
		t.Fatal(err)
	}
	p, err := seats.New(m, remembers, seats.Options{SessionTTL: sessionTTL, Now: m.Now})
	if err != nil {
		t.Fatal(err)
	}
	want := func(userID string) seats.Request {
		return seats.Request{Terms: license.NewTerms(org, lic, userID), Holder: license.Holder{UserID: userID, HardwareID: "hw"}}
	}
	h, err := p.Acquire(t.Context(), user("ann"), want("ann"), signed)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		m.Advance(5 * time.Minute)
		if _, err := p.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: h.ID, TokenTTLs: map[string]time.Duration{"pro": lic.OfflineMax}}); err != nil {
			t.Fatal(err)
		}
	}
	m.Lose()
	if err := p.Release(t.Context(), user("ann"), h.ID); err != nil {
		t.Fatal(err)
	}
	_, err = p.Acquire(t.Context(), user("bob"), want("bob"), signed)
	if full, ok := errors.AsType[*license.NoSeatsError](err); !ok || full.RetryAfter < 4*time.Hour || full.RetryAfter > 5*time.Hour {
		t.Errorf("bob: %v, want a refusal until ann's token of four hours ends", err)
	}
}
