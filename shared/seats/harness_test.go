package seats_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

var (
	seedCount = flag.Int("seeds", 25, "how many random fault runs")
	firstSeed = flag.Uint64("seed", 1, "the first run's seed")
)

// TestFaultHarness runs the protocol under random faults on the model, whose
// failovers lose any suffix of the writes.
func TestFaultHarness(t *testing.T) {
	for i := range *seedCount {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := ledgertest.NewModel(time.UnixMilli(1_800_000_000_000), sessionTTL, longTokens)
			harness(t, seed, 4000, backend{
				ledger: m, now: m.CallersNow, advance: m.Advance, step: m.Step, living: m.Living, holder: m.Holder,
				faults:      map[string]func(){"lose": m.Lose, "promote": m.Promote, "replicate": m.Replicate, "failover": m.Failover},
				losesWrites: map[string]bool{"lose": true, "failover": true},
			})
		})
	}
}

// TestFaultHarnessOnScripts does the same with the scripts on the embedded Redis.
func TestFaultHarnessOnScripts(t *testing.T) {
	for i := range max(1, *seedCount/25) {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			f := ledgertest.Fake(t)
			now := f.Now()
			callers := func() time.Time { return now }
			harness(t, seed, 2000, backend{
				ledger: ledgertest.NewRedisAt(t, ledgertest.Client(t, f.Addr()), "", sessionTTL, longTokens, callers),
				now:    callers, step: f.Advance,
				advance: func(d time.Duration) {
					f.Advance(d)
					now = now.Add(d)
				},
				faults:      map[string]func(){"lose": f.Lose, "promote": f.Promote},
				losesWrites: map[string]bool{"lose": true},
			})
		})
	}
}

// Two organizations with two licenses of one product each; the caps are tight.
const (
	capLicense      = 2
	capOrganization = 3
	usersPerLicense = 2
	usersOfEither   = 2
	// longTokens outlive their sessions once these were held for some time.
	longTokens = time.Hour
)

// customers is what the clients know, and what they were promised.
type customers struct {
	clients []*holder
	missed  map[string]bool // releases that were acknowledged and that the record missed
	// finished are sessions whose end was announced: a 410, or a release acknowledged.
	finished map[string]bool
	// undone are those that a loss of the ledger has taken back: such a session
	// lives for one more TTL, and its seat is taken for so long.
	undone map[string]bool
	losses int // of writes of the ledger
	// givenUp are sessions somebody asked to end.
	givenUp map[string]bool
	told    map[string]string // every session ever told, with its organization
	over    map[string]bool   // organizations whose license pro has run out
	// tokens are the ends of all tokens ever made, by license and machine: everybody
	// keeps what it was given. handover is that of each license.
	tokens   map[string]map[string]time.Time
	handover int
	// limited has the organizations whose license pro limits its users, with the sessions
	// that were active when it came to.
	limited map[string]map[string]bool
}

// holder is one holder: a program on a machine.
type holder struct {
	org, user string
	// license is what it names; empty: it takes a seat of whichever has one.
	license string
	// session is what it holds until the time it was told last, and of which
	// license; empty: nothing.
	session, of string
	until       time.Time
	// thief comes with another machine whenever it holds nothing: this is its number. It
	// does one thing at a time, or it would not know which machine has its seat.
	thief, busy bool
	machine     int
}

func newCustomers() *customers {
	c := &customers{missed: map[string]bool{}, finished: map[string]bool{}, undone: map[string]bool{}, givenUp: map[string]bool{}, told: map[string]string{}, over: map[string]bool{}, tokens: map[string]map[string]time.Time{}, limited: map[string]map[string]bool{}}
	for _, org := range customerIDs() {
		for _, lic := range []string{"pro", "lab"} {
			for u := range usersPerLicense {
				c.clients = append(c.clients, &holder{org: org, license: lic, user: fmt.Sprint("u", u)})
			}
		}
		for u := range usersOfEither {
			c.clients = append(c.clients, &holder{org: org, user: fmt.Sprint("either", u)})
		}
		c.clients = append(c.clients, &holder{org: org, license: "pro", user: "thief", thief: true})
		for machine := range 2 {
			c.clients = append(c.clients, &holder{org: org, license: "pro", user: "hog", machine: machine})
		}
	}
	return c
}

func (c *holder) caller() license.Caller {
	return license.Caller{OrganizationID: c.org, UserID: c.user, Role: license.RoleMember}
}

// request is on the terms of this moment, but for the limit of users, which is as the
// instance knows it. Of two licenses the one that ends first is tried first, unless it
// is over; who names one is granted it all the same.
func (s *sim) request(p *simPool, c *holder) seats.Request {
	now, known := s.backend.now(), p.known[c.org]
	org := license.Organization{ID: c.org, MaxConcurrentSeats: capOrganization, Status: license.StatusActive}
	lic := func(id string, ends time.Time) license.License {
		sold, _ := known.License(id)
		sold.ExpiresAt, sold.Handover = ends, &s.handover
		return sold
	}
	r := seats.Request{RecordEpoch: known.Epoch.Number, Terms: license.NewTerms(org, lic(c.license, time.Time{}), c.user), Holder: license.Holder{UserID: c.user, HardwareID: fmt.Sprint("hw-", c.machine)}}
	if c.license == "" {
		ends := now.Add(time.Hour)
		if s.over[c.org] {
			ends = now
		}
		bought := license.Entitlements{Organization: org, Licenses: []license.License{lic("lab", time.Time{}), lic("pro", ends)}}
		var err error
		if r.Terms, err = license.Decide(bought, c.caller(), license.Request{Product: "studio"}, now); err != nil {
			s.broken("%s has no terms: %v", c, err)
		}
	}
	return r
}

func (c *holder) String() string { return c.org + "/" + c.license + "/" + c.user }

// certain says that the client holds this session for sure: told so, in time,
// and nobody asked to end it.
func (s *sim) certain(c *holder, session string) bool {
	return session != "" && c.session == session && s.backend.now().Before(c.until) && !s.givenUp[session]
}

func harness(t *testing.T, seed uint64, moves int, b backend) {
	s := newSim(t, seed, b)
	s.handover = s.IntN(3)
	for range moves {
		s.move()
		s.check()
	}
	s.clockIsRight()
	s.drain()
	s.settle()
}

// move is one thing that happens in the world.
func (s *sim) move() {
	switch n := s.IntN(1000); {
	case n < 850:
		s.resume()
	case n < 980:
		s.someOperation()
	case n < 981:
		s.limit(customerIDs()[s.IntN(2)])
	case n < 995:
		d := time.Duration(s.Int64N(int64(sessionTTL / 4)))
		if s.IntN(8) == 0 {
			d = sessionTTL + time.Duration(s.IntN(2))
		}
		s.note("time passes: %s", d)
		s.backend.advance(d)
	case n < 996:
		org := customerIDs()[s.IntN(2)]
		s.over[org] = !s.over[org]
		s.note("pro of %s is over: %t", org, s.over[org])
	case n < 997 && s.stepped == 0:
		s.stepClock()
	case s.stepped != 0 && n < 999:
		s.clockIsRight()
	default:
		s.fault()
	}
}

// stepClock sets the server's clock wrong, by so little that nobody sees it or by
// so much that everybody does.
func (s *sim) stepClock() {
	d := time.Duration(s.Int64N(int64(ledgertest.ClockTolerance)))
	if s.IntN(2) == 0 {
		d = ledgertest.ClockTolerance + time.Duration(s.Int64N(int64(3*sessionTTL)))
	}
	if s.IntN(2) == 0 {
		d = -d
	}
	s.stepped = d.Truncate(time.Millisecond)
	s.note("FAULT: the server's clock steps by %s", s.stepped)
	s.backend.step(s.stepped)
}

func (s *sim) clockIsRight() {
	s.note("the server's clock is right again")
	s.backend.step(-s.stepped)
	s.stepped = 0
}

func (s *sim) fault() {
	var names []string
	for name := range s.backend.faults {
		names = append(names, name)
	}
	slices.Sort(names)
	name := names[s.IntN(len(names))]
	s.note("FAULT: %s", name)
	s.backend.faults[name]()
	if !s.backend.losesWrites[name] {
		return
	}
	s.losses++
	for id := range s.missed {
		if r, err := s.look(s.Context(), s.told[id], id); err != nil || r.Status != license.SessionEnded {
			s.undone[id] = true
		}
	}
}

func (s *sim) someOperation() {
	c := s.clients[s.IntN(len(s.clients))]
	switch n := s.IntN(100); {
	case n < 35:
		s.acquire(c)
	case n < 75 && c.session != "":
		s.beat(c)
	case n < 88 && c.session != "":
		s.release(c)
	case n < 97:
		s.operate("reap "+c.org, func(ctx context.Context, p *simPool) error {
			_, err := p.Reap(ctx, c.org)
			return s.expected(err)
		})
	default:
		s.operate("sweep "+c.org, func(ctx context.Context, p *simPool) error {
			_, err := p.Sweep(ctx, c.org)
			return s.expected(err)
		})
	}
}

// expected passes the errors that faults explain.
func (s *sim) expected(err error) error {
	var down *license.UnavailableError
	if err != nil && !errors.As(err, &down) && !errors.Is(err, errCrash) && !errors.Is(err, errUnsigned) {
		s.broken("unexpected: %v", err)
	}
	return err
}

func (s *sim) acquire(c *holder) {
	before, asked := c.session, s.backend.now()
	if c.busy {
		return
	}
	if c.thief && before == "" {
		c.machine++
	}
	finished := maps.Clone(s.finished)
	started := s.operate("acquire "+c.String(), func(ctx context.Context, p *simPool) error {
		defer func() { c.busy = false }()
		if s.IntN(4) == 0 {
			s.learn(p, c.org) //nolint:contextcheck // the memory answers at once
		}
		h, err := s.take(ctx, p, c)
		// Again, if a request on older terms was quicker, or a loss took the end back.
		for other, ok := errors.AsType[*seats.UnusableError](err); ok; other, ok = errors.AsType[*seats.UnusableError](err) {
			if err = s.leave(ctx, p, c, other.Hold); err == nil {
				h, err = s.take(ctx, p, c)
			}
		}
		held := s.certain(c, before)
		var full *license.NoSeatsError
		switch {
		case errors.As(err, &full):
			if held {
				s.broken("%s was refused the seat it holds", c)
			}
			return err
		case err != nil:
			return s.expected(err)
		case finished[h.ID] && !s.undone[h.ID]:
			s.broken("%s was granted %s, whose end had been announced", c, h.ID)
		case held && h.ID != before:
			s.broken("%s holds %s and was granted %s", c, before, h.ID)
		}
		s.told[h.ID] = c.org
		s.hold(c, h, asked)
		return nil
	})
	c.busy = c.thief && started
}

// take acquires on what the instance knows, and on what is true where that is outdated.
func (s *sim) take(ctx context.Context, p *simPool, c *holder) (ledger.Hold, error) {
	h, err := p.Acquire(ctx, c.caller(), s.request(p, c), s.sign(c))
	if errors.Is(err, record.ErrOutdated) {
		s.note("  %s on %d: outdated", c, p.id)
		s.learn(p, c.org) //nolint:contextcheck // the memory answers at once
		h, err = p.Acquire(ctx, c.caller(), s.request(p, c), s.sign(c))
	}
	return h, err
}

// sign stands in the place of the token: nothing may come here unrecorded.
func (s *sim) sign(c *holder) func(context.Context, ledger.Hold) error {
	return func(ctx context.Context, h ledger.Hold) error {
		if _, err := s.look(ctx, c.org, h.ID); err != nil {
			s.broken("a token for %s of %s, which is not recorded: %v", h.ID, c, err)
		}
		s.yield(ctx)
		if s.chance(5, 100) {
			return errUnsigned
		}
		s.tokenMade(c.org, h)
		return nil
	}
}

// tokenMade notes a token, which its machine keeps whatever becomes of the answer.
func (s *sim) tokenMade(org string, h ledger.Hold) {
	of, machine := org+"/"+h.LicenseID, h.UserID+" on "+h.HardwareID
	if s.tokens[of] == nil {
		s.tokens[of] = map[string]time.Time{}
	}
	if h.TokenExpiresAt.After(s.tokens[of][machine]) {
		s.tokens[of][machine] = h.TokenExpiresAt
	}
	if life := h.TokenExpiresAt.Sub(h.Now); life > license.TokenLife(h.Now.Sub(h.AcquiredAt), longTokens, 5*time.Minute) {
		s.broken("a token of %s for a session held for %s", life, h.Now.Sub(h.AcquiredAt))
	}
}

// goodOffline is how many machines have a token of the license that is good, by any
// clock that nobody can tell is wrong.
func (s *sim) goodOffline(of string) (good int) {
	for _, ends := range s.tokens[of] {
		if ends.After(s.backend.now().Add(ledgertest.ClockTolerance)) {
			good++
		}
	}
	return good
}

// look reads the record past all faults.
func (s *sim) look(ctx context.Context, org, id string) (license.Session, error) {
	return s.memory.Session(ctx, license.ServiceCaller(org), id)
}

// hold notes what a client was told.
func (s *sim) hold(c *holder, h ledger.Hold, asked time.Time) {
	// What it was told is how long its session lives from the answer on, which may
	// be long past; a clock that is wrong unseen takes some of it.
	until := asked.Add(h.ExpiresAt.Sub(h.Now) - ledgertest.ClockTolerance)
	if s.givenUp[h.ID] || !s.backend.now().Before(until) {
		return
	}
	if c.session != h.ID || until.After(c.until) {
		c.session, c.of, c.until = h.ID, h.LicenseID, until
	}
}

func (s *sim) beat(c *holder) {
	id, finished, asked := c.session, maps.Clone(s.finished), s.backend.now()
	s.operate("beat "+c.String()+" "+id, func(ctx context.Context, p *simPool) error {
		h, err := p.Heartbeat(ctx, c.caller(), ledger.Heartbeat{SessionID: id})
		var ended *license.SessionEndedError
		switch {
		case errors.As(err, &ended) || errors.Is(err, license.ErrSessionNotFound):
			if s.certain(c, id) {
				s.broken("%s holds %s and was told %v", c, id, err)
			}
			if r, lookErr := s.look(ctx, c.org, id); ended != nil && !s.givenUp[id] && r.Status != license.SessionEnded {
				s.broken("%s was told %v, its record is %q (%v)", c, err, r.Status, lookErr)
			}
			s.finish(c, id)
			return err
		case err != nil:
			return s.expected(err)
		case finished[id] && !s.undone[id]:
			s.broken("%s of %s lives after its end was announced", id, c)
		}
		if !h.TokenExpiresAt.IsZero() {
			s.tokenMade(c.org, h)
		}
		if c.session == id {
			s.hold(c, h, asked)
		}
		return nil
	})
}

func (s *sim) finish(c *holder, id string) {
	s.finished[id] = true
	if c.session == id {
		c.session = ""
	}
}

func (s *sim) release(c *holder) {
	id, caller := c.session, c.caller()
	if s.IntN(4) == 0 {
		caller.UserID, caller.Role = "boss", license.RoleAdmin
	}
	s.givenUp[id] = true
	losses := s.losses
	s.operate("release "+c.String()+" "+id, func(ctx context.Context, p *simPool) error {
		err := p.Release(ctx, caller, id)
		if err == nil {
			s.acknowledged(ctx, c, id, losses)
		}
		return s.expected(err)
	})
}

// acknowledged notes that the end which somebody asked for was acknowledged;
// losses are those before it was asked for.
func (s *sim) acknowledged(ctx context.Context, c *holder, id string, losses int) {
	s.finish(c, id)
	if r, err := s.look(ctx, c.org, id); err != nil || r.Status != license.SessionEnded {
		s.missed[id] = true
		s.undone[id] = s.losses != losses // the mark was lost before the answer
	}
}

// leave ends the session that a client has of a license that is over.
func (s *sim) leave(ctx context.Context, p *simPool, c *holder, hold ledger.Hold) error {
	losses := s.losses
	s.givenUp[hold.ID], s.told[hold.ID] = true, c.org
	err := p.Revoke(ctx, c.caller(), hold, license.EndLicenseExpired)
	if err == nil {
		s.acknowledged(ctx, c, hold.ID, losses)
	}
	return err
}

// check is what must hold at every moment.
func (s *sim) check() {
	held := map[string]map[string]bool{}
	add := func(key, session string) {
		if held[key] == nil {
			held[key] = map[string]bool{}
		}
		held[key][session] = true
	}
	for _, c := range s.clients {
		if s.certain(c, c.session) {
			add(c.org, c.session)
			add(c.org+"/"+c.of, c.session)
		}
	}
	for _, org := range customerIDs() {
		s.limitHolds(org)
		s.within(capOrganization, len(held[org]), org, "")
		for _, lic := range []string{"pro", "lab"} {
			s.within(capLicense, len(held[org+"/"+lic]), org, lic)
			if good := s.goodOffline(org + "/" + lic); good > capLicense*(1+s.handover) {
				s.broken("%d tokens of %s/%s are good, with %d seats and a handover of %d", good, org, lic, capLicense, s.handover)
			}
		}
		s.alone(org)
	}
}

// alone wants nobody to have sessions under two licenses at once.
func (s *sim) alone(org string) {
	if s.backend.living == nil || s.stepped != 0 {
		return
	}
	users := map[string]string{}
	for _, id := range s.backend.living(org, "") {
		h := s.backend.holder(org, id)
		if other := users[h.UserID]; other != "" && strings.HasPrefix(h.UserID, "either") {
			s.broken("%s/%s has the living sessions %s and %s", org, h.UserID, other, id)
		}
		users[h.UserID] = id
	}
}

func (s *sim) within(limit, held int, org, lic string) {
	if held > limit {
		s.broken("%d clients hold %d seats of %s/%s", held, limit, org, lic)
	}
	if s.backend.living == nil {
		return
	}
	if living := s.backend.living(org, lic); len(living) > limit && s.stepped == 0 {
		s.broken("%d sessions live in %d seats of %s/%s: %v", len(living), limit, org, lic, living)
	}
}

// settle lets everything expire and wants nothing left over: no active record,
// every session ever told recorded as ended, every seat free again.
func (s *sim) settle() {
	p, ctx := s.pools[0], context.Background()
	clear(s.over)
	for range 6 { // what was extended by a clock far ahead lives so much longer
		for _, org := range customerIDs() {
			_, reapErr := p.Reap(ctx, org)
			_, sweepErr := p.Sweep(ctx, org)
			if err := errors.Join(reapErr, sweepErr); err != nil {
				s.broken("settling %s: %v", org, err)
			}
		}
		s.backend.advance(sessionTTL)
	}
	for _, org := range customerIDs() {
		active, err := s.record.CountActive(ctx, license.ServiceCaller(org))
		h, ledgerErr := s.backend.ledger.Known(ctx, license.ServiceCaller(org), nil)
		v, visitErr := s.backend.ledger.Visit(ctx, license.ServiceCaller(org), 10)
		if err := errors.Join(err, ledgerErr, visitErr); err != nil || active != 0 || h.Held != 0 || len(v.Ending) != 0 {
			s.broken("%s is left with %d active records, %d sessions, %d ending, %v", org, active, h.Held, len(v.Ending), err)
		}
	}
	for id, org := range s.told {
		if r, err := s.look(s.Context(), org, id); err != nil || r.Status != license.SessionEnded || r.EndedReason == "" {
			s.broken("%s of %s is recorded as %q %q: %v", id, org, r.Status, r.EndedReason, err)
		}
	}
	s.backend.advance(longTokens) // who was not there before has a seat once all tokens have ended
	s.fillUp(ctx, p)
}

func (s *sim) fillUp(ctx context.Context, p *simPool) {
	granted := map[string]int{}
	for _, c := range s.clients {
		s.learn(p, c.org) //nolint:contextcheck // the memory answers at once
		if _, err := p.Acquire(ctx, c.caller(), s.request(p, c), signed); err == nil {
			granted[c.org]++
		}
	}
	for _, org := range customerIDs() {
		if granted[org] != capOrganization {
			s.broken("%s fills %d of its %d seats", org, granted[org], capOrganization)
		}
	}
}

func customerIDs() []string { return []string{"acme", "globex"} }
