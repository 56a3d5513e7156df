package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// keys builds every key name; nothing else does. All of one organization's keys
// carry its hash tag, so that a script sees one slot of a Redis Cluster.
type keys struct{ prefix string }

// dueShards spreads the index of due organizations over a cluster's slots.
const dueShards = 16

func (k keys) org(organizationID, rest string) string {
	return k.prefix + ":{" + organizationID + "}:" + rest
}

func (k keys) epoch(org string) string { return k.org(org, "epoch") }
func (k keys) nonce(org string) string { return k.org(org, "nonce") }
func (k keys) owed(org string) string  { return k.org(org, "owed") }
func (k keys) dead(org string) string  { return k.org(org, "dead") }
func (k keys) lease(org string) string { return k.org(org, "lease") }

// Keys of a generation carry its name: a rebuild fills new ones unseen and
// switches to them at once, however many sessions there are.
func (k keys) gen(org, generation, rest string) string {
	return k.org(org, generation+":"+rest)
}

// generationOf names the generation a rebuild fills: its epoch, and a piece of
// its nonce, so that a record restored to an older epoch never meets keys that
// were filled before.
func generationOf(epoch int64, nonce string) string {
	random := nonce[strings.LastIndexByte(nonce, ':')+1:]
	return strconv.FormatInt(epoch, 10) + "." + random[:min(8, len(random))]
}

// epochOf is the epoch in a generation's name; 0 when there is none.
func epochOf(generation string) int64 {
	number, _, _ := strings.Cut(generation, ".")
	epoch, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	return epoch
}

func (k keys) all(org, g string) string        { return k.gen(org, g, "all") }
func (k keys) data(org, g string) string       { return k.gen(org, g, "data") }
func (k keys) licenses(org, g string) string   { return k.gen(org, g, "licenses") }
func (k keys) marked(org, g string) string     { return k.gen(org, g, "marked") }
func (k keys) license(org, g, l string) string { return k.gen(org, g, "license:"+l) }
func (k keys) holders(org, g, l string) string { return k.gen(org, g, "holders:"+l) }

func (k keys) due(shard int) string    { return k.prefix + ":due:{" + strconv.Itoa(shard) + "}" }
func (k keys) idle(shard int) string   { return k.prefix + ":idle:{" + strconv.Itoa(shard) + "}" }
func (k keys) seeded(shard int) string { return k.prefix + ":seeded:{" + strconv.Itoa(shard) + "}" }

func shardOf(organizationID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(organizationID))
	return int(h.Sum32() % dueShards)
}

// packID is a session id as Redis keeps it: four times per session, so a UUID
// takes its 16 bytes there and not 36. Any other id stays what it is; none of
// 16 bytes comes from the service, whose ids all are UUIDs.
func packID(id string) string {
	if parsed, err := uuid.Parse(id); err == nil && parsed.String() == id {
		return string(parsed[:])
	}
	return id
}

func unpackID(raw string) string {
	if id, err := uuid.FromBytes([]byte(raw)); err == nil {
		return id.String()
	}
	return raw
}

// digest names a holder within its license: 128 bits of SHA-256, so that no
// personal data stands in a key and nobody can make two holders collide.
func digest(h license.Holder) string {
	sum := sha256.Sum256([]byte(h.UserID + "\x00" + h.HardwareID + "\x00" + h.InstanceID))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// who is the holder's part of a session's data; the user is escaped so that a
// tab in an id cannot move the boundary.
func who(h license.Holder) string {
	return escapeUser(h.UserID) + "\t" + url.PathEscape(h.HardwareID) + "\t" + url.PathEscape(h.InstanceID)
}

func escapeUser(id string) string { return url.PathEscape(id) }

func parseWho(s string) (h license.Holder) {
	parts := strings.SplitN(s, "\t", 3)
	for i, into := range []*string{&h.UserID, &h.HardwareID, &h.InstanceID} {
		if i >= len(parts) {
			return h
		}
		if v, err := url.PathUnescape(parts[i]); err == nil {
			*into = v
		}
	}
	return h
}
