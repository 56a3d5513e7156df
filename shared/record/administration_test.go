package record_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func at() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func act(key string) record.Act { return record.Act{Actor: "eve@vendor.example", At: at(), Key: key} }

func organization() license.Organization {
	return license.Organization{ID: "acme", Name: "Acme", MaxConcurrentSeats: 9, Status: license.StatusActive}
}

func perpetual(id string) license.License {
	return license.License{
		ID: id, OrganizationID: "acme", Product: "studio", MaxSeats: 3, Status: license.StatusActive, Perpetual: true,
	}
}

func resell(l *license.License) error { l.MaxSeats++; return nil }

// sold makes an organization with a license, and answers their revisions.
func sold(t *testing.T, r record.Administration) (org, lic string) {
	t.Helper()
	o, err := r.CreateOrganization(t.Context(), acme(), act(""), organization())
	must(t, err)
	l, err := r.CreateLicense(t.Context(), acme(), act(""), perpetual("l"))
	must(t, err)
	return o.Revision, l.Revision
}

// acts are the writes of administration, each of which can be made after [sold].
func acts(r record.Administration, org, lic string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"create an organization": func(ctx context.Context) error {
			return errorOf(r.CreateOrganization(ctx, license.ServiceCaller("globex"), act("k"), organization()))
		},
		"change an organization": func(ctx context.Context) error {
			return errorOf(r.ChangeOrganization(ctx, acme(), act(""), org, func(o *license.Organization) error { o.MaxConcurrentSeats++; return nil }))
		},
		"create a license": func(ctx context.Context) error {
			return errorOf(r.CreateLicense(ctx, acme(), act("k"), perpetual("m")))
		},
		"change a license": func(ctx context.Context) error {
			return errorOf(r.ChangeLicense(ctx, acme(), act(""), "l", lic, resell))
		},
		"delete a license": func(ctx context.Context) error { return r.DeleteLicense(ctx, acme(), act(""), "l", lic) },
	}
}

// state is all that an act may touch: each document at its revision, and the audit.
type state struct {
	documents map[string]string
	entries   int
}

func stateOf(t *testing.T, r record.Administration) state {
	t.Helper()
	s := state{documents: map[string]string{}}
	all, err := r.Organizations(t.Context(), "", 9)
	must(t, err)
	for _, o := range all {
		c := license.ServiceCaller(o.Value.ID)
		s.documents[o.Value.ID] = o.Revision
		licenses, err := r.LicensePage(t.Context(), c, "", 9)
		must(t, err)
		for _, l := range licenses {
			s.documents[o.Value.ID+"/"+l.Value.ID] = l.Revision
		}
		entries, err := r.Audit(t.Context(), c, record.Span{}, "", 9)
		must(t, err)
		s.entries += len(entries)
	}
	return s
}

// TestAnActIsRecordedOrNotMade: whenever the process dies or the store fails, an
// act and its entry are both there or neither is.
func TestAnActIsRecordedOrNotMade(t *testing.T) {
	for name, fault := range map[string]struct {
		on   hook
		made bool
		mark error
	}{
		"not begun":       {answer("BeginTransaction", codes.PermissionDenied), false, record.ErrNotWritten},
		"not read":        {answer("BatchGetDocuments", codes.PermissionDenied), false, record.ErrNotWritten},
		"refused":         {answer("Commit", codes.PermissionDenied), false, record.ErrRefused},
		"not sent":        {answer("Commit", codes.Internal), false, nil},
		"the answer lost": {lose("Commit", codes.Internal), true, nil},
	} {
		for what := range acts(nil, "", "") {
			t.Run(name+", "+what, func(t *testing.T) {
				r, w := wired(t)
				org, lic := sold(t, r)
				before := stateOf(t, r)
				w.spent()
				w.on = fault.on
				wantOutcome(t, acts(r, org, lic)[what](t.Context()), fault.mark)
				w.on = nil
				if calls, _, _ := w.spent(); calls["Commit"] > 1 {
					t.Errorf("%d commits", calls["Commit"])
				}
				after := stateOf(t, r)
				if changed := !maps.Equal(after.documents, before.documents); changed != fault.made || after.entries-before.entries != count(fault.made) {
					t.Errorf("changed: %t, recorded: %d; want %t for both", changed, after.entries-before.entries, fault.made)
				}
			})
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestARepeatedCreateAfterALostAnswer gets the answer that was lost.
func TestARepeatedCreateAfterALostAnswer(t *testing.T) {
	r, w := wired(t)
	sold(t, r)
	w.on = lose("Commit", codes.Internal)
	wantOutcome(t, errorOf(r.CreateLicense(t.Context(), acme(), act("k"), perpetual("m"))), nil)
	w.on = nil
	again, err := r.CreateLicense(t.Context(), acme(), act("k"), perpetual("m"))
	must(t, err)
	found, err := r.License(t.Context(), acme(), "m")
	must(t, err)
	if again.Revision != found.Revision || again.Value.ID != "m" {
		t.Errorf("answered %+v, there is %+v", again, found)
	}
	if s := stateOf(t, r); s.entries != 3 {
		t.Errorf("%d entries", s.entries)
	}
}

// TestBudgetOfAdministration: an act is one commit, whatever it writes.
func TestBudgetOfAdministration(t *testing.T) {
	r, w := wired(t)
	org, lic := sold(t, r)
	w.spent()
	all := acts(r, org, lic)
	get := map[string]int{"BatchGetDocuments": 1}
	page := map[string]int{"BatchGetDocuments": 1, "RunQuery": 1}
	for _, step := range []cost{
		{"create an organization", all["create an organization"], transaction(), 2, 3},
		{"create it again", all["create an organization"], transaction(), 2, 0},
		{"change an organization", all["change an organization"], transaction(), 1, 2},
		{"give it a slug", func(ctx context.Context) error {
			now, err := r.Organization(ctx, acme())
			return errors.Join(err, errorOf(r.ChangeOrganization(ctx, acme(), act(""), now.Revision, func(o *license.Organization) error { o.Slug = "acme"; return nil })))
		}, map[string]int{"BeginTransaction": 1, "BatchGetDocuments": 3, "RunQuery": 1, "Commit": 1}, 3, 3},
		{"create a license", all["create a license"], transaction(), 3, 3},
		{"change a license", all["change a license"], transaction(), 1, 2},
		{"organizations", func(ctx context.Context) error { return errorOf(r.Organizations(ctx, "a", 9)) }, map[string]int{"RunQuery": 1}, 0, 0},
		{"organization", func(ctx context.Context) error { return errorOf(r.Organization(ctx, acme())) }, get, 1, 0},
		{"license", func(ctx context.Context) error { return errorOf(r.License(ctx, acme(), "l")) }, get, 1, 0},
		{"licenses", func(ctx context.Context) error { return errorOf(r.LicensePage(ctx, acme(), "", 9)) }, page, 1, 0},
		{"audit", func(ctx context.Context) error { return errorOf(r.Audit(ctx, acme(), record.Span{}, "", 9)) }, page, 1, 0},
	} {
		must(t, step.call(t.Context()))
		wantCost(t, w, step)
	}
	for name, call := range map[string]func(context.Context) error{
		"an invalid license": func(ctx context.Context) error {
			return errorOf(r.CreateLicense(ctx, acme(), act(""), license.License{ID: "m"}))
		},
		"nobody's act": func(ctx context.Context) error { return r.DeleteLicense(ctx, acme(), record.Act{}, "l", lic) },
		"a broken id":  func(ctx context.Context) error { return errorOf(r.License(ctx, acme(), "a/b")) },
	} {
		if err := call(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		wantCost(t, w, cost{name: name})
	}
}

// TestDocumentsOfAdministration fixes paths and fields, as TestDocuments does.
func TestDocumentsOfAdministration(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	must(t, errorOf(r.CreateOrganization(t.Context(), acme(), act("o"), organization())))
	must(t, errorOf(r.CreateLicense(t.Context(), acme(), act("k"), perpetual("l"))))
	lic := map[string]any{
		"product": "studio", "plan": "", "max_seats": int64(3), "status": "active", "entitlements": nil, "perpetual": true,
	}
	wantDocument(t, client, "orgs/acme/licenses/l", lic)
	globex := organization()
	globex.Slug = "globex-inc"
	must(t, errorOf(r.CreateOrganization(t.Context(), license.ServiceCaller("globex"), act(""), globex)))
	wantDocument(t, client, "service/administration/slugs/globex-inc", map[string]any{"organization_id": "globex", "taken_at": at()})
	entries, err := r.Audit(t.Context(), acme(), record.Span{}, "", 1)
	must(t, err)
	lic = maps.Clone(lic)
	lic["entitlements"] = []any{}
	wantDocument(t, client, "orgs/acme/audit/"+entries[0].ID, map[string]any{
		"at": at(), "actor": "eve@vendor.example", "action": "license.created", "object": "organizations/acme/licenses/l",
		"after": lic, "purge_at": at().Add(record.RetainAudit),
	})
	for _, requests := range []string{"orgs/acme/requests", "service/administration/requests"} {
		all, err := client.Collection(requests).Documents(t.Context()).GetAll()
		must(t, err)
		if len(all) != 1 {
			t.Fatalf("%s: %d keys", requests, len(all))
		}
		doc := all[0].Data()
		if names := slices.Sorted(maps.Keys(doc)); !slices.Equal(names, []string{"digest", "purge_at"}) || doc["purge_at"] != at().Add(record.RetainKeys) {
			t.Errorf("%s: %v", requests, doc)
		}
	}
}

// TestDamagedDocumentsOfAdministration: a document that a person broke is neither an
// outage nor one that is not there, and nothing is written over it.
func TestDamagedDocumentsOfAdministration(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	sold(t, r)
	must(t, errorOf(client.Doc("orgs/acme/licenses/l").Set(t.Context(), map[string]any{"max_seats": "three"})))
	snapshot, err := client.Doc("orgs/acme/licenses/l").Get(t.Context())
	must(t, err)
	for method, err := range map[string]error{
		"License":       errorOf(r.License(t.Context(), acme(), "l")),
		"LicensePage":   errorOf(r.LicensePage(t.Context(), acme(), "", 9)),
		"ChangeLicense": errorOf(r.ChangeLicense(t.Context(), acme(), act(""), "l", record.RevisionAt(snapshot.UpdateTime), resell)),
	} {
		if err == nil || license.Backend(err) != "" {
			t.Errorf("%s: %v", method, err)
		}
	}
	wantDocument(t, client, "orgs/acme/licenses/l", map[string]any{"max_seats": "three"})
}
