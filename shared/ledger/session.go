package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// dataVersion is the version of a session's data. session.lua has the same
// number, and describes the fields. A generation's name begins with it: a
// revision rebuilds an older ledger from the record and leaves a newer one alone.
const dataVersion = 4

// Member is a session that the record has, with the pools that count it.
type Member struct {
	license.Session
	// Pools are their keys, without the organization's own.
	Pools []string
	// TokenTTL is as in [Candidate].
	TokenTTL time.Duration
}

// data is the member as the ledger keeps it after a rebuild: not known to be
// recorded, so that the record is asked again before an acquire answers with it,
// and with a count of requests that none from before the rebuild can match. The
// script puts in when its token ends.
func (m Member) data(epoch int64) string {
	return strings.Join([]string{
		strconv.Itoa(dataVersion),
		hexadecimal(m.LastHeartbeatAt), "0",
		strconv.FormatInt(epoch*GrantsPerEpoch, 10), "0", "",
		hexadecimal(m.AcquiredAt), m.LicenseID, m.pools(), who(m.Holder),
	}, ",")
}

// pools are the pools' names as the data has them: a leading "=" is the license's id.
func (m Member) pools() string {
	if len(m.Pools) > 0 && m.Pools[0] == m.LicenseID {
		return strings.Join(append([]string{"="}, m.Pools[1:]...), " ")
	}
	return strings.Join(m.Pools, " ")
}

// parseSession reads a session's data.
func parseSession(caller license.Caller, id, raw string) (Hold, error) {
	f := strings.SplitN(raw, ",", 10)
	if len(f) != 10 || f[0] != strconv.Itoa(dataVersion) {
		return Hold{}, fmt.Errorf("a session's data has %d fields, or is of another version than %d", len(f), dataVersion)
	}
	var times [3]time.Time
	for i, at := range []int{1, 2, 6} {
		ms, err := strconv.ParseInt(f[at], 16, 64)
		if err != nil {
			return Hold{}, fmt.Errorf("field %d of a session's data is not a time", at)
		}
		times[i] = time.UnixMilli(ms).UTC()
	}
	grant, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return Hold{}, errors.New("a session's count of requests is not a number")
	}
	h := Hold{Grant: grant, Recorded: f[4] == "1"}
	h.Session = license.Session{
		ID: id, OrganizationID: caller.OrganizationID, Holder: parseWho(f[9]),
		LastHeartbeatAt: times[0], AcquiredAt: times[2],
		EndedReason: parseReason(f[5]),
	}
	h.LicenseID = f[7]
	if h.EndedReason != license.EndFailed { // nobody was answered with a token
		h.TokenEnds = times[1]
	}
	return h, nil
}

// poolsOf are the pools of a session's data that parseSession has read.
func poolsOf(raw string) []string {
	f := strings.SplitN(raw, ",", 10)
	if f[8] == "" {
		return nil
	}
	pools := strings.Fields(f[8])
	pools[0] = strings.Replace(pools[0], "=", f[7], 1) // no pool's name has one
	return pools
}

// reason is why a session ends as its data has it: letters alone, which is what
// revisions before this one read.
func reason(r license.EndReason) string { return strings.ReplaceAll(string(r), "_", "") }

// parseReason reads a reason; one that is not known stays as it is.
func parseReason(s string) license.EndReason {
	for _, r := range []license.EndReason{license.EndLicenseExpired, license.EndLicenseSuspended} {
		if s == reason(r) {
			return r
		}
	}
	return license.EndReason(s)
}

// digest names a holder: 128 bits of SHA-256, so that no personal data stands in
// a key and nobody can make two holders collide.
func digest(h license.Holder) string {
	sum := sha256.Sum256([]byte(h.LicenseID + "\x00" + h.UserID + "\x00" + h.HardwareID + "\x00" + h.InstanceID))
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

// packID is a session id as Redis keeps it: several times per session, so a UUID
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

// randomness makes rebuild nonces unlike each other; nothing secret rests on it.
func randomness() string {
	var b [12]byte
	for i := range b {
		b[i] = byte(rand.Uint32()) //nolint:gosec // uniqueness, not secrecy
	}
	return hex.EncodeToString(b[:])
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// hexadecimal has no sign: a document that lacks a time, or has an absurd one,
// must not keep its organization from being rebuilt.
func hexadecimal(t time.Time) string { return strconv.FormatInt(max(0, t.UnixMilli()), 16) }

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
