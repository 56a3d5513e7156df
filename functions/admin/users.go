package admin

import (
	"cmp"
	"context"
	"net/http"
	"regexp"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func (f *function) userRoutes() []web.Route {
	return []web.Route{
		web.Handle(listUsers(), f.listUsers),
		web.Handle(listGroups(), f.listGroups),
		web.Handle(findUsers(), f.findUsers),
		web.Handle(inviteUser(), f.inviteUser),
		web.Handle(getUser(), f.getUser),
		web.Handle(patchUser(), f.patchUser),
		web.Handle(removeUser(), f.removeUser),
		once(f, signOutUser(), asTold, f.signOutUser),
		once(f, linkUser(), asSecret, f.linkUser),
		web.Handle(createMachine(), f.createMachine),
		once(f, rotateToken(), asSecret, f.rotateToken),
	}
}

// idOfUser is what Identity Platform and this service make for one.
const idOfUser = "^[A-Za-z0-9_-]{1,128}$"

var userPattern = regexp.MustCompile(idOfUser)

func validUserID(id string) bool { return userPattern.MatchString(id) }

func oneUser() []web.Param {
	return []web.Param{organizationParam(), {
		Name: "user", Description: "The user.", Pattern: idOfUser, Missing: api.UserNotFound, Personal: true,
	}}
}

func exampleUser() api.User {
	return api.User{
		ID: "k5vyjm2w7hd3q4n6t2bzxc5rfa", OrganizationID: "acme", Email: "ann@acme.example", Name: "Ann Archer",
		Role: string(license.RoleMember), Groups: api.List{"cad"}, State: api.UserActive, ETag: `"3f0a"`,
	}
}

const exampleLink = "https://acme-licenses.firebaseapp.com/__/auth/action?mode=resetPassword&oobCode=abc"

// userOf is the user as it is answered.
func userOf(p people.Person) api.User {
	u := p.Value
	out := api.User{
		ID: u.ID, OrganizationID: u.OrganizationID, Machine: u.Machine, Email: p.Account.Email, Name: p.Account.Name, Role: string(u.Role),
		Groups: api.List(u.Groups), Disabled: u.Disabled, State: stateOf(u), ETag: etag(p.Revision),
	}
	if at := p.Account.LastSignIn; !at.IsZero() {
		out.LastSignInAt = api.NewTime(at).String()
	}
	return out
}

func stateOf(u license.User) string {
	switch {
	case u.Leaving:
		return api.UserRemoving
	case u.Asked:
		return api.UserPending
	case u.Disabled:
		return api.UserDisabled
	}
	return api.UserActive
}

func listUsers() web.Operation {
	return web.Operation{
		ID: "listUsers", Method: http.MethodGet, Path: api.PathUsers, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query:   append(pageQuery(), userQuery()...),
		Summary: "List an organization's users", Description: forVendor + "By id, a page at a time: those who were invited here. Whoever signs in by an Identity Platform tenant of the organization's own is administered there.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.UserList{
			Users: []api.User{exampleUser()}, After: exampleUser().ID,
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) listUsers(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, validUserID)
	if err != nil {
		return web.Answer{}, err
	}
	filter, err := usersMeant(c)
	if err != nil {
		return web.Answer{}, err
	}
	found, err := f.People.List(ctx, caller(c), filter, p.after, p.limit+1)
	if err != nil {
		return web.Answer{}, afterError(err, license.ErrUserNotFound)
	}
	found, more := cut(found, p)
	list := usersOf(found)
	if more {
		list.After = found[len(found)-1].Value.ID
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}

func usersOf(found []people.Person) api.UserList {
	list := api.UserList{Users: make([]api.User, len(found))}
	for i, person := range found {
		list.Users[i] = userOf(person)
	}
	return list
}

// findUsers is no query of the list: Cloud Run's request log keeps queries, and an address
// is a person's.
func findUsers() web.Operation {
	return web.Operation{
		ID: "findUsers", Method: http.MethodPost, Path: api.PathUsersFind, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Body: web.BodyRequired, Reads: true,
		Summary: "Find the user with an address", Description: forVendor + "It changes nothing, and is a POST because request logs keep what a path or a query says.",
		Answers: []web.Documented{{Status: http.StatusOK, Description: "The user, or none.", Body: api.UserList{
			Users: []api.User{exampleUser()},
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) findUsers(ctx context.Context, c web.Call, in api.UserSearch) (web.Answer, error) {
	if !license.ValidEmail(in.Email) {
		return web.Answer{}, invalid("email", "is no address: send one such as ann@example.com")
	}
	found, err := f.People.FindByEmail(ctx, caller(c), in.Email)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "found", Body: usersOf(found)}, nil
}

func inviteUser() web.Operation {
	return web.Operation{
		ID: "inviteUser", Method: http.MethodPost, Path: api.PathUsers, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: keyHeader(), Body: web.BodyRequired,
		Summary: "Invite a user", Description: forVendor + "The answer has a link by which the user sets a password. Nothing is sent to anybody. An account that the organization had before, by its claim, becomes its user here, if its address is verified, in the role that it has.",
		Answers: []web.Documented{{
			Status: http.StatusCreated, Description: "The user is there, or would be.", Headers: etagHeader(),
			Body: api.UserInvitation{User: exampleUser(), InviteLink: exampleLink},
		}},
		Problems: []api.Code{api.Forbidden, api.EmailTaken, api.IdempotencyKeyReused, api.UserNotFound},
	}
}

func (f *function) inviteUser(ctx context.Context, c web.Call, in api.UserInput) (web.Answer, error) {
	a, err := f.creation(c)
	if err != nil {
		return web.Answer{}, err
	}
	made, link, err := f.People.Invite(ctx, caller(c), a, license.Invitation{
		Email: in.Email, Name: in.Name,
		User: license.User{Role: license.Role(cmp.Or(in.Role, string(license.RoleMember))), Groups: in.Groups},
	})
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusCreated, "created", made.Revision, api.UserInvitation{User: userOf(made), InviteLink: link}), nil
}

func getUser() web.Operation {
	return web.Operation{
		ID: "getUser", Method: http.MethodGet, Path: api.PathUser, Params: oneUser(), Access: web.AccessStaff,
		Summary: "Read a user", Description: forVendor + "Another organization's is not found.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "It.", Body: exampleUser(), Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) getUser(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	found, err := f.People.Get(ctx, caller(c), c.Param("user"))
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusOK, "read", found.Revision, userOf(found)), nil
}

func patchUser() web.Operation {
	return web.Operation{
		ID: "patchUser", Method: http.MethodPatch, Path: api.PathUser, Params: oneUser(), Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: matchHeader(), Body: web.BodyRequired,
		Summary: "Change a user", Description: forVendor + "ID tokens say it from the next one on, within the hour. Who is disabled has all its sessions ended; its ID token is good for up to an hour, and where the service checks revocation (CHECK_REVOKED) no seat is given for one. A change of nothing finishes what is pending.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "As it is now, or would be.", Body: exampleUser(), Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden, api.LastOwner, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) patchUser(ctx context.Context, c web.Call, in api.UserPatch) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	now, err := f.People.Change(ctx, caller(c), a, c.Param("user"), revision, func(u *license.User) error {
		set(&u.Role, (*license.Role)(in.Role))
		set(&u.Groups, (*[]string)(in.Groups))
		set(&u.Disabled, in.Disabled)
		return nil
	})
	if err != nil {
		return web.Answer{}, err
	}
	if now.Value.Disabled && in.Disabled != nil {
		if err := f.endOf(ctx, c, a, now.Value.ID); err != nil {
			return web.Answer{}, err
		}
	}
	return answered(http.StatusOK, "changed", now.Revision, userOf(now)), nil
}

func removeUser() web.Operation {
	return web.Operation{
		ID: "removeUser", Method: http.MethodDelete, Path: api.PathUser, Params: oneUser(), Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: matchHeader(),
		Summary: "Remove a user", Description: forVendor + "Its account is deleted, with all that Identity Platform knows of the person, and all its sessions end. Its ID tokens are good until they end, within the hour; where the service checks revocation (CHECK_REVOKED), no seat is given for one.",
		Answers:  []web.Documented{{Status: http.StatusNoContent, Description: "It is gone, or would be."}},
		Problems: []api.Code{api.Forbidden, api.LastOwner, api.PreconditionFailed, api.PreconditionRequired},
	}
}

func (f *function) removeUser(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, revision, err := f.change(c)
	if err != nil {
		return web.Answer{}, err
	}
	id := c.Param("user")
	ends := func(ctx context.Context) error { return f.endOf(ctx, c, a, id) }
	if err := f.People.Remove(ctx, caller(c), a, id, revision, ends); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "deleted"}, nil
}

func signOutUser() web.Operation {
	return web.Operation{
		ID: "signOutUser", Method: http.MethodPost, Path: api.PathUserSignOut, Params: oneUser(), Access: web.AccessStaff, Query: dryRunQuery(),
		Summary: "Sign a user out everywhere", Description: forVendor + "No refresh token of the user's is good any more, and all its sessions end. ID tokens are until they end, within the hour; where the service checks revocation (CHECK_REVOKED), no seat is given for one.",
		Answers:  []web.Documented{{Status: http.StatusNoContent, Description: "It is done, or would be."}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) signOutUser(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	id := c.Param("user")
	if err := f.People.SignOut(ctx, caller(c), a, id); err != nil {
		return web.Answer{}, err
	}
	if err := f.endOf(ctx, c, a, id); err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusNoContent, Outcome: "revoked"}, nil
}

func linkUser() web.Operation {
	return web.Operation{
		ID: "linkUser", Method: http.MethodPost, Path: api.PathUserLink, Params: oneUser(), Access: web.AccessStaff, Query: dryRunQuery(),
		Summary: "Make a link by which a user sets a password", Description: forVendor + "For an invitation whose link has run out. Nothing is sent to anybody; the audit says who made it.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "It.", Body: api.UserLink{Link: exampleLink}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) linkUser(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	link, err := f.People.Link(ctx, caller(c), a, c.Param("user"))
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "created", Body: api.UserLink{Link: link}}, nil
}
