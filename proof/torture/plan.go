package torture

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// plan is what one round does, all of it decided by the seed.
type plan struct {
	n    int
	calm bool
	seed uint64
	orgs map[string]history.Org
	// control is one more organization, of which nothing is demanded: its holders show
	// in the quiet time what the machine can do.
	control string
	// crowded is the one of orgs that crowds come to, if any do.
	crowded string
	// lanes are faults that are played one after the other, each lane beside
	// the others.
	lanes [][]planned
}

// planned is one fault: after a pause, something breaks for a while.
type planned struct {
	fault

	after  time.Duration
	length time.Duration
	// target is the node, worker or organization it happens to, unless it happens to
	// all; beside is the worker that is in the middle of something meanwhile.
	target, beside int
	all            bool
	// amount is a delay, or a clock's offset, or how long writes are lost.
	amount time.Duration
	// chance is for what else is to be decided.
	chance uint64
}

// setting is what a plan is made for.
type setting struct {
	seed           uint64
	topology       rig.Topology
	workers, nodes int
	faults         []string // empty: all
	pace           rig.Pace
	load           int // how many sets of organizations; 0: one
}

func (s setting) round(n int, calm bool, active time.Duration) plan {
	r := rand.New(rand.NewPCG(s.seed, uint64(n))) //nolint:gosec // a plan that a seed repeats
	const letters = "abcdefgh"
	name := func(org string) string { return fmt.Sprintf("%s-%s-%d", org, s.topology, n) }
	p := plan{n: n, calm: calm, seed: r.Uint64(), orgs: map[string]history.Org{}, control: name("control")}
	for set := range s.sets() {
		maps.Copy(p.orgs, planOrgs(r, func(org string) string { return name(org + letters[set%len(letters):set%len(letters)+1]) }))
	}
	for l := range lanes {
		kinds := slices.DeleteFunc(chosen(s.faults, s.topology, calm), func(f fault) bool { return f.lane != l })
		lane := s.lane(r, l, kinds, active)
		// Now and then a lane stays whole, so that others are seen by themselves.
		if whole := r.IntN(6) == 0; len(lane) == 0 || whole && (l != redisLane || calm) {
			continue
		}
		p.lanes = append(p.lanes, lane)
		if l == crowdLane {
			p.crowded = name("hooli")
			p.orgs[p.crowded] = history.Org{Cap: 140, Licenses: map[string]int{"pro": 105 + r.IntN(25), "lab": 20}}
		}
	}
	return p
}

// sets is how many sets of organizations there are: their holders together send more
// than the machine can answer, where that is two cores.
func (s setting) sets() int { return max(1, s.load) }

// planOrgs makes organizations of three kinds: whose own cap binds, whose
// licenses' caps bind, and with a single license. All are tight.
func planOrgs(r *rand.Rand, name func(string) string) map[string]history.Org {
	a, b := 2+r.IntN(3), 1+r.IntN(4)
	return map[string]history.Org{
		name("acme"):    {Cap: max(1, a+b-1), Licenses: map[string]int{"pro": a, "lab": b}},
		name("globex"):  {Cap: 20, Licenses: map[string]int{"pro": 1, "lab": 2 + r.IntN(4)}, Handover: new(1)},
		name("initech"): {Cap: 2 + r.IntN(3), Licenses: map[string]int{"pro": 4}},
	}
}

// lane fills the active time with faults.
func (s setting) lane(r *rand.Rand, l lane, kinds []fault, active time.Duration) []planned {
	bag := weighted(kinds)
	if len(bag) == 0 {
		return nil
	}
	var out []planned
	for at := time.Duration(0); ; {
		f := planned{
			fault: bag[r.IntN(len(bag))], after: rig.Jitter(r, l.gap()),
			length: 30*time.Millisecond + time.Duration(r.Int64N(int64(700*time.Millisecond))),
			all:    r.IntN(2) == 0, beside: r.IntN(s.workers), chance: r.Uint64(),
		}
		f.target, f.amount = s.target(r, l), s.amount(r, f.kind)
		if at += f.after + f.length; at > active {
			return out
		}
		out = append(out, f)
	}
}

func weighted(kinds []fault) []fault {
	var bag []fault
	for _, f := range kinds {
		for range f.weight {
			bag = append(bag, f)
		}
	}
	return bag
}

func (s setting) target(r *rand.Rand, l lane) int {
	switch l {
	case redisLane:
		return r.IntN(s.nodes)
	case backendLane, functionLane:
		return r.IntN(s.workers)
	default:
		return r.IntN(1000)
	}
}

func (s setting) amount(r *rand.Rand, kind faultKind) time.Duration {
	tolerance, ttl := s.pace.ClockTolerance, s.pace.SessionTTL
	switch kind {
	case workerKill:
		return skew(r, tolerance)
	case clockNudged, clocksApart:
		return time.Duration(r.Int64N(int64(tolerance))) - tolerance/2
	case clockAhead, clockBack:
		return 2*tolerance + time.Duration(r.Int64N(int64(3*ttl)))
	default:
		return 20*time.Millisecond + time.Duration(r.Int64N(int64(180*time.Millisecond)))
	}
}

// skew is how wrong a process's clock is: most often within the tolerance. The
// verification of ID tokens allows for 300 s.
func skew(r *rand.Rand, tolerance time.Duration) time.Duration {
	of := []time.Duration{0, 0, tolerance / 4, tolerance / 4, 400 * time.Millisecond, 3 * time.Second, time.Minute, 4 * time.Minute}[r.IntN(8)]
	if r.IntN(2) == 0 {
		return -of
	}
	return of
}
