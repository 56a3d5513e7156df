package record_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func owner(id string) license.User {
	return license.User{ID: id, OrganizationID: "acme", Role: license.RoleOwner, Groups: []string{"cad"}}
}

// joined makes an owner that is confirmed, and answers its revision.
func joined(t *testing.T, r record.Administration, id string) string {
	t.Helper()
	asked, err := r.InviteUser(t.Context(), acme(), act(""), owner(id))
	must(t, err)
	now, err := r.SettleUser(t.Context(), acme(), asked.Value, asked.Entry, record.EntryDone)
	must(t, err)
	return now.Revision
}

// TestDocumentsOfUsers fixes paths and fields: no person is in them.
func TestDocumentsOfUsers(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	sold(t, r)
	asked, err := r.InviteUser(t.Context(), acme(), act("k"), owner("u-1"))
	must(t, err)
	user := map[string]any{"role": "owner", "groups": []any{"cad"}, "disabled": false}
	entry := map[string]any{
		"at": at(), "actor": "eve@vendor.example", "action": "user.invited", "object": "organizations/acme/users/u-1",
		"after": user, "purge_at": at().Add(record.RetainAudit), "state": "asked",
	}
	wantDocument(t, client, "orgs/acme/audit/"+asked.Entry, entry)
	wantDocument(t, client, "orgs/acme/users/u-1", map[string]any{
		"role": "owner", "groups": []any{"cad"}, "disabled": false, "invited": true, "unconfirmed": true,
		"open": []any{map[string]any{"entry": asked.Entry, "at": at()}},
	})
	must(t, errorOf(r.SettleUser(t.Context(), acme(), asked.Value, asked.Entry, record.EntryDone)))
	entry["state"] = "done"
	wantDocument(t, client, "orgs/acme/audit/"+asked.Entry, entry)
	wantDocument(t, client, "orgs/acme/users/u-1", user)
}

// TestWhatIsLeftOfAUser: that it was removed, for Firestore's TTL policy to delete, which
// asks for no right to delete. It is in no list, and the id is free.
func TestWhatIsLeftOfAUser(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	sold(t, r)
	for _, id := range []string{"u-1", "u-2", "u-3", "u-4"} {
		joined(t, r, id)
	}
	for _, id := range []string{"u-2", "u-3"} {
		now, err := r.User(t.Context(), acme(), id)
		must(t, err)
		asked, err := r.RemoveUser(t.Context(), acme(), act(""), id, now.Revision)
		must(t, err)
		must(t, errorOf(r.SettleUser(t.Context(), acme(), asked.Value, asked.Entry, record.EntryDone)))
		wantDocument(t, client, "orgs/acme/users/"+id, map[string]any{"removed": true, "purge_at": at().Add(record.RetainKeys)})
		for _, err := range []error{
			errorOf(r.User(t.Context(), acme(), id)), errorOf(r.AskUser(t.Context(), acme(), act(""), id, record.UserSignedOut)),
		} {
			if !errors.Is(err, license.ErrUserNotFound) {
				t.Errorf("error %v, want that there is no such user", err)
			}
		}
	}
	for limit, want := range map[int][]string{1: {"u-1"}, 2: {"u-1", "u-4"}, 3: {"u-1", "u-4"}, 9: {"u-1", "u-4"}} {
		page, err := r.UserPage(t.Context(), acme(), record.UserFilter{}, "", limit)
		must(t, err)
		var ids []string
		for _, u := range page {
			ids = append(ids, u.Value.ID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%d of them: %v, want %v", limit, ids, want)
		}
	}
	joined(t, r, "u-2")
	wantDocument(t, client, "orgs/acme/users/u-2", map[string]any{"role": "owner", "groups": []any{"cad"}, "disabled": false})
}

// TestUsersNeedNoIndex: the owners are found by the built-in ones.
func TestUsersNeedNoIndex(t *testing.T) {
	addr, project := servers.Firestore(t), freshProject()
	client, err := record.Dial(t.Context(), record.Target{ProjectID: project, Emulator: addr})
	must(t, err)
	closeAfter(t, client)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	sold(t, r)
	joined(t, r, "u-1")
	revision := joined(t, r, "u-2")
	must(t, errorOf(r.RemoveUser(t.Context(), acme(), act(""), "u-2", revision)))
	must(t, errorOf(r.UserPage(t.Context(), acme(), record.UserFilter{}, "", 9)))
	if indexes := compositeIndexes(t, addr, project); len(indexes) != 0 {
		t.Errorf("indexes are needed: %s", indexes)
	}
}

// TestAUserIsAskedForOrNotAtAll: whenever the store fails, the user and its entry are both
// there or neither is.
func TestAUserIsAskedForOrNotAtAll(t *testing.T) {
	for name, fault := range map[string]struct {
		on    hook
		asked bool
		mark  error
	}{
		"not begun":       {answer("BeginTransaction", codes.PermissionDenied), false, record.ErrNotWritten},
		"not read":        {answer("BatchGetDocuments", codes.PermissionDenied), false, record.ErrNotWritten},
		"refused":         {answer("Commit", codes.PermissionDenied), false, record.ErrRefused},
		"the answer lost": {lose("Commit", codes.Internal), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := wired(t)
			sold(t, r)
			w.on = fault.on
			wantOutcome(t, errorOf(r.InviteUser(t.Context(), acme(), act("k"), owner("u-1"))), fault.mark)
			w.on = nil
			entries, err := r.Audit(t.Context(), acme(), record.Span{}, "", 9)
			must(t, err)
			users, err := r.UserPage(t.Context(), acme(), record.UserFilter{}, "", 9)
			must(t, err)
			if len(entries) != 2+count(fault.asked) || len(users) != count(fault.asked) {
				t.Errorf("%d entries, %d users", len(entries), len(users))
			}
			asked, err := r.InviteUser(t.Context(), acme(), act("k"), owner("u-1"))
			must(t, err)
			if asked.Entry == "" || asked.Revision == "" {
				t.Errorf("repeated: %+v", asked)
			}
		})
	}
}

// TestADamagedUser is neither an outage nor one that is not there, and stays as it is.
func TestADamagedUser(t *testing.T) {
	client := dial(t)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	sold(t, r)
	must(t, errorOf(client.Doc("orgs/acme/users/u-1").Set(t.Context(), map[string]any{"role": 1})))
	snapshot, err := client.Doc("orgs/acme/users/u-1").Get(t.Context())
	must(t, err)
	for method, err := range map[string]error{
		"User":       errorOf(r.User(t.Context(), acme(), "u-1")),
		"UserPage":   errorOf(r.UserPage(t.Context(), acme(), record.UserFilter{}, "", 9)),
		"RemoveUser": errorOf(r.RemoveUser(t.Context(), acme(), act(""), "u-1", record.RevisionAt(snapshot.UpdateTime))),
	} {
		if err == nil || license.Backend(err) != "" {
			t.Errorf("%s: %v", method, err)
		}
	}
	wantDocument(t, client, "orgs/acme/users/u-1", map[string]any{"role": int64(1)})
}
