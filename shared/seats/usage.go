package seats

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// talliedHours is of how many hours of licenses usage is filed at a time.
const talliedHours = 200

// unfiledFor is for how long a process takes documents of usage that it found broken to be
// so, and does not try to file there: a person mends them, or nobody does for weeks.
const unfiledFor = 10 * time.Minute

// unfiled is what visits leave in the ledger, since documents of usage were broken by
// a person: what others have counted is filed all the same.
type unfiled struct {
	since     time.Time
	documents map[string]bool
	// dead are generations that counted for them, and are not cleared before they are mended.
	dead map[string]bool
}

// unfiled is what this process could not file for the organization a short time ago. It is
// the visit's own, so that visits may overlap.
func (p *Protocol) unfiled(organizationID string) *unfiled {
	now := p.opts.Now()
	last, ok := p.unfiledOf.Get(organizationID)
	if !ok || now.Sub(last.since) >= unfiledFor {
		return &unfiled{since: now, documents: map[string]bool{}, dead: map[string]bool{}}
	}
	return &unfiled{since: last.since, documents: maps.Clone(last.documents), dead: maps.Clone(last.dead)}
}

// remember keeps what a visit could not file.
func (p *Protocol) remember(organizationID string, u *unfiled) {
	if len(u.documents) == 0 {
		p.unfiledOf.Remove(organizationID)
		return
	}
	p.unfiledOf.Add(organizationID, u)
}

// report names the documents, once a visit.
func (u *unfiled) report(ctx context.Context, caller license.Caller, log *slog.Logger) {
	if len(u.documents) > 0 {
		log.ErrorContext(ctx, "usage documents cannot be read, and usage is not filed there",
			slog.String("organization_id", caller.OrganizationID), slog.Any("documents", slices.Sorted(maps.Keys(u.documents))))
	}
}

// tally files what the ledger counted in the record, and lets it forget the hours that
// are over. A dead generation, if it is named, is cleared afterwards as a whole.
//
// It may die at any step and be repeated, and others may do the same: the record keeps
// the greatest of the numbers it is told, which only grow, and what the ledger forgets
// is filed and takes no more. Whether there are refusals in an hour that goes on is returned.
func (p *Protocol) tally(ctx context.Context, caller license.Caller, dead string, left *unfiled) (refused bool, err error) {
	for after := ""; ; {
		t, err := p.ledger.Tally(ctx, caller, dead, after, talliedHours)
		if err != nil {
			return false, p.rebuilt(ctx, caller, err)
		}
		refused = refused || slices.ContainsFunc(t.Meters, func(m ledger.Meter) bool { return !m.Closed && m.Denials() > 0 })
		if len(t.Meters) > 0 {
			err = p.file(ctx, caller, dead, t, left)
		}
		if err != nil {
			return false, err
		}
		if after = t.Last; after == "" {
			return refused, nil
		}
	}
}

func (p *Protocol) file(ctx context.Context, caller license.Caller, dead string, t ledger.Tally, left *unfiled) error {
	if err := p.step(ctx, StepTallied); err != nil {
		return err
	}
	if t.Meters = left.without(dead, t.Meters); len(t.Meters) == 0 {
		return nil
	}
	err := p.record.FileUsage(ctx, caller, filings(t))
	if broken, ok := errors.AsType[*record.UnreadableUsageError](err); ok {
		t.Meters, err = left.take(dead, t.Meters, broken), nil
	}
	if err != nil {
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

// take notes what could not be filed, and is the rest.
func (u *unfiled) take(dead string, meters []ledger.Meter, broken *record.UnreadableUsageError) []ledger.Meter {
	for _, name := range broken.Documents {
		u.documents[name] = true
	}
	return u.without(dead, meters)
}

// without are the meters without those that belong to broken documents.
func (u *unfiled) without(dead string, meters []ledger.Meter) []ledger.Meter {
	if len(u.documents) == 0 {
		return meters
	}
	broken := record.UnreadableUsageError{Documents: slices.Collect(maps.Keys(u.documents))}
	rest := slices.DeleteFunc(meters, func(m ledger.Meter) bool { return broken.Unfiled(m.Pool, m.Hour) })
	if dead != "" && len(rest) < len(meters) {
		u.dead[dead] = true
	}
	return rest
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
		limit := license.LimitOf(pool)
		if pool == ledger.ByTokens {
			limit = license.LimitHandover
		}
		out[string(limit)] += n
	}
	return out
}
