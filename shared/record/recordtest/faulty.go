package recordtest

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// Faulty wraps a record to play outages of the store: before a method's effect
// (nothing happened, the caller sees an error), after it (it happened, the
// answer was lost), or as long as a hook takes. Methods are named as in
// [record.Record], for example "Create". The hooks are set before the first
// call; one that changes its mind during a test does so inside, with its own
// synchronisation. The errors a real outage gives are made by [Outage].
type Faulty struct {
	Record record.Record
	// Before, if set, runs first; its error is answered and the record is not called.
	Before func(ctx context.Context, method string) error
	// After, if set, is given the record's answer; its error is answered instead.
	After func(ctx context.Context, method string, err error) error
}

var _ record.Record = (*Faulty)(nil)

// Outage is the failure of an unreachable store. mark is record.ErrNotWritten
// or record.ErrRefused where that is certain, or nil for an unknown outcome.
func Outage(mark error) error {
	cause := error(outage{})
	if mark != nil {
		cause = &marked{mark: mark}
	}
	return &license.UnavailableError{Backend: "firestore", Err: cause}
}

type outage struct{}

func (outage) Error() string { return "injected outage" }

type marked struct{ mark error }

func (m *marked) Error() string   { return m.mark.Error() + ": injected outage" }
func (m *marked) Unwrap() []error { return []error{m.mark, outage{}} }

// around runs one method between the hooks; an error empties the answer.
func around[T any](ctx context.Context, f *Faulty, method string, call func() (T, error)) (T, error) {
	var none T
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

type nothing struct{}

func (f *Faulty) do(ctx context.Context, method string, call func() error) error {
	_, err := around(ctx, f, method, func() (nothing, error) { return nothing{}, call() })
	return err
}

// Entitlements implements [record.Record].
func (f *Faulty) Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	return around(ctx, f, "Entitlements", func() (license.Entitlements, error) {
		return f.Record.Entitlements(ctx, caller)
	})
}

// Licenses implements [record.Record].
func (f *Faulty) Licenses(ctx context.Context, caller license.Caller) ([]license.License, error) {
	return around(ctx, f, "Licenses", func() ([]license.License, error) { return f.Record.Licenses(ctx, caller) })
}

// PutOrganization implements [record.Record].
func (f *Faulty) PutOrganization(ctx context.Context, caller license.Caller, org license.Organization) error {
	return f.do(ctx, "PutOrganization", func() error { return f.Record.PutOrganization(ctx, caller, org) })
}

// PutLicense implements [record.Record].
func (f *Faulty) PutLicense(ctx context.Context, caller license.Caller, lic license.License) error {
	return f.do(ctx, "PutLicense", func() error { return f.Record.PutLicense(ctx, caller, lic) })
}

// OpenEpoch implements [record.Record].
func (f *Faulty) OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (license.Epoch, error) {
	return around(ctx, f, "OpenEpoch", func() (license.Epoch, error) { return f.Record.OpenEpoch(ctx, caller, nonce) })
}

// Create implements [record.Record].
func (f *Faulty) Create(ctx context.Context, caller license.Caller, s license.Session) error {
	return f.do(ctx, "Create", func() error { return f.Record.Create(ctx, caller, s) })
}

// End implements [record.Record].
func (f *Faulty) End(ctx context.Context, caller license.Caller, epoch license.Epoch, ends []record.End) error {
	return f.do(ctx, "End", func() error { return f.Record.End(ctx, caller, epoch, ends) })
}

// FileUsage implements [record.Record].
func (f *Faulty) FileUsage(ctx context.Context, caller license.Caller, filings []usage.Filing) error {
	return f.do(ctx, "FileUsage", func() error { return f.Record.FileUsage(ctx, caller, filings) })
}

// Session implements [record.Record].
func (f *Faulty) Session(ctx context.Context, caller license.Caller, id string) (license.Session, error) {
	return around(ctx, f, "Session", func() (license.Session, error) { return f.Record.Session(ctx, caller, id) })
}

// OwnSessions implements [record.Record].
func (f *Faulty) OwnSessions(ctx context.Context, caller license.Caller, licenseID string, limit int) ([]license.Session, error) {
	return around(ctx, f, "OwnSessions", func() ([]license.Session, error) {
		return f.Record.OwnSessions(ctx, caller, licenseID, limit)
	})
}

// ActiveSessions implements [record.Record]; the hooks run around all pages of a part.
func (f *Faulty) ActiveSessions(
	ctx context.Context, caller license.Caller, part int, after string, visit func(record.Page) error,
) error {
	return f.do(ctx, "ActiveSessions", func() error { return f.Record.ActiveSessions(ctx, caller, part, after, visit) })
}

// SpentTokens implements [record.Record]; the hooks run around all pages.
func (f *Faulty) SpentTokens(
	ctx context.Context, caller license.Caller, part int, after time.Time, visit func(record.Page) error,
) error {
	return f.do(ctx, "SpentTokens", func() error { return f.Record.SpentTokens(ctx, caller, part, after, visit) })
}

// CountActive implements [record.Record].
func (f *Faulty) CountActive(ctx context.Context, caller license.Caller) (int, error) {
	return around(ctx, f, "CountActive", func() (int, error) { return f.Record.CountActive(ctx, caller) })
}

// OrganizationIDs implements [record.Record].
func (f *Faulty) OrganizationIDs(ctx context.Context, after string, limit int) ([]string, error) {
	return around(ctx, f, "OrganizationIDs", func() ([]string, error) {
		return f.Record.OrganizationIDs(ctx, after, limit)
	})
}

// Ping implements [record.Record].
func (f *Faulty) Ping(ctx context.Context) error {
	return f.do(ctx, "Ping", func() error { return f.Record.Ping(ctx) })
}
