package recordtest

import (
	"errors"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func revisionTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"a stale one changes nothing": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			for _, stale := range []string{"", "0", l + "0", "*"} {
				wantStale(t, r, stale, stale)
			}
			wantOrganization(t, r, acme(), o)
			wantLicense(t, r, pro(), l)
			wantAudit(t, r, 2)
		},
		"every change makes the one before stale": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), o, rename)))
			wantNil(t, errorOf(r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", l, resell)))
			wantStale(t, r, o, l)
		},
		"also one past the administration": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			org, lic := acme(), pro()
			org.Name, lic.Plan = "by hand", "by hand"
			wantNil(t, r.PutOrganization(t.Context(), caller(), org))
			wantNil(t, r.PutLicense(t.Context(), caller(), lic))
			wantStale(t, r, o, l)
		},
		"what changes nothing keeps it, unrecorded": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			same, err := r.ChangeOrganization(t.Context(), caller(), act(), o, func(*license.Organization) error { return nil })
			wantNil(t, err)
			wantEqual(t, "revision", same.Revision, o)
			lic, err := r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", l, func(*license.License) error { return nil })
			wantNil(t, err)
			wantEqual(t, "revision", lic.Revision, l)
			wantAudit(t, r, 2)
		},
		"a session's life does not touch it": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			created(t, r)
			wantNil(t, r.End(t.Context(), caller(), first(), []record.End{endOf(1, license.EndReleased)}))
			wantOrganization(t, r, acme(), o)
			wantLicense(t, r, pro(), l)
		},
		"of racers one wins": func(t *testing.T, r Administered) {
			_, l := sold(t, r)
			won := 0
			for _, err := range race(4, func(i int) error {
				return errorOf(r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", l, func(lic *license.License) error {
					lic.MaxSeats = 10 + i
					return nil
				}))
			}) {
				if err == nil {
					won++
					continue
				}
				wantError(t, err, license.ErrStale)
			}
			wantEqual(t, "changes", won, 1)
			wantAudit(t, r, 3)
		},
	}
}

func wantStale(t *testing.T, r record.Administration, organization, lic string) {
	t.Helper()
	wantError(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), organization, rename)), license.ErrStale)
	wantError(t, errorOf(r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", lic, resell)), license.ErrStale)
	wantError(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", lic), license.ErrStale)
}

func keyTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"the same request gets the first answer": sameKey,
		"another request is refused": func(t *testing.T, r Administered) {
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), keyed("k"), acme())))
			renamed := acme()
			renamed.Name = "Another"
			wantError(t, errorOf(r.CreateOrganization(t.Context(), caller(), keyed("k"), renamed)), license.ErrKeyReused)
			wantError(t, errorOf(r.CreateOrganization(t.Context(), other(), keyed("k"), acme())), license.ErrKeyReused)
			wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), pro())))
			lab := pro()
			lab.ID = "acme-lab"
			wantError(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), lab)), license.ErrKeyReused)
			_, err := r.License(t.Context(), caller(), "acme-lab")
			wantError(t, err, license.ErrLicenseNotFound)
			wantAudit(t, r, 2)
		},
		"it counts for its actor alone": func(t *testing.T, r Administered) {
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), keyed("k"), acme())))
			theirs := keyed("k")
			theirs.Actor = "bob@vendor.example"
			wantError(t, errorOf(r.CreateOrganization(t.Context(), caller(), theirs, acme())), license.ErrExists)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), theirs, globex())))
		},
		"it ends": func(t *testing.T, r Administered) {
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), keyed("k"), acme())))
			late := keyed("k")
			late.At = noon().Add(record.RetainKeys - time.Microsecond)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), late, acme())))
			late.At = noon().Add(record.RetainKeys)
			wantError(t, errorOf(r.CreateOrganization(t.Context(), caller(), late, acme())), license.ErrExists)
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), late, globex())))
			wantError(t, errorOf(r.CreateOrganization(t.Context(), caller(), late, acme())), license.ErrKeyReused)
		},
		"a refused request does not use it up": func(t *testing.T, r Administered) {
			wantError(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), pro())), license.ErrOrganizationNotFound)
			sold(t, r)
			wantError(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), pro())), license.ErrExists)
			lab := pro()
			lab.ID = "acme-lab"
			wantNil(t, errorOf(r.CreateLicense(t.Context(), caller(), keyed("k"), lab)))
		},
		"nor does a dry run": func(t *testing.T, r Administered) {
			probe := keyed("k")
			probe.DryRun = true
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), caller(), probe, acme())))
			wantNil(t, errorOf(r.CreateOrganization(t.Context(), other(), keyed("k"), acme())))
		},
		"racers with one key agree": func(t *testing.T, r Administered) {
			made := make([]record.Revised[license.Organization], 4)
			for _, err := range race(len(made), func(i int) (err error) {
				made[i], err = r.CreateOrganization(t.Context(), caller(), keyed("k"), acme())
				return err
			}) {
				wantNil(t, err)
			}
			for _, each := range made {
				wantEqual(t, "answer", each, made[0])
			}
			wantAudit(t, r, 1)
		},
	}
}

// sameKey: the answer is the first one also after a change and after a deletion.
func sameKey(t *testing.T, r Administered) {
	o, err := r.CreateOrganization(t.Context(), caller(), keyed("o"), acme())
	wantNil(t, err)
	l, err := r.CreateLicense(t.Context(), caller(), keyed("l"), pro())
	wantNil(t, err)
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), o.Revision, rename)))
	wantNil(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", l.Revision))
	wantAudit(t, r, 4)
	again, err := r.CreateOrganization(t.Context(), caller(), keyed("o"), acme())
	wantNil(t, err)
	wantEqual(t, "organization", again, o)
	lic, err := r.CreateLicense(t.Context(), caller(), keyed("l"), pro())
	wantNil(t, err)
	wantEqual(t, "license", lic, l)
	_, err = r.License(t.Context(), caller(), "acme-pro")
	wantError(t, err, license.ErrLicenseNotFound)
	wantAudit(t, r, 4)
}

// auditWithin lists what was done in a time, its beginning included.
func auditWithin(t *testing.T, r Administered) {
	sold(t, r)
	all := wantAudit(t, r, 2)
	at := all[0].At
	for _, tt := range []struct {
		span record.Span
		want []record.Entry
	}{
		{record.Span{From: at}, all},
		{record.Span{To: at}, all[:0]},
		{record.Span{From: at, To: at.Add(time.Second)}, all},
		{record.Span{From: at.Add(time.Second)}, all[:0]},
	} {
		got, err := r.Audit(t.Context(), caller(), tt.span, "", 9)
		wantNil(t, err)
		wantEqual(t, "within the span", append(all[:0:0], got...), append(all[:0:0], tt.want...))
	}
	behind, err := r.Audit(t.Context(), caller(), record.Span{From: at}, all[0].ID, 9)
	wantNil(t, err)
	wantEqual(t, "behind one", behind, all[1:])
	outside, err := r.Audit(t.Context(), caller(), record.Span{To: at}, all[0].ID, 9)
	wantNil(t, err)
	wantEqual(t, "from outside", len(outside), 0)
}

func auditTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"every act, with before and after": everyAct,
		"pages go on from entries": func(t *testing.T, r Administered) {
			o, _ := sold(t, r)
			for i := range 3 {
				a := act()
				a.At = noon().Add(time.Duration(i) * time.Hour)
				made, err := r.ChangeOrganization(t.Context(), caller(), a, o, func(org *license.Organization) error {
					org.MaxConcurrentSeats = i
					return nil
				})
				wantNil(t, err)
				o = made.Revision
			}
			all := wantAudit(t, r, 5)
			for i := 1; i < len(all); i++ {
				if all[i].At.After(all[i-1].At) {
					t.Errorf("entry %d is newer than the one before it", i)
				}
			}
			var paged []record.Entry
			for after := ""; ; after = paged[len(paged)-1].ID {
				page, err := r.Audit(t.Context(), caller(), record.Span{}, after, 2)
				wantNil(t, err)
				if len(page) == 0 {
					break
				}
				paged = append(paged, page...)
			}
			wantEqual(t, "pages", paged, all)
		},
		"a span bounds what is listed": auditWithin,
		"no limit, no entries": func(t *testing.T, r Administered) {
			sold(t, r)
			for _, limit := range []int{0, -1} {
				none, err := r.Audit(t.Context(), caller(), record.Span{}, "", limit)
				wantNil(t, err)
				wantEqual(t, "entries", len(none), 0)
			}
		},
		"nothing goes on from what is not there": func(t *testing.T, r Administered) {
			sold(t, r)
			for _, after := range append(brokenIDs()[1:], sessionID(1)) {
				wantError(t, errorOf(r.Audit(t.Context(), caller(), record.Span{}, after, 10)), record.ErrEntryNotFound)
			}
		},
		"who and when are asked for": func(t *testing.T, r Administered) {
			o, l := sold(t, r)
			for _, a := range []record.Act{{}, {At: noon()}, {Actor: "eve@vendor.example"}} {
				for method, call := range administrationWrites(r, caller(), a, o, l) {
					if err := call(t.Context()); !errors.Is(err, record.ErrIncompleteAct) {
						t.Errorf("%s by %+v: %v", method, a, err)
					}
				}
			}
			wantAudit(t, r, 2)
		},
	}
}

func everyAct(t *testing.T, r Administered) {
	o, l := sold(t, r)
	made, err := r.ChangeLicense(t.Context(), caller(), act(), "acme-pro", l, resell)
	wantNil(t, err)
	wantNil(t, errorOf(r.ChangeOrganization(t.Context(), caller(), act(), o, rename)))
	wantNil(t, r.DeleteLicense(t.Context(), caller(), act(), "acme-pro", made.Revision))
	org := func(name string) map[string]any {
		return map[string]any{
			"name": name, "slug": "acme-inc", "subscription_tier": "enterprise", "max_concurrent_seats": int64(100), "status": "active",
		}
	}
	lic := func(seats int64) map[string]any {
		return map[string]any{
			"product": "studio", "plan": "pro", "max_seats": seats, "status": "suspended", "expires_at": noon(), "grace_seconds": int64(129_600),
			"offline_max_seconds": int64(259_200), "handover": int64(0), "entitlements": []any{"export", "render"},
		}
	}
	const acme, pro = "organizations/acme", "organizations/acme/licenses/acme-pro"
	want := []record.Entry{
		{Action: record.LicenseDeleted, Object: pro, Before: lic(7)},
		{Action: record.OrganizationChanged, Object: acme, Before: org("Acme Inc."), After: org("Acme SE")},
		{Action: record.LicenseChanged, Object: pro, Before: lic(3), After: lic(7)},
		{Action: record.LicenseCreated, Object: pro, After: lic(3)},
		{Action: record.OrganizationCreated, Object: acme, After: org("Acme Inc.")},
	}
	got := wantAudit(t, r, len(want))
	for i := range want {
		want[i].ID, want[i].Actor, want[i].At = got[i].ID, "eve@vendor.example", noon()
		wantEqual(t, "entry", got[i], want[i])
	}
}
