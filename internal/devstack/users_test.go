package devstack_test

import (
	"net/http"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
)

// TestAnInvitedUserSignsInLocally: what its token says, its account says.
func TestAnInvitedUserSignsInLocally(t *testing.T) {
	s := stack(t, devstack.Defaults())
	const ann = `{"email":"ann@acme.example"}`
	object(t, s, http.StatusBadRequest, http.MethodPost, "/dev/token", ann)
	r := request(t, http.MethodPost, api.UsersPath("acme"), ann)
	r.Header.Set("Authorization", "Bearer "+s.StaffToken("eve@vendor.example"))
	if w := serve(s, r); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	token, _ := object(t, s, http.StatusOK, http.MethodPost, "/dev/token", ann)["id_token"].(string)
	if got := acquire(t, s, token); got != http.StatusCreated {
		t.Errorf("acquire: %d", got)
	}
	object(t, s, http.StatusBadRequest, http.MethodPost, "/dev/token", `{"email":"ann@acme.example","role":"owner"}`)
}
