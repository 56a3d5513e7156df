package storm_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/pace"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// The storms: 100,000 programs at a service of finite capacity, simulated event
// by event with the functions that the service and the programs really use:
// license.NextHeartbeat, web.RetryAfter and client/pace. Answers take no time.
const (
	clients  = 100_000 / scale
	interval = 2 * time.Minute
	ttl      = 6 * time.Minute
	// capacity is what the service can do, in heartbeats per second: three times
	// the steady 833, so that there is something to catch up with.
	capacity = 2500 / scale
	// acquireCost is what an acquire takes, in heartbeats: a transaction and a signature.
	acquireCost = 3
	// refusalCost is what a refusal takes: a crowd that is only refused costs, too.
	refusalCost = 0.05
)

// policy is how a program paces itself.
type policy struct {
	name      string
	heartbeat func(api.Session) time.Duration
	retry     func(failures int, retryAfter, left time.Duration, random float64) time.Duration
}

func documented() policy { return policy{"documented", pace.Heartbeat, pace.Retry} }

// fixed is what programs do without a word on pacing: an interval after each
// answer, and again five seconds after each failure.
func fixed() policy {
	return policy{
		"fixed",
		func(s api.Session) time.Duration { return time.Duration(s.HeartbeatIntervalSeconds) * time.Second },
		func(int, time.Duration, time.Duration, float64) time.Duration { return 5 * time.Second },
	}
}

// slotless backs off as documented but goes by heartbeat_interval_seconds.
func slotless() policy { return policy{"no slots", fixed().heartbeat, pace.Retry} }

// unhurried is the documented policy without regard to what is left of a session.
func unhurried() policy {
	return policy{"unhurried", pace.Heartbeat, func(failures int, retryAfter, _ time.Duration, random float64) time.Duration {
		return pace.Retry(failures, retryAfter, 0, random)
	}}
}

// scenario is what happens to the clients.
type scenario struct {
	name     string
	policy   policy
	capacity float64 // heartbeats per second; 0 is without end
	// outage begins after two quiet intervals; zero is none.
	outage time.Duration
	// parked clients are silent during the outage and all return in its last
	// millisecond; others go on trying.
	parked bool
	// start is over how long everybody acquires; zero: all hold seats at first.
	start time.Duration
}

// program is one client.
type program struct {
	session   license.Session // none while ID is empty
	failures  int
	next      int32 // in the calendar: index plus one
	alive     bool  // had a session at the return
	recovered bool  // was answered since the return
}

// storm is a run: a calendar with a list of programs for every millisecond.
type storm struct {
	scenario
	random   *rand.Rand
	programs []program
	calendar []int32 // first program of the millisecond, plus one
	now      int64   // ms
	returned int64   // ms: the end of the outage, or of nothing
	budget   float64 // what the service can do at once, at most a second's work
	refilled int64
	requests []int // per second
	alive    int   // sessions at the return
	lost     int   // of those, expired before their first answer
	answered int
	drained  int64 // ms: when the last was answered
}

const quiet = 2 * interval // before an outage

func epoch() time.Time            { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }
func at(ms int64) time.Time       { return epoch().Add(time.Duration(ms) * time.Millisecond) }
func (s *storm) clock() time.Time { return at(s.now) }

func run(sc scenario) *storm {
	s := &storm{scenario: sc, random: rand.New(rand.NewPCG(7, 11)), programs: make([]program, clients), budget: sc.capacity}
	if sc.start == 0 {
		s.returned = (quiet + sc.outage).Milliseconds()
	}
	end := s.returned + 3*interval.Milliseconds()
	s.calendar = make([]int32, end)
	s.requests = make([]int, end/1000)
	for i := range s.programs {
		s.programs[i].session.UserID = fmt.Sprintf("user-%d", i)
		if sc.start > 0 {
			s.schedule(i, time.Duration(s.random.Int64N(int64(sc.start))))
			continue
		}
		s.schedule(i, s.grant(i).Sub(epoch()))
	}
	for ; s.now < end; s.now++ {
		if s.now == s.returned {
			s.count()
		}
		for s.calendar[s.now] != 0 { // an immediate acquire joins the list
			i := s.calendar[s.now] - 1
			s.calendar[s.now] = s.programs[i].next
			s.send(int(i))
		}
	}
	s.programs, s.calendar = nil, nil // the counts are kept, for the table
	return s
}

// schedule sets when program i sends its next request.
func (s *storm) schedule(i int, wait time.Duration) {
	when := s.now + wait.Milliseconds()
	if when < int64(len(s.calendar)) {
		s.programs[i].next, s.calendar[when] = s.calendar[when], int32(i+1)
	}
}

// count notes at the return who has a session to lose.
func (s *storm) count() {
	for i := range s.programs {
		if p := &s.programs[i]; p.session.ExpiresAt.After(s.clock()) {
			s.alive++
			p.alive = true
		}
	}
}

// send is one request: an acquire without a session, else a heartbeat.
func (s *storm) send(i int) {
	p := &s.programs[i]
	out := s.outage > 0 && s.now >= quiet.Milliseconds() && s.now < s.returned
	if out && s.parked {
		s.schedule(i, time.Duration(s.returned-s.now)*time.Millisecond)
		return
	}
	s.requests[s.now/1000]++
	cost := 1.0
	if p.session.ID == "" {
		cost = acquireCost
	}
	if out || !s.admit(cost) {
		s.refuse(i)
		return
	}
	s.answer(i)
}

// admit spends what a request costs, if there is that much left.
func (s *storm) admit(cost float64) bool {
	if s.capacity == 0 {
		return true
	}
	s.budget = min(s.capacity, s.budget+s.capacity*float64(s.now-s.refilled)/1000)
	s.refilled = s.now
	if s.budget < cost {
		s.budget -= refusalCost
		return false
	}
	s.budget -= cost
	return true
}

func (s *storm) refuse(i int) {
	p := &s.programs[i]
	p.failures++
	hint := time.Duration(web.RetryAfter(api.Unavailable, 0, s.random.IntN)) * time.Second
	left := time.Duration(0)
	if p.session.ID != "" {
		left = p.session.ExpiresAt.Sub(s.clock())
	}
	s.schedule(i, s.policy.retry(p.failures, hint, left, s.random.Float64()))
}

func (s *storm) answer(i int) {
	p := &s.programs[i]
	p.failures = 0
	if s.now >= s.returned && !p.recovered {
		p.recovered = true
		s.answered++
		s.drained = s.now
		if p.alive && !p.session.ExpiresAt.After(s.clock()) {
			s.lost++
		}
	}
	if p.session.ID != "" && !p.session.ExpiresAt.After(s.clock()) { // 410: acquire anew
		p.session.ID = ""
		s.schedule(i, 0)
		return
	}
	s.grant(i)
	s.schedule(i, s.policy.heartbeat(api.Session{
		HeartbeatIntervalSeconds: int(interval.Seconds()), ServerTime: api.NewTime(s.clock()),
		NextHeartbeatAt: api.NewTime(license.NextHeartbeat(p.session, s.clock(), interval)),
	}))
}

// grant gives program i a session, or renews the one it has, and tells the next slot.
func (s *storm) grant(i int) time.Time {
	p := &s.programs[i]
	p.session.ID = "held"
	p.session.ExpiresAt = s.clock().Add(ttl)
	return license.NextHeartbeat(p.session, s.clock(), interval)
}

// load is the requests per second of the n-th interval after the return, from 0.
func (s *storm) load(n int) (peak int, mean float64) {
	from := (s.returned + int64(n)*interval.Milliseconds()) / 1000
	for _, r := range s.requests[from : from+int64(interval.Seconds())] {
		peak = max(peak, r)
		mean += float64(r) / interval.Seconds()
	}
	return peak, mean
}

func (s *storm) ratio(n int) float64 {
	peak, mean := s.load(n)
	return float64(peak) / mean
}

func (s *storm) row() string {
	row := s.name + "\t" + s.policy.name
	for n := range 3 {
		peak, mean := s.load(n)
		row += fmt.Sprintf("\t%d / %.0f = %.1f", peak, mean, s.ratio(n))
	}
	return row + fmt.Sprintf("\t%d s\t%d\t%d", (s.drained-s.returned)/1000, s.alive, s.lost)
}

// TestStorm has a documented policy flatten every storm within an interval, and
// the others not. `go -C proof test ./storm -v` prints the table.
func TestStorm(t *testing.T) {
	atOnce := scenario{name: "outage of 3 min, all back at once", capacity: capacity, outage: 3 * time.Minute, parked: true}
	longAtOnce := scenario{name: "outage of 5 min, all back at once", capacity: capacity, outage: 5 * time.Minute, parked: true}
	refused := scenario{name: "outage of 3 min, refused", capacity: capacity, outage: 3 * time.Minute}
	longRefused := scenario{name: "outage of 5 min, refused", capacity: capacity, outage: 5 * time.Minute}
	start := scenario{name: "mass start", capacity: capacity, start: time.Second}
	boundless := scenario{name: "mass start, no bound", start: time.Second}

	tests := []struct {
		scenario scenario
		policy   policy
		flat     bool
		// least and most are what part of the sessions alive at the return may be
		// lost. After three minutes the nearest expiry is a minute away, and nobody
		// loses a seat. After five half of the sessions are over, the others are in
		// their last minute, and the service needs three to answer everybody.
		least, most float64
	}{
		{atOnce, documented(), true, 0, 0},
		{longAtOnce, documented(), true, 0, 0.3},
		{refused, documented(), true, 0, 0},
		{longRefused, documented(), true, 0, 0.3},
		{start, documented(), true, 0, 0},
		{boundless, documented(), true, 0, 0},
		{refused, slotless(), false, 0, 1},
		{boundless, slotless(), false, 0, 1},
		{refused, fixed(), false, 0, 1},
		{longAtOnce, unhurried(), true, 0.5, 1},
	}
	runs := make([]*storm, len(tests))
	t.Run("runs", func(t *testing.T) {
		for i, tt := range tests {
			tt.scenario.policy = tt.policy
			t.Run(tt.scenario.name+", "+tt.policy.name, func(t *testing.T) {
				t.Parallel()
				s := run(tt.scenario)
				runs[i] = s
				if flat := s.ratio(1) <= 2 && s.ratio(2) <= 2; flat != tt.flat {
					t.Errorf("peak to mean is %.2f in the second interval and %.2f in the third: flat %t, want %t", s.ratio(1), s.ratio(2), flat, tt.flat)
				}
				if lost, alive := float64(s.lost), float64(s.alive); lost < tt.least*alive || lost > tt.most*alive {
					t.Errorf("%d of %d sessions alive at the return were lost, want %.0f to %.0f %%", s.lost, s.alive, tt.least*100, tt.most*100)
				}
				if tt.flat && s.answered != clients {
					t.Errorf("%d of %d programs were answered", s.answered, clients)
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	table(t, runs)
}

func table(t *testing.T, runs []*storm) {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprint(w, "scenario\tpolicy\tpeak / mean of the 1st interval\t2nd\t3rd\tall answered after\talive\tlost\n")
	for _, s := range runs {
		_, _ = fmt.Fprintln(w, s.row())
	}
	_ = w.Flush()
	t.Log("\n" + b.String())
}
