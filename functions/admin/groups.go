package admin

import (
	"context"
	"fmt"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// userQuery are the names by which users are picked.
func userQuery() []web.Param {
	return []web.Param{
		{Name: api.QueryRole, Description: "Users of this role alone.", Enum: enumOf(userRoles())},
		{Name: api.QueryGroup, Description: "Users in this group alone."},
	}
}

func userRoles() []string {
	return []string{string(license.RoleMember), string(license.RoleAdmin), string(license.RoleOwner), string(license.RoleMetrics)}
}

// usersMeant are those that are asked for.
func usersMeant(c web.Call) (record.UserFilter, error) {
	role, group := c.Query.Get(api.QueryRole), c.Query.Get(api.QueryGroup)
	faults := oneOf(api.QueryRole, role, userRoles())
	if group != "" && !license.ValidGroup(group) {
		faults = append(faults, api.FieldError{Field: api.QueryGroup, Message: "cannot be the name of a group: send one, or leave it out"})
	}
	if len(faults) > 0 {
		return record.UserFilter{}, &web.InvalidRequestError{Errors: faults}
	}
	return record.UserFilter{Role: license.Role(role), Group: group}, nil
}

func listGroups() web.Operation {
	return web.Operation{
		ID: "listGroups", Method: http.MethodGet, Path: api.PathGroups, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query:   pageQuery(),
		Summary: "List the groups that users are in", Description: forVendor + fmt.Sprintf("By name, a page at a time, with how many users each has: counted anew each time, over %d users at most.", api.MaxGrouped),
		Answers: []web.Documented{{Status: http.StatusOK, Description: "A page.", Body: api.GroupList{
			Groups: []api.Group{{Name: "cad", Users: 7}}, After: "cad",
		}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func adminListGroups() web.Operation {
	op := forAdmins(listGroups(), "adminListGroups", api.PathAdminGroups, "List the groups that the organization's users are in")
	op.Problems = append(op.Problems, api.OrganizationNotFound)
	return op
}

func (f *function) listGroups(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	p, err := pageOf(c, license.ValidGroup)
	if err != nil {
		return web.Answer{}, err
	}
	found, rest, err := f.People.Groups(ctx, caller(c), p.after, p.limit+1, api.MaxGrouped)
	if err != nil {
		return web.Answer{}, err
	}
	found, more := cut(found, p)
	list := api.GroupList{Groups: make([]api.Group, len(found)), More: rest}
	for i, g := range found {
		list.Groups[i] = api.Group{Name: g.Name, Users: g.Users}
	}
	if more {
		list.After = found[len(found)-1].Name
	}
	return web.Answer{Outcome: "listed", Body: list}, nil
}
