package properties_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/ledger/ledgertest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// twins does the same to a model and to a Redis ledger and compares every answer.
type twins struct {
	*rapid.T
	model *ledgertest.Model
	redis ledger.Ledger
	// move advances all clocks, step those of the two servers alone; lose and
	// promote do that to both servers.
	move, step, lose, promote func(time.Duration)
	// settled is asked after each call whether it came at the time it was meant to.
	settled   func() bool
	tolerance time.Duration

	sessions []license.Session // every one there was, to name again
	nonces   map[string]nonces // by organization, as last asked for
	epochs   map[string]license.Epoch
}

// nonces are the two ledgers' names for one rebuild.
type nonces struct{ model, redis string }

func TestEmbeddedRedisEqualsTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const sessionTTL, tokenTTL = time.Minute, 2 * time.Minute
		f := ledgertest.Fake(t)
		defer f.Close()
		c := ledgertest.Client(t, f.Addr())
		defer func() { _ = c.Close() }()
		now, err := c.Time(t.Context()).Result()
		if err != nil {
			rt.Fatal(err)
		}
		m := ledgertest.NewModel(now, sessionTTL, tokenTTL)
		r := ledgertest.NewRedisAt(t, c, "", sessionTTL, tokenTTL, m.CallersNow)
		newTwins(rt, m, r, twins{
			move:    func(d time.Duration) { m.Advance(d); f.Advance(d) },
			step:    func(d time.Duration) { m.Step(d); f.Advance(d) },
			lose:    func(time.Duration) { m.Lose(); f.Lose() },
			promote: func(time.Duration) { m.Promote(); f.Promote() },
			settled: func() bool { return true },
		}).run([]time.Duration{0, 0, 0, time.Millisecond, 10 * time.Second, 30 * time.Second, sessionTTL, 25 * time.Minute})
	})
}

// TestRedisServerEqualsTheModel runs on a clock that cannot stand still: every
// call is made at a whole second, no bound ever is, and a call that came late
// (the machine stalled) makes the case void.
func TestRedisServerEqualsTheModel(t *testing.T) {
	addr := servers.SharedRedis(t)
	rapid.Check(t, func(rt *rapid.T) {
		const sessionTTL, tokenTTL = 60*time.Second + 500*time.Millisecond, 181 * time.Second
		const late = 400 * time.Millisecond
		s, _ := ledgertest.OpenShifted(t, sessionTTL, tokenTTL, addr)
		defer s.Lose()
		now := s.Now()
		m := ledgertest.NewModel(now, sessionTTL, tokenTTL)
		newTwins(rt, m, s, twins{
			tolerance: late,
			move: func(d time.Duration) {
				m.Advance(d + time.Second)
				s.SetNow(m.Now())
			},
			step:    func(d time.Duration) { m.Step(d); s.Step(d) },
			lose:    func(time.Duration) { m.Lose(); s.Lose() },
			promote: func(time.Duration) { m.Promote(); s.Promote() },
			settled: func() bool { return s.Now().Sub(m.Now()) < late },
		}).run([]time.Duration{0, 0, 0, 10 * time.Second, 30 * time.Second, 60 * time.Second})
	})
}

func newTwins(t *rapid.T, m *ledgertest.Model, r ledger.Ledger, w twins) *twins {
	w.T, w.model, w.redis = t, m, r
	w.nonces, w.epochs = map[string]nonces{}, map[string]license.Epoch{}
	return &w
}

func (w *twins) run(moves []time.Duration) {
	actions := []struct {
		weight int
		do     func()
	}{
		{8, w.reserve},
		{5, w.beat},
		{2, w.mark},
		{4, w.remove},
		{3, w.visit},
		{1, w.known},
		{1, w.look},
		{1, w.count},
		{3, w.rebuild},
		{1, w.stage},
		{2, w.claim},
		{1, w.forget},
		{1, w.clear},
		{1, w.schedule},
		{1, w.reschedule},
		{1, w.due},
		{2, w.tally},
		{1, w.tallyDead},
		{1, w.stepClock},
		{1, func() { w.fault(moves) }},
	}
	var weighted []int
	for i, a := range actions {
		weighted = append(weighted, slices.Repeat([]int{i}, a.weight)...)
	}
	for _, org := range orgs {
		w.rebuildOf(org)
	}
	for range rapid.IntRange(5, 60).Draw(w.T, "calls") {
		w.move(pick(w, "pause", moves...))
		actions[pick(w, "call", weighted...)].do()
		if !w.settled() {
			w.Skip("the machine stalled")
		}
	}
}

var orgs = []string{"acme", "globex"}

func pick[V any](w *twins, label string, values ...V) V {
	return rapid.SampledFrom(values).Draw(w.T, label)
}

func (w *twins) caller() license.Caller {
	return license.Caller{OrganizationID: pick(w, "org", orgs...), UserID: pick(w, "user", "ann", "bob", "c,\t字")}
}

// id names a session there was, of any organization, or none.
func (w *twins) id() string {
	if len(w.sessions) == 0 || rapid.IntRange(0, 15).Draw(w.T, "unknown") == 0 {
		return "s-unknown"
	}
	return pick(w, "session", w.sessions...).ID
}

// tokenTTL is a license's own, or none: below, around and above the usual one.
func (w *twins) tokenTTL() time.Duration {
	return time.Duration(pick(w, "token ttl", 0, 0, 5, 70, 100, 1000)) * time.Second
}

// sessionID is like the service's own, or, every fifth, like none.
func sessionID(n int) string {
	if n%5 == 4 {
		return fmt.Sprintf("s-%03d", n)
	}
	return fmt.Sprintf("0199abcd-0000-7000-8000-%012d", n)
}

func (w *twins) reserve() {
	c := w.caller()
	r := ledger.Reservation{
		SessionID:   sessionID(len(w.sessions)),
		RecordEpoch: pick[int64](w, "record's epoch", 0, 1, 2), Request: pick(w, "request", "", "r1", "r2"),
		Holder: license.Holder{UserID: c.UserID, HardwareID: pick(w, "hardware", "hw", "a,b;c d%")},
	}
	if len(w.sessions) > 0 && rapid.IntRange(0, 9).Draw(w.T, "repeat") == 0 {
		last := w.sessions[len(w.sessions)-1]
		r.SessionID, r.Holder, c = last.ID, last.Holder, license.Caller{OrganizationID: last.OrganizationID, UserID: last.UserID}
	}
	r.Candidates = w.candidates(r.Holder)
	if id := r.Holder.LicenseID; id != "" && !slices.ContainsFunc(r.Candidates, func(c ledger.Candidate) bool { return c.LicenseID == id }) {
		r.Candidates[0].LicenseID, r.Candidates[0].Pools[0].Key = id, id // a repeat asks for what it asked for before
	}
	h := compare(w, c.OrganizationID, func(l ledger.Ledger) (ledger.Hold, error) { return l.Reserve(w.Context(), c, r) })
	if h.ID == sessionID(len(w.sessions)) {
		w.sessions = append(w.sessions, h.Session)
	}
}

// candidates are one license or several, in any order; some grant nothing.
func (w *twins) candidates(h license.Holder) []ledger.Candidate {
	ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"pro", "lab", "plus"}), 1, 3, rapid.ID[string]).Draw(w.T, "licenses")
	limit := rapid.IntRange(1, 4).Draw(w.T, "max of all")
	out := make([]ledger.Candidate, len(ids))
	for i, id := range ids {
		out[i] = ledger.Candidate{
			LicenseID: id, Pools: w.pools(id, h, limit), Closed: rapid.IntRange(0, 4).Draw(w.T, "closed") == 0,
			TokenTTL: w.tokenTTL(), TokenCap: rapid.IntRange(0, 6).Draw(w.T, "tokens"),
		}
	}
	return out
}

// pools are the license's and the organization's, and sometimes one more: the
// user's, at any place but the first.
func (w *twins) pools(licenseID string, h license.Holder, limit int) []ledger.Pool {
	out := []ledger.Pool{{Key: licenseID, Cap: rapid.IntRange(0, 3).Draw(w.T, "max")}, {Cap: limit}}
	if rapid.Bool().Draw(w.T, "a pool per user") {
		at := rapid.IntRange(1, 2).Draw(w.T, "place")
		own := ledger.Pool{Key: "of-" + url.PathEscape(h.UserID), Cap: rapid.IntRange(1, 2).Draw(w.T, "max of the user")}
		out = slices.Insert(out, at, own)
	}
	return out
}

func (w *twins) beat() {
	c := w.caller()
	q := ledger.Heartbeat{
		SessionID: w.id(), RecordEpoch: pick[int64](w, "record's epoch", 0, 1, 2),
		NoToken: rapid.IntRange(0, 4).Draw(w.T, "no token") == 0, TokenTTLs: map[string]time.Duration{},
	}
	for _, id := range []string{"pro", "lab"}[:rapid.IntRange(0, 2).Draw(w.T, "licenses with their own")] {
		if ttl := w.tokenTTL(); ttl > 0 {
			q.TokenTTLs[id] = ttl
		}
	}
	compare(w, c.OrganizationID, func(l ledger.Ledger) (ledger.Hold, error) { return l.Heartbeat(w.Context(), c, q) })
}

func (w *twins) mark() {
	c := w.caller()
	m := ledger.Mark{
		SessionID: w.id(), UserID: c.UserID, Own: license.EndReleased,
		Other: pick(w, "other", "", license.EndRevoked), Grant: pick[int64](w, "grant", 0, 0, 1, 2),
	}
	compare(w, c.OrganizationID, func(l ledger.Ledger) (ledger.Hold, error) {
		return l.Mark(w.Context(), c, m)
	})
}

func (w *twins) remove() {
	org, how := pick(w, "org", orgs...), pick(w, "how", ledger.IfEnding, ledger.IfEnding, ledger.BySession, ledger.IfUntouched)
	var holds []ledger.Hold
	for range rapid.IntRange(0, min(4, len(w.sessions))).Draw(w.T, "holds") {
		h := ledger.Hold{Session: pick(w, "session", w.sessions...), Grant: pick[int64](w, "grant", 1, 2)}
		if h.OrganizationID == org {
			holds = append(holds, h)
		}
	}
	if len(holds) == 0 {
		return // asks no server
	}
	compare(w, org, func(l ledger.Ledger) (int, error) {
		return l.Remove(w.Context(), license.ServiceCaller(org), how, holds...)
	})
}

func (w *twins) visit() {
	org, limit := pick(w, "org", orgs...), rapid.IntRange(1, 5).Draw(w.T, "limit")
	w.visitOf(org, limit)
}

func (w *twins) visitOf(org string, limit int) ledger.Visit {
	return compare(w, org, func(l ledger.Ledger) (ledger.Visit, error) {
		v, err := l.Visit(w.Context(), license.ServiceCaller(org), limit)
		v.Dead = slices.Repeat([]string{"dead"}, len(v.Dead)) // each has its own names
		return v, err
	})
}

func (w *twins) known() {
	org, list := pick(w, "org", orgs...), []string{w.id(), w.id()}
	compare(w, org, func(l ledger.Ledger) (ledger.Holdings, error) {
		return l.Known(w.Context(), license.ServiceCaller(org), list)
	})
}

func (w *twins) look() {
	org, list := pick(w, "org", orgs...), []string{w.id(), w.id()}
	compare(w, org, func(l ledger.Ledger) ([]ledger.Sight, error) {
		return l.Look(w.Context(), license.ServiceCaller(org), list)
	})
}

func (w *twins) count() {
	org, list := pick(w, "org", orgs...), []string{"", pick(w, "pool", "pro", "lab", "plus")}
	compare(w, org, func(l ledger.Ledger) ([]int, error) {
		return l.Count(w.Context(), license.ServiceCaller(org), list)
	})
}

func (w *twins) rebuild() { w.rebuildOf(pick(w, "org", orgs...)) }

// rebuildOf loads some of the sessions there were, if a rebuild is called for.
func (w *twins) rebuildOf(org string) {
	delete(w.nonces, org)
	w.visitOf(org, 1)
	if _, asked := w.nonces[org]; !asked {
		return
	}
	w.stageOf(org)
	w.load(org)
}

func (w *twins) stage() {
	org := pick(w, "org", orgs...)
	w.stageOf(org)
	if rapid.Bool().Draw(w.T, "load") {
		w.load(org)
	}
}

// stageOf stages under the nonce last asked for, which may be out of date.
func (w *twins) stageOf(org string) {
	c := ledger.Chunk{Part: rapid.IntRange(0, 15).Draw(w.T, "part"), Last: pick(w, "last", "", "3f-x")}
	for _, s := range w.sessions {
		if s.OrganizationID == org && rapid.Bool().Draw(w.T, "staged") {
			c.Members = append(c.Members, ledger.Member{Session: s, Pools: []string{s.LicenseID}, TokenTTL: w.tokenTTL()})
		}
	}
	compareErr(w, org, func(l ledger.Ledger) error {
		return l.Stage(w.Context(), license.ServiceCaller(org), w.nonce(l, org), w.next(org), c)
	})
	w.spendOf(org)
}

// spendOf adds tokens of some sessions there were, half way between two seconds.
func (w *twins) spendOf(org string) {
	var spent []ledger.Spent
	for _, s := range w.sessions {
		if s.OrganizationID == org && rapid.IntRange(0, 3).Draw(w.T, "spent") == 0 {
			ends := w.model.Now().Add(time.Duration(pick(w, "ends", 5, 70, 100))*time.Second + 500*time.Millisecond)
			spent = append(spent, ledger.Spent{Holder: s.Holder, Pool: s.LicenseID, Ends: ends})
		}
	}
	if len(spent) == 0 {
		return // asks no server
	}
	compareErr(w, org, func(l ledger.Ledger) error {
		return l.Spend(w.Context(), license.ServiceCaller(org), w.nonce(l, org), w.next(org), spent)
	})
}

func (w *twins) load(org string) {
	loaded := compareErr(w, org, func(l ledger.Ledger) error {
		return l.Load(w.Context(), license.ServiceCaller(org), w.nonce(l, org), w.next(org))
	})
	if loaded {
		w.epochs[org] = w.next(org)
	}
}

// next is the epoch of the rebuild last asked for: the same on both, so that
// their answers can be compared.
func (w *twins) next(org string) license.Epoch {
	return license.Epoch{Number: w.epochs[org].Number + 1, Nonce: w.nonces[org].model}
}

func (w *twins) nonce(l ledger.Ledger, org string) string {
	if l == w.redis {
		return w.nonces[org].redis
	}
	return w.nonces[org].model
}

// claim takes, or gives back, the lease on the rebuild last asked for.
func (w *twins) claim() {
	org, owner := pick(w, "org", orgs...), pick(w, "owner", "one", "another")
	if rapid.IntRange(0, 3).Draw(w.T, "give back") == 0 {
		compareErr(w, org, func(l ledger.Ledger) error {
			return l.Disclaim(w.Context(), license.ServiceCaller(org), w.nonce(l, org), owner)
		})
		return
	}
	compare(w, org, func(l ledger.Ledger) (string, error) {
		c, err := l.Claim(w.Context(), license.ServiceCaller(org), w.nonce(l, org), owner)
		return fmt.Sprint(c.Held, " ", c.Staged), err
	})
}

func (w *twins) forget() {
	org := pick(w, "org", orgs...)
	epoch := w.epochs[org]
	epoch.Number += pick[int64](w, "epoch", 0, 0, 1, -1)
	compareErr(w, org, func(l ledger.Ledger) error { return l.Forget(w.Context(), license.ServiceCaller(org), epoch) })
}

func (w *twins) clear() {
	org := pick(w, "org", orgs...)
	compareErr(w, org, func(l ledger.Ledger) error {
		v, err := l.Visit(w.Context(), license.ServiceCaller(org), 1)
		for _, g := range v.Dead {
			err = errors.Join(err, l.Clear(w.Context(), license.ServiceCaller(org), g))
		}
		return err
	})
}

// tally compares what was counted, to the millisecond, and has what is closed forgotten.
// On a clock that cannot stand still there is nothing to compare.
func (w *twins) tally() {
	if w.tolerance > 0 {
		return
	}
	org, limit, file := pick(w, "org", orgs...), rapid.IntRange(1, 3).Draw(w.T, "limit"), rapid.Bool().Draw(w.T, "file")
	compare(w, org, func(l ledger.Ledger) (ledger.Tally, error) {
		t, err := l.Tally(w.Context(), license.ServiceCaller(org), "", "", limit)
		if err == nil && file {
			err = l.Tallied(w.Context(), license.ServiceCaller(org), t.Generation, t.Meters)
		}
		t.Generation, t.Last = "", "" // each has its own names and positions
		return t, err
	})
}

// tallyDead compares what the generations before have counted, in any order.
func (w *twins) tallyDead() {
	if w.tolerance > 0 {
		return
	}
	org := pick(w, "org", orgs...)
	compare(w, org, func(l ledger.Ledger) ([]string, error) {
		v, err := l.Visit(w.Context(), license.ServiceCaller(org), 1)
		var told []string
		for _, dead := range v.Dead {
			t, failed := l.Tally(w.Context(), license.ServiceCaller(org), dead, "", 10)
			err = errors.Join(err, failed)
			told = append(told, fmt.Sprintf("%+v", t.Meters))
		}
		slices.Sort(told)
		return told, err
	})
}

func (w *twins) schedule() {
	now, org := rapid.Bool().Draw(w.T, "now"), pick(w, "org", orgs...)
	compareErr(w, org, func(l ledger.Ledger) error { return l.Schedule(w.Context(), now, org) })
}

func (w *twins) reschedule() {
	org := pick(w, "org", orgs...)
	v := w.visitOf(org, 1)
	if v.Now.IsZero() {
		return
	}
	compare(w, org, func(l ledger.Ledger) (bool, error) { return l.Reschedule(w.Context(), org, v) })
}

func (w *twins) due() {
	seed := rapid.Bool().Draw(w.T, "seed")
	compare(w, orgs[0], func(l ledger.Ledger) (ledger.Due, error) {
		var all ledger.Due
		for shard := range l.DueShards() {
			d, err := l.Due(w.Context(), shard, 10)
			if err == nil && seed {
				err = l.Filled(w.Context(), shard, d.Identity)
			}
			if err != nil {
				return all, err
			}
			all.Fresh = all.Fresh || d.Fresh
			all.Organizations = append(all.Organizations, d.Organizations...)
		}
		slices.Sort(all.Organizations)
		return all, nil
	})
}

// stepClock sets the servers' clock wrong, unseen or seen, or right again.
func (w *twins) stepClock() {
	wrong := w.model.Now().Sub(w.model.CallersNow())
	w.step(pick(w, "clock", 0, 10*time.Second, -10*time.Second, 5*time.Minute, -5*time.Minute) - wrong)
}

func (w *twins) fault(moves []time.Duration) {
	if rapid.Bool().Draw(w.T, "lose") {
		w.lose(0)
	} else {
		w.promote(0)
	}
	w.move(moves[0])
}
