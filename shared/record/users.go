package record

import (
	"context"
	"slices"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// The actions on users that are recorded.
const (
	UserInvited   Action = "user.invited"
	UserChanged   Action = "user.changed"
	UserRemoved   Action = "user.removed"
	UserSignedOut Action = "user.signed_out"
	UserLinkMade  Action = "user.link_made"
	// UserCreated is what UserInvited is, of a machine; UserTokenMade what UserLinkMade is.
	UserCreated   Action = "user.created"
	UserTokenMade Action = "user.token_made"
)

// EntryState is how far an act came that is done in another store than the record.
type EntryState string

// The states. An act that was one transaction with its entry has none.
const (
	// EntryAsked: it was to be done. Whether it was, nobody has confirmed.
	EntryAsked EntryState = "asked"
	// EntryDone: the other store has confirmed it.
	EntryDone EntryState = "done"
	// EntryRefused: the other store has refused it, and nothing was done.
	EntryRefused EntryState = "refused"
)

// Asked is a user as it is to be.
type Asked struct {
	Revised[license.User]
	// Entry is the entry of the audit that asks for it. It is empty where nothing is left
	// to be done: for a dry run, a change of nothing, and an invitation whose key came before
	// and which is confirmed.
	Entry string
}

// Users is the part of the record that says what the users of an organization may do. Who
// they are, Identity Platform knows, which is another store: no transaction holds both.
// So each write is an intent first. It writes the user as it is to be together with an
// entry of the audit that is [EntryAsked]; the caller acts in Identity Platform;
// SettleUser then writes what came of it. Whichever process dies in between, the audit
// says that it was asked for and the user's Asked that it may not be so yet; the
// same write, sent again, does it again. There is no act without an entry.
//
// Acts at a time may reach Identity Platform in another order than the record. The user
// stays Asked while the last writer there may be one that is overtaken: until that one has
// settled too, or the user is settled by an act that was asked for a minute later, when
// no request of before can be at work.
//
// Who acts: for the vendor the service's own role, which may whatever is valid. A user may
// act as its role lets it ([license.Role.MayMake]), by what both its caller and the record
// say: whoever was demoted, disabled or removed here can do nothing to users any more, though
// the ID token says so for another hour, nor can who was never a user here. That is
// license.ErrForbidden, decided in the transaction of the act.
//
// Every method is scoped to the caller's organization, as those of [Record] are. An id
// that is none of the organization's users is license.ErrUserNotFound, and of what is
// not there license.ErrOrganizationNotFound.
// recordtest.RunAdministration enforces this contract on every implementation.
type Users interface {
	// UserPage lists up to limit users of ids greater than after that the filter lets through,
	// ascending; empty starts from the first. A limit below 1 lists none.
	UserPage(ctx context.Context, caller license.Caller, filter UserFilter, after string, limit int) ([]Revised[license.User], error)
	// User reads one user.
	User(ctx context.Context, caller license.Caller, id string) (Revised[license.User], error)
	// InviteUser asks for a user of that id. With a key that came with the same user
	// before, it answers the user as it is now, with the first entry while that is not
	// settled. license.ErrExists, license.ErrKeyReused.
	InviteUser(ctx context.Context, caller license.Caller, act Act, user license.User) (Asked, error)
	// ChangeUser asks for what change makes of the user if it is at the revision, else
	// license.ErrStale. What change does to ids is dropped, and a machine stays one. A change of nothing is asked for
	// where an earlier act is not settled, and is neither written nor recorded elsewhere.
	// license.ErrLastOwner where no confirmed owner would be left who can sign in; of several
	// such changes at a time one is made at most.
	ChangeUser(ctx context.Context, caller license.Caller, act Act, id, revision string, change func(*license.User) error) (Asked, error)
	// RemoveUser asks for the user's removal if it is at the revision, else
	// license.ErrStale. Until that is settled the user is there, Leaving and disabled, and
	// can only be removed again. license.ErrLastOwner.
	RemoveUser(ctx context.Context, caller license.Caller, act Act, id, revision string) (Asked, error)
	// AskUser asks for an act that changes nothing in the record: [UserSignedOut],
	// [UserLinkMade] of a person, or [UserTokenMade] of a machine that is not disabled; else
	// [*license.InvalidError]. It has its entry alone: the user stays as it is, and as confirmed.
	AskUser(ctx context.Context, caller license.Caller, act Act, id string, action Action) (Asked, error)
	// SettleUser writes into an entry what came of it: [EntryDone], after Identity Platform
	// was told did, or [EntryRefused]. It answers the user as it is now. Where that is not
	// what did is, the entry stays as it was: the caller is to write in Identity Platform what
	// the user is now, and to settle the entry again. After a removal that is done there is no such
	// user, nor after an invitation that was refused: the answer is empty then.
	// [ErrEntryNotFound]. It may be repeated.
	SettleUser(ctx context.Context, caller license.Caller, did license.User, entry string, state EntryState) (Revised[license.User], error)
}

// UserFilter says which users are meant; an empty field lets all through.
type UserFilter struct {
	Role license.Role
	// Group is one of those that the user is in.
	Group string
}

// of is what a query finds of them. The built-in indexes of both fields serve it, and are
// merged where both are asked for
// (https://firebase.google.com/docs/firestore/query-data/index-overview#taking_advantage_of_index_merging).
func (f UserFilter) of(query firestore.Query) firestore.Query {
	if f.Role != "" {
		query = query.Where("role", "==", valid(string(f.Role)))
	}
	if f.Group != "" {
		query = query.Where("groups", "array-contains", valid(f.Group))
	}
	return query
}

func (f UserFilter) matches(d userDoc) bool {
	return (f.Role == "" || valid(string(f.Role)) == d.Role) && (f.Group == "" || slices.Contains(d.Groups, valid(f.Group)))
}

// userDoc is orgs/{organization}/users/{user}. It names no person.
type userDoc struct {
	Role     string   `firestore:"role"`
	Groups   []string `firestore:"groups"`
	Disabled bool     `firestore:"disabled"`
	Machine  bool     `firestore:"machine,omitempty"`
	Leaving  bool     `firestore:"leaving,omitempty"`
	// Invited: nobody has confirmed that there is an account.
	Invited bool `firestore:"invited,omitempty"`
	// Unconfirmed: nobody has confirmed that the account is what this says.
	Unconfirmed bool `firestore:"unconfirmed,omitempty"`
	// Open are the acts that are not settled, the oldest first.
	Open []openAct `firestore:"open,omitempty"`
	// Removed: there is no such user any more, and nothing else is said of it. The account of
	// the customers' door may delete nothing, so Firestore's TTL policy does, on purge_at.
	Removed bool `firestore:"removed,omitempty"`
}

// removed is the document of a user that is gone.
func removed(at time.Time) map[string]any {
	return map[string]any{"removed": true, "purge_at": recordTime(at.Add(RetainKeys))}
}

func userToDoc(u license.User) userDoc {
	return userDoc{Role: string(u.Role), Groups: slices.Clone(u.Groups), Machine: u.Machine, Disabled: u.Disabled, Leaving: u.Leaving}
}

func (d userDoc) user(organizationID, id string) license.User {
	return license.User{
		ID: id, OrganizationID: organizationID, Role: license.Role(d.Role), Groups: slices.Clone(d.Groups),
		Machine: d.Machine, Disabled: d.Disabled, Asked: d.pending(), Leaving: d.Leaving,
	}
}

func (d userDoc) fields() map[string]any {
	groups := make([]any, len(d.Groups))
	for i, each := range d.Groups {
		groups[i] = each
	}
	all := map[string]any{"role": d.Role, "groups": groups, "disabled": d.Disabled}
	put(all, "machine", d.Machine)
	return all
}

// owns reports whether there may be an owner who can sign in: an invitation that is not
// confirmed is nobody yet.
func (d userDoc) owns() bool {
	return !d.Invited && d.user("", "").Owns()
}

// stands reports whether there is one for certain, so that another may go: Identity
// Platform may never have heard of an owner who is only asked for.
func (d userDoc) stands() bool { return d.owns() && !d.pending() }

// changed is the document after change, if that may be written. What is not settled stays so.
func (d userDoc) changed(organizationID, id string, change func(*license.User) error) (userDoc, error) {
	user := d.user(organizationID, id)
	if err := change(&user); err != nil {
		return d, err
	}
	after := userToDoc(user)
	after.Invited, after.Unconfirmed, after.Open = d.Invited, d.Unconfirmed, slices.Clone(d.Open)
	return after, user.Validate()
}

func userObject(organizationID, id string) string {
	return organizationObject(organizationID) + "/users/" + id
}

// userAct is an act on one user.
type userAct struct {
	Act
	caller             license.Caller
	organizationID, id string
	action             Action
	// revision is the one that the user must be at; nil is any.
	revision *string
	// change makes of the user what is asked for; of an invitation, of nothing.
	change func(*license.User) error
}

// userView is all that an act on a user depends on.
type userView struct {
	organized bool
	// found is nil where there is no such user, key where the act's came never before.
	found    *userDoc
	revision string
	key      *requestDoc
	// owners are the others who stand; they are counted where found owns.
	owners int
	// actor is the user who acts; nil where that is none of the organization's.
	actor *userDoc
}

// role is as what the caller may act.
func (a userAct) role(v userView) license.Role {
	switch {
	case a.caller.Role == license.RoleService:
		return license.RoleService
	case v.actor == nil || v.actor.Invited || v.actor.Disabled || v.actor.Leaving:
		return ""
	}
	return a.caller.Role.Less(license.Role(v.actor.Role))
}

// may reports whether the caller may make of a user what it is to be.
func (a userAct) may(v userView, before, after userDoc) bool {
	return a.role(v).MayMake(before.user(a.organizationID, a.id), after.user(a.organizationID, a.id))
}

// userPlan is what an act comes to.
type userPlan struct {
	step
	// was is the user as it is, doc as it is to be.
	was, doc userDoc
	// write says that the step is to be written. Where it is not, entry is the one that the
	// answer names.
	write bool
	entry string
}

// decide is the whole rule of what may become of a user.
func (a userAct) decide(v userView) (userPlan, error) {
	switch {
	case !v.organized:
		return userPlan{}, license.ErrOrganizationNotFound
	case a.role(v) == "":
		return userPlan{}, license.ErrForbidden
	case makes(a.action):
		return a.invite(v)
	case v.found == nil || v.found.Leaving && a.action != UserRemoved:
		return userPlan{}, license.ErrUserNotFound
	case a.revision != nil && *a.revision != v.revision:
		return userPlan{}, license.ErrStale
	}
	after, err := v.found.changed(a.organizationID, a.id, a.ofKind(v.found.Machine))
	switch {
	case err != nil:
		return userPlan{}, err
	case !a.may(v, *v.found, after):
		return userPlan{}, license.ErrForbidden
	case v.found.owns() && !after.owns() && v.owners == 0:
		return userPlan{}, license.ErrLastOwner
	}
	return a.alter(*v.found, after), nil
}

// alter is the plan of a change that may be made.
func (a userAct) alter(before, after userDoc) userPlan {
	p := userPlan{was: before, doc: after, write: !a.DryRun, step: step{action: a.action, object: userObject(a.organizationID, a.id)}}
	switch a.action {
	case UserChanged:
		p.before, p.after = before, after
		p.write = p.write && (!p.idle() || before.pending())
	case UserRemoved:
		p.before = before
	default: // of what else is asked for nothing is in the record
	}
	return p
}

// invite is the plan of an invitation. The step is judged by its key first: that may have
// made the user.
func (a userAct) invite(v userView) (userPlan, error) {
	doc, err := userDoc{}.changed(a.organizationID, a.id, a.change)
	switch {
	case err != nil:
		return userPlan{}, err
	case !a.may(v, userDoc{}, doc):
		return userPlan{}, license.ErrForbidden
	}
	p := userPlan{doc: doc, write: !a.DryRun, step: step{action: a.action, object: userObject(a.organizationID, a.id), after: doc}}
	if v.key != nil {
		made, err := v.key.answers(p.step, a.Act)
		switch {
		case err != nil:
			return userPlan{}, err
		case made && (v.found == nil || v.found.Leaving):
			return userPlan{}, license.ErrUserNotFound // it was removed since
		case made:
			return userPlan{doc: *v.found, entry: a.unsettled(*v.found)}, nil
		}
	}
	if v.found != nil {
		return userPlan{}, license.ErrExists
	}
	return p, nil
}

// unsettled is the entry of an invitation that is to be acted on again: the first that
// the user has.
func (a userAct) unsettled(d userDoc) string {
	if a.DryRun || !d.Invited || len(d.Open) == 0 {
		return ""
	}
	return d.Open[0].Entry
}

// alters reports whether the act changes the user's document.
func (a userAct) alters() bool {
	return makes(a.action) || a.action == UserChanged || a.action == UserRemoved
}

// makes reports whether the action makes a user.
func makes(action Action) bool { return action == UserInvited || action == UserCreated }

// making is the action that makes the user.
func making(user license.User) Action {
	if user.Machine {
		return UserCreated
	}
	return UserInvited
}

// ofKind is the act's change, for a machine or for a person, which stays what it is.
func (a userAct) ofKind(machine bool) func(*license.User) error {
	return func(u *license.User) error {
		fault := ""
		switch {
		case a.action == UserLinkMade && machine:
			fault = "is a machine, and has no password: give it another token"
		case a.action == UserTokenMade && !machine:
			fault = "is no machine: make a link by which the user sets a password"
		case a.action == UserTokenMade && u.Disabled:
			fault = "is disabled: enable it first"
		}
		if fault != "" {
			return &license.InvalidError{Faults: []license.Fault{{Field: "user", Message: fault}}}
		}
		err := a.change(u)
		u.Machine = machine
		return err
	}
}

// asking is the user's document with the entry that asks for it.
func (p userPlan) asking(a Act, entry string) userDoc {
	doc := p.doc
	doc.Invited = doc.Invited || makes(p.action)
	return doc.ask(p.was, openAct{Entry: entry, At: recordTime(a.At)})
}

// asked is the audit's entry.
func (p userPlan) asked(a Act) entryDoc {
	doc := p.step.entry(a)
	doc.State = string(EntryAsked)
	return doc
}

// become is the change of an invitation.
func become(user license.User) func(*license.User) error {
	return func(u *license.User) error {
		u.Role, u.Groups, u.Machine, u.Disabled = user.Role, user.Groups, user.Machine, user.Disabled
		return nil
	}
}

// remove is the change of a removal.
func remove(u *license.User) error {
	u.Disabled, u.Leaving = true, true
	return nil
}

// same is the change of an act that changes nothing in the record.
func same(*license.User) error { return nil }
