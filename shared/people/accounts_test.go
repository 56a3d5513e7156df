package people_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"firebase.google.com/go/v4/auth"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
)

// onEach runs a test on Google's emulator and on the local stack's stand-in, which so
// keeps to what the emulator does.
func onEach(t *testing.T, test func(t *testing.T, p provider)) {
	t.Helper()
	t.Run("stand-in", func(t *testing.T) { test(t, standIn(t)) })
	t.Run("emulator", func(t *testing.T) { test(t, emulated(t)) })
}

// created makes Ann's account.
func created(t *testing.T, p provider) {
	t.Helper()
	_, err := p.accounts.Create(t.Context(), "acme", ann())
	must(t, err)
}

func link(t *testing.T, p provider) string {
	t.Helper()
	made, err := p.accounts.Link(t.Context(), "ann@acme.example")
	must(t, err)
	if !strings.Contains(made, "oobCode=") || !strings.HasPrefix(made, "http") {
		t.Fatalf("the link %q is none", made)
	}
	return made
}

// TestAnInvitedUserSignsIn: by the link alone, with a token that says what the account is
// allowed.
func TestAnInvitedUserSignsIn(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		found, err := p.accounts.Find(t.Context(), "ann", "nobody")
		must(t, err)
		if a := found["ann"]; len(found) != 1 || a.ID != "ann" || a.Email != "ann@acme.example" || a.Name != "Ann Archer" || p.idp != nil && !a.LastSignIn.IsZero() { // the emulator takes a creation for a sign-in
			t.Errorf("%+v", found)
		}
		claims, err := p.signIn(t, "ann@acme.example", link(t, p))
		must(t, err)
		for name, want := range map[string]any{
			"sub": "ann", "email": "ann@acme.example", "tenant_id": "acme", "role": "admin", "groups": []any{"cad", "night shift"},
		} {
			if !reflect.DeepEqual(claims[name], want) {
				t.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		again, err := p.accounts.FindByEmail(t.Context(), "ann@acme.example")
		must(t, err)
		if again.ID != "ann" || again.LastSignIn.IsZero() {
			t.Errorf("%+v", again)
		}
	})
}

// TestOneAccountPerAddress: the same invitation, sent again, is the same account.
func TestOneAccountPerAddress(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		created(t, p)
		other := ann()
		other.ID = "other"
		_, err := p.accounts.Create(t.Context(), "acme", other)
		wantError(t, err, license.ErrEmailTaken)
		other = ann()
		other.Email = "other@acme.example" // of an id that is somebody's
		_, err = p.accounts.Create(t.Context(), "acme", other)
		wantError(t, err, license.ErrEmailTaken)
		found, err := p.accounts.Find(t.Context(), "ann", "other")
		must(t, err)
		if len(found) != 1 || found["ann"].Email != "ann@acme.example" {
			t.Errorf("%+v", found)
		}
	})
}

// TestWhatIsSetIsInTheNextToken, and a disabled account gets none.
func TestWhatIsSetIsInTheNextToken(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		must(t, p.client.SetCustomUserClaims(t.Context(), "ann", map[string]any{"tenant_id": "acme", "role": "admin", "groups": []string{"cad"}, "beta": true}))
		user := ann().User
		user.Role, user.Groups = license.RoleMember, nil
		_, err := p.accounts.Set(t.Context(), "acme", user)
		must(t, err)
		claims, err := p.signIn(t, "ann@acme.example", link(t, p))
		must(t, err)
		if _, grouped := claims["groups"]; grouped || claims["role"] != "member" || claims["beta"] != true || claims["tenant_id"] != "acme" {
			t.Errorf("claims %v", claims)
		}
		user.Disabled = true
		_, err = p.accounts.Set(t.Context(), "acme", user)
		must(t, err)
		if _, err := p.signIn(t, "ann@acme.example", ""); err == nil {
			t.Error("a disabled account signs in")
		}
		user.Disabled = false
		_, err = p.accounts.Set(t.Context(), "acme", user)
		must(t, err)
		_, err = p.signIn(t, "ann@acme.example", "")
		must(t, err)
	})
}

// TestAnotherOrganizationsAccount is not there, and stays as it was.
func TestAnotherOrganizationsAccount(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		before, err := p.client.GetUser(t.Context(), "ann")
		must(t, err)
		user := ann().User
		user.Disabled = true
		_, err = p.accounts.Set(t.Context(), "globex", user)
		wantError(t, err, license.ErrUserNotFound)
		wantError(t, p.accounts.SignOut(t.Context(), "globex", "ann"), license.ErrUserNotFound)
		must(t, p.accounts.Delete(t.Context(), "globex", "ann")) // of theirs there is none
		after, err := p.client.GetUser(t.Context(), "ann")
		must(t, err)
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%+v\nbefore %+v", after, before)
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		user := ann().User
		_, err := p.accounts.Set(t.Context(), "acme", user)
		wantError(t, err, license.ErrUserNotFound)
		_, err = p.accounts.FindByEmail(t.Context(), "ann@acme.example")
		wantError(t, err, license.ErrUserNotFound)
		_, err = p.accounts.Link(t.Context(), "ann@acme.example")
		wantError(t, err, license.ErrUserNotFound)
		wantError(t, p.accounts.SignOut(t.Context(), "acme", "ann"), license.ErrUserNotFound)
		must(t, p.accounts.Delete(t.Context(), "acme", "ann"))
	})
}

func TestADeletedAccount(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		for range 2 {
			must(t, p.accounts.Delete(t.Context(), "acme", "ann"))
		}
		found, err := p.accounts.Find(t.Context(), "ann")
		must(t, err)
		if len(found) != 0 {
			t.Errorf("%+v", found)
		}
		created(t, p) // its address is free
	})
}

// TestSignOut: tokens from before it count as revoked.
func TestSignOut(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		must(t, p.accounts.SignOut(t.Context(), "acme", "ann"))
		user, err := p.client.GetUser(t.Context(), "ann")
		must(t, err)
		if user.TokensValidAfterMillis == 0 {
			t.Error("no token is revoked")
		}
	})
}

// TestVerifiedAddresses: one that is changed is verified no more than the change says.
func TestVerifiedAddresses(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		for _, verified := range []bool{false, true, false} {
			_, err := p.client.UpdateUser(t.Context(), "ann", (&auth.UserToUpdate{}).Email("bob@acme.example").EmailVerified(verified))
			must(t, err)
			user, err := p.client.GetUserByEmail(t.Context(), "bob@acme.example")
			must(t, err)
			if user.UID != "ann" || user.EmailVerified != verified {
				t.Errorf("%+v, want verified %t", user, verified)
			}
		}
	})
}

// TestManyAccounts: more than one call may ask for.
func TestManyAccounts(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		ids := make([]string, 250)
		for i := range ids {
			ids[i] = fmt.Sprintf("nobody-%d", i)
		}
		ids[249] = "ann"
		found, err := p.accounts.Find(t.Context(), ids...)
		must(t, err)
		if len(found) != 1 || found["ann"].ID != "ann" {
			t.Errorf("%+v", found)
		}
		none, err := p.accounts.Find(t.Context())
		must(t, err)
		if len(none) != 0 {
			t.Errorf("%+v", none)
		}
	})
}

// TestClaimsThatDoNotFit: the longest that a user may have do, beside others they need not.
func TestClaimsThatDoNotFit(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		created(t, p)
		user := ann().User
		user.Groups = nil
		for i := range license.MaxGroups {
			user.Groups = append(user.Groups, fmt.Sprintf("%02d", i)+strings.Repeat("g", 44))
		}
		must(t, user.Validate())
		_, err := p.accounts.Set(t.Context(), "acme", user)
		must(t, err)
		must(t, p.client.SetCustomUserClaims(t.Context(), "ann", map[string]any{"tenant_id": "acme", "more": strings.Repeat("m", 300)}))
		_, err = p.accounts.Set(t.Context(), "acme", user)
		if invalid, ok := errors.AsType[*license.InvalidError](err); !ok || invalid.Faults[0].Field != "groups" {
			t.Errorf("error %v", err)
		}
	})
}

// TestAccountsAreAway: every method says so, and nobody's address.
func TestAccountsAreAway(t *testing.T) {
	for _, mode := range []fakeidp.Mode{fakeidp.Hanging, fakeidp.Garbling} {
		p := standIn(t)
		created(t, p)
		p.idp.SetMode(mode)
		a := p.accounts
		if mode == fakeidp.Hanging {
			a = people.NewAccounts(p.client, p.signIns, time.Nanosecond) // nobody waits for it
		}
		_, err := a.Create(t.Context(), "acme", ann())
		wantAway(t, err)
		_, err = a.Find(t.Context(), "ann")
		wantAway(t, err)
		_, err = a.FindByEmail(t.Context(), "ann@acme.example")
		wantAway(t, err)
		_, err = a.Set(t.Context(), "acme", ann().User)
		wantAway(t, err)
		_, err = a.Link(t.Context(), "ann@acme.example")
		wantAway(t, err)
		wantAway(t, a.Delete(t.Context(), "acme", "ann"))
		wantAway(t, a.SignOut(t.Context(), "acme", "ann"))
	}
}
