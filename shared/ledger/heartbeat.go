package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Heartbeat keeps a session alive.
type Heartbeat struct {
	SessionID string
	// TokenTTLs are the longest lives of tokens of the licenses that the session may be
	// of, as far as they are not the ledger's own.
	TokenTTLs map[string]time.Duration
	// NoToken says that no token is made of the answer.
	NoToken bool
	// RecordEpoch is the number of the record's epoch as last read: a ledger of an
	// older one is rebuilt. 0 is any.
	RecordEpoch int64
}

// Heartbeat implements [Seats].
func (r *Redis) Heartbeat(ctx context.Context, caller license.Caller, q Heartbeat) (Hold, error) {
	args := []argument{
		{"record_epoch", q.RecordEpoch},
		{"session", packID(q.SessionID)},
		{"user", escapeUser(caller.UserID)},
		{"ttl", r.opts.SessionTTL.Milliseconds()},
		{"token_min", r.opts.TokenMin.Milliseconds()},
	}
	args = append(args, r.tokenTTLs(q)...)
	a, err := r.run(ctx, caller, call{script: "heartbeat", args: args})
	if err != nil {
		return Hold{}, err
	}
	if a.code != codeOK {
		return Hold{}, a.sessionErr(caller)
	}
	h := a.kept(caller, q.SessionID)
	return h, a.err
}

// tokenTTLs are the usual longest life, and those of licenses with another.
func (r *Redis) tokenTTLs(q Heartbeat) []argument {
	if q.NoToken {
		return []argument{{"token_ttl", 0}}
	}
	args := []argument{{"token_ttl", r.tokenTTL(0)}}
	for id, ttl := range q.TokenTTLs {
		args = append(args, argument{"license", id}, argument{"token_ttl", r.tokenTTL(ttl)})
	}
	return args
}

func (r *reply) kept(caller license.Caller, sessionID string) Hold {
	h, err := parseSession(caller, sessionID, r.str(3))
	if err != nil && r.err == nil {
		r.err = unavailable(err)
	}
	h.Now, h.ExpiresAt, h.TokenExpiresAt, h.Used = r.now, r.time(0), r.tokenTime(1), int(r.int(2))
	h.TokenEnds = time.Time{}
	h.Epoch, h.Existing = r.epoch, true
	return h
}
