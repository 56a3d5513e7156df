package people_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// farm is a machine that is to be.
func farm() license.Invitation {
	return license.Invitation{
		Name: "build-farm", User: license.User{ID: "farm", OrganizationID: "acme", Machine: true, Role: license.RoleMember, Groups: []string{"ci"}},
	}
}

// TestAMachineSignsIn: without an address, by the token alone, with what its account is allowed.
func TestAMachineSignsIn(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		for range 2 { // cut short, and repeated
			_, err := p.accounts.Create(t.Context(), "acme", farm())
			must(t, err)
		}
		token, err := p.accounts.Token(t.Context(), "acme", "farm")
		must(t, err)
		claims, err := p.refresh(t, token)
		must(t, err)
		groups, _ := claims["groups"].([]any)
		if claims["sub"] != "farm" || claims["tenant_id"] != "acme" || claims["role"] != "member" || len(groups) != 1 || claims["email"] != nil {
			t.Errorf("claims %v", claims)
		}
		found, err := p.accounts.Find(t.Context(), "farm")
		must(t, err)
		if a := found["farm"]; a.Email != "" || a.Name != "build-farm" || a.LastSignIn.IsZero() {
			t.Errorf("%+v", a)
		}
		// What is set is in its next ID token, and a disabled machine gets none.
		user := farm().User
		user.Groups = []string{"night"}
		_, err = p.accounts.Set(t.Context(), "acme", user)
		must(t, err)
		claims, err = p.refresh(t, token)
		must(t, err)
		if groups, _ := claims["groups"].([]any); len(groups) != 1 || groups[0] != "night" {
			t.Errorf("claims %v", claims)
		}
		user.Disabled = true
		_, err = p.accounts.Set(t.Context(), "acme", user)
		must(t, err)
		if _, err := p.refresh(t, token); err == nil {
			t.Error("a disabled machine gets an ID token")
		}
		must(t, p.accounts.Delete(t.Context(), "acme", "farm"))
		if _, err := p.refresh(t, token); err == nil {
			t.Error("a deleted machine gets an ID token")
		}
	})
}

// TestAnotherTokenEndsThoseBefore, as of the second of the new sign-in, by Identity
// Platform's clock: the new one itself is good.
func TestAnotherTokenEndsThoseBefore(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		_, err := p.accounts.Create(t.Context(), "acme", farm())
		must(t, err)
		token, err := p.accounts.Token(t.Context(), "acme", "farm")
		must(t, err)
		claims, err := p.refresh(t, token)
		must(t, err)
		user, err := p.client.GetUser(t.Context(), "farm")
		must(t, err)
		if at, _ := claims["auth_time"].(float64); user.TokensValidAfterMillis != int64(at)*1000 {
			t.Errorf("tokens are good from %d on, the sign-in was at %v", user.TokensValidAfterMillis, at)
		}
	})
	at := time.Now()
	p := standInAt(t, func() time.Time { return at })
	_, err := p.accounts.Create(t.Context(), "acme", farm())
	must(t, err)
	first, err := p.accounts.Token(t.Context(), "acme", "farm")
	must(t, err)
	at = at.Add(time.Second)
	second, err := p.accounts.Token(t.Context(), "acme", "farm")
	must(t, err)
	if _, err := p.refresh(t, first); err == nil || !strings.Contains(err.Error(), "TOKEN_EXPIRED") {
		t.Errorf("the first token: %v", err)
	}
	_, err = p.refresh(t, second)
	must(t, err)
}

// TestNoTokenOfNobodys: of another organization's machine there is none, and none is made by
// asking for what is not there.
func TestNoTokenOfNobodys(t *testing.T) {
	onEach(t, func(t *testing.T, p provider) {
		_, err := p.accounts.Create(t.Context(), "acme", farm())
		must(t, err)
		for id, organization := range map[string]string{"farm": "globex", "nobody": "acme"} {
			_, err = p.accounts.Token(t.Context(), organization, id)
			wantError(t, err, license.ErrUserNotFound)
		}
		found, err := p.accounts.Find(t.Context(), "nobody")
		must(t, err)
		if len(found) != 0 {
			t.Errorf("%+v", found)
		}
	})
}

// TestMachinesThatAreNotSetUp: without a key there are none, and nothing is written.
func TestMachinesThatAreNotSetUp(t *testing.T) {
	b := newBench(t)
	d := people.New(b.memory, people.NewAccounts(b.client, nil, patience))
	_, _, err := d.CreateMachine(t.Context(), acme(), act(""), farm())
	wantAway(t, err)
	b.wantStates(t)
	made, _, err := b.CreateMachine(t.Context(), acme(), act(""), farm())
	must(t, err)
	_, err = d.RotateToken(t.Context(), acme(), act(""), made.Value.ID)
	wantAway(t, err)
}

// TestAMachineThatStops anywhere is finished by the same request, which answers a token
// where none was made.
func TestAMachineThatStops(t *testing.T) {
	for name, tt := range map[string]struct {
		stop  func(b *bench)
		after []string // in the audit, when it was repeated
	}{
		"not asked for":         {func(b *bench) { b.stop("InviteUser", true) }, []string{"user.created done"}},
		"asked for":             {func(b *bench) { b.stop("InviteUser", false) }, []string{"user.created done"}},
		"not done":              {func(b *bench) { b.cut("InviteUser") }, []string{"user.created done"}},
		"done, not settled":     {func(b *bench) { b.stop("SettleUser", true) }, []string{"user.created done"}},
		"settled, not told":     {func(b *bench) { b.stop("SettleUser", false) }, []string{"user.created done", "user.token_made done"}},
		"done, without a token": {func(b *bench) { b.cut("SettleUser") }, []string{"user.created done", "user.token_made done"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tt.stop(b)
			_, _, err := b.CreateMachine(t.Context(), acme(), act("k"), farm())
			if license.Backend(err) == "" {
				t.Fatalf("error %v, want an outage", err)
			}
			b.heal()
			made, token, err := b.CreateMachine(t.Context(), acme(), act("k"), farm())
			must(t, err)
			if token == "" || !made.Value.Machine {
				t.Errorf("%+v, token %q", made, token)
			}
			b.wantStates(t, tt.after...)
			b.wantAlike(t, made.Value.ID)
			_, again, err := b.CreateMachine(t.Context(), acme(), act("k"), farm())
			must(t, err)
			if again != "" {
				t.Error("a token that somebody has was replaced")
			}
		})
	}
}

// TestTokensAreForMachines that are not disabled, and links for persons.
func TestTokensAreForMachines(t *testing.T) {
	b := newBench(t, "globex")
	person := b.invited(t, ann()).Value.ID
	made, _, err := b.CreateMachine(t.Context(), acme(), act(""), farm())
	must(t, err)
	id := made.Value.ID
	invalid := func(err error) {
		t.Helper()
		if faults, ok := err.(*license.InvalidError); !ok || faults.Faults[0].Field != "user" { //nolint:errorlint // nothing wraps it
			t.Errorf("error %v, want one of user", err)
		}
	}
	_, err = b.RotateToken(t.Context(), acme(), act(""), person)
	invalid(err)
	_, err = b.Link(t.Context(), acme(), act(""), id)
	invalid(err)
	_, err = b.RotateToken(t.Context(), license.ServiceCaller("globex"), act(""), id)
	wantError(t, err, license.ErrUserNotFound)
	token, err := b.RotateToken(t.Context(), acme(), act(""), id)
	must(t, err)
	_, err = b.refresh(t, token)
	must(t, err)
	dry := act("")
	dry.DryRun = true
	none, err := b.RotateToken(t.Context(), acme(), dry, id)
	must(t, err)
	would, untold, err := b.CreateMachine(t.Context(), acme(), dry, farm())
	must(t, err)
	if none != "" || untold != "" || !would.Value.Machine || would.Revision != "" {
		t.Errorf("dry runs: %q, %q, %+v", none, untold, would)
	}
	now, err := b.Change(t.Context(), acme(), act(""), id, made.Revision, func(u *license.User) error {
		u.Disabled, u.Machine = true, false
		return nil
	})
	must(t, err)
	if !now.Value.Machine {
		t.Errorf("%+v is no machine any more", now.Value)
	}
	_, err = b.RotateToken(t.Context(), acme(), act(""), id)
	invalid(err)
	_, err = b.Change(t.Context(), acme(), act(""), id, now.Revision, func(u *license.User) error { u.Role = license.RoleAdmin; return nil })
	if _, ok := err.(*license.InvalidError); !ok { //nolint:errorlint // nothing wraps it
		t.Errorf("a machine is an admin: %v", err)
	}
	want := []string{"user.invited done", "user.created done", "user.token_made done", "user.changed done"}
	if got := b.states(t); !slices.Equal(got, want) {
		t.Errorf("audit %q, want %q", got, want)
	}
}

// TestTokensWhileIdentityPlatformIsAway: what was asked for is not told to be done, and says
// nothing of a token.
func TestTokensWhileIdentityPlatformIsAway(t *testing.T) {
	b := newBench(t)
	made, _, err := b.CreateMachine(t.Context(), acme(), act(""), farm())
	must(t, err)
	for _, mode := range []fakeidp.Mode{fakeidp.Garbling, fakeidp.Failing} {
		b.idp.SetMode(mode)
		if mode == fakeidp.Failing {
			b.Directory = people.New(b.faulty, people.NewAccounts(b.client, b.signIns, time.Nanosecond)) // nobody waits for it
		}
		_, err := b.RotateToken(t.Context(), acme(), act(""), made.Value.ID)
		wantAway(t, err)
	}
	b.wantStates(t, "user.created done", "user.token_made asked", "user.token_made asked")
}

// TestARemovalWaitsForItsSessions: until they are over the user is there, and is leaving.
func TestARemovalWaitsForItsSessions(t *testing.T) {
	b := newBench(t)
	made := b.invited(t, ann())
	id := made.Value.ID
	away := &license.UnavailableError{Backend: "redis", Err: record.ErrNotWritten}
	err := b.Remove(t.Context(), acme(), act(""), id, made.Revision, func(ctx context.Context) error {
		if found, err := b.accounts.Find(ctx, id); err != nil || len(found) != 0 {
			t.Errorf("its sessions end while it can sign in: %+v, %v", found, err)
		}
		return away
	})
	wantError(t, err, away)
	now, err := b.Get(t.Context(), acme(), id)
	must(t, err)
	if !now.Value.Leaving {
		t.Errorf("%+v", now)
	}
	must(t, b.Remove(t.Context(), acme(), act(""), id, now.Revision, nothing))
	b.wantStates(t, "user.invited done", "user.removed asked", "user.removed done")
}

// TestWhoMayNotInviteLearnsNothing of addresses: neither that one is taken, nor by whom.
func TestWhoMayNotInviteLearnsNothing(t *testing.T) {
	b := newBench(t)
	b.old(t, "old", "acme", license.RoleOwner, nil)
	b.old(t, "theirs", "globex", license.RoleMember, nil)
	eve := license.Caller{OrganizationID: "acme", UserID: "eve", Role: license.RoleOwner} // no user of the list
	for _, email := range []string{"old@acme.example", "theirs@acme.example", "new@acme.example"} {
		i := ann()
		i.Email = email
		_, _, err := b.Invite(t.Context(), eve, act(""), i)
		wantError(t, err, license.ErrForbidden)
	}
	b.wantStates(t)
}
