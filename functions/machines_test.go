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
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// machine makes a machine user.
func (v vendor) machine(t *testing.T, org, name string, change ...func(*http.Request)) api.UserMachine {
	t.Helper()
	return into[api.UserMachine](t, v.do(t, http.MethodPost, api.UsersMachinePath(org), api.MachineInput{Name: name, Groups: api.List{"ci"}}, change...), http.StatusCreated)
}

// refreshed is the machine as a program, by its refresh token.
func (w *world) refreshed(t *testing.T, org string, m api.UserMachine) (user, error) {
	t.Helper()
	token, err := w.stack.IDP.Refresh(m.RefreshToken)
	return user{w: w, org: org, id: m.User.ID, token: token}, err
}

// TestAMachineTakesASeat: with the token that was told once, until it is rotated, disabled
// or removed; whoever may invite members may do so, at both doors.
func TestAMachineTakesASeat(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		org, v := w.licensed(t, 9), w.vendor()
		boss := w.titled(t, org, "boss", license.RoleAdmin)
		for _, by := range []struct {
			token, machines string
			rotate, one     func(id string) string
		}{
			{v.token, api.UsersMachinePath(org), func(id string) string { return api.UserRotatePath(org, id) }, func(id string) string { return api.UserPath(org, id) }},
			{boss.token, api.PathAdminMachine, api.AdminRotatePath, api.AdminUserPath},
		} {
			m := into[api.UserMachine](t, w.do(t, http.MethodPost, by.machines, by.token, map[string]any{"name": "build-farm", "groups": []string{"ci"}}), http.StatusCreated)
			want := api.User{ID: m.User.ID, OrganizationID: org, Machine: true, Name: "build-farm", Role: "member", Groups: api.List{"ci"}, State: "active", ETag: m.User.ETag}
			if m.RefreshToken == "" || fmt.Sprint(m.User) != fmt.Sprint(want) {
				t.Errorf("%+v", m)
			}
			program, err := w.refreshed(t, org, m)
			if err != nil {
				t.Fatal(err)
			}
			held := program.take(t, "hw")
			if held.UserID != m.User.ID || held.OrganizationID != org {
				t.Errorf("%+v", held)
			}
			if now := v.userNow(t, org, m.User.ID); !now.Machine || now.LastSignInAt == "" {
				t.Errorf("%+v", now)
			}
			again := into[api.MachineToken](t, w.do(t, http.MethodPost, by.rotate(m.User.ID), by.token, nil), http.StatusOK)
			if again.RefreshToken == "" || again.RefreshToken == m.RefreshToken {
				t.Errorf("%+v", again)
			}
			program.beat(t, held.SessionID).want(t, http.StatusOK) // a rotation ends no session
			m.MachineToken = again
			w.do(t, http.MethodPatch, by.one(m.User.ID), by.token, `{"disabled":true}`, header("If-Match", m.User.ETag)).want(t, http.StatusOK)
			w.wantEnded(t, org, held.SessionID, license.EndRevoked)
			if _, err := w.refreshed(t, org, m); err == nil {
				t.Error("a disabled machine signs in")
			}
			w.do(t, http.MethodPost, by.rotate(m.User.ID), by.token, nil).refused(t, "invalid_request")
			v.do(t, http.MethodDelete, api.UserPath(org, m.User.ID), nil, header("If-Match", v.userNow(t, org, m.User.ID).ETag)).want(t, http.StatusNoContent)
			if _, err := w.refreshed(t, org, m); err == nil {
				t.Error("a removed machine signs in")
			}
		}
	})
}

// TestARepeatedMachine is one, and its token is told once.
func TestARepeatedMachine(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	key := header("Idempotency-Key", "k")
	body := api.MachineInput{Name: "farm", Groups: api.List{"ci"}}
	v.w.outage.losing(recordtest.Outage(nil), "InviteUser")
	v.do(t, http.MethodPost, api.UsersMachinePath(org), body, key).refused(t, "unavailable")
	v.w.outage.end()
	first, again := v.machine(t, org, "farm", key), v.machine(t, org, "farm", key)
	if first.RefreshToken == "" || again.RefreshToken != "" || first.User.ID != again.User.ID {
		t.Errorf("%+v, and then %+v", first, again)
	}
	v.do(t, http.MethodPost, api.UsersMachinePath(org), api.MachineInput{Name: "another"}, key).refused(t, "idempotency_key_reused")
	if got := v.acts(t, org); !slices.Equal(got, []string{"user.created done"}) {
		t.Errorf("%q", got)
	}

	// A creation whose token was never made is given one.
	v.w.outage.losing(recordtest.Outage(nil), "SettleUser")
	v.do(t, http.MethodPost, api.UsersMachinePath(org), body, header("Idempotency-Key", "l")).refused(t, "unavailable")
	v.w.outage.end()
	if late := v.machine(t, org, "farm", header("Idempotency-Key", "l")); late.RefreshToken == "" || late.User.State != "active" {
		t.Errorf("%+v", late)
	}
}

// TestWhatMachinesAreNot: neither administrators nor persons, and persons are no machines.
func TestWhatMachinesAreNot(t *testing.T) {
	v := control(t)
	org := v.w.licensed(t, 9)
	m, ann := v.machine(t, org, "farm"), v.invite(t, org, "ann", "member")
	for name, tt := range map[string]struct {
		method, path, body, field string
		match                     string
	}{
		"without a name":    {http.MethodPost, api.UsersMachinePath(org), `{}`, "name", ""},
		"a blank name":      {http.MethodPost, api.UsersMachinePath(org), `{"name":" "}`, "name", ""},
		"with a role":       {http.MethodPost, api.UsersMachinePath(org), `{"name":"a","role":"admin"}`, "role", ""},
		"with an address":   {http.MethodPost, api.UsersMachinePath(org), `{"name":"a","email":"a@b.example"}`, "email", ""},
		"too many groups":   {http.MethodPost, api.UsersMachinePath(org), `{"name":"a","groups":["` + strings.Repeat(`a","`, 17) + `"]}`, "groups", ""},
		"to try, mistyped":  {http.MethodPost, api.UsersMachinePath(org) + "?dry_run=1", `{"name":"a"}`, "dry_run", ""},
		"rotated, mistyped": {http.MethodPost, api.UserRotatePath(org, m.User.ID) + "?dryrun=true", "", "dryrun", ""},
		"raised":            {http.MethodPatch, api.UserPath(org, m.User.ID), `{"role":"admin"}`, "role", m.User.ETag},
		"made a person":     {http.MethodPatch, api.UserPath(org, m.User.ID), `{"machine":false}`, "machine", m.User.ETag},
		"a link":            {http.MethodPost, api.UserLinkPath(org, m.User.ID), "", "user", ""},
		"a person's token":  {http.MethodPost, api.UserRotatePath(org, ann.ID), "", "user", ""},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		p := v.do(t, tt.method, tt.path, body, header("If-Match", tt.match)).refused(t, "invalid_request")
		if got := fields(t, p); !slices.Equal(got, []string{tt.field}) {
			t.Errorf("%s: %q, want %q", name, got, tt.field)
		}
	}
	if got := v.acts(t, org); !slices.Equal(got, []string{"user.invited done", "user.created done"}) {
		t.Errorf("%q", got)
	}
	dry := into[api.UserMachine](t, v.do(t, http.MethodPost, api.UsersMachinePath(org)+"?dry_run=true", map[string]any{"name": "a"}), http.StatusCreated)
	none := into[api.MachineToken](t, v.do(t, http.MethodPost, api.UserRotatePath(org, m.User.ID)+"?dry_run=true", nil), http.StatusOK)
	if dry.RefreshToken != "" || none.RefreshToken != "" || len(v.users(t, org, "").Users) != 2 {
		t.Errorf("dry runs: %+v, %+v", dry, none)
	}
}

// TestAMachinesTokenIsNowhere: neither in the log nor in the audit nor in a list.
func TestAMachinesTokenIsNowhere(t *testing.T) {
	var log warnings
	opts := devstack.Defaults()
	opts.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v := start(t, embedded(), opts).vendor()
	org := v.w.licensed(t, 9)
	m := v.machine(t, org, "farm")
	rotated := into[api.MachineToken](t, v.do(t, http.MethodPost, api.UserRotatePath(org, m.User.ID), nil), http.StatusOK)
	v.w.stack.IDP.SetMode(fakeidp.Garbling)
	v.do(t, http.MethodPost, api.UserRotatePath(org, m.User.ID), nil).refused(t, "unavailable")
	v.w.stack.IDP.SetMode(fakeidp.Working)
	eventually(t, func() bool { return strings.Contains(log.String(), "unavailable") })
	audit := string(v.do(t, http.MethodGet, api.AuditPath(org), nil).body)
	list := string(v.do(t, http.MethodGet, api.UsersPath(org), nil).body)
	for _, secret := range []string{m.RefreshToken, rotated.RefreshToken} {
		if strings.Contains(log.String()+audit+list, secret) {
			t.Error("a refresh token was kept")
		}
	}
	for _, secret := range []string{"signInWithCustomToken", m.User.ID, fakeidp.Signer} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, log.String())
		}
	}
	if !strings.Contains(audit, `"user.token_made"`) || !strings.Contains(audit, `"machine":true`) {
		t.Errorf("the audit has %s", audit)
	}
}
