package recordtest

import (
	"errors"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// seller is the vendor, who may make of users what is valid, otherSeller the vendor on a
// stranger's behalf.
func seller() license.Caller { return license.ServiceCaller("acme") }

func otherSeller() license.Caller { return license.ServiceCaller("globex") }

// by is a user of the organization, as its ID token has it.
func by(id string, role license.Role) license.Caller {
	return license.Caller{OrganizationID: "acme", UserID: id, Role: role}
}

func admin(id string) license.User {
	u := member(id)
	u.Role = license.RoleAdmin
	return u
}

func roleTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"admins act on members alone":          adminsActOnMembers,
		"admins raise nobody":                  adminsRaiseNobody,
		"owners act on all":                    ownersActOnAll,
		"the record counts beside the token":   recordCounts,
		"who is no user of it may do nothing":  strangersMayNothing,
		"owners of another may nothing either": othersMayNothing,
	}
}

// acts are all that may be asked for about a user, each by itself.
func acts(t *testing.T, r Administered, who license.Caller, id string, a record.Act) map[string]error {
	t.Helper()
	revision := ""
	if now, err := r.User(t.Context(), seller(), id); err == nil {
		revision = now.Revision
	}
	return map[string]error{
		"change":   errorOf(r.ChangeUser(t.Context(), who, a, id, revision, disable)),
		"groups":   errorOf(r.ChangeUser(t.Context(), who, a, id, revision, func(u *license.User) error { u.Groups = nil; return nil })),
		"nothing":  errorOf(r.ChangeUser(t.Context(), who, a, id, revision, unchanged)),
		"demote":   errorOf(r.ChangeUser(t.Context(), who, a, id, revision, demote)),
		"promote":  errorOf(r.ChangeUser(t.Context(), who, a, id, revision, promote)),
		"remove":   errorOf(r.RemoveUser(t.Context(), who, a, id, revision)),
		"sign out": errorOf(r.AskUser(t.Context(), who, a, id, record.UserSignedOut)),
		"invite":   errorOf(r.InviteUser(t.Context(), who, a, member("u-9"))),
	}
}

// wantRefused: all but the named acts are refused, and those are not.
func wantRefused(t *testing.T, got map[string]error, allowed ...string) {
	t.Helper()
	may := map[string]bool{}
	for _, name := range allowed {
		may[name] = true
	}
	for name, err := range got {
		if may[name] && err != nil || !may[name] && !errors.Is(err, license.ErrForbidden) {
			t.Errorf("%s: %v, allowed %t", name, err, may[name])
		}
	}
}

func adminsActOnMembers(t *testing.T, r Administered) {
	founded(t, r)
	joined(t, r, admin("u-1"), admin("u-2"), owner("u-3"), owner("u-4"), member("u-5"))
	who := by("u-1", license.RoleAdmin)
	for _, id := range []string{"u-1", "u-2", "u-3"} { // itself too
		wantRefused(t, acts(t, r, who, id, dry()), "invite")
	}
	wantRefused(t, acts(t, r, who, "u-5", dry()), "change", "groups", "nothing", "demote", "sign out", "invite")
	wantAudit(t, r, 6)
	wantError(t, errorOf(r.AskUser(t.Context(), who, act(), "u-6", record.UserSignedOut)), license.ErrUserNotFound)
}

func adminsRaiseNobody(t *testing.T, r Administered) {
	founded(t, r)
	joined(t, r, admin("u-1"), owner("u-2"))
	who := by("u-1", license.RoleAdmin)
	for _, u := range []license.User{admin("u-9"), owner("u-9")} {
		wantError(t, errorOf(r.InviteUser(t.Context(), who, act(), u)), license.ErrForbidden)
	}
	// Nor by a key that made such a user before.
	wantNil(t, errorOf(r.InviteUser(t.Context(), by("u-2", license.RoleOwner), keyed("k"), owner("u-8"))))
	wantError(t, errorOf(r.InviteUser(t.Context(), who, keyed("k"), owner("u-8"))), license.ErrForbidden)
	asked, err := r.InviteUser(t.Context(), who, act(), member("u-9"))
	settle(t, r, asked, err)
}

func ownersActOnAll(t *testing.T, r Administered) {
	founded(t, r)
	joined(t, r, admin("u-1"), owner("u-2"), owner("u-3"), member("u-4"))
	who := by("u-2", license.RoleOwner)
	for _, id := range []string{"u-1", "u-2", "u-3", "u-4"} {
		wantRefused(t, acts(t, r, who, id, dry()), "change", "groups", "nothing", "demote", "promote", "remove", "sign out", "invite")
	}
}

// recordCounts: an ID token says for an hour what a user was, and the record what it is to
// be, of which the token may not have heard.
func recordCounts(t *testing.T, r Administered) {
	founded(t, r)
	revisions := joined(t, r, owner("u-1"), owner("u-2"), member("u-3"))
	who := by("u-1", license.RoleOwner)
	asked, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revisions[0], func(u *license.User) error { u.Role = license.RoleAdmin; return nil })
	revision := settle(t, r, asked, err)
	wantRefused(t, acts(t, r, who, "u-1", dry()), "invite") // it cannot raise itself again
	wantRefused(t, acts(t, r, who, "u-3", dry()), "change", "groups", "nothing", "demote", "sign out", "invite")
	wantRefused(t, acts(t, r, by("u-2", license.RoleAdmin), "u-1", dry()), "invite") // the token says less
	wantRefused(t, acts(t, r, by("u-2", license.RoleMember), "u-3", dry()))

	asked, err = r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, disable)
	revision = settle(t, r, asked, err)
	wantRefused(t, acts(t, r, who, "u-3", dry()))
	_, err = r.RemoveUser(t.Context(), seller(), act(), "u-1", revision)
	wantNil(t, err)
	wantRefused(t, acts(t, r, who, "u-3", dry()))
}

func strangersMayNothing(t *testing.T, r Administered) {
	founded(t, r)
	joined(t, r, owner("u-1"), member("u-2"))
	invited, err := r.InviteUser(t.Context(), seller(), act(), owner("u-3")) // nobody has confirmed it
	wantNil(t, err)
	for _, id := range []string{"nobody", "", "a/b", "..", invited.Value.ID} {
		for _, role := range []license.Role{license.RoleMember, license.RoleAdmin, license.RoleOwner, "", "boss"} {
			wantRefused(t, acts(t, r, by(id, role), "u-2", dry()))
		}
	}
	wantRefused(t, acts(t, r, by("nobody", license.RoleOwner), "no-such", dry()))
}

func othersMayNothing(t *testing.T, r Administered) {
	founded(t, r)
	wantNil(t, errorOf(r.CreateOrganization(t.Context(), otherSeller(), act(), globex())))
	joined(t, r, owner("u-1"), member("u-2"))
	stranger := license.Caller{OrganizationID: "globex", UserID: "u-1", Role: license.RoleOwner} // of the same id
	wantRefused(t, acts(t, r, stranger, "u-2", dry()))
}
