package functions_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// invite invites a user of a role, whose address no other test has.
func (v vendor) invite(t *testing.T, org, name, role string) api.User {
	t.Helper()
	return v.invitation(t, org, map[string]any{"email": fmt.Sprintf("%s@%s.example", name, org), "role": role}).User
}

func (v vendor) invitation(t *testing.T, org string, body map[string]any, change ...func(*http.Request)) api.UserInvitation {
	t.Helper()
	return into[api.UserInvitation](t, v.do(t, http.MethodPost, api.UsersPath(org), body, change...), http.StatusCreated)
}

func (v vendor) users(t *testing.T, org, query string) api.UserList {
	t.Helper()
	return into[api.UserList](t, v.do(t, http.MethodGet, api.UsersPath(org)+query, nil), http.StatusOK)
}

// find is the user with an address, or none.
func (v vendor) find(t *testing.T, org, email string) []api.User {
	t.Helper()
	return into[api.UserList](t, v.do(t, http.MethodPost, api.UsersFindPath(org), api.UserSearch{Email: email}), http.StatusOK).Users
}

func (v vendor) userNow(t *testing.T, org, id string) api.User {
	t.Helper()
	return into[api.User](t, v.do(t, http.MethodGet, api.UserPath(org, id), nil), http.StatusOK)
}

func (v vendor) changeUser(t *testing.T, u api.User, body string) answer {
	t.Helper()
	return v.do(t, http.MethodPatch, api.UserPath(u.OrganizationID, u.ID), body, header("If-Match", u.ETag))
}

// signedIn is the user as a program has it, with the token of its account.
func (w *world) signedIn(t *testing.T, u api.User) user {
	t.Helper()
	token, err := w.stack.IDP.SignIn(u.Email)
	if err != nil {
		t.Fatal(err)
	}
	return user{w: w, org: u.OrganizationID, id: u.ID, token: token}
}

// acts are the entries of the audit about users, the newest first.
func (v vendor) acts(t *testing.T, org string) (acts []string) {
	t.Helper()
	for _, e := range into[api.AuditList](t, v.do(t, http.MethodGet, api.AuditPath(org), nil), http.StatusOK).Entries {
		if strings.Contains(fmt.Sprint(e), "@"+org) {
			t.Errorf("the audit names a person: %+v", e)
		}
		if e.State != "" {
			acts = append(acts, e.Action+" "+e.State)
		}
	}
	return acts
}

// TestWhoIsInvitedTakesASeat: with the rights of its role, until it is disabled.
func TestWhoIsInvitedTakesASeat(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 2)
	made := v.invitation(t, org, map[string]any{
		"email": "Ann@" + org + ".example", "name": "Ann Archer", "role": "admin", "groups": []string{"cad"},
	})
	want := api.User{
		ID: made.User.ID, OrganizationID: org, Email: "ann@" + org + ".example", Name: "Ann Archer", Role: "admin",
		Groups: api.List{"cad"}, State: "active", ETag: made.User.ETag,
	}
	if fmt.Sprint(made.User) != fmt.Sprint(want) || !strings.Contains(made.InviteLink, "oobCode=") {
		t.Errorf("%+v", made)
	}
	bob := v.invite(t, org, "bob", "member")
	if bob.Role != "member" || fmt.Sprint(v.userNow(t, org, bob.ID)) != fmt.Sprint(bob) {
		t.Errorf("%+v, now %+v", bob, v.userNow(t, org, bob.ID))
	}
	ann, held := v.w.signedIn(t, made.User), v.w.signedIn(t, bob).take(t, "hw")
	if held.UserID != bob.ID || held.OrganizationID != org {
		t.Errorf("%+v", held)
	}
	ann.release(t, held.SessionID).want(t, http.StatusNoContent)
	v.w.wantEnded(t, org, held.SessionID, "revoked")
	if now := v.userNow(t, org, made.User.ID); now.LastSignInAt == "" {
		t.Errorf("%+v", now)
	}

	off := into[api.User](t, v.changeUser(t, bob, `{"disabled":true}`), http.StatusOK)
	if off.State != "disabled" || !off.Disabled {
		t.Errorf("%+v", off)
	}
	if _, err := v.w.stack.IDP.SignIn(bob.Email); err == nil {
		t.Error("a disabled user signs in")
	}
	v.changeUser(t, off, `{"disabled":false}`).want(t, http.StatusOK)
	v.w.signedIn(t, bob).take(t, "hw")
}

// TestChangesOfAUser: each by itself, all of them in the next token.
func TestChangesOfAUser(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	u := v.invite(t, org, "ann", "member")
	u = into[api.User](t, v.changeUser(t, u, `{"role":"owner"}`), http.StatusOK)
	u = into[api.User](t, v.changeUser(t, u, `{"groups":["cad","night shift"]}`), http.StatusOK)
	if u.Role != "owner" || !slices.Equal(u.Groups, []string{"cad", "night shift"}) || u.State != "active" {
		t.Errorf("%+v", u)
	}
	same := v.changeUser(t, u, `{"role":"owner"}`).want(t, http.StatusOK)
	if same.header.Get("Etag") != u.ETag {
		t.Errorf("a change of nothing: %s", same.body)
	}
	u = into[api.User](t, v.changeUser(t, u, `{"groups":[]}`), http.StatusOK)
	if u.Groups == nil || len(u.Groups) != 0 {
		t.Errorf("%+v", u)
	}
	v.do(t, http.MethodPost, api.UserSignOutPath(org, u.ID), nil).want(t, http.StatusNoContent)
	link := into[api.UserLink](t, v.do(t, http.MethodPost, api.UserLinkPath(org, u.ID), nil), http.StatusOK)
	if !strings.Contains(link.Link, "oobCode=") {
		t.Errorf("%+v", link)
	}
	want := []string{"user.link_made done", "user.signed_out done", "user.changed done", "user.changed done", "user.changed done", "user.invited done"}
	if got := v.acts(t, org); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestARemovedUser is gone with its account, and its address is free.
func TestARemovedUser(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	u := v.invite(t, org, "ann", "member")
	path := api.UserPath(org, u.ID)
	v.do(t, http.MethodDelete, path, nil).refused(t, "precondition_required")
	v.do(t, http.MethodDelete, path, nil, header("If-Match", `"x"`)).refused(t, "precondition_failed")
	v.do(t, http.MethodDelete, path, nil, header("If-Match", u.ETag)).want(t, http.StatusNoContent)
	v.do(t, http.MethodGet, path, nil).refused(t, "user_not_found")
	v.do(t, http.MethodDelete, path, nil, header("If-Match", u.ETag)).refused(t, "user_not_found")
	if _, err := v.w.stack.IDP.SignIn(u.Email); err == nil {
		t.Error("a removed user signs in")
	}
	if again := v.invite(t, org, "ann", "member"); again.ID == u.ID {
		t.Errorf("%+v", again)
	}
}

// TestTheLastOwnerStays, until there is another.
func TestTheLastOwnerStays(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	boss := v.invite(t, org, "boss", "owner")
	ann := v.invite(t, org, "ann", "admin")
	for _, body := range []string{`{"role":"admin"}`, `{"role":"member"}`, `{"disabled":true}`} {
		v.changeUser(t, boss, body).refused(t, "last_owner")
	}
	v.do(t, http.MethodDelete, api.UserPath(org, boss.ID), nil, header("If-Match", boss.ETag)).refused(t, "last_owner")
	if now := v.userNow(t, org, boss.ID); now.Role != "owner" || now.Disabled || now.ETag != boss.ETag {
		t.Errorf("%+v", now)
	}
	v.changeUser(t, ann, `{"role":"owner"}`).want(t, http.StatusOK)
	v.do(t, http.MethodDelete, api.UserPath(org, boss.ID), nil, header("If-Match", boss.ETag)).want(t, http.StatusNoContent)
}

// TestListsOfUsers go on where they ended, or have the one of an address.
func TestListsOfUsers(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	all := map[string]api.User{}
	for _, name := range []string{"ann", "bob", "eve"} {
		u := v.invite(t, org, name, "member")
		all[u.ID] = u
	}
	var ids []string
	for after := ""; ; {
		page := v.users(t, org, "?limit=2&after="+after)
		for _, u := range page.Users {
			if ids = append(ids, u.ID); fmt.Sprint(u) != fmt.Sprint(all[u.ID]) {
				t.Errorf("%+v, want %+v", u, all[u.ID])
			}
		}
		if after = page.After; after == "" {
			break
		}
	}
	if len(ids) != len(all) || !slices.IsSorted(ids) {
		t.Errorf("%v", ids)
	}
	found := v.find(t, org, "BOB@"+org+".example")
	if len(found) != 1 || found[0].Email != "bob@"+org+".example" {
		t.Errorf("%+v", found)
	}
	if none := v.find(t, org, "nobody@"+org+".example"); none == nil || len(none) != 0 {
		t.Errorf("%+v", none)
	}
}

// TestARepeatedInvitation is one user, whatever became of the first answer.
func TestARepeatedInvitation(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	body := map[string]any{"email": "ann@" + org + ".example"}
	key := header("Idempotency-Key", "k")
	v.w.outage.losing(recordtest.Outage(nil), "InviteUser")
	v.do(t, http.MethodPost, api.UsersPath(org), body, key).refused(t, "unavailable")
	v.w.outage.end()
	if list := v.users(t, org, "").Users; len(list) != 1 || list[0].State != "pending" || list[0].Email != "" {
		t.Errorf("%+v", list)
	}
	first := v.invitation(t, org, body, key)
	again := v.invitation(t, org, body, key)
	if fmt.Sprint(first.User) != fmt.Sprint(again.User) || first.User.State != "active" || again.InviteLink == "" {
		t.Errorf("%+v, and then %+v", first, again)
	}
	v.do(t, http.MethodPost, api.UsersPath(org), map[string]any{"email": "bob@" + org + ".example"}, key).refused(t, "idempotency_key_reused")
	v.do(t, http.MethodPost, api.UsersPath(org), body).refused(t, "email_taken")
	if got := v.acts(t, org); !slices.Equal(got, []string{"user.link_made done", "user.invited done"}) {
		t.Errorf("%q", got)
	}
	v.w.signedIn(t, first.User)
	if late := v.invitation(t, org, body, key); late.InviteLink != "" {
		t.Errorf("a link for who has signed in: %+v", late)
	}
}

// TestAnActOnAUserThatStops is seen, and finished by the same act.
func TestAnActOnAUserThatStops(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	u := v.invite(t, org, "ann", "member")
	v.w.outage.begin(recordtest.Outage(nil), "SettleUser")
	v.changeUser(t, u, `{"role":"admin"}`).refused(t, "unavailable")
	v.w.outage.end()
	u = v.userNow(t, org, u.ID)
	if u.State != "pending" || u.Role != "admin" {
		t.Errorf("%+v", u)
	}
	u = into[api.User](t, v.changeUser(t, u, `{}`), http.StatusOK)
	if u.State != "active" {
		t.Errorf("%+v", u)
	}
	v.w.outage.begin(recordtest.Outage(nil), "SettleUser")
	v.do(t, http.MethodDelete, api.UserPath(org, u.ID), nil, header("If-Match", u.ETag)).refused(t, "unavailable")
	v.w.outage.end()
	u = v.userNow(t, org, u.ID)
	if u.State != "removing" || u.Email != "" {
		t.Errorf("%+v", u)
	}
	v.changeUser(t, u, `{}`).refused(t, "user_not_found")
	v.do(t, http.MethodDelete, api.UserPath(org, u.ID), nil, header("If-Match", u.ETag)).want(t, http.StatusNoContent)
	want := []string{"user.removed done", "user.removed asked", "user.changed done", "user.changed asked", "user.invited done"}
	if got := v.acts(t, org); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestUsersWhileIdentityPlatformIsAway: nothing is asked for that cannot be seen first,
// and what was asked for is not told to be done.
func TestUsersWhileIdentityPlatformIsAway(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	u := v.invite(t, org, "ann", "member")
	v.w.stack.IDP.SetMode(fakeidp.Garbling)
	v.do(t, http.MethodGet, api.UsersPath(org), nil).refused(t, "unavailable")
	v.do(t, http.MethodGet, api.UserPath(org, u.ID), nil).refused(t, "unavailable")
	v.do(t, http.MethodPost, api.UsersPath(org), map[string]any{"email": "bob@" + org + ".example"}).refused(t, "unavailable")
	v.do(t, http.MethodPost, api.UserSignOutPath(org, u.ID), nil).refused(t, "unavailable")
	v.w.stack.IDP.SetMode(fakeidp.Working)
	if got := v.acts(t, org); !slices.Equal(got, []string{"user.signed_out asked", "user.invited done"}) {
		t.Errorf("%q", got)
	}
	v.do(t, http.MethodPost, api.UserSignOutPath(org, u.ID), nil).want(t, http.StatusNoContent)
	if now := v.userNow(t, org, u.ID); now.State != "active" {
		t.Errorf("%+v", now)
	}
}

// TestAnotherOrganizationsUsers are not there, byte for byte as nobody's, also for one
// who has the ETag.
func TestAnotherOrganizationsUsers(t *testing.T) {
	v := control(t)
	victim, org := v.w.licensed(t, 9), v.w.licensed(t, 9)
	u := v.invite(t, victim, "ann", "member")
	match := header("If-Match", u.ETag)
	for name, call := range map[string]func(id string) answer{
		"get": func(id string) answer { return v.do(t, http.MethodGet, api.UserPath(org, id), nil) },
		"patch": func(id string) answer {
			return v.do(t, http.MethodPatch, api.UserPath(org, id), `{"role":"owner"}`, match)
		},
		"dry": func(id string) answer {
			return v.do(t, http.MethodPatch, api.UserPath(org, id)+"?dry_run=true", `{}`, match)
		},
		"delete":   func(id string) answer { return v.do(t, http.MethodDelete, api.UserPath(org, id), nil, match) },
		"sign out": func(id string) answer { return v.do(t, http.MethodPost, api.UserSignOutPath(org, id), nil) },
		"link":     func(id string) answer { return v.do(t, http.MethodPost, api.UserLinkPath(org, id), nil) },
	} {
		nothing := call("nobody")
		nothing.refused(t, "user_not_found")
		same(t, name, call(u.ID), nothing)
		for _, id := range []string{"a.b", strings.Repeat("a", 129), "%2e%2e", "a%2fb"} {
			call(id).refused(t, "user_not_found")
		}
	}
	if found := v.find(t, org, u.Email); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	v.do(t, http.MethodPost, api.UsersPath(org), map[string]any{"email": u.Email}).refused(t, "email_taken")
	for _, path := range []string{api.UsersPath("nowhere"), api.UserPath("A", u.ID)} {
		v.do(t, http.MethodGet, path, nil).refused(t, "organization_not_found")
	}
	v.do(t, http.MethodGet, api.UserPath("nowhere", u.ID), nil).refused(t, "user_not_found")
	v.do(t, http.MethodPost, api.UsersFindPath("nowhere"), api.UserSearch{Email: u.Email}).refused(t, "organization_not_found")
	v.do(t, http.MethodPost, api.UsersPath("nowhere"), map[string]any{"email": "a@nowhere.example"}).refused(t, "organization_not_found")
	if now := v.userNow(t, victim, u.ID); fmt.Sprint(now) != fmt.Sprint(u) {
		t.Errorf("%+v, before %+v", now, u)
	}
}

// TestBadInputAboutUsers: everything that is wrong has its field, and nothing is written.
func TestBadInputAboutUsers(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	u := v.invite(t, org, "ann", "member")
	users, one, match := api.UsersPath(org), api.UserPath(org, u.ID), header("If-Match", u.ETag)
	for name, tt := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		fields             string
	}{
		"nothing":              {http.MethodPost, users, `{}`, nil, "email"},
		"all of it wrong":      {http.MethodPost, users, `{"email":"x","name":" ","role":"boss","groups":["a","a"]}`, nil, "email name role groups.1"},
		"an unknown member":    {http.MethodPost, users, `{"email":"a@b.example","password":"x"}`, nil, "password"},
		"an address in a name": {http.MethodPost, users, `{"email":"Ann <a@b.example>"}`, nil, "email"},
		"the service's role":   {http.MethodPatch, one, `{"role":"service"}`, match, "role"},
		"another type":         {http.MethodPatch, one, `{"disabled":"yes"}`, match, "disabled"},
		"another address":      {http.MethodPatch, one, `{"email":"a@b.example"}`, match, "email"},
		"too many groups":      {http.MethodPatch, one, `{"groups":["` + strings.Repeat(`a","`, 17) + `"]}`, match, "groups"},
		"a dry run mistyped":   {http.MethodPatch, one + "?dry_run=yes", `{}`, match, "dry_run"},
		"a dry run misspelled": {http.MethodPost, api.UserSignOutPath(org, u.ID) + "?dryrun=true", "", nil, "dryrun"},
		"a link misspelled":    {http.MethodPost, api.UserLinkPath(org, u.ID) + "?dryrun=true", "", nil, "dryrun"},
		"a key with a blank":   {http.MethodPost, users, `{"email":"a@b.example"}`, header("Idempotency-Key", "a b"), "Idempotency-Key"},
		"no limit":             {http.MethodGet, users + "?limit=0", "", nil, "limit"},
		"a position made up":   {http.MethodGet, users + "?after=a/b", "", nil, "after"},
		"a filter misspelled":  {http.MethodGet, users + "?mail=a@b.example", "", nil, "mail"},
		"a filter by address":  {http.MethodGet, users + "?email=a@b.example", "", nil, "email"},
		"no address":           {http.MethodPost, api.UsersFindPath(org), `{}`, nil, "email"},
		"not an address":       {http.MethodPost, api.UsersFindPath(org), `{"email":"ann"}`, nil, "email"},
		"an address beside":    {http.MethodPost, api.UsersFindPath(org) + "?email=a@b.example", `{"email":"a@b.example"}`, nil, "email"},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		if tt.change == nil {
			tt.change = func(*http.Request) {}
		}
		p := v.do(t, tt.method, tt.path, body, tt.change).refused(t, "invalid_request")
		var fields []string
		for _, e := range p["errors"].([]any) { //nolint:forcetypeassert // a failed test
			fields = append(fields, e.(map[string]any)["field"].(string)) //nolint:forcetypeassert // a failed test
		}
		if got := strings.Join(fields, " "); got != tt.fields {
			t.Errorf("%s: %s, want %s", name, got, tt.fields)
		}
	}
	v.do(t, http.MethodPatch, one, `{}`).refused(t, "precondition_required")
	if got := v.acts(t, org); !slices.Equal(got, []string{"user.invited done"}) {
		t.Errorf("%q", got)
	}
}

// TestWhoMayAdministerUsers: the vendor's staff alone.
func TestWhoMayAdministerUsers(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	u := v.invite(t, org, "ann", "owner")
	owner := v.w.signedIn(t, u).token
	for _, path := range []struct{ method, path, body string }{
		{http.MethodGet, api.UsersPath(org), ""},
		{http.MethodPost, api.UsersPath(org), `{"email":"a@b.example"}`},
		{http.MethodPost, api.UsersFindPath(org), `{"email":"a@b.example"}`},
		{http.MethodGet, api.UserPath(org, u.ID), ""},
		{http.MethodPatch, api.UserPath(org, u.ID), `{}`},
		{http.MethodDelete, api.UserPath(org, u.ID), ""},
		{http.MethodPost, api.UserSignOutPath(org, u.ID), ""},
		{http.MethodPost, api.UserLinkPath(org, u.ID), ""},
	} {
		for _, token := range []string{"", owner, v.w.stack.SchedulerToken()} {
			var body any
			if path.body != "" {
				body = path.body
			}
			v.w.do(t, path.method, path.path, token, body, header("If-Match", u.ETag)).refused(t, "unauthenticated")
		}
	}
}

// TestNobodyIsInTheLog: neither an address nor a link nor, in clear, a user's id.
func TestNobodyIsInTheLog(t *testing.T) {
	var log warnings
	opts := devstack.Defaults()
	opts.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v := start(t, embedded(), opts).vendor()
	org := v.w.licensed(t, 9)
	made := v.invitation(t, org, map[string]any{"email": "ann@" + org + ".example", "name": "Ann Archer"})
	v.find(t, org, made.User.Email)
	v.changeUser(t, made.User, `{"role":"admin"}`).want(t, http.StatusOK)
	v.do(t, http.MethodPost, api.UserSignOutPath(org, made.User.ID), nil).want(t, http.StatusNoContent)
	v.w.stack.IDP.SetMode(fakeidp.Garbling)
	v.do(t, http.MethodPost, api.UsersFindPath(org), api.UserSearch{Email: made.User.Email}).refused(t, "unavailable")
	// A line is written behind its answer.
	eventually(t, func() bool {
		return strings.Contains(log.String(), "signOutUser") && strings.Contains(log.String(), "unavailable")
	})
	text := log.String()
	for _, secret := range []string{"ann@", "Archer", "oobCode", made.User.ID} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
}
