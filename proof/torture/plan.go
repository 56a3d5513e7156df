package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
	// lanes are faults that are played one after the other, each lane beside
	// the others.
	lanes [][]planned
}

// planned is one fault: after a pause, something breaks for a while.
type planned struct {
	kind   faultKind
	after  time.Duration
	length time.Duration
	// target is the node or worker it happens to, unless it happens to all;
	// beside is the worker that is in the middle of something meanwhile.
	target, beside int
	all            bool
	// amount is a delay, or a clock's skew, or how long writes are lost.
	amount time.Duration
}

// faultKind is what breaks.
type faultKind string

// The kinds, by lane.
const (
	redisPause    faultKind = "redis paused"
	redisSlow     faultKind = "redis slow"
	redisCut      faultKind = "redis connections cut"
	redisSwallow  faultKind = "redis partitioned"
	redisMute     faultKind = "redis answers lost"
	redisHold     faultKind = "redis requests late"
	redisFlush    faultKind = "redis flushed"
	redisRestart  faultKind = "redis killed, back empty"
	redisFailover faultKind = "redis failed over, writes lost"
	redisSwitch   faultKind = "redis switched over, writes lost"
	redisBack     faultKind = "redis switched over and back, writes lost"
	// While one process is between its steps: what it decided before the loss
	// comes after the rebuild by the others.
	redisFlushLate   faultKind = "redis flushed, a function's records late"
	redisFlushPaused faultKind = "redis flushed, a function paused"

	recordSlow    faultKind = "firestore slow"
	recordCut     faultKind = "firestore connections cut"
	recordSwallow faultKind = "firestore partitioned"
	recordMute    faultKind = "firestore answers lost"
	recordHold    faultKind = "firestore requests late"
	signerFails   faultKind = "kms fails"
	signerDamaged faultKind = "kms damages signatures"
	signerSwallow faultKind = "kms partitioned"

	workerKill  faultKind = "function killed"
	workerPause faultKind = "function paused"
)

// loses says that acknowledged writes of Redis are gone afterwards.
func (k faultKind) loses() bool {
	switch k {
	case redisFlush, redisFlushLate, redisFlushPaused, redisRestart, redisFailover, redisSwitch, redisBack:
		return true
	default:
		return false
	}
}

// delays says that requests to Redis may arrive late, or be repeated.
func (k faultKind) delays() bool { return strings.HasPrefix(string(k), "redis") }

func planRound(seed uint64, n int, topology rig.Topology, calm bool, active time.Duration, workers, nodes int) plan {
	r := rand.New(rand.NewPCG(seed, uint64(n))) //nolint:gosec // a plan that a seed repeats
	p := plan{n: n, calm: calm, seed: r.Uint64(), orgs: planOrgs(r, n, topology)}
	redis := []faultKind{redisPause, redisSlow, redisCut, redisSwallow, redisMute, redisHold}
	if !calm {
		// Losses come most often: they are what the protocol is about.
		losses := []faultKind{redisFlush, redisFlushLate, redisFlushLate, redisFlushPaused, redisRestart}
		if topology == rig.Replica {
			losses = append(losses, redisFailover, redisSwitch, redisBack)
		}
		redis = append(redis, slices.Concat(losses, losses)...)
	}
	record := []faultKind{
		recordSlow, recordCut, recordSwallow, recordMute, recordHold, signerFails, signerDamaged, signerSwallow,
	}
	lanes := [][]planned{
		planLane(r, redis, active, 600*time.Millisecond, nodes, workers),
		planLane(r, record, active, time.Second, workers, workers),
		planLane(r, []faultKind{workerKill, workerPause}, active, 1500*time.Millisecond, workers, workers),
	}
	for i, lane := range lanes {
		// Now and then a lane stays whole, so that others are seen by themselves.
		if r.IntN(6) > 0 || i == 0 && !calm {
			p.lanes = append(p.lanes, lane)
		}
	}
	return p
}

// planOrgs makes three organizations: one whose own cap binds, one whose
// licenses' caps bind, one with a single license. All are tight.
func planOrgs(r *rand.Rand, n int, topology rig.Topology) map[string]history.Org {
	name := func(s string) string { return fmt.Sprintf("%s-%s-%d", s, topology, n) }
	a, b := 2+r.IntN(3), 1+r.IntN(4)
	return map[string]history.Org{
		name("acme"):    {Cap: max(1, a+b-1), Licenses: map[string]int{"pro": a, "lab": b}},
		name("globex"):  {Cap: 20, Licenses: map[string]int{"pro": 1, "lab": 2 + r.IntN(4)}},
		name("initech"): {Cap: 2 + r.IntN(3), Licenses: map[string]int{"pro": 4}},
	}
}

// planLane fills the active time with faults about gap apart.
func planLane(r *rand.Rand, kinds []faultKind, active, gap time.Duration, targets, workers int) []planned {
	var lane []planned
	for at := time.Duration(0); ; {
		f := planned{
			kind: kinds[r.IntN(len(kinds))], after: rig.Jitter(r, gap),
			length: 30*time.Millisecond + time.Duration(r.Int64N(int64(700*time.Millisecond))),
			target: r.IntN(targets), all: r.IntN(2) == 0, beside: r.IntN(workers),
		}
		switch f.kind {
		case workerKill:
			f.amount = skew(r)
		default:
			f.amount = 20*time.Millisecond + time.Duration(r.Int64N(int64(180*time.Millisecond)))
		}
		if at += f.after + f.length; at > active {
			return lane
		}
		lane = append(lane, f)
	}
}

// skew is how wrong a process's clock is. The verification of ID tokens allows
// for 300 s.
func skew(r *rand.Rand) time.Duration {
	of := []time.Duration{0, 400 * time.Millisecond, 3 * time.Second, time.Minute, 4 * time.Minute}[r.IntN(5)]
	if r.IntN(2) == 0 {
		return -of
	}
	return of
}
