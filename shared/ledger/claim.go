package ledger

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// RebuildLease is how long a rebuild is left to the process that began it, from
// its last sign of life: above the reading of one page of the record, far below
// the time in which a program misses its seat.
func RebuildLease(sessionTTL time.Duration) time.Duration { return min(5*time.Second, sessionTTL/16) }

// Claim is the answer to a rebuilder.
type Claim struct {
	// Held says that the rebuild is the asker's.
	Held bool
	// Staged says how far each part of the record is staged, by whomever: the
	// position to go on from. A part without one is to be read from its beginning.
	Staged map[int]string
	// Now is the Redis server's time.
	Now time.Time
}

// Claim implements [Rebuilding].
func (r *Redis) Claim(ctx context.Context, caller license.Caller, nonce, owner string) (Claim, error) {
	return r.claim(ctx, caller, nonce, owner, RebuildLease(r.opts.SessionTTL))
}

// Disclaim implements [Rebuilding].
func (r *Redis) Disclaim(ctx context.Context, caller license.Caller, nonce, owner string) error {
	_, err := r.claim(ctx, caller, nonce, owner, 0)
	return err
}

func (r *Redis) claim(ctx context.Context, caller license.Caller, nonce, owner string, lease time.Duration) (Claim, error) {
	a, err := r.run(ctx, caller, call{script: "claim", args: []argument{
		{"nonce", nonce},
		{"owner", owner},
		{"ttl", lease.Milliseconds()},
	}})
	if err := lost(a, err); err != nil {
		return Claim{}, err
	}
	c := Claim{Held: a.int(0) == 1, Staged: map[int]string{}, Now: a.now}
	for i := 1; i+1 < len(a.values); i += 2 {
		c.Staged[int(a.int(i))] = a.str(i + 1)
	}
	return c, a.err
}

// lost reads the answer of a rebuild's step.
func lost(a reply, err error) error {
	switch {
	case err != nil:
		return err
	case a.code == codeLost:
		return ErrLost
	case a.code != codeOK:
		return a.unexpected("rebuild")
	}
	return nil
}
