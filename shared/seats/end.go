package seats

import (
	"context"
	"errors"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// end records holds of one epoch, whose end has begun, as ended, then takes them
// out of the ledger if they still are ending there. If the epoch had moved, the
// caller begins anew.
func (p *Protocol) end(ctx context.Context, caller license.Caller, holds []ledger.Hold) error {
	_, err := p.endCounting(ctx, caller, holds)
	return err
}

func (p *Protocol) endCounting(ctx context.Context, caller license.Caller, holds []ledger.Hold) (removed int, err error) {
	for len(holds) > 0 {
		batch := holds[:min(record.MaxEnds, len(holds))]
		holds = holds[len(batch):]
		n, err := p.endBatch(ctx, caller, batch)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (p *Protocol) endBatch(ctx context.Context, caller license.Caller, batch []ledger.Hold) (int, error) {
	if err := p.step(ctx, StepEnding); err != nil {
		return 0, err
	}
	epoch := batch[0].Epoch
	err := p.record.End(ctx, caller, epoch, ends(batch))
	if errors.Is(err, record.ErrFenced) {
		return 0, p.fenced(ctx, caller, epoch)
	}
	if err != nil {
		return 0, contended(err)
	}
	p.forget(batch)
	if err := p.step(ctx, StepEnded); err != nil {
		return 0, err
	}
	removed, err := p.ledger.Remove(ctx, caller, ledger.IfEnding, batch...)
	if err != nil {
		return removed, p.rebuilt(ctx, caller, err)
	}
	return removed, p.step(ctx, StepRemoved)
}

func (p *Protocol) forget(holds []ledger.Hold) {
	for _, h := range holds {
		p.recorded.Remove(h.ID)
	}
}

func ends(holds []ledger.Hold) []record.End {
	out := make([]record.End, len(holds))
	for i, h := range holds {
		out[i] = ended(h)
	}
	return out
}

func ended(h ledger.Hold) record.End {
	s := h.Session
	s.Status = license.SessionEnded
	return record.End{Session: s}
}
