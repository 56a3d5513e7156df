package reaper

import (
	"hash/fnv"
	"time"
)

// SweepEvery is how often a busy organization's record is compared with its
// ledger. A sweep finds records that are active although nobody holds their
// seats: they cost no seat, so an hour is soon enough.
const SweepEvery = time.Hour

// sweepSlot is how long one of the hour's turns lasts: a busy organization is
// visited about once per session TTL, six minutes, and so meets its turn.
const sweepSlot = 6 * time.Minute

// sweepDue reports whether it is the organization's turn to be swept at now.
// The turns follow from id and time alone, so that overlapping runs and
// restarted instances agree without remembering anything.
func sweepDue(organizationID string, now time.Time) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(organizationID))
	turns := uint64(SweepEvery / sweepSlot)
	return uint64(h.Sum32())%turns == uint64(now.Unix())/uint64(sweepSlot/time.Second)%turns //nolint:gosec // after 1970
}

// order is the sequence in which a run looks at the index's shards: it begins
// elsewhere every minute, so that a run short of time does not starve the last.
func order(shards int, now time.Time) []int {
	out := make([]int, shards)
	first := int(now.Unix() / 60 % int64(shards))
	for i := range out {
		out[i] = (first + i) % shards
	}
	return out
}

// wants reports, for each shard that must be filled, which organizations belong in it.
func wants(fresh map[int]string, shard func(string) int, organizationIDs []string) []string {
	var out []string
	for _, id := range organizationIDs {
		if _, ok := fresh[shard(id)]; ok {
			out = append(out, id)
		}
	}
	return out
}
