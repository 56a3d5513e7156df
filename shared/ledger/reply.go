package ledger

import (
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// code is a script's result; prelude.lua has the same table.
type code int64

const (
	codeOK code = iota
	codeRebuild
	codeNewer
	codeHeld
	codeStale
	codeFull
	codeUnknown
	codeForeign
	codeExpired
	codeTouched
	codeLost
	codeClock
)

// reply is a script's answer. Its readers note the first value that is not what
// the script promises in err.
type reply struct {
	code   code
	epoch  license.Epoch
	now    time.Time
	values []any
	err    error
}

// decoded reads an answer's head: code, epoch and the server's time.
func decoded(raw []any, err error) (reply, error) {
	if redis.HasErrorPrefix(err, "OOM") {
		return reply{}, full(err)
	}
	if err != nil {
		return reply{}, unavailable(err)
	}
	head := reply{values: raw}
	a := reply{code: code(head.int(0)), epoch: head.epochAt(1), now: head.time(2)}
	if head.err != nil {
		return reply{}, head.err
	}
	a.values = raw[3:]
	return a, nil
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

func (r *reply) epochAt(i int) license.Epoch {
	e, err := license.ParseEpoch(r.str(i))
	if err != nil {
		r.fail(i, "an epoch")
	}
	return e
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

// tokenTime reads when a token ends; zero: none is to be made.
func (r *reply) tokenTime(i int) time.Time {
	if r.int(i) == 0 {
		return time.Time{}
	}
	return r.time(i)
}

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

// sessionErr decodes the answers about a session that is not simply alive.
func (r *reply) sessionErr(caller license.Caller) error {
	switch r.code {
	case codeUnknown:
		return &UnknownError{Epoch: r.epoch, Now: r.now}
	case codeForeign:
		return ErrForeign
	case codeTouched:
		return ErrTouched
	case codeExpired:
		holds := r.holds(caller, time.Time{})
		if r.err != nil || len(holds) != 1 {
			return orErr(*r, r.unexpected("session"))
		}
		return &ExpiredError{Hold: holds[0]}
	default:
		return r.unexpected("session")
	}
}

// holds reads triples of session, expiry and data.
func (r *reply) holds(caller license.Caller, now time.Time) []Hold {
	var out []Hold
	for i := 0; i+2 < len(r.values); i += 3 {
		h, err := parseSession(caller, unpackID(r.str(i)), r.str(i+2))
		if err != nil {
			r.err = unavailable(err)
			return nil
		}
		h.Now, h.Epoch = now, r.epoch
		out = append(out, h.endedAt(r.time(i+1)))
	}
	return out
}

// endedAt is the hold of a session that has expired: repeating its end writes
// the same document.
func (h Hold) endedAt(t time.Time) Hold {
	h.ExpiresAt, h.EndedAt = t, t
	if h.EndedReason == "" {
		h.EndedReason = license.EndExpired
	}
	return h
}
