package seats

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// talliedPools is of how many licenses usage is filed at a time.
const talliedPools = 20

// tally files what the ledger counted in the record, and lets it forget the hours that
// are over. A dead generation, if it is named, is cleared afterwards as a whole.
//
// It may die at any step and be repeated, and others may do the same: the record keeps
// the greatest of the numbers it is told, which only grow, and what the ledger forgets
// is filed and takes no more.
func (p *Protocol) tally(ctx context.Context, caller license.Caller, dead string) error {
	for after := ""; ; {
		t, err := p.ledger.Tally(ctx, caller, dead, after, talliedPools)
		if err != nil {
			return p.rebuilt(ctx, caller, err)
		}
		if len(t.Meters) > 0 {
			err = p.file(ctx, caller, dead, t)
		}
		if err != nil {
			return err
		}
		if after = t.Last; after == "" {
			return nil
		}
	}
}

func (p *Protocol) file(ctx context.Context, caller license.Caller, dead string, t ledger.Tally) error {
	if err := p.step(ctx, StepTallied); err != nil {
		return err
	}
	if err := p.record.FileUsage(ctx, caller, filings(t)); err != nil {
		return contended(err)
	}
	if err := p.step(ctx, StepFiled); err != nil || dead != "" {
		return err
	}
	if err := p.ledger.Tallied(ctx, caller, t.Generation, t.Meters); err != nil {
		return p.rebuilt(ctx, caller, err)
	}
	return p.step(ctx, StepForgotten)
}

// filings are what was told, by license: its own pool has its name.
func filings(t ledger.Tally) []usage.Filing {
	out := make([]usage.Filing, len(t.Meters))
	for i, m := range t.Meters {
		m.Denied = limits(m.Denied)
		out[i] = usage.Filing{Generation: t.Generation, Hour: usage.Hour{LicenseID: m.Pool, At: m.Hour, Counts: m.Counts}}
	}
	return out
}

// limits are refusals by what was bought, of those by pools.
func limits(denied map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for pool, n := range denied {
		limit := license.LimitOrganization
		if pool == ledger.ByTokens {
			limit = license.LimitHandover
		}
		out[string(limit)] += n
	}
	return out
}
