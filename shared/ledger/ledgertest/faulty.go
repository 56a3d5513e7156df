package ledgertest

import (
	"context"
	"errors"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Faulty wraps a ledger to play outages of its servers: before a method's effect
// (nothing happened, the caller sees an error), after it (it happened, the
// answer was lost), or as long as a hook takes. Methods are named as in
// [ledger.Ledger], for example "Reserve". The hooks are set before the first
// call; the errors a real outage gives are made by [Outage].
type Faulty struct {
	ledger.Ledger
	// Before, if set, runs first; its error is answered and the ledger is not called.
	Before func(ctx context.Context, method string) error
	// After, if set, is given the ledger's answer; its error is answered instead.
	After func(ctx context.Context, method string, err error) error
}

var _ ledger.Ledger = (*Faulty)(nil)

// Outage is the failure of an unreachable ledger.
func Outage() error { return unavailable(errors.New("injected outage")) }

func around[A any](ctx context.Context, f *Faulty, method string, call func() (A, error)) (A, error) {
	var none A
	if f.Before != nil {
		if err := f.Before(ctx, method); err != nil {
			return none, err
		}
	}
	answer, err := call()
	if f.After != nil {
		err = f.After(ctx, method, err)
	}
	if err != nil {
		return none, err
	}
	return answer, nil
}

func (f *Faulty) do(ctx context.Context, method string, call func() error) error {
	_, err := around(ctx, f, method, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// Reserve implements [ledger.Ledger].
func (f *Faulty) Reserve(ctx context.Context, caller license.Caller, r ledger.Reservation) (ledger.Hold, error) {
	return around(ctx, f, "Reserve", func() (ledger.Hold, error) { return f.Ledger.Reserve(ctx, caller, r) })
}

// Heartbeat implements [ledger.Ledger].
func (f *Faulty) Heartbeat(ctx context.Context, caller license.Caller, q ledger.Heartbeat) (ledger.Hold, error) {
	return around(ctx, f, "Heartbeat", func() (ledger.Hold, error) {
		return f.Ledger.Heartbeat(ctx, caller, q)
	})
}

// Mark implements [ledger.Ledger].
func (f *Faulty) Mark(ctx context.Context, caller license.Caller, m ledger.Mark) (ledger.Hold, error) {
	return around(ctx, f, "Mark", func() (ledger.Hold, error) { return f.Ledger.Mark(ctx, caller, m) })
}

// Remove implements [ledger.Ledger].
func (f *Faulty) Remove(ctx context.Context, caller license.Caller, how ledger.Removal, holds ...ledger.Hold) (int, error) {
	return around(ctx, f, "Remove", func() (int, error) { return f.Ledger.Remove(ctx, caller, how, holds...) })
}

// Look implements [ledger.Ledger].
func (f *Faulty) Look(ctx context.Context, caller license.Caller, sessionIDs []string) ([]ledger.Sight, error) {
	return around(ctx, f, "Look", func() ([]ledger.Sight, error) { return f.Ledger.Look(ctx, caller, sessionIDs) })
}

// Count implements [ledger.Ledger].
func (f *Faulty) Count(ctx context.Context, caller license.Caller, pools []string) ([]int, error) {
	return around(ctx, f, "Count", func() ([]int, error) { return f.Ledger.Count(ctx, caller, pools) })
}

// Tally implements [ledger.Ledger].
func (f *Faulty) Tally(ctx context.Context, caller license.Caller, dead, after string, limit int) (ledger.Tally, error) {
	return around(ctx, f, "Tally", func() (ledger.Tally, error) { return f.Ledger.Tally(ctx, caller, dead, after, limit) })
}

// Tallied implements [ledger.Ledger].
func (f *Faulty) Tallied(ctx context.Context, caller license.Caller, generation string, meters []ledger.Meter) error {
	return f.do(ctx, "Tallied", func() error { return f.Ledger.Tallied(ctx, caller, generation, meters) })
}

// Visit implements [ledger.Ledger].
func (f *Faulty) Visit(ctx context.Context, caller license.Caller, limit int) (ledger.Visit, error) {
	return around(ctx, f, "Visit", func() (ledger.Visit, error) { return f.Ledger.Visit(ctx, caller, limit) })
}

// Known implements [ledger.Ledger].
func (f *Faulty) Known(ctx context.Context, caller license.Caller, sessionIDs []string) (ledger.Holdings, error) {
	return around(ctx, f, "Known", func() (ledger.Holdings, error) { return f.Ledger.Known(ctx, caller, sessionIDs) })
}

// Claim implements [ledger.Ledger].
func (f *Faulty) Claim(ctx context.Context, caller license.Caller, nonce, owner string) (ledger.Claim, error) {
	return around(ctx, f, "Claim", func() (ledger.Claim, error) { return f.Ledger.Claim(ctx, caller, nonce, owner) })
}

// Disclaim implements [ledger.Ledger].
func (f *Faulty) Disclaim(ctx context.Context, caller license.Caller, nonce, owner string) error {
	return f.do(ctx, "Disclaim", func() error { return f.Ledger.Disclaim(ctx, caller, nonce, owner) })
}

// Stage implements [ledger.Ledger].
func (f *Faulty) Stage(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, c ledger.Chunk) error {
	return f.do(ctx, "Stage", func() error { return f.Ledger.Stage(ctx, caller, nonce, epoch, c) })
}

// Spend implements [ledger.Ledger].
func (f *Faulty) Spend(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch, spent []ledger.Spent) error {
	return f.do(ctx, "Spend", func() error { return f.Ledger.Spend(ctx, caller, nonce, epoch, spent) })
}

// Load implements [ledger.Ledger].
func (f *Faulty) Load(ctx context.Context, caller license.Caller, nonce string, epoch license.Epoch) error {
	return f.do(ctx, "Load", func() error { return f.Ledger.Load(ctx, caller, nonce, epoch) })
}

// Forget implements [ledger.Ledger].
func (f *Faulty) Forget(ctx context.Context, caller license.Caller, epoch license.Epoch) error {
	return f.do(ctx, "Forget", func() error { return f.Ledger.Forget(ctx, caller, epoch) })
}

// Clear implements [ledger.Ledger].
func (f *Faulty) Clear(ctx context.Context, caller license.Caller, generation string) error {
	return f.do(ctx, "Clear", func() error { return f.Ledger.Clear(ctx, caller, generation) })
}

// Schedule implements [ledger.Ledger].
func (f *Faulty) Schedule(ctx context.Context, now bool, organizationIDs ...string) error {
	return f.do(ctx, "Schedule", func() error { return f.Ledger.Schedule(ctx, now, organizationIDs...) })
}

// Due implements [ledger.Ledger].
func (f *Faulty) Due(ctx context.Context, shard, limit int) (ledger.Due, error) {
	return around(ctx, f, "Due", func() (ledger.Due, error) { return f.Ledger.Due(ctx, shard, limit) })
}

// Filled implements [ledger.Ledger].
func (f *Faulty) Filled(ctx context.Context, shard int, identity string) error {
	return f.do(ctx, "Filled", func() error { return f.Ledger.Filled(ctx, shard, identity) })
}

// Reschedule implements [ledger.Ledger].
func (f *Faulty) Reschedule(ctx context.Context, organizationID string, v ledger.Visit) (bool, error) {
	return around(ctx, f, "Reschedule", func() (bool, error) { return f.Ledger.Reschedule(ctx, organizationID, v) })
}

// Ping implements [ledger.Ledger].
func (f *Faulty) Ping(ctx context.Context) error {
	return f.do(ctx, "Ping", func() error { return f.Ledger.Ping(ctx) })
}
