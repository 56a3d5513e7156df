package license

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
)

// The bounds of what is said of a user.
const (
	// MaxGroups is how many groups a user may be in, MaxGroup the longest name of one, in
	// characters.
	MaxGroups = 16
	MaxGroup  = 64
	// MaxGroupsBytes is how long all of them may be as JSON: an ID token carries them, and
	// Identity Platform takes 1000 bytes of claims, with organization and role
	// (https://firebase.google.com/docs/auth/admin/custom-claims).
	MaxGroupsBytes = 800
	// MaxEmail is the longest address SMTP can carry (RFC 3696, erratum 1690).
	MaxEmail = 254
)

// User is what a user of an organization may do. Who it is, with address and name, is in
// Identity Platform alone.
type User struct {
	ID, OrganizationID string
	Role               Role
	// Groups are names of the organization's own choosing.
	Groups []string
	// Machine users are programs: they have no address and no password, and are members, or
	// read metrics.
	Machine bool
	// Disabled users cannot sign in.
	Disabled bool
	// Asked: what was written last is not confirmed by Identity Platform. Leaving: that
	// was the user's removal.
	Asked, Leaving bool
}

// Owns reports whether the user is an owner who can act as one.
func (u User) Owns() bool { return u.Role == RoleOwner && !u.Disabled && !u.Leaving }

// MayMake reports whether who has the role may make of a user what it is after: owners
// whatever they want, admins all that a member or a machine that reads metrics may be, but
// neither of the other, and nobody else anything. Before has
// no role where a user is to be made; where nothing of it changes, after is before. Only
// owners remove.
func (r Role) MayMake(before, after User) bool {
	switch r {
	case RoleService, RoleOwner:
		return true
	case RoleAdmin:
		modest := after.Role == RoleMember || after.Role == RoleMetrics
		return modest && (before.Role == "" || before.Role == after.Role) && !after.Leaving
	default:
		return false
	}
}

// Less is the one of two roles that may do less. What is no role of a person's may do nothing.
func (r Role) Less(other Role) Role {
	if !r.ofPerson() || !other.ofPerson() {
		return ""
	}
	for _, role := range []Role{RoleMember, RoleAdmin} {
		if r == role || other == role {
			return role
		}
	}
	return RoleOwner
}

func (r Role) ofPerson() bool { return r == RoleMember || r == RoleAdmin || r == RoleOwner }

func (r Role) ofMachine() bool { return r == RoleMember || r == RoleMetrics }

// Validate reports all that is wrong with the user, as an [*InvalidError].
func (u User) Validate() error {
	var faults faults
	faults.user(u)
	return faults.err()
}

// Invitation is a user that is to be, and who it is.
type Invitation struct {
	User
	// Email is in lower case, as Identity Platform keeps it, and empty of a machine, which
	// has a name. Of others that is empty where none is given.
	Email, Name string
}

// Validate reports all that is wrong with the invitation, as an [*InvalidError].
func (i Invitation) Validate() error {
	var faults faults
	if i.Machine {
		faults.required("name", i.Name, MaxName)
	} else {
		faults.email(i.Email)
		faults.label("name", i.Name, MaxName)
	}
	faults.user(i.User)
	return faults.err()
}

func (f *faults) user(u User) {
	switch {
	case !u.Role.ofPerson() && !u.Role.ofMachine():
		f.add("role", "is not one of member, admin and owner: choose one")
	case u.Machine && !u.Role.ofMachine():
		f.add("role", "is that of a person: a machine is a member, or has the role metrics")
	case !u.Machine && !u.Role.ofPerson():
		f.add("role", "is that of a machine: choose member, admin or owner")
	}
	f.groups(u.Groups)
}

func (f *faults) groups(all []string) {
	if len(all) > MaxGroups {
		f.add("groups", fmt.Sprintf("has more than %d: leave some out", MaxGroups))
		return
	}
	f.distinct("groups", all, MaxGroup)
	if text, err := json.Marshal(all); err != nil || len(text) > MaxGroupsBytes {
		f.add("groups", fmt.Sprintf("is longer than %d bytes as JSON, and ID tokens have no room for it: shorten the names, or leave some out", MaxGroupsBytes))
	}
}

// ValidGroup reports whether a group can have the name.
func ValidGroup(name string) bool {
	var faults faults
	faults.required("", name, MaxGroup)
	return faults.err() == nil
}

// distinct judges a list of words, none of which may be there twice.
func (f *faults) distinct(field string, all []string, most int) {
	seen := map[string]bool{}
	for i, each := range all {
		field := field + "." + strconv.Itoa(i)
		if seen[each] {
			f.add(field, "is there twice: leave one out")
			continue
		}
		seen[each] = true
		f.required(field, each, most)
	}
}

// email takes an address by itself: no name beside it, no comment, and nothing that mail
// programs write in more than one way.
func (f *faults) email(address string) {
	switch {
	case address == "":
		f.add("email", "is missing: write an address, such as ann@example.com")
	case len(address) > MaxEmail:
		f.add("email", fmt.Sprintf("is longer than %d characters: choose another address", MaxEmail))
	case !ValidEmail(address):
		f.add("email", "is no address: write one such as ann@example.com")
	}
}

// ValidEmail reports whether an account can have the address.
func ValidEmail(address string) bool {
	parsed, err := mail.ParseAddress(address)
	return err == nil && parsed.Address == address && parsed.Name == "" && len(address) <= MaxEmail && !strings.ContainsFunc(address, unmailable)
}

// unmailable: only printable ASCII without quotes is in addresses that Identity Platform
// takes.
func unmailable(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '<' || r == '>' }
