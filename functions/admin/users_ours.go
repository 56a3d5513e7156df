package admin

import (
	"context"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// ourUserRoutes are what the customers' door has of users: all that the vendor's has, save
// links. Whoever has the link of somebody who has a password is that person, and
// an administrator of the organization is not to be.
func (f *function) ourUserRoutes() []web.Route {
	return []web.Route{
		web.Handle(adminListUsers(), ours(f, f.listUsers)),
		web.Handle(adminListGroups(), ours(f, f.listGroups)),
		web.Handle(adminFindUsers(), ours(f, f.findUsers)),
		web.Handle(adminInviteUser(), ours(f, f.inviteUser)),
		web.Handle(adminGetUser(), ours(f, f.getUser)),
		web.Handle(adminPatchUser(), ours(f, f.patchUser)),
		web.Handle(adminRemoveUser(), ours(f, f.removeUser)),
		once(f, adminSignOutUser(), asTold, ours(f, f.signOutUser)),
		web.Handle(adminCreateMachine(), ours(f, f.createMachine)),
		once(f, adminRotateToken(), asSecret, ours(f, f.rotateToken)),
	}
}

// ours is a handler of the customers' door, where that has a say in users; else there is nothing.
func ours[In any](
	f *function, handle func(context.Context, web.Call, In) (web.Answer, error),
) func(context.Context, web.Call, In) (web.Answer, error) {
	return func(ctx context.Context, c web.Call, in In) (web.Answer, error) {
		if f.People == nil {
			return web.Answer{}, web.ErrNotFound
		}
		return handle(ctx, c, in)
	}
}

// What an act on users needs beside the role of the ID token is decided with the act, in the
// record: see [license.Role.MayMake].
const (
	ofAdmins  = " Admins may do so to members alone, owners to everybody. Whoever does so must itself be a user of this list: the role that it has there counts as well as its ID token's."
	ofInvites = " Admins invite members, owners in every role. Whoever does so must itself be a user of this list: the role that it has there counts as well as its ID token's."
	ofChanges = " Roles are for owners to change; nobody else can raise anybody."
)

func adminListUsers() web.Operation {
	op := forAdmins(listUsers(), "adminListUsers", api.PathAdminUsers, "List the organization's users")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func adminFindUsers() web.Operation {
	op := forAdmins(findUsers(), "adminFindUsers", api.PathAdminFind, "Find the organization's user with an address")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func adminInviteUser() web.Operation {
	op := forAdmins(inviteUser(), "adminInviteUser", api.PathAdminUsers, "Invite a user into the organization")
	op.Description += ofInvites
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func adminGetUser() web.Operation {
	return forAdmins(getUser(), "adminGetUser", api.PathAdminUser, "Read a user of the organization")
}

func adminPatchUser() web.Operation {
	op := forAdmins(patchUser(), "adminPatchUser", api.PathAdminUser, "Change a user of the organization")
	op.Description += ofAdmins + ofChanges
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func adminRemoveUser() web.Operation {
	op := forAdmins(removeUser(), "adminRemoveUser", api.PathAdminUser, "Remove a user of the organization")
	op.Roles = []license.Role{license.RoleOwner}
	op.Description += " Whoever does so must itself be an owner in this list."
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func adminSignOutUser() web.Operation {
	op := forAdmins(signOutUser(), "adminSignOutUser", api.PathAdminSignOut, "Sign a user of the organization out everywhere")
	op.Description += ofAdmins
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func adminCreateMachine() web.Operation {
	op := forAdmins(createMachine(), "adminCreateMachine", api.PathAdminMachine, "Make a machine user of the organization")
	op.Description += ofInvites
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func adminRotateToken() web.Operation {
	op := forAdmins(rotateToken(), "adminRotateToken", api.PathAdminRotate, "Give a machine of the organization another token")
	op.Description += ofAdmins
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}
