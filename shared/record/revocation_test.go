package record_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// revokedEnd is the end of [grant] that the vendor asked for.
func revokedEnd() []record.End {
	end := endOf(grant())
	end.Session.EndedReason = license.EndRevoked
	return []record.End{end}
}

// wanted makes an organization with a session whose end the vendor wants.
func wanted(t *testing.T, r *record.Firestore) {
	t.Helper()
	sold(t, r)
	open(t, r)
	must(t, r.Create(t.Context(), acme(), grant()))
	must(t, r.RevokeSession(t.Context(), acme(), act(""), sessionID))
}

// TestARevokedEndAndItsEntryAreOne: whatever becomes of the commit, both are there or
// neither is, and a repeated end adds none.
func TestARevokedEndAndItsEntryAreOne(t *testing.T) {
	for name, fault := range map[string]struct {
		on   hook
		made bool
		mark error
	}{
		"refused":         {answer("Commit", codes.PermissionDenied), false, record.ErrRefused},
		"not sent":        {answer("Commit", codes.Internal), false, nil},
		"the answer lost": {lose("Commit", codes.Internal), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := wired(t)
			wanted(t, r)
			before := stateOf(t, r).entries
			w.on = fault.on
			wantOutcome(t, r.End(t.Context(), acme(), first(), revokedEnd()), fault.mark)
			w.on = nil
			s, err := r.Session(t.Context(), acme(), sessionID)
			must(t, err)
			if ended := s.Status == license.SessionEnded; ended != fault.made || stateOf(t, r).entries-before != count(fault.made) {
				t.Errorf("ended: %t, %d entries; want %t for both", ended, stateOf(t, r).entries-before, fault.made)
			}
			must(t, r.End(t.Context(), acme(), first(), revokedEnd()))
			if n := stateOf(t, r).entries - before; n != 1 {
				t.Errorf("%d entries in the end", n)
			}
		})
	}
}

// TestBudgetOfRevocations: who asks is a note of one write, the entry one more write of
// the end's commit, and a page one query.
func TestBudgetOfRevocations(t *testing.T) {
	r, w := wired(t)
	wanted(t, r)
	w.spent()
	page := func(ctx context.Context) error {
		return errorOf(r.SessionPage(ctx, acme(), record.SessionFilter{LicenseID: "acme-pro"}, "", 9))
	}
	next := func(ctx context.Context) error {
		return errorOf(r.SessionPage(ctx, acme(), record.SessionFilter{}, sessionName, 9))
	}
	revoke := func(ctx context.Context) error { return r.RevokeSession(ctx, acme(), act(""), sessionID) }
	for _, step := range []cost{
		{"sessions", page, map[string]int{"BatchGetDocuments": 1, "RunQuery": 1}, 1, 0},
		{"the next page", next, map[string]int{"BatchGetDocuments": 2, "RunQuery": 1}, 2, 0},
		{"asked for", revoke, transaction(), 1, 1},
		{"the end", func(ctx context.Context) error { return r.End(ctx, acme(), first(), revokedEnd()) }, transaction(), 2, 2},
		{"asked for again", revoke, transaction(), 1, 0},
	} {
		must(t, step.call(t.Context()))
		wantCost(t, w, step)
	}
}

// TestDocumentOfARevocation fixes its fields, as TestDocuments does.
func TestDocumentOfARevocation(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	wanted(t, r)
	note, _ := raw(t, client, "orgs/acme/sessions/"+sessionName)["revocation"].(map[string]any)
	if entry, _ := note["entry"].(string); len(note) != 3 || note["by"] != "eve@vendor.example" || note["at"] != at() || len(entry) != 36 {
		t.Errorf("%v", note)
	}
}

// TestDamagedSessionsOfAdministration: one that a person broke is named in the list, and
// cannot be revoked: the audit could not say what it was.
func TestDamagedSessionsOfAdministration(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	sold(t, r)
	broken := map[string]any{"status": "active", "part": "6", "acquired_at": at(), "user_id": int64(7)}
	must(t, errorOf(client.Doc("orgs/acme/sessions/"+sessionName).Set(t.Context(), broken)))
	page, err := r.SessionPage(t.Context(), acme(), record.SessionFilter{}, "", 9)
	must(t, err)
	if len(page.Sessions) != 0 || len(page.Unreadable) != 1 || page.Unreadable[0] != sessionName || page.More {
		t.Errorf("%+v", page)
	}
	err = r.RevokeSession(t.Context(), acme(), act(""), sessionID)
	if err == nil || license.Backend(err) != "" || errors.Is(err, license.ErrSessionNotFound) {
		t.Errorf("%v", err)
	}
	wantDocument(t, client, "orgs/acme/sessions/"+sessionName, broken)

	must(t, errorOf(client.Doc("orgs/acme/sessions/zz").Set(t.Context(), map[string]any{"status": "active"})))
	if err := errorOf(r.SessionPage(t.Context(), acme(), record.SessionFilter{}, "zz", 9)); !errors.Is(err, license.ErrSessionNotFound) {
		t.Errorf("after a document without a time: %v", err)
	}
}
