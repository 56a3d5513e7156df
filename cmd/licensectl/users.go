package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/fields"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/show"
)

type userCommands struct {
	List      userList      `cmd:"" help:"List an organization's users."`
	Groups    userGroups    `cmd:"" help:"List the groups that users are in, and how many are in each."`
	Show      userShow      `cmd:"" help:"Show a user."`
	Invite    userInvite    `cmd:"" help:"Make a user, and print the link by which it sets a password. Nobody is sent it."`
	Import    userImport    `cmd:"" help:"Invite the users of a CSV file. Run again it does nothing twice."`
	SetRole   userSetRole   `cmd:"" help:"Change what a user may do."`
	SetGroups userSetGroups `cmd:"" help:"Change a user's groups, all of them."`
	Disable   userDisable   `cmd:"" help:"Keep a user from signing in, and end its sessions."`
	Enable    userEnable    `cmd:"" help:"Undo disable."`
	SignOut   userSignOut   `cmd:"" help:"End a user's sign-ins everywhere, and its sessions."`
	Link      userLink      `cmd:"" help:"Print another link by which a user sets a password."`
	Remove    userRemove    `cmd:"" help:"Remove a user, delete its account and end its sessions. The audit keeps what it might do."`

	CreateMachine userCreateMachine `cmd:"" help:"Make a user for a build or a server, and print the token by which it signs in."`
	RotateToken   userRotateToken   `cmd:"" help:"Print another token for a machine, in place of those before."`
}

type userList struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
	Email        string `placeholder:"ADDRESS" help:"The user with this address alone: without --role and --group."`
	Role         string `enum:",member,admin,owner,metrics" default:"" placeholder:"ROLE" help:"Users of this role alone: member, admin, owner or metrics."`
	Group        string `placeholder:"NAME" help:"Users in this group alone."`
}

// Validate refuses an address together with what picks several.
func (l userList) Validate() error {
	if l.Email != "" && l.Role+l.Group != "" {
		return errors.New("--email finds one user: say it without --role and --group")
	}
	return nil
}

func (l userList) users(ctx context.Context, c *control.Client) ([]api.User, error) {
	if l.Email != "" {
		return c.FindUsers(ctx, l.Organization, l.Email)
	}
	return c.Users(ctx, l.Organization, control.UserFilter{Role: l.Role, Group: l.Group})
}

// Run lists users.
func (l userList) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, err := l.users(ctx, c)
	if err != nil {
		return &show.Failure{Doing: "list users of organization " + l.Organization, Look: "licensectl org list", Err: err}
	}
	columns := []show.Column{
		{Field: "email", Title: "EMAIL"},
		{Field: "name", Title: "NAME"},
		{Field: "machine", Title: "MACHINE"},
		{Field: "role", Title: "ROLE"},
		{Field: "groups", Title: "GROUPS"},
		{Field: "state", Title: "STATE"},
		{Field: "id", Title: "USER"},
	}
	return show.List(a.printer(), list, columns, func(u api.User) string { return u.OrganizationID + "/" + u.ID })
}

type userGroups struct {
	Organization string `arg:"" help:"The organization's id, such as acme."`
}

// Run lists groups.
func (g userGroups) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	list, more, err := c.Groups(ctx, g.Organization)
	if err != nil {
		return &show.Failure{Doing: "list groups of organization " + g.Organization, Look: "licensectl org list", Err: err}
	}
	if more {
		_, _ = fmt.Fprintf(a.err, "Note: organization %s has more than %d users, and those behind them by id are not counted.\n", g.Organization, api.MaxGrouped)
	}
	columns := []show.Column{{Field: "name", Title: "GROUP"}, {Field: "users", Title: "USERS"}}
	return show.List(a.printer(), list, columns, func(group api.Group) string { return group.Name })
}

// User is the user that a command is about.
type User struct {
	ID userID `arg:"" name:"organization/user" help:"Whose, and its id or address, such as acme/ann@acme.example."`
}

// find reads the user, whose address must be looked for.
func (u User) find(ctx context.Context, c *control.Client) (api.User, error) {
	if !strings.Contains(u.ID.user, "@") {
		return c.User(ctx, u.ID.organization, u.ID.user)
	}
	list, err := c.FindUsers(ctx, u.ID.organization, u.ID.user)
	if err != nil || len(list) == 1 {
		return append(list, api.User{})[0], err
	}
	return api.User{}, fmt.Errorf("organization %s has no user with the address %s", u.ID.organization, u.ID.user)
}

// subject is read before it is changed: its id may be known from then on alone.
func (u User) subject(c *control.Client) subject[api.User, api.UserPatch] {
	id := u.ID.user
	return subject[api.User, api.UserPatch]{
		kind: "user", name: u.ID.String(), look: "licensectl user list " + u.ID.organization,
		read: func(ctx context.Context) (api.User, error) {
			found, err := u.find(ctx, c)
			id = found.ID
			return found, err
		},
		change: func(ctx context.Context, etag string, patch api.UserPatch, dry bool) (api.User, error) {
			return c.ChangeUser(ctx, u.ID.organization, id, etag, patch, dry)
		},
		unfinished: func(found api.User) bool { return found.State == api.UserPending },
	}
}

func (u User) alter(ctx context.Context, a *app, w Write, m Match, patch api.UserPatch, ask func() error) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	return u.subject(c).alter(ctx, a, w, m, patch, ask)
}

type userShow struct{ User }

// Run shows a user.
func (u userShow) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	return u.subject(c).show(ctx, a)
}

type userInvite struct {
	Organization string   `arg:"" help:"The organization's id, such as acme."`
	Email        string   `arg:"" help:"The address to sign in with."`
	Name         string   `placeholder:"NAME" help:"What people call the user."`
	Role         string   `enum:"member,admin,owner" default:"member" help:"What the user may do: ${enum}."`
	Groups       listFlag `placeholder:"A,B" help:"The user's groups."`
	Write
}

// Run invites a user.
func (u userInvite) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	name := u.Organization + "/" + u.Email
	s := User{userID{u.Organization, u.Email}}.subject(c)
	in := api.UserInput{Email: u.Email, Name: u.Name, Role: u.Role, Groups: or(u.Groups.value)}
	made, err := c.InviteUser(ctx, u.Organization, "", in, u.DryRun)
	if err != nil {
		return s.failed("invite", err)
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), made, u.Organization+"/"+cmp.Or(made.User.ID, name))
	}
	if err := s.written(a, u.Write, "invited", made.User, fields.Said(made.User)); err != nil {
		return err
	}
	return printLink(a, made.InviteLink)
}

// printLink shows a link that is as good as a password.
func printLink(a *app, link string) error {
	if link == "" {
		return nil
	}
	_, err := fmt.Fprintln(a.out, "Pass this on to the user alone; within the hour it sets the password:\n"+link)
	return err
}

type userSetRole struct {
	User
	Role string `arg:"" enum:"member,admin,owner,metrics" help:"What the user may do: ${enum}, the last one of machines alone."`
	Write
	Match
}

// Run changes a role.
func (u userSetRole) Run(ctx context.Context, a *app) error {
	return u.alter(ctx, a, u.Write, u.Match, api.UserPatch{Role: &u.Role}, nil)
}

type userSetGroups struct {
	User
	Groups listFlag `arg:"" help:"The groups with commas between; '' for none."`
	Write
	Match
}

// Run changes groups.
func (u userSetGroups) Run(ctx context.Context, a *app) error {
	return u.alter(ctx, a, u.Write, u.Match, api.UserPatch{Groups: u.Groups.value}, nil)
}

type userDisable struct {
	User
	Write
	Match
	Sure
}

// Run keeps a user out.
func (u userDisable) Run(ctx context.Context, a *app) error {
	disabled := true
	question := fmt.Sprintf("Disable user %s? It cannot sign in any more, and its sessions end.", u.ID)
	return u.alter(ctx, a, u.Write, u.Match, api.UserPatch{Disabled: &disabled}, asking(a, u.Sure, question))
}

type userEnable struct {
	User
	Write
	Match
}

// Run lets a user in again.
func (u userEnable) Run(ctx context.Context, a *app) error {
	disabled := false
	return u.alter(ctx, a, u.Write, u.Match, api.UserPatch{Disabled: &disabled}, nil)
}

type userSignOut struct {
	User
	Write
}

// Run signs a user out.
func (u userSignOut) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := u.subject(c)
	found, err := s.read(ctx)
	if err == nil {
		err = c.SignOutUser(ctx, u.ID.organization, found.ID, u.DryRun)
	}
	if err != nil {
		return s.failed("sign out", err)
	}
	return s.written(a, u.Write, "signed out", found, nil)
}

type userLink struct {
	User
	Write
}

// Run prints a link.
func (u userLink) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := u.subject(c)
	found, err := s.read(ctx)
	var made api.UserLink
	if err == nil {
		made, err = c.LinkUser(ctx, u.ID.organization, found.ID, u.DryRun)
	}
	if err != nil {
		return s.failed("make a link for", err)
	}
	if a.program.Output != show.Table {
		return show.One(a.printer(), made, u.ID.String())
	}
	if u.DryRun {
		_, err = fmt.Fprintln(a.out, "a link for user "+u.ID.String()+" would be made"+dryNote)
		return err
	}
	return printLink(a, made.Link)
}

type userRemove struct {
	User
	Write
	Match
	Sure
}

// Run removes a user.
func (u userRemove) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	s := u.subject(c)
	now, err := s.read(ctx)
	if err != nil {
		return s.failed("remove", err)
	}
	if !u.DryRun {
		question := fmt.Sprintf("Remove user %s? Its account is deleted, and its sessions end.", u.ID)
		if err := asking(a, u.Sure, question)(); err != nil {
			return err
		}
	}
	if err := c.RemoveUser(ctx, u.ID.organization, now.ID, cmp.Or(u.IfMatch, now.ETag), u.DryRun); err != nil {
		return s.failed("remove", err)
	}
	return s.written(a, u.Write, "removed", now, nil)
}
