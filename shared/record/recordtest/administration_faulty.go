package recordtest

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// FaultyAdministration is to an administration what [Faulty] is to a record.
type FaultyAdministration struct {
	Administration record.Administration
	Before         func(ctx context.Context, method string) error
	After          func(ctx context.Context, method string, err error) error
}

var _ record.Administration = (*FaultyAdministration)(nil)

func (f *FaultyAdministration) hooks() *Faulty { return &Faulty{Before: f.Before, After: f.After} }

// Organizations implements [record.Administration].
func (f *FaultyAdministration) Organizations(ctx context.Context, after string, limit int) ([]record.Revised[license.Organization], error) {
	return around(ctx, f.hooks(), "Organizations", func() ([]record.Revised[license.Organization], error) {
		return f.Administration.Organizations(ctx, after, limit)
	})
}

// Usage implements [record.Administration].
func (f *FaultyAdministration) Usage(ctx context.Context, caller license.Caller, q record.UsageQuery) ([]usage.Hour, error) {
	return around(ctx, f.hooks(), "Usage", func() ([]usage.Hour, error) { return f.Administration.Usage(ctx, caller, q) })
}

// Organization implements [record.Administration].
func (f *FaultyAdministration) Organization(ctx context.Context, caller license.Caller) (record.Revised[license.Organization], error) {
	return around(ctx, f.hooks(), "Organization", func() (record.Revised[license.Organization], error) {
		return f.Administration.Organization(ctx, caller)
	})
}

// CreateOrganization implements [record.Administration].
func (f *FaultyAdministration) CreateOrganization(
	ctx context.Context, caller license.Caller, act record.Act, org license.Organization,
) (record.Revised[license.Organization], error) {
	return around(ctx, f.hooks(), "CreateOrganization", func() (record.Revised[license.Organization], error) {
		return f.Administration.CreateOrganization(ctx, caller, act, org)
	})
}

// ChangeOrganization implements [record.Administration].
func (f *FaultyAdministration) ChangeOrganization(
	ctx context.Context, caller license.Caller, act record.Act, revision string, change func(*license.Organization) error,
) (record.Revised[license.Organization], error) {
	return around(ctx, f.hooks(), "ChangeOrganization", func() (record.Revised[license.Organization], error) {
		return f.Administration.ChangeOrganization(ctx, caller, act, revision, change)
	})
}

// LicensePage implements [record.Administration].
func (f *FaultyAdministration) LicensePage(
	ctx context.Context, caller license.Caller, after string, limit int,
) ([]record.Revised[license.License], error) {
	return around(ctx, f.hooks(), "LicensePage", func() ([]record.Revised[license.License], error) {
		return f.Administration.LicensePage(ctx, caller, after, limit)
	})
}

// License implements [record.Administration].
func (f *FaultyAdministration) License(ctx context.Context, caller license.Caller, id string) (record.Revised[license.License], error) {
	return around(ctx, f.hooks(), "License", func() (record.Revised[license.License], error) {
		return f.Administration.License(ctx, caller, id)
	})
}

// CreateLicense implements [record.Administration].
func (f *FaultyAdministration) CreateLicense(
	ctx context.Context, caller license.Caller, act record.Act, lic license.License,
) (record.Revised[license.License], error) {
	return around(ctx, f.hooks(), "CreateLicense", func() (record.Revised[license.License], error) {
		return f.Administration.CreateLicense(ctx, caller, act, lic)
	})
}

// ChangeLicense implements [record.Administration].
func (f *FaultyAdministration) ChangeLicense(
	ctx context.Context, caller license.Caller, act record.Act, id, revision string, change func(*license.License) error,
) (record.Revised[license.License], error) {
	return around(ctx, f.hooks(), "ChangeLicense", func() (record.Revised[license.License], error) {
		return f.Administration.ChangeLicense(ctx, caller, act, id, revision, change)
	})
}

// DeleteLicense implements [record.Administration].
func (f *FaultyAdministration) DeleteLicense(ctx context.Context, caller license.Caller, act record.Act, id, revision string) error {
	return f.hooks().do(ctx, "DeleteLicense", func() error {
		return f.Administration.DeleteLicense(ctx, caller, act, id, revision)
	})
}

// SessionPage implements [record.Administration].
func (f *FaultyAdministration) SessionPage(
	ctx context.Context, caller license.Caller, filter record.SessionFilter, after string, limit int,
) (record.Page, error) {
	return around(ctx, f.hooks(), "SessionPage", func() (record.Page, error) {
		return f.Administration.SessionPage(ctx, caller, filter, after, limit)
	})
}

// SessionsDuring implements [record.Administration].
func (f *FaultyAdministration) SessionsDuring(
	ctx context.Context, caller license.Caller, q record.UsageQuery, visit func(record.Page) error,
) error {
	return f.hooks().do(ctx, "SessionsDuring", func() error { return f.Administration.SessionsDuring(ctx, caller, q, visit) })
}

// RevokeSession implements [record.Administration].
func (f *FaultyAdministration) RevokeSession(ctx context.Context, caller license.Caller, act record.Act, id string) error {
	return f.hooks().do(ctx, "RevokeSession", func() error { return f.Administration.RevokeSession(ctx, caller, act, id) })
}

// Audit implements [record.Administration].
func (f *FaultyAdministration) Audit(ctx context.Context, caller license.Caller, span record.Span, after string, limit int) ([]record.Entry, error) {
	return around(ctx, f.hooks(), "Audit", func() ([]record.Entry, error) {
		return f.Administration.Audit(ctx, caller, span, after, limit)
	})
}
