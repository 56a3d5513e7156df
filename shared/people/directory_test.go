package people_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebase.google.com/go/v4/auth"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

func acme() license.Caller { return license.ServiceCaller("acme") }

func act(key string) record.Act {
	return record.Act{Actor: "eve@vendor.example", At: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Key: key}
}

// nothing is what ends of a user without sessions.
func nothing(context.Context) error { return nil }

// bench is a directory over both stores, each of which can fail.
type bench struct {
	provider
	*people.Directory
	memory *record.Memory
	faulty *recordtest.FaultyAdministration
}

func newBench(t *testing.T, organizations ...string) *bench {
	t.Helper()
	b := &bench{provider: standIn(t), memory: record.NewMemory()}
	for _, id := range append(organizations, "acme") {
		_, err := b.memory.CreateOrganization(t.Context(), license.ServiceCaller(id), act(""), license.Organization{
			Name: id, Status: license.StatusActive,
		})
		must(t, err)
	}
	b.faulty = &recordtest.FaultyAdministration{Administration: b.memory}
	b.Directory = people.New(b.faulty, b.accounts)
	return b
}

// invited invites Ann and answers her.
func (b *bench) invited(t *testing.T, i license.Invitation) people.Person {
	t.Helper()
	made, _, err := b.Invite(t.Context(), acme(), act(""), i)
	must(t, err)
	return made
}

// states are those of the entries about users, the oldest first.
func (b *bench) states(t *testing.T) (states []string) {
	t.Helper()
	entries, err := b.memory.Audit(t.Context(), acme(), record.Span{}, "", 99)
	must(t, err)
	slices.Reverse(entries)
	slices.SortStableFunc(entries, func(x, y record.Entry) int { return strings.Compare(x.ID, y.ID) }) // UUIDv7: by time
	for _, e := range entries {
		if e.State != "" {
			states = append(states, string(e.Action)+" "+string(e.State))
		}
	}
	return states
}

func (b *bench) wantStates(t *testing.T, want ...string) {
	t.Helper()
	if got := b.states(t); !slices.Equal(got, want) {
		t.Errorf("audit %q, want %q", got, want)
	}
}

// wantAlike checks that the account says what the record says, and nothing is pending.
func (b *bench) wantAlike(t *testing.T, id string) {
	t.Helper()
	p, err := b.Get(t.Context(), acme(), id)
	must(t, err)
	account, err := b.client.GetUser(t.Context(), id)
	must(t, err)
	var groups []string
	if all, ok := account.CustomClaims["groups"].([]any); ok {
		for _, each := range all {
			groups = append(groups, each.(string)) //nolint:forcetypeassert // a failed test
		}
	}
	if p.Value.Asked || account.Disabled != p.Value.Disabled || account.CustomClaims["role"] != string(p.Value.Role) ||
		account.CustomClaims["tenant_id"] != "acme" || !slices.Equal(groups, p.Value.Groups) {
		t.Errorf("the record has %+v, the account %v, disabled %t", p.Value, account.CustomClaims, account.Disabled)
	}
}

// stop makes the named method of the record's fail, before or after its effect.
func (b *bench) stop(method string, before bool) {
	b.faulty.Before, b.faulty.After = nil, nil
	if before {
		b.faulty.Before = func(_ context.Context, called string) error {
			if called == method {
				return recordtest.Outage(record.ErrNotWritten)
			}
			return nil
		}
		return
	}
	b.faulty.After = func(_ context.Context, called string, err error) error {
		if called == method {
			return recordtest.Outage(nil)
		}
		return err
	}
}

// cut makes Identity Platform fail once the named method of the record's has succeeded.
func (b *bench) cut(method string) {
	b.faulty.Before = nil
	b.faulty.After = func(_ context.Context, called string, err error) error {
		if called == method {
			b.idp.SetMode(fakeidp.Garbling)
		}
		return err
	}
}

func (b *bench) heal() {
	b.faulty.Before, b.faulty.After = nil, nil
	b.idp.SetMode(fakeidp.Working)
}

// TestAnInvitationThatStops anywhere is finished by the same request, and until then
// it is seen to be pending.
func TestAnInvitationThatStops(t *testing.T) {
	for name, tt := range map[string]struct {
		stop  func(b *bench)
		after []string // in the audit, before it is repeated
		link  bool     // the repeated one asks for a link of its own
	}{
		"not asked for":        {func(b *bench) { b.stop("InviteUser", true) }, nil, false},
		"asked for":            {func(b *bench) { b.stop("InviteUser", false) }, []string{"user.invited asked"}, false},
		"not done":             {func(b *bench) { b.cut("InviteUser") }, []string{"user.invited asked"}, false},
		"done, not settled":    {func(b *bench) { b.stop("SettleUser", true) }, []string{"user.invited asked"}, false},
		"settled, not told":    {func(b *bench) { b.stop("SettleUser", false) }, []string{"user.invited done"}, true},
		"done, without a link": {func(b *bench) { b.cut("SettleUser") }, []string{"user.invited done"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tt.stop(b)
			_, _, err := b.Invite(t.Context(), acme(), act("k"), ann())
			if license.Backend(err) == "" {
				t.Fatalf("error %v, want an outage", err)
			}
			b.heal()
			b.wantStates(t, tt.after...)
			list, err := b.List(t.Context(), acme(), record.UserFilter{}, "", 9)
			must(t, err)
			if pending := len(list) == 1 && list[0].Value.Asked; pending != slices.Contains(tt.after, "user.invited asked") {
				t.Errorf("%+v", list)
			}
			made, link, err := b.Invite(t.Context(), acme(), act("k"), ann())
			must(t, err)
			if link == "" || made.Account.Email != "ann@acme.example" {
				t.Errorf("%+v, link %q", made, link)
			}
			want := []string{"user.invited done"}
			if tt.link {
				want = append(want, "user.link_made done")
			}
			b.wantStates(t, want...)
			b.wantAlike(t, made.Value.ID)
		})
	}
}

// TestALinkOfARepeatedInvitation is in the audit, and none is made once its user has
// a password.
func TestALinkOfARepeatedInvitation(t *testing.T) {
	b := newBench(t)
	for _, want := range [][]string{{"user.invited done"}, {"user.invited done", "user.link_made done"}} {
		_, link, err := b.Invite(t.Context(), acme(), act("k"), ann())
		must(t, err)
		if link == "" {
			t.Error("no link")
		}
		b.wantStates(t, want...)
	}
	_, err := b.signIn(t, "ann@acme.example", "")
	must(t, err)
	made, link, err := b.Invite(t.Context(), acme(), act("k"), ann())
	must(t, err)
	if link != "" || made.Account.LastSignIn.IsZero() {
		t.Errorf("%+v, link %q", made, link)
	}
	b.wantStates(t, "user.invited done", "user.link_made done")
}

// TestALinkOfWhoSignedInMeanwhile: an invitation that died before it was settled makes no
// link when it is repeated, if its user has a password by then.
func TestALinkOfWhoSignedInMeanwhile(t *testing.T) {
	b := newBench(t)
	b.stop("SettleUser", true)
	if _, _, err := b.Invite(t.Context(), acme(), act("k"), ann()); license.Backend(err) == "" {
		t.Fatalf("error %v, want an outage", err)
	}
	b.heal()
	_, err := b.signIn(t, "ann@acme.example", "")
	must(t, err)
	made, link, err := b.Invite(t.Context(), acme(), act("k"), ann())
	must(t, err)
	if link != "" || made.Account.LastSignIn.IsZero() {
		t.Errorf("%+v, link %q", made, link)
	}
	b.wantStates(t, "user.invited done")
}

// TestAnInvitationThatARemovalOvertook leaves no account behind, which would go on saying
// that its user is the organization's.
func TestAnInvitationThatARemovalOvertook(t *testing.T) {
	b := newBench(t)
	var id string
	b.faulty.After = func(ctx context.Context, method string, err error) error {
		if method != "InviteUser" || id != "" || err != nil {
			return err
		}
		pending, err := b.memory.UserPage(ctx, acme(), record.UserFilter{}, "", 9)
		must(t, err)
		id = pending[0].Value.ID
		return people.New(b.memory, b.accounts).Remove(ctx, acme(), act(""), id, pending[0].Revision, nothing)
	}
	if _, _, err := b.Invite(t.Context(), acme(), act("k"), ann()); !errors.Is(err, license.ErrUserNotFound) {
		t.Errorf("error %v, want that there is no such user", err)
	}
	if account, err := b.accounts.FindByEmail(t.Context(), "ann@acme.example"); !errors.Is(err, license.ErrUserNotFound) {
		t.Errorf("of %s there is still %+v, %v", id, account, err)
	}
}

// TestAChangeThatStops anywhere is finished by the same change at the revision of now.
func TestAChangeThatStops(t *testing.T) {
	promote := func(u *license.User) error { u.Role = license.RoleOwner; return nil }
	for name, tt := range map[string]struct {
		stop func(b *bench)
		want []string // in the audit, after it was repeated
	}{
		"not asked for":     {func(b *bench) { b.stop("ChangeUser", true) }, []string{"user.changed done"}},
		"asked for":         {func(b *bench) { b.stop("ChangeUser", false) }, []string{"user.changed asked", "user.changed done"}},
		"not done":          {func(b *bench) { b.cut("ChangeUser") }, []string{"user.changed asked", "user.changed done"}},
		"done, not settled": {func(b *bench) { b.stop("SettleUser", true) }, []string{"user.changed asked", "user.changed done"}},
		"settled, not told": {func(b *bench) { b.stop("SettleUser", false) }, []string{"user.changed done"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			made := b.invited(t, ann())
			id := made.Value.ID
			tt.stop(b)
			_, err := b.Change(t.Context(), acme(), act(""), id, made.Revision, promote)
			if license.Backend(err) == "" {
				t.Fatalf("error %v, want an outage", err)
			}
			b.heal()
			now, err := b.Get(t.Context(), acme(), id)
			must(t, err)
			_, err = b.Change(t.Context(), acme(), act(""), id, now.Revision, promote)
			must(t, err)
			b.wantStates(t, append([]string{"user.invited done"}, tt.want...)...)
			b.wantAlike(t, id)
		})
	}
}

// TestARemovalThatStops anywhere is finished by another.
func TestARemovalThatStops(t *testing.T) {
	for name, stop := range map[string]func(b *bench){
		"asked for":         func(b *bench) { b.stop("RemoveUser", false) },
		"not done":          func(b *bench) { b.cut("RemoveUser") },
		"done, not settled": func(b *bench) { b.stop("SettleUser", true) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			made := b.invited(t, ann())
			id := made.Value.ID
			stop(b)
			if err := b.Remove(t.Context(), acme(), act(""), id, made.Revision, nothing); license.Backend(err) == "" {
				t.Fatalf("error %v, want an outage", err)
			}
			b.heal()
			now, err := b.Get(t.Context(), acme(), id)
			must(t, err)
			if !now.Value.Leaving {
				t.Errorf("%+v", now)
			}
			must(t, b.Remove(t.Context(), acme(), act(""), id, now.Revision, nothing))
			_, err = b.Get(t.Context(), acme(), id)
			wantError(t, err, license.ErrUserNotFound)
			b.wantStates(t, "user.invited done", "user.removed asked", "user.removed done")
			if account, err := b.accounts.Find(t.Context(), id); err != nil || len(account) != 0 {
				t.Errorf("%+v, %v", account, err)
			}
		})
	}
}

// TestAnAddressThatIsTaken, before or while the user is asked for, leaves no user.
func TestAnAddressThatIsTaken(t *testing.T) {
	b := newBench(t)
	taken := ann()
	taken.ID = "theirs"
	b.faulty.After = func(ctx context.Context, method string, err error) error {
		if method == "InviteUser" {
			b.faulty.After = nil
			_, raced := b.accounts.Create(ctx, "globex", taken)
			return errors.Join(err, raced)
		}
		return err
	}
	for range 2 { // at first somebody is faster, then has been
		_, _, err := b.Invite(t.Context(), acme(), act("k"), ann())
		wantError(t, err, license.ErrEmailTaken)
	}
	b.wantStates(t, "user.invited refused")
	list, err := b.List(t.Context(), acme(), record.UserFilter{}, "", 9)
	must(t, err)
	if len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// old makes an account with claims that the record does not know, and whose address is
// verified.
func (b *bench) old(t *testing.T, id, organization string, role license.Role, change func(*auth.UserToUpdate)) license.Invitation {
	t.Helper()
	i := ann()
	i.ID, i.Email, i.Role = id, id+"@acme.example", role
	_, err := b.accounts.Create(t.Context(), organization, i)
	must(t, err)
	update := (&auth.UserToUpdate{}).EmailVerified(true)
	if organization == "" {
		update.CustomClaims(nil)
	}
	if change != nil {
		change(update)
	}
	_, err = b.client.UpdateUser(t.Context(), id, update)
	must(t, err)
	return i
}

// TestAccountsFromBefore: one with the organization's claim becomes its user, without a
// link, as what it is.
func TestAccountsFromBefore(t *testing.T) {
	b := newBench(t)
	i := b.old(t, "old-ann", "acme", license.RoleAdmin, nil)
	i.Email = "Old-Ann@acme.example"
	for _, key := range []string{"k", "k"} {
		made, link, err := b.Invite(t.Context(), acme(), act(key), i)
		must(t, err)
		if made.Value.ID != "old-ann" || link != "" {
			t.Errorf("%+v, link %q", made, link)
		}
	}
	b.wantAlike(t, "old-ann")
	_, _, err := b.Invite(t.Context(), acme(), act(""), i)
	wantError(t, err, license.ErrEmailTaken)
	b.wantStates(t, "user.invited done")
}

// TestAccountsThatAreNotAdopted stay as they are, and the record does not know them:
// who took an address is not raised, and nobody is let in, or demoted, unseen.
func TestAccountsThatAreNotAdopted(t *testing.T) {
	for name, tt := range map[string]struct {
		organization string
		has, wanted  license.Role
		change       func(*auth.UserToUpdate)
		field        string // else the address is taken
	}{
		"another organization's": {"globex", license.RoleAdmin, license.RoleAdmin, nil, ""},
		"nobody's":               {"", license.RoleAdmin, license.RoleAdmin, nil, ""},
		"a member that took the address": {"acme", license.RoleMember, license.RoleOwner, func(u *auth.UserToUpdate) {
			u.EmailVerified(false)
		}, ""},
		"one not verified": {"acme", license.RoleOwner, license.RoleOwner, func(u *auth.UserToUpdate) { u.EmailVerified(false) }, ""},
		"a raise":          {"acme", license.RoleMember, license.RoleOwner, nil, "role"},
		"a demotion":       {"acme", license.RoleOwner, license.RoleMember, nil, "role"},
		"one disabled":     {"acme", license.RoleAdmin, license.RoleAdmin, func(u *auth.UserToUpdate) { u.Disabled(true) }, "email"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			i := b.old(t, "old", tt.organization, tt.has, tt.change)
			before, err := b.client.GetUser(t.Context(), "old")
			must(t, err)
			i.Role = tt.wanted
			_, _, err = b.Invite(t.Context(), acme(), act("k"), i)
			if invalid, ok := errors.AsType[*license.InvalidError](err); tt.field != "" && (!ok || invalid.Faults[0].Field != tt.field) {
				t.Errorf("error %v, want one of %s", err, tt.field)
			}
			if tt.field == "" {
				wantError(t, err, license.ErrEmailTaken)
			}
			after, err := b.client.GetUser(t.Context(), "old")
			must(t, err)
			if !reflect.DeepEqual(before, after) {
				t.Errorf("%+v, before %+v", after, before)
			}
			b.wantStates(t)
		})
	}
}

// TestChangesAtATime: whichever is the last to reach Identity Platform, it says there what
// the record says.
func TestChangesAtATime(t *testing.T) {
	b := newBench(t)
	made := b.invited(t, ann())
	id := made.Value.ID
	overtaken := false
	b.faulty.After = func(ctx context.Context, method string, err error) error {
		if method != "ChangeUser" || overtaken {
			return err
		}
		overtaken = true
		now, found := b.memory.User(ctx, acme(), id)
		_, second := b.Change(ctx, acme(), act(""), id, now.Revision, func(u *license.User) error { u.Groups = []string{"second"}; return nil })
		return errors.Join(err, found, second)
	}
	_, err := b.Change(t.Context(), acme(), act(""), id, made.Revision, func(u *license.User) error { u.Groups = []string{"first"}; return nil })
	must(t, err)
	b.wantAlike(t, id)
	if p, err := b.Get(t.Context(), acme(), id); err != nil || p.Value.Groups[0] != "second" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestManyChangesAtATime leave both stores alike.
func TestManyChangesAtATime(t *testing.T) {
	b := newBench(t)
	id := b.invited(t, ann()).Value.ID
	var wg sync.WaitGroup
	for _, group := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for range 5 {
				now, err := b.memory.User(t.Context(), acme(), id)
				if err == nil {
					_, err = b.Change(t.Context(), acme(), act(""), id, now.Revision, func(u *license.User) error { u.Groups = []string{group}; return nil })
				}
				if err != nil && !errors.Is(err, license.ErrStale) && license.Backend(err) == "" {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	p, err := b.Get(t.Context(), acme(), id)
	must(t, err)
	if p.Value.Asked { // one was overtaken without end
		_, err := b.Change(t.Context(), acme(), act(""), id, p.Revision, func(*license.User) error { return nil })
		must(t, err)
	}
	b.wantAlike(t, id)
}

// TestAnotherOrganizationsUser does not exist.
func TestAnotherOrganizationsUser(t *testing.T) {
	b := newBench(t, "globex")
	made := b.invited(t, ann())
	id, globex := made.Value.ID, license.ServiceCaller("globex")
	for name, call := range map[string]func() error{
		"get":     func() error { _, err := b.Get(t.Context(), globex, id); return err },
		"remove":  func() error { return b.Remove(t.Context(), globex, act(""), id, made.Revision, nothing) },
		"signout": func() error { return b.SignOut(t.Context(), globex, act(""), id) },
		"link":    func() error { _, err := b.Link(t.Context(), globex, act(""), id); return err },
		"change": func() error {
			_, err := b.Change(t.Context(), globex, act(""), id, made.Revision, func(*license.User) error { return nil })
			return err
		},
	} {
		if err := call(); !errors.Is(err, license.ErrUserNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, find := range []func() ([]people.Person, error){
		func() ([]people.Person, error) { return b.List(t.Context(), globex, record.UserFilter{}, "", 9) },
		func() ([]people.Person, error) { return b.FindByEmail(t.Context(), globex, "ann@acme.example") },
	} {
		if found, err := find(); err != nil || len(found) != 0 {
			t.Errorf("%+v, %v", found, err)
		}
	}
	found, err := b.FindByEmail(t.Context(), acme(), "Ann@Acme.example")
	if err != nil || len(found) != 1 || found[0].Value.ID != id {
		t.Errorf("%+v, %v", found, err)
	}
	b.wantAlike(t, id)
}

// TestDryRunsActNowhere: neither in the record nor in Identity Platform.
func TestDryRunsActNowhere(t *testing.T) {
	b := newBench(t)
	made := b.invited(t, ann())
	id, dry := made.Value.ID, act("")
	dry.DryRun = true
	other := ann()
	other.Email = "bob@acme.example"
	would, link, err := b.Invite(t.Context(), acme(), dry, other)
	must(t, err)
	if link != "" || would.Account.Email != "bob@acme.example" || would.Revision != "" {
		t.Errorf("%+v, link %q", would, link)
	}
	changed, err := b.Change(t.Context(), acme(), dry, id, made.Revision, func(u *license.User) error { u.Disabled = true; return nil })
	must(t, err)
	if !changed.Value.Disabled || changed.Revision != made.Revision {
		t.Errorf("%+v", changed)
	}
	must(t, b.SignOut(t.Context(), acme(), dry, id))
	must(t, b.Remove(t.Context(), acme(), dry, id, made.Revision, nothing))
	if link, err := b.Link(t.Context(), acme(), dry, id); err != nil || link != "" {
		t.Errorf("%q, %v", link, err)
	}
	b.wantStates(t, "user.invited done")
	b.wantAlike(t, id)
	if found, err := b.FindByEmail(t.Context(), acme(), "bob@acme.example"); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestWhatChangesNothingConfirmsNothing: neither a sign-out nor a link
// says that Identity Platform has heard of a change.
func TestWhatChangesNothingConfirmsNothing(t *testing.T) {
	for name, other := range map[string]func(b *bench, id string) error{
		"signed out": func(b *bench, id string) error { return b.SignOut(t.Context(), acme(), act(""), id) },
		"link made": func(b *bench, id string) error {
			_, err := b.Link(t.Context(), acme(), act(""), id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			made := b.invited(t, ann())
			id := made.Value.ID
			disable := func(u *license.User) error { u.Disabled = true; return nil }
			b.cut("ChangeUser")
			_, err := b.Change(t.Context(), acme(), act(""), id, made.Revision, disable)
			wantAway(t, err)
			b.heal()
			must(t, other(b, id))
			now, err := b.Get(t.Context(), acme(), id)
			must(t, err)
			if !now.Value.Asked {
				t.Errorf("%+v is confirmed, and nobody told Identity Platform", now.Value)
			}
			_, err = b.Change(t.Context(), acme(), act(""), id, now.Revision, disable)
			must(t, err)
			b.wantAlike(t, id)
		})
	}
}

// TestALateWriterThatDies, after another has settled, leaves the user pending until
// somebody sets the account anew when it must be dead.
func TestALateWriterThatDies(t *testing.T) {
	b := newBench(t)
	made := b.invited(t, ann())
	id := made.Value.ID
	group := func(name string) func(*license.User) error {
		return func(u *license.User) error { u.Groups = []string{name}; return nil }
	}
	b.faulty.After = func(ctx context.Context, method string, err error) error {
		if method != "ChangeUser" {
			return err
		}
		b.faulty.After = nil
		now, found := b.memory.User(ctx, acme(), id)
		_, second := b.Change(ctx, acme(), act(""), id, now.Revision, group("second"))
		b.stop("SettleUser", true) // the first dies when it has written
		return errors.Join(err, found, second)
	}
	_, err := b.Change(t.Context(), acme(), act(""), id, made.Revision, group("first"))
	if license.Backend(err) == "" {
		t.Fatalf("error %v, want an outage", err)
	}
	b.heal()
	later := act("")
	for range 2 { // at once it may be alive
		now, err := b.Get(t.Context(), acme(), id)
		must(t, err)
		if !now.Value.Asked || now.Value.Groups[0] != "second" {
			t.Errorf("%+v", now.Value)
		}
		_, err = b.Change(t.Context(), acme(), later, id, now.Revision, group("second"))
		must(t, err)
		later.At = later.At.Add(time.Minute)
	}
	b.wantAlike(t, id)
}
