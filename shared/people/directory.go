// Package people administers the users of organizations. Two stores have them: the
// record says what they may do, Identity Platform who they are and how they sign in. It
// also makes their ID tokens, whose claims repeat what they may do, because those are
// what the other functions read.
package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// Directory are the users of all organizations. Every method is scoped to the caller's.
//
// Each write goes through both stores in one order ([record.Users]): it is asked for
// in the record, with its entry in the audit; then done in Identity Platform; then settled in
// the record. What stops in between stays asked for, is seen as such, and is finished by
// the same request, sent again.
type Directory struct {
	record   record.Users
	accounts *Accounts
}

// New makes a directory.
func New(users record.Users, accounts *Accounts) *Directory {
	return &Directory{record: users, accounts: accounts}
}

// Person is a user with its account. The account is empty where there is none: it was
// deleted behind this service's back, or its making was cut short.
type Person struct {
	record.Revised[license.User]
	Account Account
}

// List are up to limit users of ids greater than after that the filter lets through, ascending.
func (d *Directory) List(
	ctx context.Context, caller license.Caller, filter record.UserFilter, after string, limit int,
) ([]Person, error) {
	users, err := d.record.UserPage(ctx, caller, filter, after, limit)
	if err != nil {
		return nil, err
	}
	return d.known(ctx, users...)
}

// FindByEmail is the user with an address, or none.
func (d *Directory) FindByEmail(ctx context.Context, caller license.Caller, email string) ([]Person, error) {
	if _, err := d.record.UserPage(ctx, caller, record.UserFilter{}, "", 1); err != nil {
		return nil, err // there may be no such organization
	}
	account, err := d.accounts.FindByEmail(ctx, strings.ToLower(email))
	known := err == nil
	if !known && !errors.Is(err, license.ErrUserNotFound) {
		return nil, err
	}
	if !known {
		// An address that nobody has takes as long as one of another organization.
		account.ID = nobodysID
	}
	user, err := d.record.User(ctx, caller, account.ID)
	if known && err == nil {
		return []Person{{user, account}}, nil
	}
	if err != nil && !errors.Is(err, license.ErrUserNotFound) {
		return nil, err
	}
	return nil, nil
}

// nobodysID is looked up in place of an account that there is not.
const nobodysID = "nobody"

// Get is one user; license.ErrUserNotFound.
func (d *Directory) Get(ctx context.Context, caller license.Caller, id string) (Person, error) {
	user, err := d.record.User(ctx, caller, id)
	if err != nil {
		return Person{}, err
	}
	return d.person(ctx, user)
}

func (d *Directory) person(ctx context.Context, user record.Revised[license.User]) (Person, error) {
	known, err := d.known(ctx, user)
	if err != nil {
		return Person{}, err
	}
	return known[0], nil
}

// known are the users with their accounts.
func (d *Directory) known(ctx context.Context, users ...record.Revised[license.User]) ([]Person, error) {
	ids := make([]string, len(users))
	for i, user := range users {
		ids[i] = user.Value.ID
	}
	accounts, err := d.accounts.Find(ctx, ids...)
	if err != nil {
		return nil, err
	}
	people := make([]Person, len(users))
	for i, user := range users {
		people[i] = Person{user, accounts[user.Value.ID]}
	}
	return people, nil
}

// Invite makes a user and answers the link by which it sets its first password; none for
// a dry run, and for an account that was the organization's before it was in the
// record, or has signed in: its user has a password. license.ErrEmailTaken, license.ErrKeyReused.
func (d *Directory) Invite(ctx context.Context, caller license.Caller, act record.Act, i license.Invitation) (Person, string, error) {
	i.Email = strings.ToLower(i.Email)
	if err := i.Validate(); err != nil {
		return Person{}, "", err
	}
	i.ID = newID(caller.OrganizationID, act, i)
	if err := d.mayInvite(ctx, caller, act, i.User); err != nil {
		return Person{}, "", err
	}
	adopted, err := d.adopt(ctx, caller, &i)
	if err != nil {
		return Person{}, "", err
	}
	asked, err := d.record.InviteUser(ctx, caller, act, i.User)
	switch {
	case errors.Is(err, license.ErrExists):
		return Person{}, "", license.ErrEmailTaken
	case err != nil:
		return Person{}, "", err
	}
	made := Person{asked.Revised, Account{ID: i.ID, Email: i.Email, Name: i.Name}}
	if act.DryRun {
		return made, "", nil
	}
	if asked.Entry == "" {
		return d.invited(ctx, caller, act, asked.Revised, adopted)
	}
	made, err = d.create(ctx, caller, asked, i)
	if err != nil || adopted || !made.Account.LastSignIn.IsZero() { // whoever signed in has a password
		return made, "", err
	}
	link, err := d.accounts.Link(ctx, i.Email)
	return made, link, err
}

// mayInvite refuses whoever may not invite such a user before its address is looked for:
// nobody else learns here who has an account. The vendor may.
func (d *Directory) mayInvite(ctx context.Context, caller license.Caller, act record.Act, user license.User) error {
	if caller.Role == license.RoleService {
		return nil
	}
	act.Key, act.DryRun = "", true
	_, err := d.record.InviteUser(ctx, caller, act, user)
	if errors.Is(err, license.ErrExists) { // an invitation that is repeated
		return nil
	}
	return err
}

// invited answers an invitation that came before. Its link may be lost, so there is another
// for who never signed in, asked for as each link of its own is; who did has a password,
// which no repeated request is to replace.
func (d *Directory) invited(
	ctx context.Context, caller license.Caller, act record.Act, user record.Revised[license.User], adopted bool,
) (Person, string, error) {
	made, err := d.person(ctx, user)
	if err != nil || adopted || !made.Account.LastSignIn.IsZero() {
		return made, "", err
	}
	act.Key = "" // it is the invitation's
	link, err := d.Link(ctx, caller, act, user.Value.ID)
	return made, link, err
}

// adopt looks for an account with the address. One that has the organization's claim, and
// whose address is verified, is the one that the invitation is for. Any other is somebody
// else's, and must not be had by whoever knows its address; nor may a member be raised
// who took the address of whom somebody would invite.
func (d *Directory) adopt(ctx context.Context, caller license.Caller, i *license.Invitation) (bool, error) {
	account, err := d.accounts.FindByEmail(ctx, i.Email)
	switch {
	case errors.Is(err, license.ErrUserNotFound), err == nil && account.ID == i.ID:
		return false, nil
	case err != nil:
		return false, err
	case account.organization != caller.OrganizationID:
		return false, license.ErrEmailTaken
	}
	_, err = d.record.User(ctx, caller, account.ID)
	if errors.Is(err, license.ErrUserNotFound) { // else the record judges the invitation
		err = account.adoptable(i.Role)
	}
	if err != nil {
		return false, err
	}
	i.ID = account.ID
	return true, nil
}

// adoptable says why an account that the record does not know is not to become a user of a
// role, if it is not. What it may do stays as it is: a change is an act of its own, under
// the rule of the last owner.
func (a Account) adoptable(role license.Role) error {
	refusal := license.Fault{Field: "email", Message: "is of an account that is disabled: enable it in Identity Platform first, or choose another address"}
	switch {
	case !a.verified:
		return license.ErrEmailTaken
	case a.role != role:
		refusal = license.Fault{Field: "role", Message: fmt.Sprintf("is %s of the account that has the address: invite it as that, and change the role then", a.role)}
	case !a.disabled:
		return nil
	}
	return &license.InvalidError{Faults: []license.Fault{refusal}}
}

// create acts on an invitation that was asked for. An address that was taken meanwhile
// is the one refusal: the user is taken back.
func (d *Directory) create(ctx context.Context, caller license.Caller, asked record.Asked, i license.Invitation) (Person, error) {
	i.User = asked.Value
	account, err := d.accounts.Create(ctx, caller.OrganizationID, i)
	if errors.Is(err, license.ErrEmailTaken) {
		_, settled := d.record.SettleUser(ctx, caller, asked.Value, asked.Entry, record.EntryRefused)
		return Person{}, errors.Join(err, settled)
	}
	if err != nil {
		return Person{}, err
	}
	made, err := d.settle(ctx, caller, asked, account)
	if errors.Is(err, license.ErrUserNotFound) { // it was removed meanwhile, and the account came after that
		err = errors.Join(err, d.accounts.Delete(ctx, caller.OrganizationID, account.ID))
	}
	return made, err
}

// Change makes of a user what change makes of it, if it is at the revision, as
// [record.Users] says.
func (d *Directory) Change(
	ctx context.Context, caller license.Caller, act record.Act, id, revision string, change func(*license.User) error,
) (Person, error) {
	asked, err := d.record.ChangeUser(ctx, caller, act, id, revision, change)
	if err != nil {
		return Person{}, err
	}
	if asked.Entry == "" {
		return d.person(ctx, asked.Revised)
	}
	account, err := d.accounts.Set(ctx, caller.OrganizationID, asked.Value)
	if err != nil {
		return Person{}, err
	}
	return d.settle(ctx, caller, asked, account)
}

// maxOvertaken is how often a change may find that another one overtook it.
const maxOvertaken = 5

// settle settles what Identity Platform has done. Two changes at a time may reach
// Identity Platform in the other order than the record: whoever finds that the record
// says something else by now writes that, so the last to write there writes what is true.
// One that dies before it has leaves its act open, and the user pending.
func (d *Directory) settle(ctx context.Context, caller license.Caller, asked record.Asked, account Account) (Person, error) {
	did := asked.Value
	for range maxOvertaken {
		now, err := d.record.SettleUser(ctx, caller, did, asked.Entry, record.EntryDone)
		if err != nil {
			return Person{}, err
		}
		if now.Value.ID == "" || now.Value.Leaving { // it was removed since
			return Person{}, license.ErrUserNotFound
		}
		if alike(now.Value, did) {
			return Person{now, account}, nil
		}
		did = now.Value
		if account, err = d.accounts.Set(ctx, caller.OrganizationID, did); err != nil {
			return Person{}, err
		}
	}
	return Person{}, &license.UnavailableError{Backend: "identity", Err: errors.New("the user is changed without end")}
}

func alike(a, b license.User) bool {
	return a.Role == b.Role && a.Disabled == b.Disabled && slices.Equal(a.Groups, b.Groups)
}

// Remove deletes a user and its account. In between it has its sessions ended: while that
// fails the user is there, Leaving, and can be removed again.
func (d *Directory) Remove(
	ctx context.Context, caller license.Caller, act record.Act, id, revision string, end func(context.Context) error,
) error {
	asked, err := d.record.RemoveUser(ctx, caller, act, id, revision)
	if err != nil || asked.Entry == "" {
		return err
	}
	if err := d.accounts.Delete(ctx, caller.OrganizationID, id); err != nil {
		return err
	}
	if err := end(ctx); err != nil {
		return err
	}
	return d.done(ctx, caller, asked)
}

// DeleteAccount deletes the account of a user whose organization is being purged: the
// record's part goes with that. One that is not there counts as deleted.
func (d *Directory) DeleteAccount(ctx context.Context, caller license.Caller, id string) error {
	return d.accounts.Delete(ctx, caller.OrganizationID, id)
}

func (d *Directory) done(ctx context.Context, caller license.Caller, asked record.Asked) error {
	_, err := d.record.SettleUser(ctx, caller, asked.Value, asked.Entry, record.EntryDone)
	return err
}

// SignOut ends a user's sign-ins everywhere.
func (d *Directory) SignOut(ctx context.Context, caller license.Caller, act record.Act, id string) error {
	asked, err := d.record.AskUser(ctx, caller, act, id, record.UserSignedOut)
	if err != nil || asked.Entry == "" {
		return err
	}
	if err := d.accounts.SignOut(ctx, caller.OrganizationID, id); err != nil {
		return err
	}
	return d.done(ctx, caller, asked)
}

// Link is a link by which a user sets a new password; none for a dry run.
func (d *Directory) Link(ctx context.Context, caller license.Caller, act record.Act, id string) (string, error) {
	asked, err := d.record.AskUser(ctx, caller, act, id, record.UserLinkMade)
	if err != nil || asked.Entry == "" {
		return "", err
	}
	account, err := d.accounts.own(ctx, caller.OrganizationID, id)
	switch {
	case err != nil:
		return "", err
	case account.Email == "":
		return "", license.ErrUserNotFound // there is nothing to make a link of
	}
	link, err := d.accounts.Link(ctx, account.Email)
	if err != nil {
		return "", err
	}
	return link, d.done(ctx, caller, asked)
}

// newID is a user's id. With an idempotency key it is made of the request, so that the
// request, sent again, means the same user.
func newID(organizationID string, act record.Act, i license.Invitation) string {
	if act.Key == "" {
		return strings.ToLower(rand.Text())
	}
	const half = sha256.Size / 2
	text := fmt.Appendf(nil, "%q %q %q %q %q", organizationID, act.Actor, act.Key, i.Email, i.Name)
	sum := sha256.Sum256(text)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:half]))
}
