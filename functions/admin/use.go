package admin

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// counts are how many seats are held: of an organization, and of some of its licenses.
// The zero value is that of nobody who knows.
type counts struct {
	organization *int
	licenses     map[string]*int
}

// count asks the ledger once for all of them. Where it is away, or waits for its rebuild,
// what was bought is told all the same, and no number is made up. The organization must
// be known to exist: the ledger would begin one for any name.
func (f *function) count(ctx context.Context, c web.Call, licenses []license.License) counts {
	pools := []string{""} // the organization's own
	for _, l := range licenses {
		pools = append(pools, license.OwnPool(l.ID))
	}
	living, err := f.Ledger.Count(ctx, caller(c), pools)
	if err != nil {
		web.Degraded(ctx, "uncounted", err)
		return counts{}
	}
	known := counts{organization: &living[0], licenses: map[string]*int{}}
	for i, l := range licenses {
		known.licenses[l.ID] = &living[i+1]
	}
	return known
}

// uses are licenses of an organization with their states, and what was counted.
func (f *function) uses(org license.Organization, licenses []license.License, counted counts) []api.LicenseUse {
	now, out := f.Now(), make([]api.LicenseUse, len(licenses))
	for i, l := range licenses {
		out[i] = api.LicenseUse{
			LicenseID: l.ID, Product: l.Product, Plan: l.Plan, State: string(license.StateAt(org, l, now)), ExpiresAt: ends(l),
			SeatsUsed: counted.licenses[l.ID], SeatsMax: l.MaxSeats,
		}
	}
	return out
}

// today is what was counted since midnight (UTC), by license: one read for all of them. It is
// nil where the record cannot tell, which is no reason not to tell the rest.
func (f *function) today(ctx context.Context, c web.Call) map[string]usage.Counts {
	hours, err := f.Record.Usage(ctx, caller(c), todayOf(f.Now()))
	if err != nil {
		web.Degraded(ctx, "unmeasured", err)
		return nil
	}
	counts := map[string]usage.Counts{}
	for _, l := range usage.Report(hours, usage.StepDay) {
		counts[l.LicenseID] = l.Total
	}
	return counts
}

func todayOf(now time.Time) record.UsageQuery {
	midnight := now.UTC().Truncate(24 * time.Hour)
	return record.UsageQuery{From: midnight, To: midnight.Add(24 * time.Hour)}
}

// peakOf is the peak of what was counted, some minutes ago, and now: what is held now was in use.
func peakOf(counts usage.Counts, used *int) int {
	if used == nil {
		return counts.Peak
	}
	return max(counts.Peak, *used)
}

func exampleUse() api.LicenseUse {
	l := exampleLicense()
	return api.LicenseUse{
		LicenseID: l.ID, Product: l.Product, Plan: l.Plan, State: api.StateActive, ExpiresAt: l.ExpiresAt, SeatsUsed: new(3), SeatsMax: l.MaxSeats,
	}
}
