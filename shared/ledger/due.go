package ledger

import "context"

// Due is one shard's answer to which organizations to visit.
type Due struct {
	Organizations []string
	// Fresh says that this shard was not filled on this server: schedule every
	// organization with sessions, then confirm with Filled(Identity).
	Fresh    bool
	Identity string
}

// Due implements [Index].
func (r *Redis) Due(ctx context.Context, shard, limit int) (Due, error) {
	a, err := r.eval(ctx, call{
		script: "due",
		keys:   []string{r.keys.due(shard), r.keys.filled(shard)},
		args:   []argument{{"limit", limit}},
	})
	if err != nil {
		return Due{}, err
	}
	d := Due{Identity: a.str(0), Fresh: a.code == codeRebuild}
	for i := 1; i < len(a.values); i++ {
		d.Organizations = append(d.Organizations, a.str(i))
	}
	return d, a.err
}
