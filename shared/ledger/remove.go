package ledger

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Removal says under which condition a session is removed.
type Removal string

// The conditions.
const (
	// IfEnding: only if its end has begun; a rebuild may have brought it back since.
	IfEnding Removal = "ended"
	// BySession: whatever its state; its end is recorded.
	BySession Removal = "session"
	// IfUntouched: a failed grant that was never recorded, while no other request answers with it.
	IfUntouched Removal = "grant"
)

// removeChunk keeps one script run well below a millisecond or two.
const removeChunk = 100

// Remove implements [Seats].
func (r *Redis) Remove(ctx context.Context, caller license.Caller, how Removal, holds ...Hold) (int, error) {
	removed := 0
	for len(holds) > 0 {
		chunk := holds[:min(removeChunk, len(holds))]
		holds = holds[len(chunk):]
		args := []argument{{"rule", string(how)}}
		for _, h := range chunk {
			args = append(args, argument{"session", packID(h.ID)}, argument{"holder", digest(h.Holder)}, argument{"grant", h.Grant})
		}
		a, err := r.run(ctx, caller, call{script: "remove", args: args})
		if err != nil {
			return removed, err
		}
		removed += int(a.int(0))
		if a.err != nil {
			return removed, a.err
		}
	}
	return removed, nil
}
