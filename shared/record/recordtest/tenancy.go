package recordtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

func tenancyTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"a stranger's session does not exist": func(t *testing.T, r record.Record) {
			created(t, r)
			wantNoSession(t, r, other(), 1)
			wantActive(t, r, other())
		},
		"a stranger's session cannot be ended": func(t *testing.T, r record.Record) {
			created(t, r)
			ends := []record.End{endOf(1, license.EndRevoked)}
			wantError(t, r.End(t.Context(), other(), first(), ends), record.ErrFenced)
			opened(t, r, other())
			wantNil(t, r.End(t.Context(), other(), first(), ends))
			wantSession(t, r, caller(), session(1))
			wantActive(t, r, caller(), sessionID(1))
		},
		"the same ids live side by side": sameIDs,
		"a stranger's license stays": func(t *testing.T, r record.Record) {
			wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
			wantNil(t, r.PutLicense(t.Context(), caller(), pro()))
			wantError(t, r.PutLicense(t.Context(), other(), pro()), license.ErrOrganizationNotFound)
			globex := license.Organization{ID: "globex", Status: license.StatusActive}
			wantNil(t, r.PutOrganization(t.Context(), other(), globex))
			changed := pro()
			changed.MaxSeats = 1_000
			wantNil(t, r.PutLicense(t.Context(), other(), changed))
			got, err := r.Entitlements(t.Context(), caller())
			wantNil(t, err)
			wantEqual(t, "licenses", got.Licenses, []license.License{pro()})
		},
		"no id leads elsewhere": noIDLeadsElsewhere,
	}
}

func sameIDs(t *testing.T, r record.Record) {
	created(t, r)
	opened(t, r, other())
	theirs := session(1)
	theirs.HardwareID = "theirs"
	wantNil(t, r.Create(t.Context(), other(), theirs))
	theirs.OrganizationID = "globex"
	wantSession(t, r, caller(), session(1))
	wantSession(t, r, other(), theirs)
	wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
	wantSession(t, r, other(), theirs)
	wantActive(t, r, caller())
	wantActive(t, r, other(), sessionID(1))
}

// brokenIDs would, put into a path, name another document, none, or break the
// request.
func brokenIDs() []string {
	return []string{
		"", "/", ".", "..", "../globex", "__x__", "____", "a\xff", strings.Repeat("a", 1501),
		"globex/sessions/" + sessionID(1), "x/../../../orgs/globex", sessionID(1) + "/",
	}
}

func noIDLeadsElsewhere(t *testing.T, r record.Record) {
	opened(t, r, other())
	wantNil(t, r.PutOrganization(t.Context(), other(), acme()))
	wantNil(t, r.PutOrganization(t.Context(), caller(), acme()))
	wantNil(t, r.Create(t.Context(), other(), session(1)))
	opened(t, r, caller())
	for _, id := range brokenIDs() {
		for method, call := range withOrganization(r, id) {
			if err := call(t.Context()); !errors.Is(err, license.ErrOrganizationNotFound) {
				t.Errorf("%s with organization %.40q: %v", method, id, err)
			}
		}
		for method, call := range withSession(r, id) {
			if err := call(t.Context()); !errors.Is(err, license.ErrSessionNotFound) {
				t.Errorf("%s with session %.40q: %v", method, id, err)
			}
		}
		lic := pro()
		lic.ID = id
		if err := r.PutLicense(t.Context(), caller(), lic); !errors.Is(err, license.ErrLicenseNotFound) {
			t.Errorf("PutLicense with license %.40q: %v", id, err)
		}
	}
	wantActive(t, r, other(), sessionID(1))
	wantActive(t, r, caller())
}

func withSession(r record.Record, id string) map[string]func(context.Context) error {
	s, end := session(1), endOf(1, license.EndRevoked)
	s.ID, end.Session.ID = id, id
	return map[string]func(context.Context) error{
		"Create":  func(ctx context.Context) error { return r.Create(ctx, caller(), s) },
		"End":     func(ctx context.Context) error { return r.End(ctx, caller(), first(), []record.End{end}) },
		"Session": func(ctx context.Context) error { return errorOf(r.Session(ctx, caller(), id)) },
	}
}

// withOrganization has every method that takes a caller.
func withOrganization(r record.Record, id string) map[string]func(context.Context) error {
	c := license.ServiceCaller(id)
	calls := writes(r, c)
	calls["Entitlements"] = func(ctx context.Context) error { return errorOf(r.Entitlements(ctx, c)) }
	calls["Licenses"] = func(ctx context.Context) error { return errorOf(r.Licenses(ctx, c)) }
	calls["Session"] = func(ctx context.Context) error { return errorOf(r.Session(ctx, c, sessionID(1))) }
	calls["OwnSessions"] = func(ctx context.Context) error {
		return errorOf(r.OwnSessions(ctx, license.Caller{OrganizationID: id, UserID: "u-1"}, "acme-pro", 1))
	}
	calls["CountActive"] = func(ctx context.Context) error { return errorOf(r.CountActive(ctx, c)) }
	calls["ActiveSessions"] = func(ctx context.Context) error {
		return r.ActiveSessions(ctx, c, 0, "", func(record.Page) error { return nil })
	}
	calls["SpentTokens"] = func(ctx context.Context) error {
		return r.SpentTokens(ctx, c, 0, noon(), func(record.Page) error { return nil })
	}
	return calls
}

// writes has every method that writes.
func writes(r record.Record, c license.Caller) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"PutOrganization": func(ctx context.Context) error { return r.PutOrganization(ctx, c, acme()) },
		"PutLicense":      func(ctx context.Context) error { return r.PutLicense(ctx, c, pro()) },
		"OpenEpoch":       func(ctx context.Context) error { return errorOf(r.OpenEpoch(ctx, c, "nonce-9")) },
		"Create":          func(ctx context.Context) error { return r.Create(ctx, c, session(2)) },
		"End": func(ctx context.Context) error {
			return r.End(ctx, c, first(), []record.End{endOf(1, license.EndRevoked)})
		},
		"FileUsage": func(ctx context.Context) error {
			return r.FileUsage(ctx, c, []usage.Filing{filing("acme-pro", "g", hourOf(9), everyCount(1))})
		},
	}
}

func errorOf[T any](_ T, err error) error { return err }

func contextTests() map[string]func(*testing.T, record.Record) {
	return map[string]func(*testing.T, record.Record){
		"a call whose time is over does nothing": func(t *testing.T, r record.Record) {
			created(t, r)
			wantNil(t, r.PutOrganization(t.Context(), caller(), license.Organization{Name: "before"}))
			over, cancel := context.WithCancel(t.Context())
			cancel()
			for method, call := range writes(r, caller()) {
				err := call(over)
				wantUnavailable(t, method, err)
				if !errors.Is(err, record.ErrNotWritten) {
					t.Errorf("%s: %v is not marked as not written", method, err)
				}
			}
			wantUntouched(t, r)
		},
		"reads fail as unavailable": func(t *testing.T, r record.Record) {
			over, cancel := context.WithCancel(t.Context())
			cancel()
			for method, call := range reads(r) {
				wantUnavailable(t, method, call(over))
			}
		},
	}
}

func reads(r record.Record) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Entitlements": func(ctx context.Context) error { return errorOf(r.Entitlements(ctx, caller())) },
		"Licenses":     func(ctx context.Context) error { return errorOf(r.Licenses(ctx, caller())) },
		"Session":      func(ctx context.Context) error { return errorOf(r.Session(ctx, caller(), sessionID(1))) },
		"CountActive":  func(ctx context.Context) error { return errorOf(r.CountActive(ctx, caller())) },
		"ActiveSessions": func(ctx context.Context) error {
			return r.ActiveSessions(ctx, caller(), 0, "", func(record.Page) error { return nil })
		},
		"SpentTokens": func(ctx context.Context) error {
			return r.SpentTokens(ctx, caller(), 0, noon(), func(record.Page) error { return nil })
		},
		"OrganizationIDs": func(ctx context.Context) error { return errorOf(r.OrganizationIDs(ctx, "", 1)) },
		"Ping":            r.Ping,
	}
}

// wantUntouched checks that none of [writes] left a trace.
func wantUntouched(t *testing.T, r record.Record) {
	t.Helper()
	wantSession(t, r, caller(), session(1))
	wantActive(t, r, caller(), sessionID(1))
	got, err := r.Entitlements(t.Context(), caller())
	wantNil(t, err)
	wantEqual(t, "name", got.Organization.Name, "before")
	wantEqual(t, "licenses", len(got.Licenses), 0)
	opened(t, r, caller()) // still the first nonce
}

func wantUnavailable(t *testing.T, method string, err error) {
	t.Helper()
	var away *license.UnavailableError
	if !errors.As(err, &away) {
		t.Errorf("%s: %v is not an unavailable backend", method, err)
	} else if away.Backend != "firestore" {
		t.Errorf("%s: backend %q", method, away.Backend)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v does not say that the context was canceled", method, err)
	}
}
