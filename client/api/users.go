package api

// The states of a [User].
const (
	// UserActive can sign in, UserDisabled cannot.
	UserActive   = "active"
	UserDisabled = "disabled"
	// UserPending: what was asked for last is not confirmed by Identity Platform.
	UserPending = "pending"
	// UserRemoving is UserPending of a removal.
	UserRemoving = "removing"
)

// UserInput is a user to be invited.
type UserInput struct {
	Email  string `json:"email" example:"ann@acme.example" doc:"The address to sign in with; no other account may have it. It cannot be changed."`
	Name   string `json:"name,omitempty" example:"Ann Archer" doc:"What people call the user, at most 128 characters."`
	Role   string `json:"role,omitempty" example:"member" doc:"member, admin or owner; member, if absent."`
	Groups List   `json:"groups,omitempty" example:"cad" doc:"At most 16 groups of at most 64 characters, 800 bytes as JSON in all: ID tokens carry them."`
}

// UserPatch is what is to change of a user. What is absent stays. ID tokens say it from
// the next one on, within the hour.
type UserPatch struct {
	Role     *string `json:"role,omitempty" example:"admin" doc:"member, admin or owner; of a machine member or metrics."`
	Groups   *List   `json:"groups,omitempty" example:"cad" doc:"All the groups, in place of those before; at most 16 of at most 64 characters, 800 bytes as JSON in all."`
	Disabled *bool   `json:"disabled,omitempty" example:"true" doc:"true: the user cannot sign in any more, and all its sessions end."`
}

// User is a user of an organization.
type User struct {
	ID             string `json:"id" example:"k5vyjm2w7hd3q4n6t2bzxc5rfa" doc:"The user, as sub of ID tokens and user_id of sessions."`
	OrganizationID string `json:"organization_id" example:"acme" doc:"Whose user it is."`
	Machine        bool   `json:"machine" doc:"Whether it is a machine's, which signs in by a refresh token and has no address."`
	Email          string `json:"email" example:"ann@acme.example" doc:"The address to sign in with; empty of a machine, and where Identity Platform has no account for the user."`
	Name           string `json:"name" example:"Ann Archer" doc:"What people call the user."`
	Role           string `json:"role" enum:"member,admin,owner,metrics" example:"member" doc:"What the user may do: metrics is a machine's that reads /api/v1/admin/metrics and nothing else."`
	Groups         List   `json:"groups" nullable:"false" example:"cad" doc:"The user's groups."`
	Disabled       bool   `json:"disabled" doc:"Whether the user is kept from signing in."`
	State          string `json:"state" enum:"active,disabled,pending,removing" example:"active" doc:"active; disabled; pending: what was asked for last is not confirmed by Identity Platform, so ask for it again, a minute later where two changes crossed; removing: that is its removal."`
	LastSignInAt   string `json:"last_sign_in_at,omitempty" example:"2026-11-23T10:00:00.000Z" doc:"When the user last signed in, RFC 3339; absent until the first time."`
	ETag           string `json:"etag" example:"\"3f0a\"" doc:"What If-Match of a change names; empty for one that a dry run would invite."`
}

// UserInvitation is a user that was invited.
type UserInvitation struct {
	User User `json:"user" doc:"The user."`
	// InviteLink is as good as the password that is set by it.
	InviteLink string `json:"invite_link,omitempty" example:"https://acme-licenses.firebaseapp.com/__/auth/action?mode=resetPassword&oobCode=abc" doc:"Where the user sets the first password, within the hour: pass it on to the user alone. Nobody is sent it. Absent for a dry run, for an account that the organization had before, and where the invitation is repeated after the user has signed in."`
}

// UserLink is a link by which a user sets a password.
type UserLink struct {
	Link string `json:"link,omitempty" example:"https://acme-licenses.firebaseapp.com/__/auth/action?mode=resetPassword&oobCode=abc" doc:"Where the user sets a password, within the hour: pass it on to the user alone. Nobody is sent it. Absent for a dry run."`
}

// UserSearch is what a user is looked for by. It is a body, because paths and queries are in
// request logs.
type UserSearch struct {
	Email string `json:"email" example:"ann@acme.example" doc:"The user's address."`
}

// UserList is a page of an organization's users, by id.
type UserList struct {
	Users []User `json:"users" nullable:"false" doc:"Ascending by id."`
	After string `json:"after,omitempty" example:"k5vyjm2w7hd3q4n6t2bzxc5rfa" doc:"There are more: ask with this as after. Absent on the last page."`
}

// MaxGrouped is how many users the groups are counted over at most.
const MaxGrouped = 20_000

// Group is a group that users of an organization are in.
type Group struct {
	Name  string `json:"name" example:"cad" doc:"Its name, as users have it."`
	Users int    `json:"users" minimum:"0" example:"7" doc:"How many users are in it, those who are disabled too."`
}

// GroupList is a page of the groups that users are in, by name. Nothing makes or deletes a
// group by itself: it is there while somebody is in it.
type GroupList struct {
	Groups []Group `json:"groups" nullable:"false" doc:"Ascending by name."`
	More   bool    `json:"more_users,omitempty" example:"false" doc:"The organization has more than 20000 users, and those behind them by id are not counted. Absent otherwise."`
	After  string  `json:"after,omitempty" example:"cad" doc:"There are more groups: ask with this as after. Absent on the last page."`
}

// MachineInput is a machine user that is to be made.
type MachineInput struct {
	Name   string `json:"name" example:"build-farm" doc:"What people call it, at most 128 characters."`
	Role   string `json:"role,omitempty" example:"member" doc:"member, which takes seats, or metrics, which reads /api/v1/admin/metrics and may do nothing else; member, if absent."`
	Groups List   `json:"groups,omitempty" example:"cad" doc:"At most 16 groups of at most 64 characters, 800 bytes as JSON in all: ID tokens carry them."`
}

// UserMachine is a machine user that was made.
type UserMachine struct {
	User User `json:"user" doc:"The user."`
	MachineToken
}

// MachineToken is what a machine signs in by.
type MachineToken struct {
	// RefreshToken is as good as a password that does not end.
	RefreshToken string `json:"refresh_token,omitempty" example:"AMf-vBx9…" doc:"What the machine gets its ID tokens for, at https://securetoken.googleapis.com/v1/token. It is told this once and kept nowhere here: keep it as a password. Absent for a dry run, and where a creation is repeated after its token was made: rotate it then."`
}
