package recordtest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func ownerTests() map[string]func(*testing.T, Administered) {
	return map[string]func(*testing.T, Administered){
		"the last stays one":                   lastOwner,
		"an invitation is no owner yet":        invitedOwner,
		"a change that is asked for is none":   askedOwner,
		"of several who go at once, one stays": ownersLeave,
	}
}

func lastOwner(t *testing.T, r Administered) {
	founded(t, r)
	revisions := joined(t, r, owner("u-1"), member("u-2"))
	losses := func(revision string) map[string]error {
		return map[string]error{
			"demoted":  errorOf(r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, demote)),
			"disabled": errorOf(r.ChangeUser(t.Context(), seller(), act(), "u-1", revision, disable)),
			"removed":  errorOf(r.RemoveUser(t.Context(), seller(), act(), "u-1", revision)),
			"dry":      errorOf(r.RemoveUser(t.Context(), seller(), dry(), "u-1", revision)),
		}
	}
	for name, err := range losses(revisions[0]) {
		if !errors.Is(err, license.ErrLastOwner) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantUser(t, r, owner("u-1"), revisions[0])
	asked, err := r.ChangeUser(t.Context(), seller(), act(), "u-1", revisions[0], func(u *license.User) error { u.Groups = nil; return nil })
	first := settle(t, r, asked, err)

	// Another who cannot sign in is none.
	away := owner("u-3")
	away.Disabled = true
	joined(t, r, away)
	wantError(t, errorOf(r.RemoveUser(t.Context(), seller(), act(), "u-1", first)), license.ErrLastOwner)
	asked, err = r.ChangeUser(t.Context(), seller(), act(), "u-2", revisions[1], promote)
	settle(t, r, asked, err)
	asked, err = r.RemoveUser(t.Context(), seller(), act(), "u-1", first)
	settle(t, r, asked, err)
}

// invitedOwner: until Identity Platform has confirmed an account there is nobody who
// could sign in, whatever is asked for of it meanwhile. It can be taken back.
func invitedOwner(t *testing.T, r Administered) {
	founded(t, r)
	revision := joined(t, r, owner("u-1"))[0]
	asked, err := r.InviteUser(t.Context(), seller(), act(), owner("u-2"))
	wantNil(t, err)
	wantError(t, errorOf(r.RemoveUser(t.Context(), seller(), act(), "u-1", revision)), license.ErrLastOwner)
	again, err := r.ChangeUser(t.Context(), seller(), act(), "u-2", asked.Revision, unchanged)
	wantNil(t, err)
	wantError(t, errorOf(r.RemoveUser(t.Context(), seller(), act(), "u-1", revision)), license.ErrLastOwner)
	gone, err := r.RemoveUser(t.Context(), seller(), act(), "u-2", again.Revision)
	settle(t, r, gone, err)
	wantUser(t, r, owner("u-1"), revision)
}

// askedOwner: Identity Platform may never hear of an owner who is only asked for.
func askedOwner(t *testing.T, r Administered) {
	founded(t, r)
	revisions := joined(t, r, owner("u-1"), member("u-2"))
	asked, err := r.ChangeUser(t.Context(), seller(), act(), "u-2", revisions[1], promote)
	wantNil(t, err)
	for _, change := range []func(*license.User) error{demote, disable} {
		wantError(t, errorOf(r.ChangeUser(t.Context(), seller(), act(), "u-1", revisions[0], change)), license.ErrLastOwner)
	}
	wantError(t, errorOf(r.RemoveUser(t.Context(), seller(), act(), "u-1", revisions[0])), license.ErrLastOwner)
	settle(t, r, asked, nil)
	gone, err := r.RemoveUser(t.Context(), seller(), act(), "u-1", revisions[0])
	settle(t, r, gone, err)
}

func ownersLeave(t *testing.T, r Administered) {
	founded(t, r)
	revisions := map[string]string{}
	for _, id := range []string{"u-1", "u-2", "u-3"} {
		revisions[id] = joined(t, r, owner(id))[0]
	}
	ids := slices.Sorted(maps.Keys(revisions))
	stayed := 0
	for _, err := range race(len(ids), func(i int) error {
		return errorOf(r.ChangeUser(t.Context(), seller(), act(), ids[i], revisions[ids[i]], demote))
	}) {
		if err == nil {
			continue
		}
		wantError(t, err, license.ErrLastOwner)
		stayed++
	}
	wantEqual(t, "owners who stayed", stayed, 1)
}
