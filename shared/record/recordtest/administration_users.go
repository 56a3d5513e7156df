package recordtest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func member(id string) license.User {
	return license.User{ID: id, OrganizationID: "acme", Role: license.RoleMember, Groups: []string{"cad", "night shift"}}
}

func owner(id string) license.User {
	u := member(id)
	u.Role = license.RoleOwner
	return u
}

// promote and demote are changes.
func promote(u *license.User) error { u.Role = license.RoleOwner; return nil }
func demote(u *license.User) error  { u.Role = license.RoleMember; return nil }
func disable(u *license.User) error { u.Disabled = true; return nil }

// unchanged leaves a user as it is.
func unchanged(*license.User) error { return nil }

// founded makes the organization alone.
func founded(t *testing.T, r record.Administration) {
	t.Helper()
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), seller(), act(), acme())))
}

// settle confirms what was asked for, and answers the user's revision.
func settle(t *testing.T, r record.Administration, asked record.Asked, err error) string {
	t.Helper()
	wantNil(t, err)
	if asked.Entry == "" {
		t.Fatal("nothing was asked for")
	}
	now, err := r.SettleUser(t.Context(), seller(), asked.Value, asked.Entry, record.EntryDone)
	wantNil(t, err)
	return now.Revision
}

// joined makes users that are confirmed, and answers their revisions.
func joined(t *testing.T, r record.Administration, users ...license.User) (revisions []string) {
	t.Helper()
	for _, u := range users {
		asked, err := r.InviteUser(t.Context(), seller(), act(), u)
		revisions = append(revisions, settle(t, r, asked, err))
	}
	return revisions
}

func wantUser(t *testing.T, r record.Administration, want license.User, revision string) {
	t.Helper()
	got, err := r.User(t.Context(), seller(), want.ID)
	wantNil(t, err)
	wantEqual(t, "user", got, record.Revised[license.User]{Value: want, Revision: revision})
}

// entry is the one of an id in the audit.
func entry(t *testing.T, r record.Administration, id string) record.Entry {
	t.Helper()
	all, err := r.Audit(t.Context(), seller(), record.Span{}, "", 100)
	wantNil(t, err)
	i := slices.IndexFunc(all, func(e record.Entry) bool { return e.ID == id })
	if i < 0 {
		t.Fatalf("no entry %s in %+v", id, all)
	}
	return all[i]
}

func userTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"an invitation is asked for, and then there": inviteUser,
		"a refused invitation leaves no user":        refuseUser,
		"a change is asked for with its entry":       changeUser,
		"a change of nothing":                        changeNoUser,
		"a removal is asked for, and then done":      removeUser,
		"an act that changes nothing is recorded":    askOfUser,
		"an act of no change confirms none":          confirmsNothing,
		"what is overtaken is waited for":            overtakenAct,
		"who has ended is not waited for":            endedAct,
		"the same act again confirms the first":      sameAct,
		"a key brings the same user":                 keyedUser,
		"a dry run writes nothing":                   dryUser,
		"lists go on from ids":                       pagesOfUsers,
		"lists are of a role and a group":            usersPicked,
		"what is invalid is not written":             invalidUser,
		"no id leads elsewhere":                      usersElsewhere,
		"without an organization":                    usersOfNobody,
	}
}

func inviteUser(t *testing.T, r Administered) {
	founded(t, r)
	asked, err := r.InviteUser(t.Context(), seller(), act(), member("u-1"))
	wantNil(t, err)
	pending := member("u-1")
	pending.Asked = true
	wantEqual(t, "answer", asked.Value, pending)
	wantUser(t, r, pending, asked.Revision)
	fields := map[string]any{"role": "member", "groups": []any{"cad", "night shift"}, "disabled": false}
	want := record.Entry{
		ID: asked.Entry, At: noon(), Actor: "eve@vendor.example", Action: record.UserInvited,
		Object: "organizations/acme/users/u-1", After: fields, State: record.EntryAsked,
	}
	wantEqual(t, "entry", entry(t, r, asked.Entry), want)
	_, err = r.InviteUser(t.Context(), seller(), act(), member("u-1"))
	wantError(t, err, license.ErrExists)

	for range 2 { // it may be repeated
		now, err := r.SettleUser(t.Context(), seller(), member("u-1"), asked.Entry, record.EntryDone)
		wantNil(t, err)
		wantEqual(t, "answer", now.Value, member("u-1"))
		wantUser(t, r, member("u-1"), now.Revision)
	}
	want.State = record.EntryDone
	wantEqual(t, "entry", entry(t, r, asked.Entry), want)
	wantAudit(t, r, 2)
	_, err = r.SettleUser(t.Context(), seller(), member("u-1"), "no-such", record.EntryDone)
	wantError(t, err, record.ErrEntryNotFound)
}

func refuseUser(t *testing.T, r Administered) {
	founded(t, r)
	asked, err := r.InviteUser(t.Context(), seller(), act(), member("u-1"))
	wantNil(t, err)
	now, err := r.SettleUser(t.Context(), seller(), member("u-1"), asked.Entry, record.EntryRefused)
	wantNil(t, err)
	wantEqual(t, "answer", now, record.Revised[license.User]{})
	wantError(t, errorOf(r.User(t.Context(), seller(), "u-1")), license.ErrUserNotFound)
	wantEqual(t, "state", entry(t, r, asked.Entry).State, record.EntryRefused)
}

func changeUser(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"))[0]
	_, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", "other", promote)
	wantError(t, err, license.ErrStale)
	refusal := errors.New("not this one")
	_, err = r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, func(*license.User) error { return refusal })
	wantError(t, err, refusal)
	asked, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, func(u *license.User) error {
		u.ID, u.OrganizationID = "u-2", "globex" // dropped
		return promote(u)
	})
	now := settle(t, r, asked, err)
	wantUser(t, r, owner("u-1"), now)
	e := entry(t, r, asked.Entry)
	if e.Before["role"] != "member" || e.After["role"] != "owner" || e.State != record.EntryDone || e.Action != record.UserChanged {
		t.Errorf("entry %+v", e)
	}
	wantAudit(t, r, 3)
}

func changeNoUser(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"))[0]
	asked, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, unchanged)
	wantNil(t, err)
	wantEqual(t, "answer", asked, record.Asked{Revised: record.Revised[license.User]{Value: member("u-1"), Revision: revision}})
	wantAudit(t, r, 2)

	first, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, promote)
	wantNil(t, err)
	again, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", first.Revision, promote) // nobody has confirmed the first
	wantUser(t, r, owner("u-1"), settle(t, r, again, err))
	wantEqual(t, "state of the first", entry(t, r, first.Entry).State, record.EntryAsked)
	wantAudit(t, r, 4)
}

func removeUser(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"))[0]
	_, err := r.RemoveUser(t.Context(), seller(), act(), "u-1", "other")
	wantError(t, err, license.ErrStale)
	asked, err := r.RemoveUser(t.Context(), seller(), act(), "u-1", revision)
	wantNil(t, err)
	leaving := member("u-1")
	leaving.Asked, leaving.Leaving, leaving.Disabled = true, true, true
	wantUser(t, r, leaving, asked.Revision)
	_, err = r.ChangeUser(t.Context(), seller(), act(), "u-1", asked.Revision, promote)
	wantError(t, err, license.ErrUserNotFound)
	_, err = r.AskUser(t.Context(), seller(), act(), "u-1", record.UserSignedOut)
	wantError(t, err, license.ErrUserNotFound)
	again, err := r.RemoveUser(t.Context(), seller(), act(), "u-1", asked.Revision)
	wantEqual(t, "revision", settle(t, r, again, err), "")
	wantError(t, errorOf(r.User(t.Context(), seller(), "u-1")), license.ErrUserNotFound)
	_, err = r.RemoveUser(t.Context(), seller(), act(), "u-1", again.Revision)
	wantError(t, err, license.ErrUserNotFound)
	e := entry(t, r, asked.Entry)
	if e.Before["role"] != "member" || e.After != nil || e.Action != record.UserRemoved {
		t.Errorf("entry %+v", e)
	}
	wantNil(t, errorOf(r.SettleUser(t.Context(), seller(), member("u-1"), again.Entry, record.EntryDone))) // it may be repeated
}

func askOfUser(t *testing.T, r Administered) {
	founded(t, r)
	joined(t, r, member("u-1"))
	before, err := r.User(t.Context(), seller(), "u-1")
	wantNil(t, err)
	asked, err := r.AskUser(t.Context(), seller(), act(), "u-1", record.UserSignedOut)
	wantEqual(t, "answer", asked.Revised, before)
	wantEqual(t, "state", entry(t, r, asked.Entry).State, record.EntryAsked)
	wantUser(t, r, member("u-1"), settle(t, r, asked, err))
	wantUser(t, r, member("u-1"), before.Revision)
	e := entry(t, r, asked.Entry)
	if e.Action != record.UserSignedOut || e.Before != nil || e.After != nil || e.State != record.EntryDone {
		t.Errorf("entry %+v", e)
	}
	wantError(t, errorOf(r.AskUser(t.Context(), seller(), act(), "u-2", record.UserSignedOut)), license.ErrUserNotFound)
}

// confirmsNothing: an act that changes nothing in the record says nothing about one that
// does, whichever is settled.
func confirmsNothing(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"))[0]
	changed, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, disable)
	wantNil(t, err)
	invited, err := r.InviteUser(t.Context(), seller(), act(), member("u-2"))
	wantNil(t, err)
	for _, pending := range []record.Asked{changed, invited} {
		for _, action := range []record.Action{record.UserSignedOut, record.UserLinkMade} {
			asked, err := r.AskUser(t.Context(), seller(), act(), pending.Value.ID, action)
			wantNil(t, err)
			wantEqual(t, "answer", asked.Revised, pending.Revised)
			settle(t, r, asked, nil)
			wantUser(t, r, pending.Value, pending.Revision)
		}
		again, err := r.ChangeUser(t.Context(), seller(), act(), pending.Value.ID, pending.Revision, unchanged)
		settle(t, r, again, err)
		done := pending.Value
		done.Asked = false
		now, err := r.User(t.Context(), seller(), done.ID)
		wantNil(t, err)
		wantEqual(t, "finished", now.Value, done)
	}
}

// overtakenAct: until whoever asked first has written what the user is now, or must
// have ended, nobody knows what the account is.
func overtakenAct(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"), owner("u-2"))[0]
	older, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, promote)
	wantNil(t, err)
	newer, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", older.Revision, disable)
	wantNil(t, err)
	pending := newer.Value
	wantUser(t, r, pending, settle(t, r, newer, nil))

	late, err := r.SettleUser(t.Context(), seller(), older.Value, older.Entry, record.EntryDone) // which the user is not
	wantNil(t, err)
	wantEqual(t, "answer", late.Value, pending)
	wantEqual(t, "state of the older", entry(t, r, older.Entry).State, record.EntryAsked)
	wantEqual(t, "state of the newer", entry(t, r, newer.Entry).State, record.EntryDone)
	done := pending
	done.Asked = false
	now, err := r.SettleUser(t.Context(), seller(), late.Value, older.Entry, record.EntryDone)
	wantNil(t, err)
	wantUser(t, r, done, now.Revision)
	wantEqual(t, "state of the older", entry(t, r, older.Entry).State, record.EntryDone)
}

// endedAct: who never settles is waited for as long as a request may last.
func endedAct(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"), owner("u-2"))[0]
	dead, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, promote)
	wantNil(t, err)
	asked, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", dead.Revision, demote)
	for _, after := range []time.Duration{time.Second, time.Minute - time.Millisecond, time.Minute} {
		settle(t, r, asked, err)
		now, found := r.User(t.Context(), seller(), "u-1")
		wantNil(t, found)
		wantEqual(t, "asked", now.Value.Asked, true)
		late := act()
		late.At = late.At.Add(after)
		asked, err = r.ChangeUser(t.Context(), seller(), late, "u-1", now.Revision, unchanged)
	}
	wantUser(t, r, member("u-1"), settle(t, r, asked, err))
	wantEqual(t, "state of the first", entry(t, r, dead.Entry).State, record.EntryAsked)
}

// sameAct: who asked for what another has confirmed since can do no harm, until the
// user is to be something else.
func sameAct(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"))[0]
	slow, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, promote)
	wantNil(t, err)
	again, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", slow.Revision, promote)
	revision = settle(t, r, again, err)
	wantUser(t, r, owner("u-1"), revision)
	other, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, func(u *license.User) error { u.Groups = nil; return nil })
	settle(t, r, other, err)
	now, err := r.User(t.Context(), seller(), "u-1")
	wantNil(t, err)
	wantEqual(t, "asked", now.Value.Asked, true)
	now, err = r.SettleUser(t.Context(), seller(), now.Value, slow.Entry, record.EntryDone)
	wantNil(t, err)
	wantEqual(t, "asked", now.Value.Asked, false)
}

func keyedUser(t *testing.T, r Administered) {
	founded(t, r)
	first, err := r.InviteUser(t.Context(), seller(), keyed("k"), member("u-1"))
	wantNil(t, err)
	again, err := r.InviteUser(t.Context(), seller(), keyed("k"), member("u-1"))
	wantNil(t, err)
	wantEqual(t, "answer", again, first) // nobody has confirmed it
	revision := settle(t, r, again, nil)
	again, err = r.InviteUser(t.Context(), seller(), keyed("k"), member("u-1"))
	wantNil(t, err)
	wantEqual(t, "answer", again, record.Asked{Revised: record.Revised[license.User]{Value: member("u-1"), Revision: revision}})
	wantError(t, errorOf(r.InviteUser(t.Context(), seller(), keyed("k"), owner("u-1"))), license.ErrKeyReused)
	wantError(t, errorOf(r.InviteUser(t.Context(), seller(), keyed("k"), member("u-2"))), license.ErrKeyReused)
	wantAudit(t, r, 2)
	gone, err := r.RemoveUser(t.Context(), seller(), act(), "u-1", revision)
	settle(t, r, gone, err)
	wantError(t, errorOf(r.InviteUser(t.Context(), seller(), keyed("k"), member("u-1"))), license.ErrUserNotFound)
}

func dryUser(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"), owner("u-2"))[0]
	for name, call := range map[string]func() (record.Asked, error){
		"invite": func() (record.Asked, error) { return r.InviteUser(t.Context(), seller(), dry(), member("u-3")) },
		"change": func() (record.Asked, error) {
			return r.ChangeUser(t.Context(), seller(), dry(), "u-1", revision, promote)
		},
		"remove": func() (record.Asked, error) { return r.RemoveUser(t.Context(), seller(), dry(), "u-1", revision) },
		"sign out": func() (record.Asked, error) {
			return r.AskUser(t.Context(), seller(), dry(), "u-1", record.UserSignedOut)
		},
	} {
		asked, err := call()
		wantNil(t, err)
		wantEqual(t, name, asked.Entry, "")
	}
	wantUser(t, r, member("u-1"), revision)
	wantError(t, errorOf(r.User(t.Context(), seller(), "u-3")), license.ErrUserNotFound)
	wantAudit(t, r, 3)
}

func invalidUser(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, member("u-1"))[0]
	_, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, func(u *license.User) error {
		u.Role = license.RoleService
		return nil
	})
	wantInvalid(t, err, "role")
	bad := member("u-2")
	bad.Groups = []string{"a", "a"}
	wantInvalid(t, errorOf(r.InviteUser(t.Context(), seller(), act(), bad)), "groups.1")
	wantError(t, errorOf(r.InviteUser(t.Context(), seller(), record.Act{}, member("u-2"))), record.ErrIncompleteAct)
	wantAudit(t, r, 2)
}

func usersElsewhere(t *testing.T, r Administered) {
	founded(t, r)
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), otherSeller(), act(), globex())))
	revision := joined(t, r, member("u-1"))[0]
	entry := wantAudit(t, r, 2)[0].ID
	for _, id := range append(brokenIDs(), "u-1", "acme/users/u-1") {
		calls := map[string]error{
			"User":       errorOf(r.User(t.Context(), otherSeller(), id)),
			"ChangeUser": errorOf(r.ChangeUser(t.Context(), otherSeller(), act(), id, revision, promote)),
			"RemoveUser": errorOf(r.RemoveUser(t.Context(), otherSeller(), act(), id, revision)),
			"AskUser":    errorOf(r.AskUser(t.Context(), otherSeller(), act(), id, record.UserSignedOut)),
		}
		for method, err := range calls {
			if !errors.Is(err, license.ErrUserNotFound) {
				t.Errorf("%s of %.40q: %v", method, id, err)
			}
		}
	}
	wantError(t, errorOf(r.SettleUser(t.Context(), otherSeller(), member("u-1"), entry, record.EntryRefused)), record.ErrEntryNotFound)
	theirs, err := r.UserPage(t.Context(), otherSeller(), record.UserFilter{}, "", 9)
	wantNil(t, err)
	wantEqual(t, "users", len(theirs), 0)
	wantUser(t, r, member("u-1"), revision)
}

func usersOfNobody(t *testing.T, r Administered) {
	wantError(t, errorOf(r.InviteUser(t.Context(), seller(), act(), member("u-1"))), license.ErrOrganizationNotFound)
	wantError(t, errorOf(r.UserPage(t.Context(), seller(), record.UserFilter{}, "", 9)), license.ErrOrganizationNotFound)
}
