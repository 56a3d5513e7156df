package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// faultKind is what breaks, by the name that chooses it.
type faultKind string

// The kinds, by lane.
const (
	redisPause   faultKind = "redis-paused"
	redisSlow    faultKind = "redis-slow"
	redisCut     faultKind = "redis-cut"
	redisSwallow faultKind = "redis-partitioned"
	redisMute    faultKind = "redis-answers-lost"
	redisHold    faultKind = "redis-requests-late"
	redisFull    faultKind = "redis-memory-full"
	// The clock of a server, or of all: within the tolerance, for a while far beyond
	// it, and of a replica that becomes the primary with it.
	clockNudged faultKind = "clock-nudged"
	clockAhead  faultKind = "clock-ahead"
	clockBack   faultKind = "clock-back"
	clocksApart faultKind = "clocks-apart"

	redisFlush    faultKind = "redis-flushed"
	redisRestart  faultKind = "redis-restarted"     // killed, and back empty
	redisFailover faultKind = "redis-failed-over"   // killed, writes lost
	redisSwitch   faultKind = "redis-switched-over" // the old primary lives on, writes lost
	redisBack     faultKind = "redis-back"          // switched over and back, writes lost
	// While one process is between its steps: what it decided before the loss
	// comes after the rebuild by the others.
	redisFlushLate   faultKind = "redis-flushed-records-late"
	redisFlushPaused faultKind = "redis-flushed-function-paused"
	// Nothing is lost, and every ledger rebuilt all the same.
	redisHandover faultKind = "redis-handed-over"
	redisAttach   faultKind = "redis-replica-attached"
	redisMigrate  faultKind = "redis-slot-migrated"

	recordSlow    faultKind = "firestore-slow"
	recordCut     faultKind = "firestore-cut"
	recordSwallow faultKind = "firestore-partitioned"
	recordMute    faultKind = "firestore-answers-lost"
	recordHold    faultKind = "firestore-requests-late"
	signerFails   faultKind = "kms-fails"
	signerDamaged faultKind = "kms-damages"
	signerSwallow faultKind = "kms-partitioned"

	workerKill  faultKind = "function-killed"
	workerPause faultKind = "function-paused"

	limitLowered     faultKind = "limit-lowered"
	limitRaised      faultKind = "limit-raised"
	licenseSuspended faultKind = "license-suspended"
	tenantSuspended  faultKind = "organization-suspended"
	licenseExpires   faultKind = "license-expires"
	recordRestored   faultKind = "record-restored"

	crowdComes faultKind = "crowd"
)

// lane is a sequence of faults; lanes are played beside each other.
type lane int

const (
	redisLane lane = iota
	backendLane
	functionLane
	boughtLane
	crowdLane
	lanes
)

// gap is about how long a lane is whole between two faults.
func (l lane) gap() time.Duration {
	return []time.Duration{600 * time.Millisecond, time.Second, 1500 * time.Millisecond, 600 * time.Millisecond, 2 * time.Second}[l]
}

// fault is what there is to know of a kind.
type fault struct {
	kind faultKind
	lane lane
	// weight is how often it comes beside the others of its lane.
	weight int
	// loses says that acknowledged writes of Redis are gone afterwards, rebuilds that
	// none is and ledgers are loaded anew all the same.
	loses, rebuilds bool
	// delays says that requests to Redis may arrive late, or be repeated.
	delays bool
	// only is the topology that can play it; empty: each.
	only rig.Topology
}

// catalogue is every fault there is. Losses come most often: they are what the
// protocol is about.
func catalogue() []fault {
	return []fault{
		{kind: redisPause, weight: 2, delays: true},
		{kind: redisSlow, weight: 2, delays: true},
		{kind: redisCut, weight: 2, delays: true},
		{kind: redisSwallow, weight: 2, delays: true},
		{kind: redisMute, weight: 2, delays: true},
		{kind: redisHold, weight: 2, delays: true},
		{kind: redisFull, weight: 2},
		{kind: clockNudged, weight: 3},
		{kind: clockAhead, weight: 3},
		{kind: clockBack, weight: 3},
		{kind: clocksApart, weight: 2, delays: true, loses: true},

		{kind: redisFlush, weight: 4, loses: true, delays: true},
		{kind: redisFlushLate, weight: 6, loses: true, delays: true},
		{kind: redisFlushPaused, weight: 3, loses: true, delays: true},
		{kind: redisRestart, weight: 4, loses: true, delays: true},
		{kind: redisFailover, weight: 4, loses: true, delays: true},
		{kind: redisSwitch, weight: 4, loses: true, delays: true},
		{kind: redisBack, weight: 4, loses: true, delays: true, only: rig.Replica},
		{kind: redisAttach, weight: 2, rebuilds: true, delays: true},
		{kind: redisHandover, weight: 2, rebuilds: true, delays: true, only: rig.Cluster},
		{kind: redisMigrate, weight: 4, rebuilds: true, delays: true, only: rig.Cluster},

		{kind: recordSlow, lane: backendLane, weight: 1},
		{kind: recordCut, lane: backendLane, weight: 1},
		{kind: recordSwallow, lane: backendLane, weight: 1},
		{kind: recordMute, lane: backendLane, weight: 1},
		{kind: recordHold, lane: backendLane, weight: 1},
		{kind: signerFails, lane: backendLane, weight: 1},
		{kind: signerDamaged, lane: backendLane, weight: 1},
		{kind: signerSwallow, lane: backendLane, weight: 1},

		{kind: workerKill, lane: functionLane, weight: 1},
		{kind: workerPause, lane: functionLane, weight: 1},

		{kind: limitLowered, lane: boughtLane, weight: 2},
		{kind: limitRaised, lane: boughtLane, weight: 2},
		{kind: licenseSuspended, lane: boughtLane, weight: 1},
		{kind: tenantSuspended, lane: boughtLane, weight: 1},
		{kind: licenseExpires, lane: boughtLane, weight: 1},
		{kind: recordRestored, lane: boughtLane, weight: 2},

		{kind: crowdComes, lane: crowdLane, weight: 1},
	}
}

// Faults are the names of all there are.
func Faults() []string {
	var names []string
	for _, f := range catalogue() {
		names = append(names, string(f.kind))
	}
	return names
}

// CheckFaults refuses a name that no fault has; see [Options.Faults].
func CheckFaults(names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(catalogue(), func(f fault) bool { return f.named(strings.TrimPrefix(name, but)) }) {
			return fmt.Errorf("no fault %q: there are %s", name, strings.Join(Faults(), ", "))
		}
	}
	return nil
}

// but begins the name of what is not to be played.
const but = "!"

func (f fault) named(name string) bool {
	prefix, several := strings.CutSuffix(name, "*")
	return string(f.kind) == name || several && strings.HasPrefix(string(f.kind), prefix)
}

// chosenBy says that the names choose the fault.
func (f fault) chosenBy(names []string) bool {
	all, named := true, false
	for _, name := range names {
		without, excluded := strings.CutPrefix(name, but)
		if excluded && f.named(without) {
			return false
		}
		if !excluded {
			all, named = false, named || f.named(name)
		}
	}
	return all || named
}

// chosen are the faults that can be played: those named, or all, in this topology;
// a calm round has none that loads ledgers anew.
func chosen(names []string, topology rig.Topology, calm bool) []fault {
	return slices.DeleteFunc(catalogue(), func(f fault) bool {
		return !f.chosenBy(names) || f.only != "" && f.only != topology || calm && (f.loses || f.rebuilds)
	})
}
