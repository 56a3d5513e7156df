package ledger

import (
	"hash/fnv"
	"strconv"
)

// keys builds the names of the keys that scripts are given. All of one
// organization's carry its hash tag, so that a script sees one slot of a Redis
// Cluster; organization.lua derives the others from this one.
type keys struct{ prefix string }

func (k keys) epoch(organizationID string) string {
	return k.prefix + ":{" + organizationID + "}:epoch"
}

// dueShards spreads the index of due organizations over a cluster's slots.
const dueShards = 16

func (k keys) due(shard int) string    { return k.shard("due", shard) }
func (k keys) idle(shard int) string   { return k.shard("idle", shard) }
func (k keys) filled(shard int) string { return k.shard("filled", shard) }
func (k keys) ready(shard int) string  { return k.shard("ready", shard) }

func (k keys) shard(what string, shard int) string {
	return k.prefix + ":" + what + ":{" + strconv.Itoa(shard) + "}"
}

func shardOf(organizationID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(organizationID))
	return int(h.Sum32() % dueShards)
}
