package recordtest

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// AdministerKeys implements [record.ServiceActs].
func (f *FaultyAdministration) AdministerKeys(
	ctx context.Context, act record.Act, action record.Action, object string, change func(*record.SigningKeys) error,
) (record.SigningKeys, error) {
	return around(ctx, f.hooks(), "AdministerKeys", func() (record.SigningKeys, error) {
		return f.Administration.AdministerKeys(ctx, act, action, object, change)
	})
}

// ServiceAudit implements [record.ServiceActs].
func (f *FaultyAdministration) ServiceAudit(ctx context.Context, span record.Span, after string, limit int) ([]record.Entry, error) {
	return around(ctx, f.hooks(), "ServiceAudit", func() ([]record.Entry, error) { return f.Administration.ServiceAudit(ctx, span, after, limit) })
}

// AddEntry implements [record.ServiceActs].
func (f *FaultyAdministration) AddEntry(
	ctx context.Context, caller license.Caller, act record.Act, action record.Action, object string, state record.EntryState,
) (string, error) {
	return around(ctx, f.hooks(), "AddEntry", func() (string, error) { return f.Administration.AddEntry(ctx, caller, act, action, object, state) })
}

// SettleEntry implements [record.ServiceActs].
func (f *FaultyAdministration) SettleEntry(
	ctx context.Context, caller license.Caller, entry string, state record.EntryState, after map[string]any,
) error {
	return f.hooks().do(ctx, "SettleEntry", func() error { return f.Administration.SettleEntry(ctx, caller, entry, state, after) })
}

// SessionHistory implements [record.Histories].
func (f *FaultyAdministration) SessionHistory(ctx context.Context, caller license.Caller, userID, after string, limit int) (record.Page, error) {
	return around(ctx, f.hooks(), "SessionHistory", func() (record.Page, error) {
		return f.Administration.SessionHistory(ctx, caller, userID, after, limit)
	})
}

// UsageHistory implements [record.Histories].
func (f *FaultyAdministration) UsageHistory(ctx context.Context, caller license.Caller, after string, limit int) (record.UsagePage, error) {
	return around(ctx, f.hooks(), "UsageHistory", func() (record.UsagePage, error) {
		return f.Administration.UsageHistory(ctx, caller, after, limit)
	})
}

// AuditHistory implements [record.Histories].
func (f *FaultyAdministration) AuditHistory(
	ctx context.Context, caller license.Caller, filter record.EntryFilter, after string, limit int,
) ([]record.Entry, error) {
	return around(ctx, f.hooks(), "AuditHistory", func() ([]record.Entry, error) {
		return f.Administration.AuditHistory(ctx, caller, filter, after, limit)
	})
}

// Contents implements [record.Histories].
func (f *FaultyAdministration) Contents(ctx context.Context, caller license.Caller, userID string) (record.Contents, error) {
	return around(ctx, f.hooks(), "Contents", func() (record.Contents, error) { return f.Administration.Contents(ctx, caller, userID) })
}

// BeginPurge implements [record.Purging].
func (f *FaultyAdministration) BeginPurge(ctx context.Context, caller license.Caller, act record.Act) error {
	return f.hooks().do(ctx, "BeginPurge", func() error { return f.Administration.BeginPurge(ctx, caller, act) })
}

// PurgePage implements [record.Purging].
func (f *FaultyAdministration) PurgePage(ctx context.Context, caller license.Caller) (int, error) {
	return around(ctx, f.hooks(), "PurgePage", func() (int, error) { return f.Administration.PurgePage(ctx, caller) })
}

// DropUsers implements [record.Purging].
func (f *FaultyAdministration) DropUsers(ctx context.Context, caller license.Caller, ids []string) error {
	return f.hooks().do(ctx, "DropUsers", func() error { return f.Administration.DropUsers(ctx, caller, ids) })
}

// FinishPurge implements [record.Purging].
func (f *FaultyAdministration) FinishPurge(ctx context.Context, caller license.Caller) error {
	return f.hooks().do(ctx, "FinishPurge", func() error { return f.Administration.FinishPurge(ctx, caller) })
}

// EraseSessions implements [record.Purging].
func (f *FaultyAdministration) EraseSessions(ctx context.Context, caller license.Caller, act record.Act, userID string) (int, error) {
	return around(ctx, f.hooks(), "EraseSessions", func() (int, error) { return f.Administration.EraseSessions(ctx, caller, act, userID) })
}

// AnswerOf implements [record.Requests].
func (f *FaultyAdministration) AnswerOf(
	ctx context.Context, caller license.Caller, act record.Act, r record.Request,
) (answer record.Answer, found bool, err error) {
	err = f.hooks().do(ctx, "AnswerOf", func() (err error) {
		answer, found, err = f.Administration.AnswerOf(ctx, caller, act, r)
		return err
	})
	return answer, found, err
}

// KeepAnswer implements [record.Requests].
func (f *FaultyAdministration) KeepAnswer(
	ctx context.Context, caller license.Caller, act record.Act, r record.Request, answer record.Answer,
) error {
	return f.hooks().do(ctx, "KeepAnswer", func() error { return f.Administration.KeepAnswer(ctx, caller, act, r, answer) })
}
