package recordtest

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// UserPage implements [record.Users].
func (f *FaultyAdministration) UserPage(
	ctx context.Context, caller license.Caller, filter record.UserFilter, after string, limit int,
) ([]record.Revised[license.User], error) {
	return around(ctx, f.hooks(), "UserPage", func() ([]record.Revised[license.User], error) {
		return f.Administration.UserPage(ctx, caller, filter, after, limit)
	})
}

// User implements [record.Users].
func (f *FaultyAdministration) User(ctx context.Context, caller license.Caller, id string) (record.Revised[license.User], error) {
	return around(ctx, f.hooks(), "User", func() (record.Revised[license.User], error) {
		return f.Administration.User(ctx, caller, id)
	})
}

// InviteUser implements [record.Users].
func (f *FaultyAdministration) InviteUser(
	ctx context.Context, caller license.Caller, act record.Act, user license.User,
) (record.Asked, error) {
	return around(ctx, f.hooks(), "InviteUser", func() (record.Asked, error) {
		return f.Administration.InviteUser(ctx, caller, act, user)
	})
}

// ChangeUser implements [record.Users].
func (f *FaultyAdministration) ChangeUser(
	ctx context.Context, caller license.Caller, act record.Act, id, revision string, change func(*license.User) error,
) (record.Asked, error) {
	return around(ctx, f.hooks(), "ChangeUser", func() (record.Asked, error) {
		return f.Administration.ChangeUser(ctx, caller, act, id, revision, change)
	})
}

// RemoveUser implements [record.Users].
func (f *FaultyAdministration) RemoveUser(
	ctx context.Context, caller license.Caller, act record.Act, id, revision string,
) (record.Asked, error) {
	return around(ctx, f.hooks(), "RemoveUser", func() (record.Asked, error) {
		return f.Administration.RemoveUser(ctx, caller, act, id, revision)
	})
}

// AskUser implements [record.Users].
func (f *FaultyAdministration) AskUser(
	ctx context.Context, caller license.Caller, act record.Act, id string, action record.Action,
) (record.Asked, error) {
	return around(ctx, f.hooks(), "AskUser", func() (record.Asked, error) {
		return f.Administration.AskUser(ctx, caller, act, id, action)
	})
}

// SettleUser implements [record.Users].
func (f *FaultyAdministration) SettleUser(
	ctx context.Context, caller license.Caller, did license.User, entry string, state record.EntryState,
) (record.Revised[license.User], error) {
	return around(ctx, f.hooks(), "SettleUser", func() (record.Revised[license.User], error) {
		return f.Administration.SettleUser(ctx, caller, did, entry, state)
	})
}
