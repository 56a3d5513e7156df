package ledger

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Visit implements [Ledger].
func (r *Redis) Visit(ctx context.Context, caller license.Caller, limit int) (Visit, error) {
	org := caller.OrganizationID
	answer, err := r.run(ctx, caller, call{
		script: r.scripts.visit,
		keys: func(g string) []string {
			return []string{r.keys.all(org, g), r.keys.data(org, g), r.keys.owed(org), r.keys.dead(org)}
		},
		args: []any{limit},
	})
	if err != nil {
		return Visit{}, err
	}
	v := Visit{Epoch: answer.epoch, Now: answer.time(0)}
	if first := answer.int(1); first > 0 {
		v.Earliest = time.UnixMilli(first).UTC()
	}
	expired := reply{values: answer.list(2), epoch: answer.epoch}
	v.Expired = expired.holds(caller, 0, v.Now)
	owed := reply{values: answer.list(3)}
	for i := 0; i+1 < len(owed.values); i += 2 {
		h, err := parseOwed(caller, unpackID(owed.str(i)), owed.str(i+1))
		if err != nil {
			return Visit{}, unavailable(err)
		}
		v.Owed = append(v.Owed, h)
	}
	for _, g := range answer.list(4) {
		if generation, ok := g.(string); ok {
			v.Dead = append(v.Dead, generation)
		}
	}
	return v, errors.Join(answer.err, expired.err, owed.err)
}

// Repaid implements [Ledger].
func (r *Redis) Repaid(ctx context.Context, caller license.Caller, sessionIDs ...string) error {
	_, err := r.run(ctx, caller, call{
		script: r.scripts.repaid, args: packIDs(sessionIDs),
		keys: func(string) []string { return []string{r.keys.owed(caller.OrganizationID)} },
	})
	return err
}

// DueShards implements [Ledger].
func (r *Redis) DueShards() int { return dueShards }

// Shard implements [Ledger].
func (r *Redis) Shard(organizationID string) int { return shardOf(organizationID) }

// Note implements [Ledger].
func (r *Redis) Note(ctx context.Context, now bool, organizationIDs ...string) error {
	after := r.opts.SessionTTL.Milliseconds()
	if now {
		after = 0
	}
	shards := map[int][]any{}
	for _, org := range organizationIDs {
		shards[shardOf(org)] = append(shards[shardOf(org)], org)
	}
	for shard, orgs := range shards {
		_, err := r.evalRaw(ctx, r.scripts.note,
			[]string{r.keys.due(shard), r.keys.idle(shard)}, append([]any{after}, orgs...))
		if err != nil {
			return err
		}
	}
	return nil
}

// Due implements [Ledger].
func (r *Redis) Due(ctx context.Context, shard, limit int) (Due, error) {
	answer, err := r.evalRaw(ctx, r.scripts.due,
		[]string{r.keys.due(shard), r.keys.seeded(shard)}, []any{limit})
	if err != nil {
		return Due{}, err
	}
	d := Due{Identity: answer.str(0), Fresh: answer.code == codeRebuild}
	for i := 1; i < len(answer.values); i++ {
		d.Organizations = append(d.Organizations, answer.str(i))
	}
	return d, answer.err
}

// Seeded implements [Ledger].
func (r *Redis) Seeded(ctx context.Context, shard int, identity string) error {
	_, err := r.evalRaw(ctx, r.scripts.seed, []string{r.keys.seeded(shard)}, []any{identity})
	return err
}

// Settle implements [Ledger].
func (r *Redis) Settle(ctx context.Context, organizationID string, v Visit) (bool, error) {
	shard := shardOf(organizationID)
	answer, err := r.evalRaw(ctx, r.scripts.settle, []string{r.keys.due(shard), r.keys.idle(shard)}, []any{
		organizationID, strconv.FormatInt(unixMilli(v.Earliest), 10),
		strconv.FormatInt(v.Now.UnixMilli(), 10), r.opts.SessionTTL.Milliseconds(),
	})
	if err != nil {
		return false, err
	}
	return answer.int(0) == 1, answer.err
}
