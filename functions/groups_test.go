package functions_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// names are the names of the users of a list, read a page after the other.
func (w *world) names(t *testing.T, path, token string) (all []string) {
	t.Helper()
	for after := ""; ; {
		page := into[api.UserList](t, w.do(t, http.MethodGet, path+"&after="+after, token, nil), http.StatusOK)
		for _, u := range page.Users {
			all = append(all, u.Name)
		}
		if after = page.After; after == "" {
			return all
		}
	}
}

// groups are those of a list, read a page after the other.
func (w *world) groups(t *testing.T, path, token string) (all []api.Group) {
	t.Helper()
	for after := ""; ; {
		page := into[api.GroupList](t, w.do(t, http.MethodGet, path+"&after="+url.QueryEscape(after), token, nil), http.StatusOK)
		if all = append(all, page.Groups...); page.More {
			t.Error("there are no more users")
		}
		if after = page.After; after == "" {
			return all
		}
	}
}

// TestUsersByGroupAndRole at both doors, and which groups there are: of one's own organization
// alone.
func TestUsersByGroupAndRole(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, other, v := w.licensed(t, 9), w.licensed(t, 9), w.vendor()
		invite := func(org, name, role string, groups ...string) api.User {
			return v.invitation(t, org, map[string]any{"email": name + "@" + org + ".example", "name": name, "role": role, "groups": groups}).User
		}
		ann := invite(org, "ann", "member", "cad", "night shift")
		bob := invite(org, "bob", "admin", "cad")
		eve := invite(org, "eve", "member")
		old := invite(org, "old", "member", "cad", "gone")
		invite(other, "theirs", "owner", "cad", "secret")
		boss := w.userAs(org, "boss", license.RoleAdmin)
		old = into[api.User](t, v.changeUser(t, old, `{"disabled":true}`), http.StatusOK)
		for path, token := range map[string]string{api.PathAdminUsers: boss.token, api.UsersPath(org): v.token} {
			for query, want := range map[string][]api.User{
				"":                              {ann, bob, eve, old},
				"role=member":                   {ann, eve, old},
				"role=owner":                    nil,
				"group=cad":                     {ann, bob, old},
				"group=night+shift":             {ann},
				"group=secret":                  nil,
				"group=cad&role=admin":          {bob},
				"group=night+shift&role=admin":  nil,
				"group=cad&role=member&limit=1": {ann, old},
				"group=CAD":                     nil,
			} {
				slices.SortFunc(want, func(a, b api.User) int { return strings.Compare(a.ID, b.ID) })
				var names []string
				for _, u := range want {
					names = append(names, u.Name)
				}
				if got := w.names(t, path+"?"+query, token); !slices.Equal(got, names) {
					t.Errorf("%s?%s: %q, want %q", path, query, got, names)
				}
			}
			for query, want := range map[string][]string{
				"role=boss": {"role"}, "role=service": {"role"}, "group=+cad": {"group"}, "group=a%00b": {"group"}, "group=%ff": {"group"},
				"group=" + strings.Repeat("a", 65) + "&role=x": {"role", "group"},
			} {
				if got := fields(t, w.do(t, http.MethodGet, path+"?"+query, token, nil).refused(t, "invalid_request")); !slices.Equal(got, want) {
					t.Errorf("%s?%s: %q, want %q", path, query, got, want)
				}
			}
		}
		want := []api.Group{{Name: "cad", Users: 3}, {Name: "gone", Users: 1}, {Name: "night shift", Users: 1}}
		for path, token := range map[string]string{api.PathAdminGroups: boss.token, api.GroupsPath(org): v.token} {
			for _, query := range []string{"?limit=1", "?limit=2", "?limit=200"} {
				if got := w.groups(t, path+query, token); !slices.Equal(got, want) {
					t.Errorf("%s%s: %+v, want %+v", path, query, got, want)
				}
			}
			for query, field := range map[string]string{"?after=+": "after", "?limit=0": "limit", "?group=cad": "group"} {
				if got := fields(t, w.do(t, http.MethodGet, path+query, token, nil).refused(t, "invalid_request")); !slices.Equal(got, []string{field}) {
					t.Errorf("%s: %q", query, got)
				}
			}
		}
	})
}
