package record

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// requestsFor are the keys among which the request's is.
func (m *Memory) requestsFor(t *memoryTenant, r Request) map[string]memoryRequest {
	if r.Outlives {
		return m.requests
	}
	return t.administered.requests
}

// AnswerOf implements [Requests].
func (m *Memory) AnswerOf(ctx context.Context, caller license.Caller, act Act, r Request) (answer Answer, found bool, err error) {
	err = m.within(ctx, caller, func(t *memoryTenant) error {
		if err := act.check(); err != nil || act.Key == "" {
			return err
		}
		answer, found, err = m.requestsFor(t, r)[act.requestName()].answerTo(r, act)
		return err
	})
	return answer, found, err
}

// KeepAnswer implements [Requests].
func (m *Memory) KeepAnswer(ctx context.Context, caller license.Caller, act Act, r Request, answer Answer) error {
	return m.within(ctx, caller, func(t *memoryTenant) error {
		if err := act.check(); err != nil || act.Key == "" || act.DryRun {
			return err
		}
		keys := m.requestsFor(t, r)
		if known, ok := keys[act.requestName()]; !ok || !known.counts(act) {
			keys[act.requestName()] = memoryRequest{requestDoc: r.answered(act, answer)}
		}
		return nil
	})
}
