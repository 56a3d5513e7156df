package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// code is a script's result; prelude.lua has the same table.
type code int64

const (
	codeOK code = iota
	codeRebuild
	codeMoved
	codeHeld
	codeStale
	codeFull
	codeUnknown
	codeForeign
	codeGone
	codeExpired
	codeLicense
	codeTouched
	codeLost
)

// reply is a script's answer after its code. Its readers note the first value
// that is not what the script promises in err.
type reply struct {
	code   code
	values []any
	epoch  int64
	err    error
}

func decode(raw []any) (reply, error) {
	if len(raw) == 0 {
		return reply{}, errors.New("a script answered nothing")
	}
	c, ok := raw[0].(int64)
	if !ok {
		return reply{}, fmt.Errorf("a script answered %T in place of a code", raw[0])
	}
	return reply{code: code(c), values: raw[1:]}, nil
}

func (r *reply) fail(i int, want string) {
	if r.err == nil {
		r.err = unavailable(fmt.Errorf("script result %d: value %d is not %s", r.code, i, want))
	}
}

// int reads a number, also one that Redis passes on as text (a ZSET's score).
func (r *reply) int(i int) int64 {
	if i >= len(r.values) {
		r.fail(i, "there")
		return 0
	}
	n, ok := toInt(r.values[i])
	if !ok {
		r.fail(i, "a number")
	}
	return n
}

func toInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(v, 64) // exact for milliseconds
		return int64(f), err == nil
	}
	return 0, false
}

func (r *reply) str(i int) string {
	if i < len(r.values) {
		if s, ok := r.values[i].(string); ok {
			return s
		}
	}
	r.fail(i, "text")
	return ""
}

func (r *reply) list(i int) []any {
	if i < len(r.values) {
		if l, ok := r.values[i].([]any); ok {
			return l
		}
	}
	r.fail(i, "a list")
	return nil
}

func (r *reply) time(i int) time.Time { return time.UnixMilli(r.int(i)).UTC() }

// orErr prefers a fault of the answer itself to what it would mean.
func orErr(r reply, err error) error {
	if r.err != nil {
		return r.err
	}
	return err
}

func (r *reply) unexpected(script string) error {
	return unavailable(fmt.Errorf("script %s answered the unexpected result %d", script, r.code))
}

func (r *reply) reserved(caller license.Caller, q Reservation) Hold {
	h := Hold{
		Now:            r.time(1),
		TokenExpiresAt: r.time(3),
		Renewed:        r.int(4) == 1,
		Used:           int(r.int(5)),
		Recorded:       r.int(6) == 1,
		Grant:          r.int(7),
		Existing:       r.code == codeHeld,

		UsedByOrganization: int(r.int(9)),
	}
	h.Session = license.Session{
		ID: unpackID(r.str(0)), OrganizationID: caller.OrganizationID, Holder: q.Holder,
		AcquiredAt: r.time(8), LastHeartbeatAt: h.Now, ExpiresAt: r.time(2), Epoch: r.epoch,
	}
	return h
}

func (r *reply) full() error {
	e := &license.NoSeatsError{Limit: license.LimitLicense, Used: int(r.int(1)), Max: int(r.int(2))}
	if r.int(0) == 1 {
		e.Limit = license.LimitOrganization
	}
	e.RetryAfter = time.Duration(r.int(4)-r.int(3)) * time.Millisecond
	return e
}

func (r *reply) beaten(caller license.Caller, sessionID string) Hold {
	h, err := parseHold(caller, sessionID, r.str(6))
	if err != nil {
		r.err = unavailable(err)
	}
	h.Now, h.ExpiresAt, h.TokenExpiresAt = r.time(1), r.time(2), r.time(3)
	h.Renewed, h.Used, h.PreviousTokenExpiry = r.int(4) == 1, int(r.int(5)), r.time(7)
	h.Epoch, h.Existing = r.epoch, true
	return h
}

// sessionErr decodes the answers about a session that is not simply alive.
func (r *reply) sessionErr(caller license.Caller, sessionID string) error {
	switch r.code {
	case codeUnknown:
		unknown := &UnknownError{Epoch: r.epoch, Now: r.time(0)}
		return orErr(*r, unknown)
	case codeForeign:
		return ErrForeign
	case codeTouched:
		return ErrTouched
	case codeGone:
		h, err := parseOwed(caller, sessionID, r.str(0))
		if err != nil {
			return unavailable(err)
		}
		return orErr(*r, &OwedError{Hold: h})
	case codeExpired:
		holds := r.holds(caller, 0, time.Time{})
		if r.err != nil || len(holds) != 1 {
			return orErr(*r, r.unexpected("session"))
		}
		return &ExpiredError{Hold: holds[0]}
	default:
		return r.unexpected("session")
	}
}

// holds reads triples of session, expiry and data from value i on.
func (r *reply) holds(caller license.Caller, i int, now time.Time) []Hold {
	var out []Hold
	for ; i+2 < len(r.values); i += 3 {
		h, err := parseHold(caller, unpackID(r.str(i)), r.str(i+2))
		if err != nil {
			r.err = unavailable(err)
			return nil
		}
		h.ExpiresAt, h.Now, h.Epoch = r.time(i+1), now, r.epoch
		h.EndedAt = h.ExpiresAt // repeating the end writes the same document
		if h.EndedReason == "" {
			h.EndedReason = license.EndExpired
		}
		out = append(out, h)
	}
	return out
}

// parseOwed reads "expiry;data" of the owed list.
func parseOwed(caller license.Caller, id, raw string) (Hold, error) {
	at, data, ok := strings.Cut(raw, ";")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return Hold{}, errors.New("an owed end is malformed")
	}
	h, err := parseHold(caller, id, data)
	h.ExpiresAt = time.UnixMilli(ms).UTC()
	h.EndedAt = h.ExpiresAt
	if h.EndedReason == "" {
		h.EndedReason = license.EndExpired
	}
	return h, err
}

// parseHold reads a session's data; prelude.lua says what stands in it.
func parseHold(caller license.Caller, id, raw string) (Hold, error) {
	f := strings.SplitN(raw, ",", 8)
	if len(f) != 8 {
		return Hold{}, fmt.Errorf("a session's data has %d fields, not 8", len(f))
	}
	var n [4]int64
	for i, at := range []int{0, 1, 2, 5} {
		v, err := strconv.ParseInt(f[at], 10, 64)
		if err != nil {
			return Hold{}, fmt.Errorf("field %d of a session's data is not a number", at)
		}
		n[i] = v
	}
	h := Hold{TokenExpiresAt: time.UnixMilli(n[1]).UTC(), Grant: n[2], Recorded: f[3] == "1"}
	h.Session = license.Session{
		ID: id, OrganizationID: caller.OrganizationID, Holder: parseWho(f[7]),
		LastHeartbeatAt: time.UnixMilli(n[0]).UTC(), AcquiredAt: time.UnixMilli(n[3]).UTC(),
		EndedReason: license.EndReason(f[4]),
	}
	h.LicenseID = f[6]
	return h, nil
}

// formatSession is parseHold's inverse, for rebuilds: the record is asked again
// before an acquire answers with the session, and a request from before the
// rebuild must not take back what another one of the same holder was given.
func formatSession(s license.Session, epoch int64) string {
	return strings.Join([]string{
		strconv.FormatInt(s.LastHeartbeatAt.UnixMilli(), 10), "0",
		strconv.FormatInt(epoch*GrantsPerEpoch, 10), "0", "",
		strconv.FormatInt(s.AcquiredAt.UnixMilli(), 10), s.LicenseID, who(s.Holder),
	}, ",")
}
