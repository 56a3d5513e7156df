package recordtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

func pagesOfUsers(t *testing.T, r Administered) {
	founded(t, r)
	joined(t, r, member("c"), member("a"), member("b"))
	for _, page := range []struct {
		after string
		limit int
		want  string
	}{{"", 2, "ab"}, {"b", 2, "c"}, {"c", 2, ""}, {"aa", 1, "b"}, {"", 0, ""}, {"", -1, ""}} {
		got, err := r.UserPage(t.Context(), seller(), record.UserFilter{}, page.after, page.limit)
		wantNil(t, err)
		var ids strings.Builder
		for _, u := range got {
			ids.WriteString(u.Value.ID)
			wantUser(t, r, u.Value, u.Revision)
		}
		wantEqual(t, "after "+page.after, ids.String(), page.want)
	}
}

// usersPicked by role and group, of any number at a time. Who was removed is in no list.
func usersPicked(t *testing.T, r Administered) {
	founded(t, r)
	of := func(id string, role license.Role, groups ...string) license.User {
		return license.User{ID: id, OrganizationID: "acme", Role: role, Groups: groups}
	}
	revisions := joined(t, r, of("a", license.RoleMember, "cad"), of("b", license.RoleOwner, "cad", "night"), of("c", license.RoleMember), of("d", license.RoleMember, "night", "cad"))
	asked, err := r.RemoveUser(t.Context(), seller(), act(), "a", revisions[0])
	wantNil(t, err)
	wantNil(t, errorOf(r.SettleUser(t.Context(), seller(), asked.Value, asked.Entry, record.EntryDone)))
	for _, page := range []struct {
		filter record.UserFilter
		after  string
		limit  int
		want   string
	}{
		{record.UserFilter{}, "", 9, "bcd"},
		{record.UserFilter{Role: license.RoleMember}, "", 9, "cd"},
		{record.UserFilter{Role: license.RoleMember}, "", 1, "c"},
		{record.UserFilter{Role: license.RoleMember}, "c", 1, "d"},
		{record.UserFilter{Group: "cad"}, "", 9, "bd"},
		{record.UserFilter{Group: "night"}, "b", 9, "d"},
		{record.UserFilter{Role: license.RoleOwner, Group: "cad"}, "", 9, "b"},
		{record.UserFilter{Role: license.RoleAdmin, Group: "cad"}, "", 9, ""},
		{record.UserFilter{Group: "ca"}, "", 9, ""},
		{record.UserFilter{Group: "\xff", Role: "\xff"}, "", 9, ""},
	} {
		got, err := r.UserPage(t.Context(), seller(), page.filter, page.after, page.limit)
		wantNil(t, err)
		var ids strings.Builder
		for _, u := range got {
			ids.WriteString(u.Value.ID)
		}
		wantEqual(t, fmt.Sprintf("%+v after %s", page.filter, page.after), ids.String(), page.want)
	}
}
