package seats

import (
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Answer is what the holder of a seat is told, but for its license token.
// interval is how often it is asked to send a heartbeat.
func Answer(h ledger.Hold, lic license.License, interval time.Duration) api.Session {
	s := api.Session{
		SessionID: h.ID, LicenseID: lic.ID, OrganizationID: h.OrganizationID, UserID: h.UserID,
		HardwareID: h.HardwareID, InstanceID: h.InstanceID,
		Product: lic.Product, Plan: lic.Plan, Entitlements: api.List(lic.Entitlements),
		AcquiredAt: api.NewTime(h.AcquiredAt), LastHeartbeatAt: api.NewTime(h.LastHeartbeatAt), ExpiresAt: api.NewTime(h.ExpiresAt),
		HeartbeatIntervalSeconds: max(1, int(interval/time.Second)), // clients sleep that long
		NextHeartbeatAt:          api.NewTime(license.NextHeartbeat(h.Session, h.Now, interval)),
		SeatsUsed:                h.Used, SeatsMax: lic.MaxSeats, ServerTime: api.NewTime(h.Now),
	}
	if lic.InGrace(h.Now) {
		s.LicenseInGraceUntil = api.NewTime(lic.Over())
	}
	return s
}
