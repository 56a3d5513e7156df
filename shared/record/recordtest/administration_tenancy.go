package recordtest

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func administrationTenancyTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"a stranger's license does not exist": func(t *testing.T, r Administered) {
			_, l := sold(t, r)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
			for method, call := range administrationOfLicense(r, other(), "acme-pro", l) {
				if err := call(t.Context()); !errors.Is(err, license.ErrLicenseNotFound) {
					t.Errorf("%s: %v", method, err)
				}
			}
			page, err := r.LicensePage(t.Context(), other(), "", 10)
			wantNil(t, err)
			wantEqual(t, "licenses", len(page), 0)
			wantLicense(t, r, pro(), l)
		},
		"the same ids live side by side": func(t *testing.T, r Administered) {
			_, l := sold(t, r)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
			theirs, err := r.CreateLicense(t.Context(), other(), act(), pro())
			wantNil(t, err)
			wantNil(t, errorOf(r.ChangeLicense(t.Context(), other(), act(), "acme-pro", theirs.Revision, resell)))
			wantLicense(t, r, pro(), l)
		},
		"a stranger's audit has nothing of it": func(t *testing.T, r Administered) {
			sold(t, r)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
			theirs, err := r.Audit(t.Context(), other(), record.Span{}, "", 10)
			wantNil(t, err)
			wantEqual(t, "entries", len(theirs), 1)
			wantEqual(t, "object", theirs[0].Object, "organizations/globex")
			_, err = r.Audit(t.Context(), caller(), record.Span{}, theirs[0].ID, 10)
			wantError(t, err, record.ErrEntryNotFound)
		},
		"a key counts within an organization": func(t *testing.T, r Administered) {
			sold(t, r)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), act(), globex())))
			lab := pro()
			lab.ID = "lab"
			wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), lab)))
			wantNil(t, errorOf(r.CreateLicense(t.Context(), other(), keyed("k"), pro())))
		},
		"no id leads elsewhere": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			for _, id := range brokenIDs() {
				for method, call := range administrationOf(r, license.ServiceCaller(id), o, l) {
					if err := call(t.Context()); !errors.Is(err, license.ErrOrganizationNotFound) {
						t.Errorf("%s with organization %.40q: %v", method, id, err)
					}
				}
				for method, call := range administrationOfLicense(r, caller(), id, l) {
					if err := call(t.Context()); !errors.Is(err, license.ErrLicenseNotFound) {
						t.Errorf("%s with license %.40q: %v", method, id, err)
					}
				}
			}
			for _, after := range brokenIDs()[1:] {
				wantError(t, errorOf(r.Organizations(t.Context(), after, 9)), license.ErrOrganizationNotFound)
				wantError(t, errorOf(r.LicensePage(t.Context(), caller(), after, 9)), license.ErrLicenseNotFound)
			}
			wantAudit(t, r, 2)
		},
	}
}

// administrationOfLicense has every method that takes the id of a license.
func administrationOfLicense(r record.Administration, c license.Caller, id, revision string) map[string]func(context.Context) error {
	calls := map[string]func(context.Context) error{
		"License":       func(ctx context.Context) error { return errorOf(r.License(ctx, c, id)) },
		"ChangeLicense": func(ctx context.Context) error { return errorOf(r.ChangeLicense(ctx, c, act(), id, revision, resell)) },
		"DeleteLicense": func(ctx context.Context) error { return r.DeleteLicense(ctx, c, act(), id, revision) },
	}
	if !license.ValidID(id) {
		lic := pro()
		lic.ID = id
		calls["CreateLicense"] = func(ctx context.Context) error { return errorOf(r.CreateLicense(ctx, c, act(), lic)) }
	}
	return calls
}

// administrationOf has every method that takes a caller.
func administrationOf(r record.Administration, c license.Caller, organization, lic string) map[string]func(context.Context) error {
	calls := administrationWrites(r, c, act(), organization, lic)
	maps.Copy(calls, administrationSettles(r, c))
	for method, call := range administrationReads(r, c) {
		if method != "Organizations" {
			calls[method] = call
		}
	}
	return calls
}

// administrationWrites has every method that writes. Each of them could, where the
// revisions are those of [sold], and session 1 is there.
func administrationWrites(
	r record.Administration, c license.Caller, a record.Act, organization, lic string,
) map[string]func(context.Context) error {
	lab := pro()
	lab.ID = "acme-lab"
	return map[string]func(context.Context) error{
		"CreateOrganization": func(ctx context.Context) error { return errorOf(r.CreateOrganization(ctx, c, a, acme())) },
		"ChangeOrganization": func(ctx context.Context) error {
			return errorOf(r.ChangeOrganization(ctx, c, a, organization, rename))
		},
		"CreateLicense": func(ctx context.Context) error { return errorOf(r.CreateLicense(ctx, c, a, lab)) },
		"ChangeLicense": func(ctx context.Context) error { return errorOf(r.ChangeLicense(ctx, c, a, "acme-pro", lic, resell)) },
		"DeleteLicense": func(ctx context.Context) error { return r.DeleteLicense(ctx, c, a, "acme-pro", lic) },
		"AddEntry": func(ctx context.Context) error {
			return errorOf(r.AddEntry(ctx, c, a, record.LedgerRebuilt, "organizations/acme/ledger", record.EntryAsked))
		},
		"BeginPurge":    func(ctx context.Context) error { return r.BeginPurge(ctx, c, a) },
		"EraseSessions": func(ctx context.Context) error { return errorOf(r.EraseSessions(ctx, c, a, "u-1")) },
		"KeepAnswer": func(ctx context.Context) error {
			named := a
			named.Key = "k"
			return r.KeepAnswer(ctx, c, named, record.Request{Name: "r"}, record.Answer{})
		},
		"RevokeSession": func(ctx context.Context) error { return r.RevokeSession(ctx, c, a, sessionID(1)) },
		"InviteUser":    func(ctx context.Context) error { return errorOf(r.InviteUser(ctx, c, a, member("u-9"))) },
		"ChangeUser":    func(ctx context.Context) error { return errorOf(r.ChangeUser(ctx, c, a, "u-1", "1", promote)) },
		"RemoveUser":    func(ctx context.Context) error { return errorOf(r.RemoveUser(ctx, c, a, "u-1", "1")) },
		"AskUser":       func(ctx context.Context) error { return errorOf(r.AskUser(ctx, c, a, "u-1", record.UserSignedOut)) },
		"CreateWebhook": func(ctx context.Context) error { return errorOf(r.CreateWebhook(ctx, c, a, hook("crm"))) },
		"ChangeWebhook": func(ctx context.Context) error { return errorOf(r.ChangeWebhook(ctx, c, a, "crm", "1", switchOff)) },
		"DeleteWebhook": func(ctx context.Context) error { return r.DeleteWebhook(ctx, c, a, "crm", "1") },
		"RetryDelivery": func(ctx context.Context) error { return r.RetryDelivery(ctx, c, a, "crm", "1") },
	}
}

// administrationSettles has the method that writes what came of an earlier act: it is
// nobody's own.
func administrationSettles(r record.Administration, c license.Caller) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"SettleUser": func(ctx context.Context) error {
			return errorOf(r.SettleUser(ctx, c, member("u-1"), "e-1", record.EntryDone))
		},
		"SettleEntry": func(ctx context.Context) error { return r.SettleEntry(ctx, c, "e-1", record.EntryDone, nil) },
	}
}

func administrationReads(r record.Administration, c license.Caller) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"AnswerOf": func(ctx context.Context) error {
			_, _, err := r.AnswerOf(ctx, c, keyed("k"), record.Request{Name: "r"})
			return err
		},
		"Organizations": func(ctx context.Context) error { return errorOf(r.Organizations(ctx, "", 9)) },
		"Organization":  func(ctx context.Context) error { return errorOf(r.Organization(ctx, c)) },
		"LicensePage":   func(ctx context.Context) error { return errorOf(r.LicensePage(ctx, c, "", 9)) },
		"License":       func(ctx context.Context) error { return errorOf(r.License(ctx, c, "acme-pro")) },
		"Audit":         func(ctx context.Context) error { return errorOf(r.Audit(ctx, c, record.Span{}, "", 9)) },
		"UserPage":      func(ctx context.Context) error { return errorOf(r.UserPage(ctx, c, record.UserFilter{}, "", 9)) },
		"User":          func(ctx context.Context) error { return errorOf(r.User(ctx, c, "u-1")) },
		"SessionPage": func(ctx context.Context) error {
			return errorOf(r.SessionPage(ctx, c, record.SessionFilter{}, "", 9))
		},
		"Usage":          func(ctx context.Context) error { return errorOf(r.Usage(ctx, c, day())) },
		"SessionHistory": func(ctx context.Context) error { return errorOf(r.SessionHistory(ctx, c, "", "", 9)) },
		"UsageHistory":   func(ctx context.Context) error { return errorOf(r.UsageHistory(ctx, c, "", 9)) },
		"AuditHistory":   func(ctx context.Context) error { return errorOf(r.AuditHistory(ctx, c, record.EntryFilter{}, "", 9)) },
		"Contents":       func(ctx context.Context) error { return errorOf(r.Contents(ctx, c, "")) },
		"SessionsDuring": func(ctx context.Context) error {
			return r.SessionsDuring(ctx, c, day(), func(record.Page) error { return nil })
		},
		"Webhooks": func(ctx context.Context) error { return errorOf(r.Webhooks(ctx, c)) },
		"Webhook":  func(ctx context.Context) error { return errorOf(r.Webhook(ctx, c, "crm")) },
		"Deliveries": func(ctx context.Context) error {
			return errorOf(r.Deliveries(ctx, c, "crm", "", "", 9))
		},
	}
}

func administrationContextTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"a call whose time is over does nothing": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			over, cancel := context.WithCancel(t.Context())
			cancel()
			calls := administrationWrites(r, caller(), act(), o, l)
			maps.Copy(calls, administrationSettles(r, caller()))
			for method, call := range calls {
				err := call(over)
				wantUnavailable(t, method, err)
				if !errors.Is(err, record.ErrNotWritten) {
					t.Errorf("%s: %v is not marked as not written", method, err)
				}
			}
			wantOrganization(t, r, acme(), o)
			wantLicense(t, r, pro(), l)
			wantAudit(t, r, 2)
		},
		"reads fail as unavailable": func(t *testing.T, r Administered) {
			sold(t, r)
			over, cancel := context.WithCancel(t.Context())
			cancel()
			for method, call := range administrationReads(r, caller()) {
				wantUnavailable(t, method, call(over))
			}
		},
	}
}
