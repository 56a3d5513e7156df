package ledger

import "time"

// TokenLife is what a rebuild takes for the rest of a session's token.
func (r *Redis) TokenLife(sessionID string) time.Duration { return r.tokenLife(sessionID) }
