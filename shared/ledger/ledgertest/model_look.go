package ledgertest

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Look implements [ledger.Ledger].
func (m *Model) Look(ctx context.Context, caller license.Caller, sessionIDs []string) ([]ledger.Sight, error) {
	_, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return nil, err
	}
	defer unlock()
	sights := make([]ledger.Sight, len(sessionIDs))
	for i, id := range sessionIDs {
		if e, held := l.sessions[id]; held {
			sights[i] = ledger.Sight{State: m.state(l, e), LastHeartbeatAt: e.LastHeartbeatAt, ExpiresAt: l.ends(e), Pools: e.pools}
		}
	}
	return sights, nil
}

// Count implements [ledger.Ledger].
func (m *Model) Count(ctx context.Context, caller license.Caller, pools []string) ([]int, error) {
	_, l, unlock, err := m.open(ctx, caller, 0)
	if err != nil {
		return nil, err
	}
	defer unlock()
	living := make([]int, len(pools))
	for i, pool := range pools {
		living[i] = len(l.pick(func(e entry) bool { return m.state(l, e) == ledger.Living && in(pool)(e) }))
	}
	return living, nil
}

func (m *Model) state(l *contents, e entry) ledger.State {
	switch {
	case e.ending:
		return ledger.Ending
	case m.over(l, e):
		return ledger.Over
	default:
		return ledger.Living
	}
}
