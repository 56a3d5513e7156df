package ledger

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// stageChunk keeps one staging script at about a millisecond, so that a rebuild
// of 100,000 sessions never holds up the others.
const stageChunk = 100

// Claim implements [Ledger].
func (r *Redis) Claim(ctx context.Context, caller license.Caller, nonce, owner string) (bool, error) {
	return r.claim(ctx, caller, nonce, owner, RebuildLease(r.opts.SessionTTL))
}

// Disclaim implements [Ledger].
func (r *Redis) Disclaim(ctx context.Context, caller license.Caller, nonce, owner string) error {
	_, err := r.claim(ctx, caller, nonce, owner, 0)
	return err
}

func (r *Redis) claim(ctx context.Context, caller license.Caller, nonce, owner string, lease time.Duration) (bool, error) {
	answer, err := r.eval(ctx, caller.OrganizationID, "", call{
		script: r.scripts.claim,
		keys:   func(string) []string { return []string{r.keys.lease(caller.OrganizationID)} },
		args:   []any{nonce, owner, lease.Milliseconds()},
	})
	if err := lost(answer, err); err != nil {
		return false, err
	}
	return answer.int(0) == 1, answer.err
}

// Stage implements [Ledger].
func (r *Redis) Stage(ctx context.Context, caller license.Caller, nonce string, epoch int64, sessions []license.Session) error {
	for len(sessions) > 0 {
		chunk := sessions[:min(stageChunk, len(sessions))]
		sessions = sessions[len(chunk):]
		if err := r.stage(ctx, caller.OrganizationID, nonce, epoch, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (r *Redis) stage(ctx context.Context, org, nonce string, epoch int64, sessions []license.Session) error {
	args := []any{nonce, r.opts.SessionTTL.Milliseconds(), RebuildLease(r.opts.SessionTTL).Milliseconds()}
	for _, s := range sessions {
		args = append(args, packID(s.ID), digest(s.Holder), s.LicenseID, formatSession(s, epoch), r.tokenLife(s.ID).Milliseconds())
	}
	answer, err := r.eval(ctx, org, generationOf(epoch, nonce), call{script: r.scripts.stage, args: args, keys: func(g string) []string {
		ks := []string{r.keys.all(org, g), r.keys.data(org, g), r.keys.licenses(org, g), r.keys.owed(org), r.keys.dead(org), r.keys.lease(org)}
		for _, s := range sessions {
			ks = append(ks, r.keys.license(org, g, s.LicenseID), r.keys.holders(org, g, s.LicenseID))
		}
		return ks
	}})
	return lost(answer, err)
}

// tokenLife is what is taken for the rest of a rebuilt session's token, which
// the record does not know. A heartbeating holder has about half a life or
// more; the renewals are spread over the following quarter, so that a rebuild
// is not followed by one signature per session at once. Short tokens leave no
// time to spread: they are renewed at the next heartbeat.
func (r *Redis) tokenLife(sessionID string) time.Duration {
	if r.opts.TokenTTL < 4*r.opts.SessionTTL {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(sessionID))
	spread := time.Duration(float64(r.opts.TokenTTL/4) * float64(h.Sum32()) / (1 << 32))
	return r.opts.TokenTTL/2 + spread
}

// Load implements [Ledger].
func (r *Redis) Load(ctx context.Context, caller license.Caller, nonce string, epoch int64) error {
	org := caller.OrganizationID
	generation := generationOf(epoch, nonce)
	answer, err := r.eval(ctx, org, generation, call{
		script: r.scripts.load,
		keys:   func(string) []string { return []string{r.keys.dead(org), r.keys.lease(org)} },
		args:   []any{nonce},
	})
	if err = lost(answer, err); err == nil {
		r.generations.Add(org, generation)
	}
	return err
}

func lost(answer reply, err error) error {
	switch {
	case err != nil:
		return err
	case answer.code == codeLost:
		return ErrLost
	case answer.code != codeOK:
		return answer.unexpected("rebuild")
	}
	return nil
}

// Forget implements [Ledger].
func (r *Redis) Forget(ctx context.Context, caller license.Caller, epoch int64) error {
	_, err := r.eval(ctx, caller.OrganizationID, "", call{
		script: r.scripts.forget,
		keys:   func(string) []string { return nil },
		args:   []any{epoch},
	})
	return err
}

// Clear implements [Ledger]. Nobody reads a dead generation, so plain commands
// will do; UNLINK frees the memory off the main thread.
func (r *Redis) Clear(ctx context.Context, caller license.Caller, generation string) error {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Deadline)
	defer cancel()
	org := caller.OrganizationID
	licenses, err := r.client.SMembers(ctx, r.keys.licenses(org, generation)).Result()
	if err != nil {
		return unavailable(err)
	}
	ks := []string{
		r.keys.all(org, generation), r.keys.data(org, generation), r.keys.licenses(org, generation), r.keys.marked(org, generation),
	}
	for _, l := range licenses {
		ks = append(ks, r.keys.license(org, generation, l), r.keys.holders(org, generation, l))
	}
	if err := r.client.Unlink(ctx, ks...).Err(); err != nil {
		return unavailable(err)
	}
	if err := r.client.SRem(ctx, r.keys.dead(org), generation).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Known implements [Ledger].
func (r *Redis) Known(ctx context.Context, caller license.Caller, sessionIDs []string) (Holdings, error) {
	org := caller.OrganizationID
	answer, err := r.run(ctx, caller, call{
		script: r.scripts.known, args: packIDs(sessionIDs),
		keys: func(g string) []string { return []string{r.keys.all(org, g), r.keys.owed(org)} },
	})
	if err != nil {
		return Holdings{}, err
	}
	h := Holdings{Epoch: answer.epoch, Now: answer.time(0), Held: int(answer.int(1)), Known: make([]bool, len(sessionIDs))}
	for i := range h.Known {
		h.Known[i] = answer.int(i+2) == 1
	}
	return h, answer.err
}

func packIDs(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = packID(id)
	}
	return out
}
