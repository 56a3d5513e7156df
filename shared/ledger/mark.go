package ledger

import (
	"context"
	"errors"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Mark begins the end of a session.
type Mark struct {
	SessionID string
	// UserID is who ends it, for Own; empty matches nobody.
	UserID string
	// Own is the reason if the session is UserID's, Other if it is not; an
	// empty Other means another user's session is ErrForeign.
	Own, Other license.EndReason
	// Grant, when not 0, marks only while that is the hold's count.
	Grant int64
}

// Mark implements [Seats].
func (r *Redis) Mark(ctx context.Context, caller license.Caller, m Mark) (Hold, error) {
	a, err := r.run(ctx, caller, call{script: "mark", args: []argument{
		{"session", packID(m.SessionID)},
		{"user", escapeUser(m.UserID)},
		{"own_reason", reason(m.Own)},
		{"other_reason", reason(m.Other)},
		{"grant", m.Grant},
	}})
	if err != nil {
		return Hold{}, err
	}
	err = a.sessionErr(caller)
	if expired, ok := errors.AsType[*ExpiredError](err); ok {
		return expired.Hold, nil
	}
	return Hold{}, err
}
