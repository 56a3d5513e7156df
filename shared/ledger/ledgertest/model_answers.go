package ledgertest

import (
	"cmp"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// How the model's answers tell its sessions.

// hold is a living session as an answer tells it.
func (m *Model) hold(t *tenant, l *contents, e entry) ledger.Hold {
	h := ledger.Hold{Session: e.Session, Now: m.now, Grant: e.grant, Recorded: e.recorded}
	first := ""
	if len(e.pools) > 0 {
		first = e.pools[0]
	}
	h.Used, h.Epoch = m.used(l, first), t.epoch
	return h
}

// used counts a pool's living sessions.
func (m *Model) used(l *contents, pool string) int {
	counted, living := in(pool), m.living(l)
	return l.count(func(e entry) bool { return counted(e) && living(e) })
}

// reserved is a living session of a candidate as the answer to a reservation tells it.
func (m *Model) reserved(t *tenant, l *contents, e entry, c ledger.Candidate, place int, token time.Time) ledger.Hold {
	h := m.hold(t, l, e)
	for _, p := range c.Pools {
		h.PoolsUsed = append(h.PoolsUsed, m.used(l, p.Key))
	}
	h.Used, h.Candidate, h.TokenExpiresAt, h.TokensGood = h.PoolsUsed[0], place, token, m.good(l, c)
	return h
}

// ended is a session as an answer tells its end.
func (m *Model) ended(epoch license.Epoch, e entry, now time.Time) ledger.Hold {
	h := ledger.Hold{Session: e.Session, Now: now, Grant: e.grant, Recorded: e.recorded}
	h.Epoch, h.EndedAt = epoch, e.ExpiresAt
	h.EndedReason = cmp.Or(e.EndedReason, license.EndExpired)
	if h.EndedReason != license.EndFailed {
		h.TokenEnds = e.token
	}
	return h
}
