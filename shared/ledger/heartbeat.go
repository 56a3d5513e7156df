package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Heartbeat keeps a session alive.
type Heartbeat struct {
	SessionID string
	// LicenseEnds are the ends of the licenses the session may be of, as far as
	// they may come before a new token would end; any other counts as never ending.
	LicenseEnds map[string]time.Time
	// RecordEpoch is the number of the record's epoch as last read: a ledger of an
	// older one is rebuilt. 0 is any.
	RecordEpoch int64
	// Renew asks for a new token though the present one is fresh.
	Renew bool
}

// Heartbeat implements [Seats].
func (r *Redis) Heartbeat(ctx context.Context, caller license.Caller, q Heartbeat) (Hold, error) {
	args := []argument{
		{"record_epoch", q.RecordEpoch},
		{"session", packID(q.SessionID)},
		{"user", escapeUser(caller.UserID)},
		{"ttl", r.opts.SessionTTL.Milliseconds()},
		{"token_ttl", r.opts.TokenTTL.Milliseconds()},
		{"force", flag(q.Renew)},
	}
	for id, ends := range q.LicenseEnds {
		args = append(args, argument{"license", id}, argument{"license_end", unixMilli(ends)})
	}
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

func (r *reply) kept(caller license.Caller, sessionID string) Hold {
	h, err := parseSession(caller, sessionID, r.str(4))
	if err != nil && r.err == nil {
		r.err = unavailable(err)
	}
	h.Now, h.ExpiresAt, h.TokenExpiresAt = r.now, r.time(0), r.time(1)
	h.Renewed, h.Used, h.PreviousTokenExpiry = r.int(2) == 1, int(r.int(3)), r.time(5)
	h.Epoch, h.Existing = r.epoch, true
	return h
}
