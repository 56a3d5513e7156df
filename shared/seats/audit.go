package seats

import (
	"context"
	"log/slog"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
)

// audit compares a new grant with the very limits it was decided on, and says so
// at the highest severity if it is above one. The ledger does not grant such a
// seat, so this never happens; if it does, a script or its server is broken, and
// somebody is woken before a customer counts. Holders found again are not looked
// at: a limit that was lowered below what is in use is legal and ends nobody.
func (p *Protocol) audit(ctx context.Context, req Request, hold ledger.Hold) {
	if hold.Existing || !hold.AcquiredAt.Equal(hold.Now) { // a repeat may find more seats taken under a limit that was higher
		return
	}
	for i, pool := range req.Terms.Choices[hold.Candidate].Pools {
		if i >= len(hold.PoolsUsed) {
			return
		}
		if used := hold.PoolsUsed[i]; used > pool.Cap {
			p.opts.Log.LogAttrs(ctx, telemetry.LevelCritical, "oversold",
				slog.String("organization_id", hold.OrganizationID), slog.String("license_id", hold.LicenseID),
				slog.String("session_id", hold.ID), slog.String("limit", string(pool.Limit)),
				slog.Int("used", used), slog.Int("max", pool.Cap))
		}
	}
}
