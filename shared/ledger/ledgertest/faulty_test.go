package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func TestFaultyWithoutHooksKeepsTheContract(t *testing.T) {
	Run(t, func(t *testing.T, sessionTTL, tokenTTL time.Duration) Subject {
		_, s := openModel(t, sessionTTL, tokenTTL)
		s.Ledger = &Faulty{Ledger: s.Ledger}
		return s
	})
}

func TestFaultyWithoutHooksCountsUsage(t *testing.T) {
	RunUsage(t, func(t *testing.T, sessionTTL, tokenTTL time.Duration) Subject {
		_, s := openModel(t, sessionTTL, tokenTTL)
		s.Ledger = &Faulty{Ledger: s.Ledger}
		return s
	})
}

func TestFaultyFailsBeforeAndAfterTheEffect(t *testing.T) {
	_, s := openModel(t, sessionTTL, tokenTTL)
	b := newBench(t, s)
	broken := &Faulty{Ledger: s.Ledger, Before: func(context.Context, string) error { return Outage() }}
	var down *license.UnavailableError
	if err := broken.Schedule(t.Context(), true, acme); !errors.As(err, &down) || down.Backend != "redis" {
		t.Errorf("before: %v", err)
	}
	lost := &Faulty{Ledger: s.Ledger, After: func(_ context.Context, method string, err error) error {
		return errors.Join(err, errors.New(method))
	}}
	_, r := b.fill(want{})
	h, err := lost.Reserve(t.Context(), caller(acme, "ann"), r)
	if err == nil || err.Error() != "Reserve" || h.ID != "" {
		t.Errorf("after: %+v, %v", h, err)
	}
	b.same("the effect", b.held(acme), 1)
	b.seed()
	b.same("the fault's absence", b.due(), []string{})
}
