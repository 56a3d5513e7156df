package license_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func soundInvitation() license.Invitation {
	return license.Invitation{
		Email: "ann.archer+cad@acme-works.example", Name: "Ann Archer",
		User: license.User{ID: "u-1", OrganizationID: "acme", Role: license.RoleMember, Groups: []string{"cad", "night shift"}},
	}
}

func TestInvitationsThatMayBeWritten(t *testing.T) {
	for name, change := range map[string]func(*license.Invitation){
		"all there": func(*license.Invitation) {},
		"no name":   func(i *license.Invitation) { i.Name = "" },
		"no groups": func(i *license.Invitation) { i.Groups = nil },
		"an owner":  func(i *license.Invitation) { i.Role = license.RoleOwner },
		"an admin":  func(i *license.Invitation) { i.Role = license.RoleAdmin },
		"short":     func(i *license.Invitation) { i.Email = "a@b" },
		"the most groups": func(i *license.Invitation) {
			i.Groups = nil
			for n := range license.MaxGroups {
				i.Groups = append(i.Groups, fmt.Sprint(n))
			}
		},
		"the longest group": func(i *license.Invitation) { i.Groups = []string{strings.Repeat("é", license.MaxGroup)} },
		"the longest address": func(i *license.Invitation) {
			i.Email = strings.Repeat("a", 64) + "@" + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 60) + ".example"[:6]
		},
	} {
		i := soundInvitation()
		if change(&i); i.Validate() != nil {
			t.Errorf("%s: %v", name, i.Validate())
		}
	}
}

func TestInvitationsThatMayNotBeWritten(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*license.Invitation)
		fields []string
	}{
		"no address":         {func(i *license.Invitation) { i.Email = "" }, []string{"email"}},
		"no at":              {func(i *license.Invitation) { i.Email = "ann" }, []string{"email"}},
		"a name beside it":   {func(i *license.Invitation) { i.Email = "Ann <ann@acme.example>" }, []string{"email"}},
		"brackets":           {func(i *license.Invitation) { i.Email = "<ann@acme.example>" }, []string{"email"}},
		"a comment":          {func(i *license.Invitation) { i.Email = "ann@acme.example (Ann)" }, []string{"email"}},
		"quotes":             {func(i *license.Invitation) { i.Email = `"ann archer"@acme.example` }, []string{"email"}},
		"two of them":        {func(i *license.Invitation) { i.Email = "a@b.example,c@d.example" }, []string{"email"}},
		"a blank":            {func(i *license.Invitation) { i.Email = " ann@acme.example" }, []string{"email"}},
		"a line break":       {func(i *license.Invitation) { i.Email = "ann@acme.example\r\nBcc: x@y.example" }, []string{"email"}},
		"letters beyond":     {func(i *license.Invitation) { i.Email = "änn@acme.example" }, []string{"email"}},
		"a long address":     {func(i *license.Invitation) { i.Email = strings.Repeat("a", 254) + "@b" }, []string{"email"}},
		"a long name":        {func(i *license.Invitation) { i.Name = strings.Repeat("n", license.MaxName+1) }, []string{"name"}},
		"a name that turns":  {func(i *license.Invitation) { i.Name = "Ann\u202e" }, []string{"name"}},
		"no role":            {func(i *license.Invitation) { i.Role = "" }, []string{"role"}},
		"the service's role": {func(i *license.Invitation) { i.Role = license.RoleService }, []string{"role"}},
		"a group twice":      {func(i *license.Invitation) { i.Groups = []string{"a", "a"} }, []string{"groups.1"}},
		"a group of nothing": {func(i *license.Invitation) { i.Groups = []string{"a", ""} }, []string{"groups.1"}},
		"a long group":       {func(i *license.Invitation) { i.Groups = []string{strings.Repeat("a", license.MaxGroup+1)} }, []string{"groups.0"}},
		"many groups":        {func(i *license.Invitation) { i.Groups = make([]string, license.MaxGroups+1) }, []string{"groups"}},
		"long groups": {func(i *license.Invitation) {
			i.Groups = nil
			for n := range license.MaxGroups {
				i.Groups = append(i.Groups, fmt.Sprintf("%02d", n)+strings.Repeat("g", 60))
			}
		}, []string{"groups"}},
		"all of it": {func(i *license.Invitation) { *i = license.Invitation{Name: " "} }, []string{"email", "name", "role"}},
	} {
		i := soundInvitation()
		tt.change(&i)
		if got := fields(t, i.Validate()); !slices.Equal(got, tt.fields) {
			t.Errorf("%s: %v, want %v", name, got, tt.fields)
		}
	}
}

// TestTheUserAloneIsJudged where nobody is invited: who it is does not matter then.
func TestTheUserAloneIsJudged(t *testing.T) {
	u := soundInvitation().User
	if err := u.Validate(); err != nil {
		t.Error(err)
	}
	u.Role = "boss"
	if got := fields(t, u.Validate()); !slices.Equal(got, []string{"role"}) {
		t.Errorf("%v", got)
	}
}

func TestWhoOwns(t *testing.T) {
	for _, tt := range []struct {
		user license.User
		want bool
	}{
		{license.User{Role: license.RoleOwner}, true},
		{license.User{Role: license.RoleOwner, Asked: true}, true},
		{license.User{Role: license.RoleOwner, Disabled: true}, false},
		{license.User{Role: license.RoleOwner, Leaving: true}, false},
		{license.User{Role: license.RoleAdmin}, false},
	} {
		if got := tt.user.Owns(); got != tt.want {
			t.Errorf("%+v owns: %t", tt.user, got)
		}
	}
}

// TestWhoMayMakeWhatOfUsers: owners all, admins members and what reads metrics, and neither
// of the other, nobody else anything.
func TestWhoMayMakeWhatOfUsers(t *testing.T) {
	roles := []license.Role{"", license.RoleMember, license.RoleMetrics, license.RoleAdmin, license.RoleOwner}
	for _, by := range []license.Role{"", "boss", license.RoleMetrics, license.RoleMember, license.RoleAdmin, license.RoleOwner, license.RoleService} {
		for _, before := range roles {
			for _, after := range roles[1:] {
				for _, leaving := range []bool{false, true} {
					want := by == license.RoleOwner || by == license.RoleService ||
						by == license.RoleAdmin && (before == "" || before == after) && (after == license.RoleMember || after == license.RoleMetrics) && !leaving
					if got := by.MayMake(license.User{Role: before}, license.User{Role: after, Leaving: leaving}); got != want {
						t.Errorf("%q may make of %q %q, leaving %t: %t", by, before, after, leaving, got)
					}
				}
			}
		}
	}
}

func TestTheLesserRole(t *testing.T) {
	order := []license.Role{license.RoleMember, license.RoleAdmin, license.RoleOwner}
	for i, a := range order {
		for j, b := range order {
			if got := a.Less(b); got != order[min(i, j)] {
				t.Errorf("the lesser of %s and %s is %s", a, b, got)
			}
		}
		for _, none := range []license.Role{"", "boss", license.RoleMetrics, license.RoleService} {
			if a.Less(none) != "" || none.Less(a) != "" || none.Less(none) != "" {
				t.Errorf("%s and %q have a lesser one", a, none)
			}
		}
	}
}

// TestMachines have a name and no address, and are members or read metrics, which no person does.
func TestMachines(t *testing.T) {
	for _, u := range []license.User{{Machine: true, Role: license.RoleMetrics}, {Role: license.RoleMember}, {Role: license.RoleOwner}} {
		if err := u.Validate(); err != nil {
			t.Errorf("%+v: %v", u, err)
		}
	}
	for _, u := range []license.User{{Role: license.RoleMetrics}, {Machine: true, Role: license.RoleAdmin}, {Machine: true, Role: license.RoleService}, {Machine: true}} {
		if err := u.Validate(); err == nil {
			t.Errorf("%+v is valid", u)
		}
	}
	for fields, i := range map[string]license.Invitation{
		"":     {Name: "farm", User: license.User{Machine: true, Role: license.RoleMember}},
		"name": {User: license.User{Machine: true, Role: license.RoleMember}},
		"role": {Name: "farm", User: license.User{Machine: true, Role: license.RoleOwner}},
	} {
		err := i.Validate()
		invalid, ok := err.(*license.InvalidError) //nolint:errorlint // nothing wraps it
		if ok != (fields != "") || ok && (len(invalid.Faults) != 1 || invalid.Faults[0].Field != fields) {
			t.Errorf("%+v: %v, want %q", i, err, fields)
		}
	}
}
