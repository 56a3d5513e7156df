package control

import (
	"context"
	"net/http"
	"net/url"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// UserFilter says which users are meant; what is empty lets all through.
type UserFilter struct{ Role, Group string }

// Users are an organization's users, by id.
func (c *Client) Users(ctx context.Context, organization string, f UserFilter) ([]api.User, error) {
	query := filled(map[string]string{api.QueryRole: f.Role, api.QueryGroup: f.Group})
	return pages(ctx, c, usersPath(organization), query, 0, func(p api.UserList) ([]api.User, string) { return p.Users, p.After })
}

// Groups are the groups that an organization's users are in, by name, and whether it has more
// users than were counted.
func (c *Client) Groups(ctx context.Context, organization string) (groups []api.Group, more bool, err error) {
	groups, err = pages(ctx, c, api.GroupsPath(url.PathEscape(organization)), nil, 0, func(p api.GroupList) ([]api.Group, string) {
		more = more || p.More
		return p.Groups, p.After
	})
	return groups, more, err
}

// FindUsers is the one that has an address, or none.
func (c *Client) FindUsers(ctx context.Context, organization, email string) ([]api.User, error) {
	r := request{
		method: http.MethodPost, path: api.UsersFindPath(url.PathEscape(organization)), body: api.UserSearch{Email: email}, repeatable: true,
	}
	found, err := call[api.UserList](ctx, c, r)
	return found.Users, err
}

// User is one of them as it is now.
func (c *Client) User(ctx context.Context, organization, id string) (api.User, error) {
	return call[api.User](ctx, c, read(userPath(organization, id)))
}

// InviteUser invites one. The same key means the same invitation; empty is a new one. Of a
// dry run it is what would be.
func (c *Client) InviteUser(ctx context.Context, organization, key string, in api.UserInput, dry bool) (api.UserInvitation, error) {
	r := create(usersPath(organization), in, dry)
	if key != "" {
		r = createAs(key, usersPath(organization), in, dry)
	}
	return call[api.UserInvitation](ctx, c, r)
}

// ChangeUser changes one if it still has that ETag.
func (c *Client) ChangeUser(ctx context.Context, organization, id, etag string, patch api.UserPatch, dry bool) (api.User, error) {
	return call[api.User](ctx, c, change(http.MethodPatch, userPath(organization, id), etag, patch, dry))
}

// RemoveUser removes one if it still has that ETag.
func (c *Client) RemoveUser(ctx context.Context, organization, id, etag string, dry bool) error {
	_, err := c.send(ctx, change(http.MethodDelete, userPath(organization, id), etag, nil, dry))
	return err
}

// SignOutUser ends one's sign-ins. It may be asked twice.
func (c *Client) SignOutUser(ctx context.Context, organization, id string, dry bool) error {
	_, err := c.send(ctx, post(api.UserSignOutPath(url.PathEscape(organization), url.PathEscape(id)), dry))
	return err
}

// LinkUser is a link by which one sets a password. The answer alone has it.
func (c *Client) LinkUser(ctx context.Context, organization, id string, dry bool) (api.UserLink, error) {
	return call[api.UserLink](ctx, c, post(api.UserLinkPath(url.PathEscape(organization), url.PathEscape(id)), dry))
}

// CreateMachine makes a machine user. The answer alone has its token.
func (c *Client) CreateMachine(ctx context.Context, organization string, in api.MachineInput, dry bool) (api.UserMachine, error) {
	return call[api.UserMachine](ctx, c, create(api.UsersMachinePath(url.PathEscape(organization)), in, dry))
}

// RotateToken is another token of a machine's. The answer alone has it.
func (c *Client) RotateToken(ctx context.Context, organization, id string, dry bool) (api.MachineToken, error) {
	return call[api.MachineToken](ctx, c, post(api.UserRotatePath(url.PathEscape(organization), url.PathEscape(id)), dry))
}

// post is an act that is named by a key, as a creation is.
func post(path string, dry bool) request { return create(path, nil, dry) }

func usersPath(organization string) string { return api.UsersPath(url.PathEscape(organization)) }

func userPath(organization, id string) string {
	return api.UserPath(url.PathEscape(organization), url.PathEscape(id))
}
